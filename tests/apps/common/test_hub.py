"""Live updates when something is in the way: gaps, slow clients, many clients, a broker that dies."""

import asyncio
import itertools
import json
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer

from apps.common import consumers, hub, live, outbox
from apps.common.live import publish
from apps.common.models import LiveMessage, LiveTopic
from coinai_web.environment import read_channel_url
from tests.apps.common.conftest import Reads
from tests.apps.following import Follower, following
from tests.servers import Servers, make_servers
from tests.waiting import wait_until

pytestmark = [pytest.mark.usefixtures("topics"), pytest.mark.django_db(transaction=True)]

Message = dict[str, Any]


async def send(topic: str, *deltas: Message) -> None:
    """Publish deltas, one after the other."""
    for delta in deltas:
        await sync_to_async(publish)(topic, delta)


async def send_without_broker(topic: str, *deltas: Message) -> None:
    """Publish deltas that the channel layer loses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "_send", lambda topic, message: None)
        await send(topic, *deltas)


async def receive_until(follower: Follower, sequence: int) -> list[Message]:
    """All messages up to the one with this number."""
    messages = [await follower.receive()]
    while messages[-1]["sequence"] < sequence:
        messages.append(await follower.receive())
    return messages


class Client:
    """Keeps numbers as a careful client does: asks again when there is a gap."""

    def __init__(self) -> None:
        self.sequence = -1
        self.seen: list[int] = []
        self.gaps = 0

    def take(self, message: Message) -> None:
        """One message of topic `numbers`."""
        if "snapshot" in message:
            self.sequence = message["sequence"]
            return
        after = message.get("after", message["sequence"] - 1)
        if after > self.sequence:
            self.gaps += 1
            return
        deltas = message["deltas"] if "deltas" in message else [message["delta"]]
        self.seen += [delta["more"] for delta in deltas]
        self.sequence = message["sequence"]


async def test_what_the_broker_loses_comes_from_the_database_within_a_second() -> None:
    async with following() as follower:
        await follower.ask({"subscribe": ["numbers"]})
        await send_without_broker("numbers", {"more": 1}, {"more": 2})
        message = await follower.receive()
        assert message == {
            "topic": "numbers",
            "sequence": 2,
            "after": 0,
            "deltas": [{"more": 1}, {"more": 2}],
        }


async def test_a_gap_is_closed_before_the_client_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "POLL_SECONDS", 60)
    async with following() as follower:
        await follower.ask({"subscribe": ["numbers"]})
        await send_without_broker("numbers", {"more": 1})
        await send("numbers", {"more": 2})
        message = await follower.receive()
        assert (message["after"], message["sequence"], len(message["deltas"])) == (0, 2, 2)


async def test_more_than_is_kept_is_a_snapshot() -> None:
    async with following() as follower:
        await follower.ask({"subscribe": ["numbers"]})
        await sync_to_async(LiveTopic.objects.update_or_create)(topic="numbers", defaults={"sequence": 500})
        await send("numbers", {"more": 1})
        message = await follower.receive()
        assert (message["sequence"], message["snapshot"]) == (501, {"all": [1, 2]})


async def test_a_delta_that_the_snapshot_already_holds_is_not_sent_again() -> None:
    async with following() as follower:
        await send("numbers", {"more": 1})
        assert (await follower.ask({"subscribe": ["numbers"]}))["sequence"] == 1
        repeated = {"type": "live.delta", "topic": "numbers", "sequence": 1, "delta": "{}"}
        await get_channel_layer().group_send(live.group_name("numbers"), repeated)
        await send("numbers", {"more": 2})
        assert (await follower.receive())["sequence"] == 2


async def test_a_database_that_begins_anew_is_noticed() -> None:
    async with following() as follower:
        await send("numbers", {"more": 1}, {"more": 2})
        assert (await follower.ask({"subscribe": ["numbers"]}))["sequence"] == 2
        await sync_to_async(LiveTopic.objects.update)(sequence=0)
        await sync_to_async(LiveMessage.objects.all().delete)()
        message = await follower.receive()
        assert (message["sequence"], "snapshot" in message) == (0, True)


async def test_a_client_that_comes_back_gets_only_what_it_missed() -> None:
    async with following() as follower:
        await send("numbers", *({"more": number} for number in range(1, 6)))
        answer = await follower.ask({"subscribe": ["numbers"], "since": {"numbers": 2}})
        assert (answer["after"], answer["sequence"]) == (2, 5)
        assert answer["deltas"] == [{"more": 3}, {"more": 4}, {"more": 5}]


@pytest.mark.parametrize(("since", "is_answered"), [(2, True), (1, True), (0, False), (3, False)])
async def test_what_is_known_no_more_or_not_yet_is_answered_with_a_snapshot(
    since: int, is_answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "KEPT", 1)
    async with following() as follower:
        await send("numbers", {"more": 1}, {"more": 2})
        answer = await follower.ask({"subscribe": ["numbers"], "since": {"numbers": since}})
        assert ("snapshot" in answer) is not is_answered
        assert answer["sequence"] == 2


@pytest.mark.parametrize("since", [True, -1, "2", None, [2], 2.0])
async def test_strange_numbers_are_answered_with_a_snapshot(since: Any) -> None:
    async with following() as follower:
        await send("numbers", {"more": 1}, {"more": 2})
        assert "snapshot" in await follower.ask({"subscribe": ["numbers"], "since": {"numbers": since}})
        assert "snapshot" in await follower.ask({"subscribe": ["numbers"], "since": since})


async def test_a_whole_state_is_always_sent_as_it_is_now() -> None:
    async with following() as follower:
        await send("state", {"is": 1})
        answer = await follower.ask({"subscribe": ["state"], "since": {"state": 1}})
        assert answer["snapshot"] == {"whole": True}


async def test_a_client_hears_of_a_topic_at_most_four_times_a_second() -> None:
    async with following() as follower:
        await follower.ask({"subscribe": ["numbers"]})
        started = time.monotonic()
        client, times = Client(), []
        client.sequence = 0
        for number in range(1, 31):
            await send("numbers", {"more": number})
        while client.sequence < 30:
            client.take(await follower.receive())
            times.append(time.monotonic() - started)
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert min(gaps, default=1) > 0.2
        assert client.gaps == 0


async def test_of_a_whole_state_only_the_latest_is_sent() -> None:
    async with following() as follower:
        await follower.ask({"subscribe": ["state"]})
        await send_without_broker("state", *({"is": number} for number in range(1, 100)))
        message = (await receive_until(follower, 99))[-1]
        assert message["snapshot"] == {"is": 99}


async def test_deltas_are_put_together_as_the_topic_says() -> None:
    async with following() as follower:
        await follower.ask({"subscribe": ["sums"]})
        deltas = [{"of": name, "sum": 1} for name in ("a", "b", "a", "a")]
        await send_without_broker("sums", *deltas)
        message = await follower.receive()
        assert message["deltas"] == [{"of": "a", "sum": 3}, {"of": "b", "sum": 1}]


async def test_many_subscribers_share_one_reading_of_a_snapshot(topics: Reads) -> None:
    async with AsyncExitStack() as stack:
        followers = [await stack.enter_async_context(following()) for _ in range(2)]
        more = [Follower() for _ in range(98)]
        await asyncio.gather(*(follower.open() for follower in more))
        followers += more
        for _ in range(3):
            answers = await asyncio.gather(*(each.ask({"subscribe": ["numbers"]}) for each in followers))
            assert all("snapshot" in answer for answer in answers)
        pauses = [later - earlier for earlier, later in itertools.pairwise(topics.times)]
        assert min(pauses, default=1) > hub.SNAPSHOT_SECONDS * 0.9
        assert len(topics.times) <= 4

        await send("numbers", {"more": 1})
        heard = await asyncio.gather(*(follower.receive() for follower in followers))
        assert {json.dumps(message) for message in heard} == {json.dumps(heard[0])}
        await asyncio.gather(*(follower.close() for follower in more))


class Narrow:
    """A client's end whose line lets a message through only when the test says so."""

    def __init__(self) -> None:
        self.tried: list[Message] = []
        self.sent: list[Message] = []
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, event: Message) -> None:
        """What the server sends waits at the gate."""
        self.tried.append(event)
        await self.gate.wait()
        self.sent.append(event)

    def texts(self) -> list[Message]:
        """What came through."""
        return [json.loads(event["text"]) for event in self.sent if event["type"] == "websocket.send"]


@asynccontextmanager
async def narrow_client(*topics: str) -> AsyncIterator[tuple[Narrow, asyncio.Task[None]]]:
    """A slow client that follows these topics and has their snapshots."""
    async with following():
        client = Narrow()
        client.inbox.put_nowait({"type": "websocket.connect"})
        client.inbox.put_nowait(
            {"type": "websocket.receive", "text": json.dumps({"subscribe": list(topics)})}
        )
        serving = asyncio.create_task(consumers.serve_live({}, client.inbox.get, client.send))
        await wait_for(lambda: len(client.texts()) == len(topics))
        yield client, serving
        client.gate.set()
        client.inbox.put_nowait({"type": "websocket.disconnect"})
        await asyncio.wait_for(serving, 5)


async def wait_for(is_true: Any) -> None:
    """Until it is so, at most five seconds."""
    async with asyncio.timeout(5):
        while not is_true():
            await asyncio.sleep(0.005)


async def test_for_a_slow_client_all_that_comes_meanwhile_is_one_message() -> None:
    async with narrow_client("numbers", "state") as (client, _):
        client.gate.clear()
        for number in range(1, 5):
            await send("numbers", {"more": number})
            await send("state", {"is": number})
        client.gate.set()
        await wait_for(lambda: {text["sequence"] for text in client.texts()[-2:]} == {4})
        numbers = [text for text in client.texts()[2:] if text["topic"] == "numbers"]
        states = [text for text in client.texts()[2:] if text["topic"] == "state"]
        assert len(numbers) <= 2
        assert len(states) <= 2
        assert states[-1].get("snapshot", states[-1].get("delta")) == {"is": 4}


async def test_a_client_that_is_far_behind_gets_a_snapshot() -> None:
    async with narrow_client("numbers") as (client, _):
        client.gate.clear()
        await send("numbers", *({"more": number} for number in range(1, 10)))
        client.gate.set()
        await wait_for(lambda: client.texts()[-1]["sequence"] == 9)
        assert "snapshot" in client.texts()[-1]


async def test_a_client_that_stays_behind_is_cut_off_with_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "SLOW_SECONDS", 0.2)
    async with narrow_client("numbers") as (client, serving):
        client.gate.clear()
        await send("numbers", {"more": 1})
        await wait_for(lambda: client.tried[-1]["type"] == "websocket.close")
        client.gate.set()
        await asyncio.wait_for(serving, 5)
        assert client.sent[-1] == {"type": "websocket.close", "code": 4008, "reason": "too slow"}


async def test_a_client_that_takes_nothing_at_all_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "SLOW_SECONDS", 0.1)
    monkeypatch.setattr(consumers, "CLOSE_SECONDS", 0.1)
    async with narrow_client("numbers") as (client, serving):
        client.gate.clear()
        await send("numbers", {"more": 1})
        await asyncio.wait_for(serving, 5)
        assert client.sent[-1]["type"] == "websocket.send"


async def test_a_topic_that_ends_is_left() -> None:
    async with following() as follower:
        assert (await follower.ask({"subscribe": ["run:known"]}))["snapshot"] == {"name": "known"}
        await send("run:known", {"more": 1})
        assert (await follower.receive())["delta"] == {"more": 1}
        assert "error" in await follower.ask({"subscribe": ["run:gone"], "since": {"run:gone": 3}})


@pytest.fixture
def own_broker(settings: Any) -> Iterator[Servers]:
    """A broker for one test, which may kill it."""
    servers = make_servers()
    config = settings.CHANNEL_LAYERS["default"]["CONFIG"]
    url = read_channel_url("COINAI_NO_SUCH_VARIABLE", servers.broker.url)
    hosts = [{"address": url, "socket_timeout": None}]
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": config | {"hosts": hosts},
        }
    }
    channel_layers.backends = {}
    yield servers
    servers.stop()
    channel_layers.backends = {}


def start_broker(servers: Servers) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        servers.broker.command(signal=signal.SIGKILL),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    servers.running.append(process)
    wait_until(servers.broker.is_ready)
    return process


async def test_clients_keep_their_socket_while_the_broker_dies_and_comes_back(own_broker: Servers) -> None:
    broker = await sync_to_async(start_broker)(own_broker)
    async with following() as follower:
        client = Client()
        client.take(await follower.ask({"subscribe": ["numbers"]}))
        await send("numbers", {"more": 1})
        client.take(await follower.receive())

        broker.send_signal(signal.SIGKILL)
        await sync_to_async(broker.wait)()
        await send("numbers", {"more": 2}, {"more": 3})
        for message in await receive_until(follower, 3):
            client.take(message)

        await sync_to_async(start_broker)(own_broker)
        await send("numbers", {"more": 4})
        client.take(await follower.receive())
        assert await is_joined_again("numbers")
        delays = []
        for number in (5, 6, 7):
            started = time.monotonic()
            await send("numbers", {"more": number})
            client.take(await follower.receive())
            delays.append(time.monotonic() - started)
        assert (client.seen, client.gaps) == ([1, 2, 3, 4, 5, 6, 7], 0)
        assert min(delays) < 0.5


async def is_joined_again(topic: str) -> bool:
    """Wait until the broker that was started anew knows who follows the topic."""
    layer = get_channel_layer()
    key = layer._group_key(live.group_name(topic))

    async def members() -> Sequence[bytes]:
        return await layer.connection(0).zrange(key, 0, -1)

    async with asyncio.timeout(5):
        while not await members():
            await asyncio.sleep(0.05)
    return True
