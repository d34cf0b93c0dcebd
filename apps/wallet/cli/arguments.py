"""The command line of `manage.py wallet`."""

import argparse
import os
from collections.abc import Callable

from apps.wallet.cli import chain, keys, messages
from apps.wallet.cli.session import Result, Session

DEFAULT_PATH = "~/.coinai/wallet.json"
PATH_VARIABLE = "COINAI_WALLET"

COMMANDS: dict[str, Callable[[Session], Result]] = {
    "new": keys.new,
    "restore": keys.restore,
    "backup": keys.backup,
    "address": keys.address,
    "accounts": keys.list_accounts,
    "import-key": keys.import_key,
    "export-key": keys.export_key,
    "watch": keys.watch,
    "balance": chain.balance,
    "history": chain.history,
    "send": chain.send,
    "delegate": chain.delegate,
    "revoke": chain.revoke,
    "sign": messages.sign,
    "verify": messages.verify,
}


def add_arguments(parser: argparse.ArgumentParser, *, site_url: str) -> None:
    """All commands and their options; those of every command stand behind its name."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--wallet",
        default=os.environ.get(PATH_VARIABLE, DEFAULT_PATH),
        metavar="FILE",
        help=f"the keystore ({PATH_VARIABLE}, else {DEFAULT_PATH})",
    )
    shared.add_argument("--site", default=site_url, metavar="URL", help=f"the site to ask (now {site_url})")
    shared.add_argument(
        "--passphrase-file",
        metavar="FILE",
        help="where the passphrase stands (else COINAI_WALLET_PASSPHRASE, else asked)",
    )
    shared.add_argument("--json", action="store_true", help="print one JSON object, errors too")
    commands = parser.add_subparsers(dest="wallet_command", required=True, metavar="COMMAND")

    def add(name: str) -> argparse.ArgumentParser:
        text = (COMMANDS[name].__doc__ or "").strip()
        made: argparse.ArgumentParser = commands.add_parser(
            name, parents=[shared], help=text, description=text
        )
        return made

    _add_keys(add)
    _add_chain(add)
    _add_messages(add)


def _add_keys(add: Callable[[str], argparse.ArgumentParser]) -> None:
    _label(add("new"), "Main")
    restore = _label(add("restore"), "Main")
    restore.add_argument("--words-file", metavar="FILE", help="where the words stand; - is the input")
    restore.add_argument("--accounts", type=_count(1, keys.MAX_ACCOUNTS), default=1, help="how many (1)")
    restore.add_argument("--discover", action="store_true", help="ask the site which accounts were used")
    add("backup")
    _account(add("address"))
    add("accounts").add_argument(
        "--add", nargs="?", const="", default=None, metavar="LABEL", help="derive the next account first"
    )
    imported = _label(add("import-key"), "Imported")
    imported.add_argument("--key-file", metavar="FILE", help="where the secret key stands; - is the input")
    _account(add("export-key"))
    watched = _label(add("watch"), "Watched")
    watched.add_argument("address")


def _add_chain(add: Callable[[str], argparse.ArgumentParser]) -> None:
    _account(add("balance")).add_argument("address", nargs="?", help="an address instead of the keystore's")
    history = _account(add("history"))
    history.add_argument("address", nargs="?", help="an address instead of the account's")
    history.add_argument("--limit", type=_count(1, 10_000), default=50, help="how many (50)")
    send = _account(add("send"))
    send.add_argument(
        "--to",
        action="append",
        required=True,
        metavar="ADDRESS=AMOUNT",
        help="a payment in CAI; again for more",
    )
    send.add_argument("--fee", metavar="CAI", help="the whole fee; else as the site suggests")
    send.add_argument(
        "--blocks", type=_count(1, 1000), default=1, help="the fee for a block within so many (1)"
    )
    send.add_argument(
        "--sequence", type=_count(0, 2**53 - 1), help="replace the transaction of this sequence"
    )
    send.add_argument(
        "--wait", type=_count(0, 86400), default=0, metavar="SECONDS", help="until a block holds it"
    )
    send.add_argument("--yes", action="store_true", help="do not ask")
    delegate = _label(_account(add("delegate")), "Worker")
    delegate.add_argument("--worker", metavar="KEY", help="public key of a worker; else a join token is made")
    delegate.add_argument("--days", type=_count(1, 400), default=365, help="how long (365)")
    delegate.add_argument("--network", help="the chain's name; else the site is asked")
    delegate.add_argument("--offline", action="store_true", help="print the statement and hand nothing in")
    _account(add("revoke")).add_argument("worker", help="public key of the worker")


def _add_messages(add: Callable[[str], argparse.ArgumentParser]) -> None:
    _account(add("sign")).add_argument("text")
    verify = add("verify")
    verify.add_argument("text")
    verify.add_argument("--key", required=True, help="public key, 64 hexadecimal digits")
    verify.add_argument("--signature", required=True, help="128 hexadecimal digits")
    verify.add_argument("--address", help="whose key it must be")


def _account(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--account", metavar="WHICH", help="number, label or address (the first)")
    return parser


def _label(parser: argparse.ArgumentParser, default: str) -> argparse.ArgumentParser:
    parser.add_argument("--label", default=default, help=f"a name for people ({default})")
    return parser


def _count(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!a} is no number from {least} to {most}")
        return int(text)

    return read
