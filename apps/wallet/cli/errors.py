"""Refusals 1270 to 1289: the wallet on the command line, each with the exit status that a script sees."""

from dataclasses import dataclass

from protocol.amounts import format_amount
from protocol.errors import InvalidKeystore, ProtocolError, WrongPassphrase

REFUSED = 1
"""Exit status: a rule, the site or the ledger says no. 2 is argparse's own: a wrong command line."""
NO_KEYS = 3
"""Exit status: the keystore is missing, unreadable or stays shut."""
NO_SITE = 4
"""Exit status: the site does not answer, or not in time; trying again may help."""
DECLINED = 5
"""Exit status: the person said no."""


@dataclass(eq=False)
class SiteUnreachable(ProtocolError):
    """A site that does not answer, or answers something else than its API."""

    code = 1270
    name = "site_unreachable"
    exit_status = NO_SITE
    url: str
    reason: str

    @property
    def detail(self) -> str:
        return f"{self.url} gives no answer: {self.reason}. See whether --site is right and whether it runs."


@dataclass(eq=False)
class SiteRefused(ProtocolError):
    """What the site refused, with its own code."""

    code = 1271
    name = "site_refused"
    status: int
    site_code: int
    reason: str

    @property
    def detail(self) -> str:
        return f"The site refuses it with code {self.site_code}: {self.reason.rstrip('.')}."


@dataclass(eq=False)
class PassphraseNeeded(ProtocolError):
    """A passphrase that nobody can be asked for."""

    code = 1272
    name = "passphrase_needed"
    exit_status = NO_KEYS

    @property
    def detail(self) -> str:
        return (
            "There is no terminal to ask for the passphrase: name a file with --passphrase-file, or set "
            "COINAI_WALLET_PASSPHRASE."
        )


@dataclass(eq=False)
class WalletExists(ProtocolError):
    """A keystore in the way of a new one."""

    code = 1273
    name = "wallet_exists"
    exit_status = NO_KEYS
    path: str

    @property
    def detail(self) -> str:
        return f"{self.path} exists and is never overwritten; name another file with --wallet."


@dataclass(eq=False)
class UnreadableFile(ProtocolError):
    """A file that is missing or cannot be read or written."""

    code = 1274
    name = "unreadable_file"
    exit_status = NO_KEYS
    path: str
    reason: str

    @property
    def detail(self) -> str:
        return f"{self.path}: {self.reason}."


@dataclass(eq=False)
class UnknownAccount(ProtocolError):
    """An account that the keystore does not have, or has twice."""

    code = 1275
    name = "unknown_account"
    exit_status = NO_KEYS
    which: str

    @property
    def detail(self) -> str:
        return f"No single account is called {self.which!a}; `wallet accounts` lists them."


@dataclass(eq=False)
class WatchOnly(ProtocolError):
    """A signature asked of an address whose secret is elsewhere."""

    code = 1276
    name = "watch_only"
    exit_status = NO_KEYS
    address: str

    @property
    def detail(self) -> str:
        return f"{self.address} is only watched: its secret is not in this keystore."


@dataclass(eq=False)
class NotEnough(ProtocolError):
    """More than the account can spend."""

    code = 1277
    name = "not_enough"
    available: int
    needed: int

    @property
    def detail(self) -> str:
        return (
            f"The account can spend {format_amount(self.available)} CAI, and this takes "
            f"{format_amount(self.needed)} CAI with its fee."
        )


@dataclass(eq=False)
class Declined(ProtocolError):
    """Something that was not confirmed."""

    code = 1278
    name = "declined"
    exit_status = DECLINED
    what: str

    @property
    def detail(self) -> str:
        return f"{self.what} Nothing was done."


@dataclass(eq=False)
class WrongMessageSignature(ProtocolError):
    """A signature that is not that key's on that message."""

    code = 1279
    name = "wrong_message_signature"

    @property
    def detail(self) -> str:
        return "The signature is not that of this key or address on exactly this message."


@dataclass(eq=False)
class NotIncluded(ProtocolError):
    """A transaction that no block holds yet."""

    code = 1280
    name = "not_included"
    exit_status = NO_SITE
    txid: str
    status: str

    @property
    def detail(self) -> str:
        return f"The transaction {self.txid} is {self.status} and in no block yet; look again later."


@dataclass(eq=False)
class BadArgument(ProtocolError):
    """An argument that cannot be read."""

    code = 1281
    name = "bad_argument"
    exit_status = 2
    reason: str

    @property
    def detail(self) -> str:
        return f"{self.reason[:1].upper()}{self.reason[1:]}."


def exit_status_of(error: ProtocolError) -> int:
    """The exit status by which a script tells what went wrong."""
    if isinstance(error, WrongPassphrase | InvalidKeystore):
        return NO_KEYS
    status: int = getattr(error, "exit_status", REFUSED)
    return status
