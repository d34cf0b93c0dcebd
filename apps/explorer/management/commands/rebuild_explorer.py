"""Make the explorer's rows again from the blocks of the best chain."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.explorer.rebuild import rebuild, rebuild_sums


class Command(BaseCommand):
    """`manage.py rebuild_explorer`; the site and the node may run meanwhile."""

    help = "Make the explorer's histories, leaderboards and statistics again from the blocks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument("--batch", type=int, default=1000, help="blocks a transaction")
        parser.add_argument(
            "--sums", action="store_true", help="only the sums, from the entries and records that are there"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django calls it so
        """Work, and say every second how far it is."""
        start = self._said = time.monotonic()
        last = rebuild_sums() if options["sums"] else rebuild(batch=options["batch"], progress=self._say)
        self.stdout.write(f"explorer rows up to block {last} in {time.monotonic() - start:.1f} s")

    def _say(self, done: int, tip: int) -> None:
        if time.monotonic() - self._said >= 1:
            self._said = time.monotonic()
            self.stdout.write(f"block {done} of {tip} ({100 * done / max(1, tip):.0f}%)")
