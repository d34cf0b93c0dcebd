"""LISTEN and NOTIFY between processes, and coming back after the database was away."""

import asyncio

import pytest
from channels.db import database_sync_to_async
from django.db import connection, connections
from django.db import transaction as database

from apps.common.notify import RECONNECTED, Listener, Notification, hear, notify

pytestmark = pytest.mark.django_db(transaction=True)


def end_connections_but_ours() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_listener_hears_what_is_sent_on_its_channels() -> None:
    with Listener("coinai_tip", "coinai_lease") as listener:
        assert list(listener.wait(0)) == []
        notify("coinai_tip", "abc")
        notify("coinai_candidate", "not for us")
        notify("coinai_lease")
        heard = [*listener.wait(5), *listener.wait(0.05)]
    assert [(item.channel, item.payload) for item in heard] == [("coinai_tip", "abc"), ("coinai_lease", "")]


def test_nothing_is_heard_before_the_commit_or_after_a_rollback() -> None:
    with Listener("coinai_tip") as listener:
        listener.wait(0)
        with database.atomic():
            notify("coinai_tip", "first")
            assert list(listener.wait(0.05)) == []
        assert [item.payload for item in listener.wait(5)] == ["first"]
        with pytest.raises(ZeroDivisionError), database.atomic():
            notify("coinai_tip", str(1 / 0))
        assert list(listener.wait(0.05)) == []


def test_it_comes_back_after_the_database_was_away_and_says_that_it_may_have_missed_something() -> None:
    with Listener("coinai_tip", backoff=0.01) as listener:
        listener.wait(0)
        end_connections_but_ours()
        heard: list[Notification] = []
        for _ in range(100):
            heard += listener.wait(0.1)
            if heard:
                break
        assert heard[0].channel == RECONNECTED
        notify("coinai_tip", "again")
        assert [item.payload for item in listener.wait(5)] == ["again"]


def test_a_lock_is_held_by_one_and_given_back_with_the_connection() -> None:
    with Listener() as first, Listener() as second:
        assert first.try_lock(42)
        assert not second.try_lock(42)
        first.close()
        for _ in range(100):
            if second.try_lock(42):
                break
        else:
            pytest.fail("the lock was never given back")


def test_an_unknown_channel_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="CHANNELS"):
        notify("coinai_typo")


async def test_an_event_loop_hears_too_and_comes_back_after_the_database_was_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)  # threads keep no connection
    call = database_sync_to_async
    heard: asyncio.Queue[Notification] = asyncio.Queue()

    async def listen() -> None:
        async for item in hear("coinai_tip", backoff=0.01):
            heard.put_nowait(item)

    async def say_until_heard(text: str) -> Notification:
        while heard.empty():  # it may not listen yet
            await call(notify, thread_sensitive=False)("coinai_tip", text)
            await asyncio.sleep(0.02)
        return heard.get_nowait()

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(60):
        assert (await say_until_heard("first")).payload == "first"
        while not heard.empty():
            heard.get_nowait()
        await call(end_connections_but_ours, thread_sensitive=False)()
        assert (await heard.get()).channel == RECONNECTED
        assert (await say_until_heard("again")).payload == "again"
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
