"""A large chain that nobody mined, for measuring."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.explorer.synthetic.make import (
    NotEmpty,
    Wanted,
    check_may_begin,
    estimate_seconds,
    make_chain,
)


class Command(BaseCommand):
    """`manage.py make_synthetic_chain`; nothing else may use the database meanwhile."""

    help = (
        "Write a chain that nobody mined: rules of rounds and thresholds, architectures and amounts as in a "
        "real one, random signatures. Needs an empty database and an empty COINAI_HOME, or --force."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument("--blocks", type=int, default=10_000)
        parser.add_argument("--transactions", type=int, help="transfers in all; 10 a block unless given")
        parser.add_argument("--addresses", type=int, help="by default one for 100 transfers, 200 to 100 000")
        parser.add_argument("--models", type=int, default=200, help="blocks whose models are really made")
        parser.add_argument("--pending", type=int, default=300, help="transactions in the mempool")
        parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same chain")
        parser.add_argument("--force", action="store_true", help="delete the chain that is there")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django calls it so
        """Make it, saying every two seconds how far it is."""
        transfers = 10 * options["blocks"] if options["transactions"] is None else options["transactions"]
        addresses = options["addresses"] or min(100_000, max(200, transfers // 100))
        wanted = Wanted(
            options["blocks"], transfers, addresses, options["models"], options["pending"], options["seed"]
        )
        self._wanted, self._began, self._said = wanted, time.monotonic(), 0.0
        try:
            check_may_begin(is_forced=options["force"])
            self.stdout.write(
                f"{wanted.blocks:,} blocks with {transfers:,} transfers among {addresses:,} addresses; "
                f"about {estimate_seconds(wanted) / 60:.1f} minutes"
            )
            made = make_chain(wanted, progress=self._show, say=self.stdout.write)
        except (NotEmpty, ValueError) as error:
            raise CommandError(str(error)) from error
        total = made.seconds_rows + made.seconds_indexes + made.seconds_sums
        self.stdout.write(
            f"tip {made.tip}\n{made.rows:,} rows in {total:.0f} s ({made.rows / total:,.0f} a second): rows "
            f"{made.seconds_rows:.0f} s, indexes {made.seconds_indexes:.0f} s, sums {made.seconds_sums:.0f} s"
        )

    def _show(self, blocks: int, rows: int) -> None:
        now = time.monotonic()
        if now - self._said < 2 and blocks < self._wanted.blocks:
            return
        self._said = now
        elapsed = now - self._began
        left = elapsed * (self._wanted.blocks - blocks) / max(1, blocks)
        self.stdout.write(
            f"block {blocks:,} of {self._wanted.blocks:,}: {rows:,} rows, {rows / elapsed:,.0f} a second, "
            f"{left / 60:.1f} minutes of rows left"
        )
