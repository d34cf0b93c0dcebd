"""`manage.py init_chain`: begin the chain, or find that it has begun."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.chain.genesis import init_chain
from protocol.errors import ProtocolError


class Command(BaseCommand):
    """Writes the genesis document, its objects and block 0; safe to run at every start."""

    help = "Begin the chain of COINAI_NETWORK, or find that it has begun; safe to run at every start."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run it and say which chain it is."""
        try:
            block = init_chain()
        except ProtocolError as error:
            raise CommandError(f"{error.detail} (code {error.code})") from error
        except OSError as error:
            raise CommandError(
                f"{error.filename}: {error.strerror}. Check the data sets and COINAI_HOME."
            ) from error
        self.stdout.write(f"The chain begins with block {block.hash}.")
