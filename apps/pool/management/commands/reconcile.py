"""`manage.py reconcile`: proves that the pool's books balance against the chain, or says what differs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.common.errors import NotReady
from apps.pool.reconciling import reconcile


class Command(BaseCommand):
    """Compares every receipt, payout and balance with the ledger. Exit status 1 when anything differs."""

    help = "Prove that the pool's books balance against the chain."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Print the sums in base units, then the verdict."""
        try:
            findings = reconcile()
        except NotReady as error:
            raise CommandError(error.detail) from None
        for name, amount in findings.sums.items():
            self.stdout.write(f"{name:16} {amount:>20,}")
        for difference in findings.differences:
            self.stderr.write(f"DIFFERENCE  {difference}")
        if findings.differences:
            raise CommandError(f"the books do not balance: {len(findings.differences)} differences")
        self.stdout.write("The books balance.")
