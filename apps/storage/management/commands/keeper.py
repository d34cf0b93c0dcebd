"""`manage.py keeper`: holds models and data sets for the network, and is paid for proving it."""

import argparse
import signal
import threading
from argparse import ArgumentParser
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.common.sizes import parse_bytes
from apps.storage.errors import KeeperRuns
from apps.storage.keeping.blame import Blame
from apps.storage.keeping.connecting import Limits
from apps.storage.keeping.fetching import Fetcher
from apps.storage.keeping.keeper import LEAVING, Keeper, Plan
from apps.storage.keeping.options import Options, bind, load_secret, read_options
from apps.storage.keeping.reporting import name_faucet
from apps.storage.keeping.sending import Sender
from apps.storage.keeping.serving import Server, serve
from apps.storage.keeping.vault import Vault
from protocol.errors import ProtocolError

SCRUB_SECONDS = 86_400.0

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Runs a keeper until SIGTERM or SIGINT, or with --leave until its bond is back."""

    help = "Hold models and data sets for the network, serve them, and answer the chain's challenges."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Everything has a setting of its own (docs/operations.md)."""
        add = parser.add_argument
        add("--capacity", type=_size, default=settings.COINAI_KEEPER, help="bytes to offer, as in 5GiB")
        add(
            "--quota", type=_size, default=settings.COINAI_KEEPER_QUOTA, help="bytes that the folder may take"
        )
        add("--folder", default=settings.COINAI_KEEPER_HOME, help="where objects are kept")
        add(
            "--listen",
            default=settings.COINAI_KEEPER_LISTEN,
            help="HOST:PORT to serve from; port 0: any free",
        )
        add(
            "--endpoint",
            default=settings.COINAI_KEEPER_ENDPOINT,
            help="where others reach it; '' for --listen",
        )
        add("--bond", type=int, default=settings.COINAI_KEEPER_BOND, help="base units; 0 for the least")
        add(
            "--key", default=settings.COINAI_KEEPER_KEY, help="key file, made at the first start, or keystore"
        )
        add("--account", type=int, default=0, help="which account of the keystore")
        add("--passphrase-file", default=settings.COINAI_KEEPER_PASSPHRASE_FILE, help="of the keystore")
        add("--source", action="append", help="site to fetch new objects from; may be repeated")
        add(
            "--grace", type=float, default=settings.COINAI_KEEPER_GRACE, help="s that unassigned objects stay"
        )
        add("--scrub", type=float, default=SCRUB_SECONDS, help="s after which each object is read again")
        add("--leave", action="store_true", help="leave in order, and end when the bond is back")
        add(
            "--stay", action="store_true", help="take a leave back that was not sent, or begin again after it"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run it; what is wrong with the settings ends it with one line and status 1."""
        try:
            self._run(read_options(options), options)
        except ProtocolError as error:
            raise CommandError(f"{error.detail} (code {error.code})") from error
        except OSError as error:
            raise CommandError(f"The keeper's folder cannot be used: {error}") from error

    def _run(self, chosen: Options, options: dict[str, Any]) -> None:
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        sender = Sender(load_secret(chosen))
        try:
            vault = Vault(chosen.folder, chosen.quota)
        except KeeperRuns:
            if not options["leave"]:
                raise
            (chosen.folder / LEAVING).touch()
            self.stdout.write("The running keeper was asked to leave; its log says when the bond is back.")
            return
        listener = bind(chosen.listen)
        port, private = listener.getsockname()[1], settings.COINAI_KEEPER_PRIVATE
        offer = chosen.make_offer(port, allow_private=private)
        blame = Blame(chosen.folder / "liars.json")
        fetcher = Fetcher(vault.folder, Limits(allow_private=private), blame, is_stopping=stopped.is_set)
        sites = options["source"] if options["source"] is not None else [settings.COINAI_SITE_URL]
        plan = Plan(
            offer,
            [site for site in sites if site],
            options["grace"],
            options["scrub"],
            faucet=name_faucet(sender.address),
        )
        keeper = Keeper(plan, vault, sender, fetcher)
        if options["stay"]:
            keeper.stay()
        if options["leave"]:
            keeper.ask_to_leave()
        log.info("keeper_started", address=sender.address, endpoint=offer.endpoint, folder=str(chosen.folder))
        with serve(Server(vault.folder, lambda: keeper.state), listener):
            keeper.run(stopped.is_set, until_left=options["leave"])
        vault.close()
        log.info("keeper_stopped", **keeper.state)
        if keeper.has_left and options["leave"]:
            self.stdout.write("The keeper has left; its bond is back. --stay begins again.")


def _size(text: str) -> int:
    size = parse_bytes(text)
    if size is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write bytes, 500MiB or 5GiB")
    return size
