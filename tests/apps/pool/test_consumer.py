"""/ws/pool/ over a real channel layer: hello, heartbeat, cancel within a second, refusals with a code."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from apps.pool import errors, services
from apps.pool.consumers import PoolConsumer
from apps.pool.models import LeaseState, Run
from apps.pool.push import push_cancel, push_target
from tests.apps.pool import world

pytestmark = pytest.mark.usefixtures("start")

WORKER = {"name": "alice", "device": "cpu", "threads": 1, "version": "1.0"}


class Connection:
    """A worker's side of one WebSocket."""

    def __init__(self) -> None:
        scope = {"type": "websocket", "path": "/ws/pool/", "headers": [], "subprotocols": []}
        self.socket = ApplicationCommunicator(PoolConsumer.as_asgi(), scope)

    async def open(self) -> "Connection":
        await self.socket.send_input({"type": "websocket.connect"})
        assert (await self.socket.receive_output(timeout=3))["type"] == "websocket.accept"
        return self

    async def close(self) -> None:
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.socket.wait(timeout=3)

    async def send(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        await self.socket.send_input({"type": "websocket.receive", "text": text})

    async def receive(self) -> Any:
        output = await self.socket.receive_output(timeout=3)
        assert output["type"] == "websocket.send"
        return json.loads(output["text"])

    async def ask(self, message: Any) -> Any:
        await self.send(message)
        return await self.receive()

    async def hello(self, lease: world.TakenLease) -> Any:
        return await self.ask({"type": "hello", "lease": lease.id, "token": lease.token, "worker": WORKER})

    async def is_closed(self) -> int:
        output = await self.socket.receive_output(timeout=3)
        assert output["type"] == "websocket.close"
        return int(output["code"])


def heartbeat(lease: world.TakenLease, *runs: dict[str, Any], **changes: Any) -> dict[str, Any]:
    message = {"type": "heartbeat", "lease": lease.id, "token": lease.token, "tried": 1, "skipped": 0}
    return {**message, "cpu_seconds": 0.5, "runs": list(runs), **changes}


def run(nonce: int, **changes: Any) -> dict[str, Any]:
    news = {"nonce": nonce, "state": "training", "steps": 1, "total_steps": 9, "error": None}
    return {**news, "points": [[0.1, 1, 2.0, None]], **changes}


async def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)


@pytest.fixture
async def alice() -> AsyncIterator[Connection]:
    connection = await Connection().open()
    yield connection
    await connection.close()


@pytest.fixture
async def lease(start: int) -> world.TakenLease:
    return await call(world.sent_lease)


async def test_a_worker_says_hello_and_gets_its_lease(alice: Connection, lease: world.TakenLease) -> None:
    answer = await alice.hello(lease)
    assert answer["type"] == "lease"
    assert answer["lease"]["id"] == lease.id
    assert answer["lease"]["parameters"]["round_seconds"] == 1
    assert (await call(lease.reload)).state == LeaseState.RUNNING


async def test_a_heartbeat_is_answered_with_the_target_and_written(
    alice: Connection, lease: world.TakenLease
) -> None:
    await alice.hello(lease)
    nonce = await call(lease.nonce)
    answer = await alice.ask(heartbeat(lease, run(nonce)))
    assert (answer["type"], answer["target_error"]) == ("ok", world.ERRORS[3] + 1)
    assert answer["expires"] > time.time()
    assert (await call(Run.objects.get)).curve == [[0.1, 1, 2.0, None]]


async def test_the_end_of_a_lease_is_noted(alice: Connection, lease: world.TakenLease) -> None:
    await alice.hello(lease)
    answer = await alice.ask({**heartbeat(lease, tried=7), "type": "finished"})
    assert answer["type"] == "ok"
    row = await call(lease.reload)
    assert (row.state, row.tried) == (LeaseState.FINISHED, 7)


async def test_a_push_cancels_within_a_second(alice: Connection, lease: world.TakenLease) -> None:
    await alice.hello(lease)
    await alice.ask(heartbeat(lease))
    began = time.monotonic()
    await call(push_cancel, parent=lease.template.parent, reason="new_tip")
    assert await alice.receive() == {"type": "cancel", "lease": lease.id, "reason": "new_tip"}
    assert time.monotonic() - began < 1


async def test_a_new_target_is_pushed(alice: Connection, lease: world.TakenLease) -> None:
    await alice.hello(lease)
    await alice.ask(heartbeat(lease))
    await call(push_target, parent=lease.template.parent, target_error=123)
    assert await alice.receive() == {"type": "target", "lease": lease.id, "target_error": 123}


async def test_a_push_for_another_parent_is_not_passed_on(alice: Connection, lease: world.TakenLease) -> None:
    await alice.hello(lease)
    await alice.ask(heartbeat(lease))
    await call(push_cancel, parent="0" * 64, reason="new_tip")
    assert await alice.socket.receive_nothing(timeout=0.2)


async def test_without_a_push_the_next_heartbeat_brings_the_cancel(
    alice: Connection, lease: world.TakenLease
) -> None:
    await alice.hello(lease)
    await call(world.mine_block)
    await call(services.void_epochs, **await call(world.current_work))
    answer = await alice.ask(heartbeat(lease))
    assert answer == {"type": "cancel", "lease": lease.id, "reason": "new_tip"}


async def test_a_stale_message_is_refused_at_hello(alice: Connection, lease: world.TakenLease) -> None:
    await call(world.mine_block)
    await call(services.void_epochs, **await call(world.current_work))
    answer = await alice.hello(lease)
    assert answer | world.refusal(errors.LeaseVoid) == answer
    assert await alice.is_closed() == 4400


async def test_an_expired_lease_is_cancelled(alice: Connection, lease: world.TakenLease, pool: Any) -> None:
    pool(lease_seconds=-1.0)
    await alice.hello(lease)
    await call(services.expire_leases)
    assert (await alice.ask(heartbeat(lease)))["reason"] == "expired"


async def test_a_worker_comes_back_to_its_lease_over_a_new_connection(
    alice: Connection, lease: world.TakenLease
) -> None:
    await alice.hello(lease)
    await alice.close()
    again = await Connection().open()
    assert (await again.hello(lease))["type"] == "lease"
    assert (await again.ask(heartbeat(lease)))["type"] == "ok"
    await again.close()


@pytest.mark.parametrize(
    "message",
    ["nonsense", "[]", '{"type":"give_me_coins"}', '{"type":"hello","lease":1}', "[" * 5000],
)
async def test_a_bad_message_is_refused_and_ends_the_connection(alice: Connection, message: str) -> None:
    answer = await alice.ask(message)
    assert answer | world.refusal(errors.BadPoolMessage) == answer
    assert await alice.is_closed() == 4400


async def test_bytes_are_refused(alice: Connection) -> None:
    await alice.socket.send_input({"type": "websocket.receive", "bytes": b"\x80\x04"})
    assert (await alice.receive())["code"] == errors.BadPoolMessage.code


async def test_a_message_that_is_too_large_is_refused(alice: Connection) -> None:
    answer = await alice.ask("x" * (2**20 + 1))
    assert answer["code"] == errors.PoolMessageTooLarge.code


async def test_a_wrong_token_is_refused(alice: Connection, lease: world.TakenLease) -> None:
    lease.token = "stolen"
    assert (await alice.hello(lease))["code"] == errors.WrongLeaseToken.code


async def test_a_run_of_a_foreign_nonce_is_refused(alice: Connection, lease: world.TakenLease) -> None:
    await alice.hello(lease)
    answer = await alice.ask(heartbeat(lease, run(5000)))
    assert answer["code"] == errors.NonceOutsideLease.code
    assert await alice.is_closed() == 4400


async def test_a_flood_of_messages_is_refused(
    alice: Connection, lease: world.TakenLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.pool.consumers.monotonic", lambda: 1e9)  # all within one second
    await alice.hello(lease)
    for _ in range(25):
        await alice.send(heartbeat(lease))
    answers = [await alice.receive() for _ in range(20)]
    assert answers[-1]["code"] == errors.TooManyPoolMessages.code
    assert await alice.is_closed() == 4400


async def test_heartbeats_are_answered_while_the_channel_layer_is_gone(
    lease: world.TakenLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = get_channel_layer()

    class GoneLayer:
        async def new_channel(self) -> str:
            raise ConnectionRefusedError("the broker is gone")

    current: list[Any] = [GoneLayer()]
    monkeypatch.setattr("apps.pool.pushes.get_channel_layer", lambda: current[0])
    monkeypatch.setattr("apps.pool.pushes.RETRY_SECONDS", 0.05)
    connection = await Connection().open()
    await connection.hello(lease)
    assert (await connection.ask(heartbeat(lease)))["type"] == "ok"
    current[0] = layer  # the broker is back: pushes arrive again, on the same connection
    for _ in range(50):
        await call(push_cancel, parent=lease.template.parent, reason="new_tip")
        if not await connection.socket.receive_nothing(timeout=0.1):
            break
    assert (await connection.receive())["type"] == "cancel"
    await connection.close()


async def test_curve_points_reach_the_live_topic(alice: Connection, lease: world.TakenLease) -> None:
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("live.training", channel)
    await alice.hello(lease)
    nonce = await call(lease.nonce)
    await alice.ask(heartbeat(lease, run(nonce)))
    message = await asyncio.wait_for(layer.receive(channel), 3)
    delta = json.loads(message["delta"])
    assert delta["points"] == [[0.1, 1, 2.0, None]]
    assert delta["run"]["id"] == f"{lease.id}:{nonce}"
    assert "curve" not in delta["run"]
    assert delta["run"]["worker"] == "alice"
