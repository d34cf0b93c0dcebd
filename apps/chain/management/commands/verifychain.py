"""`manage.py verifychain`: check everything again from genesis."""

import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.chain.verification import Disagreement, Findings, Incomplete, Wanted, verify_chain
from apps.common.errors import NotReady
from protocol.evaluation import self_test

EXIT_DISAGREES = 1
EXIT_INCOMPLETE = 3
SAY_SECONDS = 2.0


class Command(BaseCommand):
    """Status 0: everything agrees. 1: something does not, and it is named. 3: nothing was found to be wrong,
    but something that was to be checked is not here.
    """

    help = (
        "Check the chain again from its blocks and objects alone: headers, seals, signatures, networks, "
        "ledger and models, and that the database says the same. Reads only; the site may run meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument(
            "--from", type=int, default=0, metavar="HEIGHT", dest="first", help="begin with this block"
        )
        parser.add_argument(
            "--sample", type=int, metavar="N", help="evaluate only N models, drawn at random; all by default"
        )
        parser.add_argument(
            "--headers-only", action="store_true", help="blocks by themselves: no ledger, no models"
        )
        parser.add_argument("--processes", type=int, default=1, help="processes that evaluate models")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django calls it so
        """Check, say every two seconds how far it is, and end with a summary or the first disagreement."""
        wanted = self._read_wanted(options)
        self_test()  # else this machine could not say that a model is wrong
        self._began = self._said = time.monotonic()
        try:
            findings = verify_chain(wanted, self._show)
        except Disagreement as error:
            self.stderr.write(f"DISAGREES  {error}")
            raise CommandError("the chain does not verify", returncode=EXIT_DISAGREES) from None
        except Incomplete as error:
            raise CommandError(f"cannot go on: {error}", returncode=EXIT_INCOMPLETE) from None
        except NotReady as error:
            raise CommandError(error.detail) from None
        self._sum_up(findings, wanted)
        if not findings.is_complete:
            sys.exit(EXIT_INCOMPLETE)

    def _read_wanted(self, options: dict[str, Any]) -> Wanted:
        if options["first"] < 0 or options["processes"] < 1 or (options["sample"] or 0) < 0:
            raise CommandError("HEIGHT and N are numbers from 0, processes from 1", returncode=2)
        return Wanted(
            first=options["first"],
            sample=options["sample"],
            headers_only=options["headers_only"],
            processes=options["processes"],
        )

    def _show(self, findings: Findings, last: int) -> None:
        now = time.monotonic()
        if now - self._said < SAY_SECONDS:
            return
        self._said = now
        elapsed, left = now - self._began, last - findings.last
        self.stdout.write(
            f"block {findings.last:,} of {last:,} ({100 * findings.last / max(1, last):.0f}%): "
            f"{findings.blocks / elapsed:,.1f} blocks a second, {findings.models:,} models evaluated; "
            f"{describe_seconds(elapsed * left / max(1, findings.blocks))} left"
        )

    def _sum_up(self, findings: Findings, wanted: Wanted) -> None:
        elapsed = time.monotonic() - self._began
        what = "headers" if wanted.headers_only else "blocks"
        lines = [
            f"{what} {findings.first:,} to {findings.last:,}: {findings.blocks:,} checked, "
            f"{findings.transactions:,} transactions in them",
        ]
        if not wanted.headers_only:
            lines += [
                f"models evaluated: {findings.models:,}, each with exactly the error that its block claims",
                f"ledger: {findings.entries:,} entries, made again and the same",
                f"agree besides: {', '.join(findings.projections)}",
            ]
        if not findings.is_complete:
            lines.append(
                f"models not here: {findings.missing_models:,}, first that of block "
                f"{findings.first_missing:,}; everything else was checked"
            )
        verdict = "The chain verifies." if findings.is_complete else "Nothing disagrees; not all was here."
        lines.append(f"tip {findings.tip}, {describe_seconds(elapsed)}. {verdict}")
        self.stdout.write("\n".join(lines))


def describe_seconds(seconds: float) -> str:
    """A length of time in words."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
