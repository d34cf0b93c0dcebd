"""`manage.py peers`: who is connected, who is banned; bans made and lifted by hand."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.chain.peers.offences import ban, lift_bans
from apps.chain.peers.reading import list_bans, list_peers


class Command(BaseCommand):
    """Lists; `--ban` and `--lift` change."""

    help = "List connected nodes and bans; ban or pardon a node key (key:HEX) or an address (address:IP)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whom to ban, for how long, whom to pardon."""
        parser.add_argument("--ban", metavar="SUBJECT")
        parser.add_argument("--hours", type=int, default=24)
        parser.add_argument("--lift", metavar="SUBJECT")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it, then list."""
        for subject in filter(None, (options["ban"], options["lift"])):
            if not subject.startswith(("key:", "address:")):
                raise CommandError(f"{subject} is neither key:HEX nor address:IP.")
        if options["ban"]:
            until = timezone.now() + timedelta(hours=options["hours"])
            ban(subject=options["ban"], code=0, reason="by the operator", until=until, is_manual=True)
        if options["lift"]:
            self.stdout.write(f"{lift_bans(subject=options['lift'])} bans lifted.")
        for peer in list_peers():
            latency = "?" if peer.latency_ms is None else f"{peer.latency_ms:.0f} ms"
            self.stdout.write(
                f"{peer.node_key} {peer.direction} {peer.address} height {peer.height} {latency} "
                f"{peer.bytes_in} in {peer.bytes_out} out, {peer.score:.0f} points"
            )
        for item in list_bans():
            state = "until" if item.is_active else "ended"
            self.stdout.write(
                f"ban {item.kind}:{item.name} {state} {item.until:%Y-%m-%d %H:%M} ({item.code} {item.reason})"
            )
