"""Live topics: snapshots, numbered deltas, and what a client may send."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import transaction as database
from django.utils import timezone

from apps.common import consumers, live, outbox
from apps.common.live import publish, read_news, read_snapshot
from apps.common.models import LiveMessage, LiveTopic
from tests.apps.following import following

pytestmark = pytest.mark.usefixtures("topics")


@pytest.mark.django_db
def test_each_topic_counts_its_own_messages() -> None:
    for topic in ("numbers", "numbers", "run:known"):
        publish(topic, {})
    assert read_snapshot("numbers") == (2, {"all": [1, 2]})
    assert read_snapshot("run:known") == (1, {"name": "known"})


@pytest.mark.django_db
def test_unknown_topics_have_no_snapshot() -> None:
    topics = ("nothing", "run", "run:", "run:other", "numbers:1")
    assert [read_snapshot(topic) for topic in topics] == [None] * 5


def publish_and_fail() -> None:
    with database.atomic():
        publish("numbers", {})
        raise ZeroDivisionError


@pytest.mark.django_db(transaction=True)
def test_a_message_that_is_rolled_back_is_neither_counted_nor_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    monkeypatch.setattr(live, "_send", lambda topic, message: sent.append(message["sequence"]))
    with pytest.raises(ZeroDivisionError):
        publish_and_fail()
    assert (sent, LiveTopic.objects.count()) == ([], 0)
    with database.atomic():
        publish("numbers", {})
        assert sent == []
    assert sent == [1]


@pytest.mark.django_db
def test_the_last_deltas_of_a_topic_are_kept_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "KEPT", 3)
    for number in range(5):
        publish("numbers", {"more": number})
    news = read_news({"numbers": 0, "state": 0})
    assert list(news) == ["numbers"]
    assert (news["numbers"].sequence, LiveMessage.objects.count()) == (5, 3)
    assert news["numbers"].deltas == [(3, '{"more": 2}'), (4, '{"more": 3}'), (5, '{"more": 4}')]
    assert read_news({"numbers": 4})["numbers"].deltas == [(5, '{"more": 4}')]
    assert read_news({"numbers": 5}) == {}


@pytest.mark.django_db
def test_a_topic_of_a_family_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_swept", -1e9)
    publish("numbers", {})
    publish("run:known", {})
    LiveTopic.objects.update(sent_at=timezone.now() - timedelta(hours=2))
    monkeypatch.setattr(live, "_swept", -1e9)
    publish("run:other", {})
    assert set(LiveTopic.objects.values_list("topic", flat=True)) == {"numbers", "run:other"}
    assert LiveMessage.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_publishing_does_not_wait_for_a_broker_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    async def hang(*arguments: Any) -> None:
        asked.append(arguments)
        await asyncio.Event().wait()

    monkeypatch.setattr(live, "SEND_SECONDS", 0.01)
    monkeypatch.setattr(live, "_silent_until", 0.0)
    monkeypatch.setattr(type(get_channel_layer()), "group_send", hang)
    publish("numbers", {"more": 1})
    publish("numbers", {"more": 2})
    assert read_news({"numbers": 0})["numbers"].sequence == 2
    assert len(asked) == 1, "what has just not answered is not asked again at once"


@pytest.mark.django_db(transaction=True)
async def test_a_subscriber_gets_the_snapshot_and_then_every_delta_in_order() -> None:
    async with following() as follower:
        first = await follower.ask({"subscribe": ["numbers"]})
        assert first == {"topic": "numbers", "sequence": 0, "snapshot": {"all": [1, 2]}}
        for number in (1, 2, 3):
            await sync_to_async(publish)("numbers", {"more": number})
            message = await follower.receive()
            assert message == {"topic": "numbers", "sequence": number, "delta": {"more": number}}


@pytest.mark.django_db(transaction=True)
async def test_after_unsubscribing_nothing_more_comes() -> None:
    async with following() as follower:
        await follower.ask({"subscribe": ["numbers"]})
        await follower.send({"unsubscribe": ["numbers"]})
        assert (await follower.ask({"subscribe": ["run:known"]}))["topic"] == "run:known"
        await sync_to_async(publish)("numbers", {})
        assert await follower.hears_nothing()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "message",
    [[], '"subscribe"', "null", {}, {"other": 1}, {"subscribe": ["nothing"]}, {"subscribe": ["<b>"]}],
)
async def test_what_makes_no_sense_is_answered_with_an_error(message: Any) -> None:
    async with following() as follower:
        assert "error" in await follower.ask(message)


@pytest.mark.django_db(transaction=True)
async def test_text_that_is_no_json_and_text_that_is_too_long_do_no_harm() -> None:
    async with following() as follower:
        for text in ("{", "x" * 10_000):
            await follower.send(text)
            assert "error" in await follower.receive()
        await follower.send(b"\x00")
        assert "error" in await follower.receive()
        assert "snapshot" in await follower.ask({"subscribe": ["numbers"]})


@pytest.mark.django_db(transaction=True)
async def test_nobody_follows_more_topics_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "MAX_TOPICS", 1)
    async with following() as follower:
        await follower.ask({"subscribe": ["numbers"]})
        assert "At most 1" in (await follower.ask({"subscribe": ["run:known"]}))["error"]


@pytest.mark.django_db(transaction=True)
async def test_it_says_the_time_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PING_SECONDS", 0.01)
    async with following() as follower:
        assert (await follower.receive()).keys() == {"time"}
