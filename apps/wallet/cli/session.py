"""What every command gets: its options, the person, the wallet file, the site; and what it gives back."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from apps.wallet.cli import accounts
from apps.wallet.cli.site import Site
from apps.wallet.cli.terminal import Asker
from protocol.address_check import check_address
from protocol.errors import InvalidAddress
from protocol.keystore import ListedAccount


@dataclass(frozen=True)
class Result:
    """What a command found: for programs, and in lines for people."""

    data: dict[str, Any]
    lines: list[str] = field(default_factory=list)


@dataclass
class Session:
    """One run of one command."""

    options: dict[str, Any]
    asker: Asker
    site: Site

    @property
    def path(self) -> Path:
        """The keystore file."""
        return Path(self.options["wallet"]).expanduser()

    @cached_property
    def wallet(self) -> accounts.WalletFile:
        """The keystore. Raises: UnreadableFile, InvalidKeystore."""
        return accounts.load(self.path)

    @property
    def account(self) -> ListedAccount:
        """The account that ``--account`` names, else the first. Raises: UnknownAccount."""
        return self.wallet.find(self.options.get("account") or "0")

    def get_secret(self, account: ListedAccount) -> bytes:
        """The secret of an account, after the passphrase. Raises: WatchOnly, WrongPassphrase, …"""
        if account.source == accounts.WATCH:
            return accounts.get_secret(self.wallet, account, "")
        return accounts.get_secret(self.wallet, account, self.asker.get_passphrase())


SAYS = {
    "empty": "it is empty",
    "mixed_case": "it mixes capitals and small letters",
    "wrong_prefix": "it does not begin with cai1",
    "bad_character": "it has characters that no address has",
    "too_short": "characters are missing",
    "too_long": "it has characters too many",
    "upper_case": "it must be in lower case",
    "checksum": "its checksum is wrong",
}


def read_address(text: str) -> str:
    """An address as typed, without blanks around it. Raises: InvalidAddress, which says where it is wrong."""
    found = check_address(text)
    if found.reason is None:
        return text.strip()
    marks = " and ".join(f"{place + 1} ({text[place]!a})" for place in found.positions)
    where = f": look at character {marks}" if marks else ""
    raise InvalidAddress(SAYS[found.reason] + where)
