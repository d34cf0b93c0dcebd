"""Leases on their way to the workers' Celery queue. Messages carry no truth: lost ones do no harm."""

from types import TracebackType
from typing import Any, Self

from celery import current_app
from kombu.connection import Connection
from kombu.exceptions import OperationalError

from apps.common.site_tasks import ANSWERING

MINE_TASK = "workers.mine"
MINING_QUEUE = "mining"
CONNECT_SECONDS = 2


class BrokerGoneError(Exception):
    """The broker does not answer; the leases stay in the database and are sent later."""


class LeaseQueue:
    """The mining queue over one connection, made anew after an error. Never waits long for a dead broker."""

    def __init__(self, *, site_url: str, broker_url: str | None = None) -> None:
        self._site_url = site_url
        self._broker_url = broker_url  # None: the one of the settings
        self._connection: Connection | None = None
        self._channel: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, *, lease: str, token: str) -> None:
        """Send one lease: exactly `lease`, `lease_token` and `site_url`. Raises: BrokerGoneError."""
        message = {"lease": lease, "lease_token": token, "site_url": self._site_url}
        self._attempt(lambda channel: self._publish(channel, message))

    def count(self) -> int:
        """How many messages wait, without those that workers have fetched ahead. Raises: BrokerGoneError."""
        return int(self._attempt(lambda channel: self._queue(channel).queue_declare().message_count))

    def purge(self) -> int:
        """Drop the waiting messages, worthless after a new tip; returns how many. Raises: BrokerGoneError."""

        def purge(channel: Any) -> int:
            queue = self._queue(channel)
            queue.queue_declare()
            return int(queue.purge() or 0)

        return self._attempt(purge)

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            connection.collapse() if hasattr(connection, "collapse") else connection.release()

    def _publish(self, channel: Any, message: dict[str, str]) -> None:
        producer = current_app.amqp.Producer(channel, auto_declare=False)
        current_app.send_task(
            MINE_TASK, kwargs=message, queue=MINING_QUEUE, producer=producer, retry=False, ignore_result=True
        )

    def _queue(self, channel: Any) -> Any:
        return current_app.amqp.queues[MINING_QUEUE].bind(channel)

    def _attempt(self, action: Any) -> Any:
        try:
            if self._channel is None:
                self._connect()
            return action(self._channel)
        except self._errors() as error:
            self.close()
            raise BrokerGoneError(str(error)) from error

    def _connect(self) -> None:
        # Celery's pools retry for ever and would block the loop that voids leases: one try, then back-off.
        connection = current_app.connection_for_write(
            self._broker_url, connect_timeout=CONNECT_SECONDS, transport_options=ANSWERING
        )
        self._connection = connection
        connection.ensure_connection(
            max_retries=1, interval_start=0, interval_step=0, timeout=CONNECT_SECONDS
        )
        self._channel = connection.channel()

    def _errors(self) -> tuple[type[BaseException], ...]:
        known = (OperationalError, OSError)
        if self._connection is None:
            return known
        return (*known, *self._connection.connection_errors, *self._connection.channel_errors)
