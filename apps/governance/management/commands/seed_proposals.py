"""`manage.py seed_proposals`: open the proposals that a development network begins with."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.governance.seeding import list_seeds, seed_proposals


class Command(BaseCommand):
    """Takes the next step of each; the site's tasks do the same after every block until all is done."""

    help = "Propose what the development network ships with; nothing on main. Safe to run at any time."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run it and say what was sent."""
        if not list_seeds():
            self.stdout.write("This network begins with no proposals.")
            return
        sent = seed_proposals()
        self.stdout.write("\n".join(f"Sent {txid}." for txid in sent) or "Nothing is to be sent now.")
