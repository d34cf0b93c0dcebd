"""`manage.py coordinator`: the pool's loop. One process a database; a second one waits for the lock."""

import signal
import threading
from typing import Any

import psycopg
import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from apps.common.errors import NotReady
from apps.common.notify import RECONNECTED, Listener
from apps.pool.coordinator import MOST_SLEEP, Coordinator, Verifier
from apps.pool.dispatch import LeaseQueue
from apps.pool.key import PoolKeyError, load_key

LOCK = 0x636F696E_706F6F6C  # "coinpool"
CHANNELS = ("coinai_tip", "coinai_submission", "coinai_lease", "coinai_transaction")

logger = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Follows the tip, leases nonces to the workers, scores their models and publishes the best."""

    help = "Run the pool's coordinator."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Run until SIGTERM or SIGINT."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            secret, key = load_key(settings.COINAI_HOME / "pool_key")
        except PoolKeyError as error:
            raise CommandError(str(error)) from None
        with Listener(*CHANNELS) as listener, LeaseQueue(site_url=settings.COINAI_SITE_URL) as queue:
            run(Coordinator(secret=secret, key=key, queue=queue), listener, stop)


def run(coordinator: Coordinator, listener: Listener, stop: threading.Event) -> None:
    """Step whenever something happens or is due, as long as this process holds the lock."""
    verifier = Verifier()
    verifier.start()
    holds_lock, wait = False, 0.0
    logger.info("coordinator_waits_for_its_lock")
    try:
        while not stop.is_set():
            if verifier.failure is not None:
                raise verifier.failure
            # The lock lives on the listener's connection: when that breaks, another coordinator may have it.
            heard = listener.wait(wait)
            if not listener.is_connected():
                holds_lock, wait = False, MOST_SLEEP
                continue
            if any(item.channel == RECONNECTED for item in heard):
                holds_lock = False
            if not holds_lock:
                holds_lock = _take_lock(listener)
                if holds_lock:
                    coordinator.note_start()
                wait = 0.0 if holds_lock else MOST_SLEEP
                continue
            verifier.wake()
            wait = _step(coordinator)
    finally:
        verifier.stop()


def _take_lock(listener: Listener) -> bool:
    try:
        taken = listener.try_lock(LOCK)
    except psycopg.OperationalError:
        return False
    if taken:
        logger.info("coordinator_ready")
    return taken


def _step(coordinator: Coordinator) -> float:
    close_old_connections()
    try:
        return coordinator.step()
    except NotReady:
        logger.info("waiting_for_the_chain")
    except (OperationalError, InterfaceError) as error:
        logger.warning("database_gone", error=str(error).strip())
        connection.close()
    return MOST_SLEEP
