"""Live topics: snapshots, numbered deltas, and what a client may send."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import transaction as database

from apps.common import consumers, live
from apps.common.live import publish, read_snapshot, register_family, register_snapshot
from apps.common.models import LiveTopic
from tests.apps.following import following


@pytest.fixture(autouse=True)
def topics(monkeypatch: pytest.MonkeyPatch) -> None:
    """One topic that counts and one family."""
    monkeypatch.setattr(live, "_snapshots", {})
    monkeypatch.setattr(live, "_families", {})
    register_snapshot("numbers", lambda: {"all": [1, 2]})
    register_family("run", lambda name: {"name": name} if name == "known" else None)


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


@pytest.mark.django_db(transaction=True)
async def test_a_subscriber_gets_the_snapshot_and_then_every_delta_in_order() -> None:
    async with following() as follower:
        first = await follower.ask({"subscribe": ["numbers"]})
        assert first == {"topic": "numbers", "sequence": 0, "snapshot": {"all": [1, 2]}}
        for number in (1, 2, 3):
            await sync_to_async(publish)("numbers", {"more": number})
        for number in (1, 2, 3):
            message = await follower.receive()
            assert message == {"topic": "numbers", "sequence": number, "delta": {"more": number}}


@pytest.mark.django_db(transaction=True)
async def test_a_delta_that_the_snapshot_already_holds_is_not_sent_again() -> None:
    async with following() as follower:
        await sync_to_async(publish)("numbers", {"more": 1})
        assert (await follower.ask({"subscribe": ["numbers"]}))["sequence"] == 1
        await get_channel_layer().group_send(
            live.group_name("numbers"), {"type": "live.delta", "topic": "numbers", "sequence": 1, "delta": {}}
        )
        await sync_to_async(publish)("numbers", {"more": 2})
        assert (await follower.receive())["sequence"] == 2


@pytest.mark.django_db(transaction=True)
async def test_a_client_that_saw_a_gap_asks_again_and_gets_a_new_snapshot() -> None:
    async with following() as follower:
        await follower.ask({"subscribe": ["numbers"]})
        await sync_to_async(LiveTopic.objects.update_or_create)(topic="numbers", defaults={"sequence": 6})
        await sync_to_async(publish)("numbers", {})
        assert (await follower.receive())["sequence"] == 7
        again = await follower.ask({"subscribe": ["numbers"]})
        assert (again["sequence"], again["snapshot"]) == (7, {"all": [1, 2]})


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
    monkeypatch.setattr(consumers, "PING_SECONDS", 0.01)
    async with following() as follower:
        assert (await follower.receive()).keys() == {"time"}
