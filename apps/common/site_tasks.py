"""Asking the site's own Celery tasks for something, by name, without ever waiting long for the broker."""

import structlog
from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

CONNECT_SECONDS = 1
ANSWER_SECONDS = 2.0
ANSWERING = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}
"""For connections that only send: a broker that hangs, and is not gone, must not hang whoever asks it."""

log = structlog.get_logger(__name__)


def request_task(name: str, **arguments: object) -> bool:
    """Send a task to the site's worker; whether the message was sent. A lost one must do no harm."""
    try:
        with current_app.connection_for_write(
            connect_timeout=CONNECT_SECONDS, transport_options=ANSWERING
        ) as connection:
            connection.ensure_connection(
                max_retries=1, interval_start=0, interval_step=0, timeout=CONNECT_SECONDS
            )
            current_app.send_task(
                name, kwargs=arguments, connection=connection, retry=False, ignore_result=True
            )
    except (OperationalError, RedisError, OSError) as error:
        log.warning("task_not_requested", task=name, error=str(error))
        return False
    return True
