"""PostgreSQL's LISTEN and NOTIFY: how the processes of one node wake each other.

A notification only says "look at the database now": it may be lost, and nothing may depend on getting it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import psycopg
import structlog
from django.db import connection, connections
from psycopg import sql

CHANNELS = (
    "coinai_tip",
    "coinai_candidate",
    "coinai_evaluated",
    "coinai_header",
    "coinai_transaction",
    "coinai_submission",
    "coinai_lease",
    "coinai_peers",
)
RECONNECTED = "reconnected"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Notification:
    """One wake-up: the channel and its text. Channel ``reconnected`` says that some may have been missed."""

    channel: str
    payload: str


def notify(channel: str, payload: str = "") -> None:
    """Wake the listeners of a channel, once the surrounding transaction has been committed."""
    if channel not in CHANNELS:
        raise ValueError(f"{channel} is not a channel; add it to CHANNELS")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [channel, payload])


class Listener:
    """A connection of its own that listens to channels, comes back after the database restarts, and may
    hold one advisory lock for as long as it lives.
    """

    def __init__(self, *channels: str, backoff: float = 0.2, max_backoff: float = 5.0) -> None:
        self._channels = channels
        self._least_backoff = backoff
        self._max_backoff = max_backoff
        self._backoff = backoff
        self._connection: psycopg.Connection[Any] | None = None
        self._was_connected = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection, and with it any lock, back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def try_lock(self, key: int) -> bool:
        """Take the advisory lock on this connection. False when another process holds it. Raises
        OperationalError.
        """
        row = self._connect().execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone()
        return bool(row and row[0])

    def is_connected(self) -> bool:
        """Whether the connection is open, as far as is known without asking."""
        return self._connection is not None and not self._connection.closed

    def wait(self, timeout: float) -> Sequence[Notification]:
        """Wait for notifications, at most ``timeout`` seconds, and return all that are there.

        While the database is away this sleeps (with back-off, within the time-out) and returns nothing;
        once it is back, the first answer is one ``reconnected`` notification, since some may have been
        missed.
        """
        deadline = time.monotonic() + timeout
        try:
            returning = self._was_connected and not self.is_connected()
            listening = self._connect()
            if returning:
                return [Notification(RECONNECTED, "")]
            found = list(listening.notifies(timeout=max(0.0, timeout), stop_after=1))
            found += list(listening.notifies(timeout=0))
            return [Notification(item.channel, item.payload) for item in found]
        except psycopg.OperationalError as error:
            self.close()
            pause = min(self._backoff, max(0.0, deadline - time.monotonic()))
            log.warning("database_away", error=str(error).strip(), next_try_s=round(self._backoff, 1))
            self._backoff = min(self._max_backoff, self._backoff * 2)
            time.sleep(pause)
            return []

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        opened = psycopg.connect(**_read_parameters(), autocommit=True)
        for channel in self._channels:
            opened.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        self._connection = opened
        self._was_connected = True
        self._backoff = self._least_backoff
        return opened


async def hear(*channels: str, backoff: float = 0.2, max_backoff: float = 5.0) -> AsyncIterator[Notification]:
    """The notifications of channels within an event loop, over a connection of their own.

    Comes back after the database was away, and then says ``reconnected`` first, since some may have been
    missed. Ends when it is cancelled.
    """
    pause, was_connected = backoff, False
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(**_read_parameters(), autocommit=True) as opened:
                for channel in channels:
                    await opened.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                if was_connected:
                    yield Notification(RECONNECTED, "")
                pause, was_connected = backoff, True
                async for item in opened.notifies():
                    yield Notification(item.channel, item.payload)
        except psycopg.OperationalError as error:
            log.warning("database_away", error=str(error).strip(), next_try_s=round(pause, 1))
            await asyncio.sleep(pause)
            pause = min(max_backoff, pause * 2)


def _read_parameters() -> dict[str, Any]:
    parameters = connections["default"].get_connection_params()
    return {
        key: value for key, value in parameters.items() if key not in {"cursor_factory", "context", "pool"}
    }
