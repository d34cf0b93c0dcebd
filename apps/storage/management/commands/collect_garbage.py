"""`manage.py collect_garbage`: drops objects that nobody needs, or says which."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from apps.storage.services.garbage import collect_garbage
from protocol.errors import ProtocolError


class Command(BaseCommand):
    """Collects garbage now; the site's tasks do it every hour by themselves."""

    help = "Drop objects that neither the chain nor any upload needs, once their grace period is over."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """``--dry-run`` changes nothing."""
        parser.add_argument("--dry-run", action="store_true", help="only list what would be dropped")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Collect, and say what went."""
        is_dry_run = options["dry_run"]
        try:
            found = collect_garbage(is_dry_run=is_dry_run)
        except ProtocolError as error:
            raise CommandError(f"{error.detail} (code {error.code})") from error
        if is_dry_run:
            for item in found.dropped:
                self.stdout.write(f"{item.object_id}  {item.size}")
        verb = "would be dropped" if is_dry_run else "were dropped"
        self.stdout.write(
            f"{found.needed} objects are needed, {found.young} are too young to go, "
            f"{len(found.dropped)} {verb} ({filesizeformat(found.freed)})."
        )
