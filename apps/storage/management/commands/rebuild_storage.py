"""Make the rows of audits, replicas and keepers again from the blocks of the best chain."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.storage.rebuild import rebuild


class Command(BaseCommand):
    """`manage.py rebuild_storage`; the site and the node may run meanwhile."""

    help = "Make the histories of audits, replicas and keepers again from the blocks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument("--batch", type=int, default=1000, help="blocks a transaction")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django calls it so
        """Work, and say every second how far it is."""
        start = self._said = time.monotonic()
        last = rebuild(batch=options["batch"], progress=self._say)
        self.stdout.write(f"rows of storage up to block {last} in {time.monotonic() - start:.1f} s")

    def _say(self, done: int, tip: int) -> None:
        if time.monotonic() - self._said >= 1:
            self._said = time.monotonic()
            self.stdout.write(f"block {done} of {tip} ({100 * done / max(1, tip):.0f}%)")
