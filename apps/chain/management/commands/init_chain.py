"""`manage.py init_chain`: begin the chain, join one, or find that it has begun."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.chain.genesis import init_chain
from apps.chain.joining import join_chain
from protocol.errors import ProtocolError


class Command(BaseCommand):
    """Writes the genesis document, its objects and block 0; safe to run at every start."""

    help = "Begin the chain of COINAI_NETWORK, or join that of COINAI_PEERS; safe to run at every start."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where from."""
        parser.add_argument(
            "--from",
            dest="urls",
            action="append",
            metavar="URL",
            help="take the genesis document of this node's chain at the first start (default: COINAI_PEERS)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run it and say which chain it is."""
        try:
            urls = options["urls"] or settings.COINAI_PEERS
            if urls and not settings.COINAI_GENESIS.exists():
                self.stdout.write(f"Joining the chain of {', '.join(urls)}.")
                join_chain(urls)
            block = init_chain()
        except ProtocolError as error:
            raise CommandError(f"{error.detail} (code {error.code})") from error
        except OSError as error:
            raise CommandError(
                f"{error.filename}: {error.strerror}. Check the data sets and COINAI_HOME."
            ) from error
        self.stdout.write(f"The chain begins with block {block.hash}.")
