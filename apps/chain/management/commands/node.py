"""`manage.py node`: the node's process."""

import signal
import sys
import threading
from contextlib import closing
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError

from apps.chain.node import Node, SecondNode
from apps.chain.peers.calling import Caller
from apps.common.errors import NotReady
from protocol.evaluation import self_test

SWITCH_SECONDS = 0.0005

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Runs the node until SIGTERM or SIGINT."""

    help = "Score candidates, connect the best block at each round's end, follow forks; one a database."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run it; a second node on the same database ends with one line and status 1."""
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        # Its threads ask the database much, and each answer waits for its turn: see coinai_web/asgi.py.
        sys.setswitchinterval(SWITCH_SECONDS)
        self_test()  # this machine computes exactly what the protocol says, or does not judge
        log.info("node_started")
        try:
            with closing(Caller()) as caller:
                Node(on_start=caller.start).run(stopped.is_set)
        except SecondNode as error:
            raise CommandError("Another node already runs on this database; end it first.") from error
        except NotReady as error:
            raise CommandError(error.detail) from error
        log.info("node_stopped")
