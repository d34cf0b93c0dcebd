"""A wallet for servers and scripts (docs/wallet.md): `manage.py wallet new`, `… send --to ADDRESS=AMOUNT`."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.wallet.cli.arguments import COMMANDS, add_arguments
from apps.wallet.cli.errors import exit_status_of
from apps.wallet.cli.session import Session
from apps.wallet.cli.site import Site, connect
from apps.wallet.cli.terminal import Asker, Console, Terminal
from protocol.errors import ProtocolError


class Command(BaseCommand):
    """`manage.py wallet`; needs neither the database nor the broker, only a site that answers over HTTP."""

    help = "A wallet: keys in a file under a passphrase, everything else over the API of a site."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The commands of the wallet."""
        add_arguments(parser, site_url=settings.COINAI_SITE_URL)

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django calls it so
        """Run one command; a refusal ends the program with its exit status."""
        try:
            asker = Asker(self.get_terminal(), options["passphrase_file"])
            session = Session(options, asker, self.get_site(options["site"]))
            result = COMMANDS[options["wallet_command"]](session)
        except ProtocolError as error:
            self._refuse(error, as_json=options["json"])
        except KeyboardInterrupt:
            self.stderr.write("Stopped; nothing more was done.")
            sys.exit(130)
        else:
            self.stdout.write(json.dumps(result.data) if options["json"] else "\n".join(result.lines))

    def get_terminal(self) -> Terminal:
        """Where the person sits."""
        return Console()

    def get_site(self, url: str) -> Site:
        """The site that is asked."""
        return connect(url)

    def _refuse(self, error: ProtocolError, *, as_json: bool) -> None:
        if as_json:
            document = {"code": error.code, "name": error.name, "detail": error.detail}
            site_code = getattr(error, "site_code", None)
            self.stdout.write(
                json.dumps(document if site_code is None else document | {"site_code": site_code})
            )
        else:
            self.stderr.write(f"Error {error.code} ({error.name}): {error.detail}")
        sys.exit(exit_status_of(error))
