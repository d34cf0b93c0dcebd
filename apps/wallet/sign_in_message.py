"""The text that a wallet signs to sign in, in the manner of EIP-4361.

Pure: what it says is bound to one site (domain), one network, one address, one nonce and ten minutes. A
signature of it signs nothing else, since its bytes have a prefix of their own.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from apps.wallet.errors import BadSignInMessage

PREFIX: Final = b"coinai/1/sign-in\n"
LIFE: Final = timedelta(minutes=10)
MAX_LENGTH: Final = 1000
"""Characters of the longest message; the site's own have some 400."""
NONCE_BYTES: Final = 16

_TIME: Final = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"
_FORM: Final = re.compile(
    r"(?P<domain>[^\s/@]{1,255}) wants you to sign in with your Coin\.AI wallet:\n"
    r"(?P<address>[a-z0-9]{1,90})\n\n"
    r"Sign in to (?P<site>[^\n]{1,100})\. This costs nothing and moves no coins\.\n\n"
    r"URI: (?P<uri>[^\s]{1,300})\n"
    r"Version: 1\n"
    r"Network: (?P<network>[a-z]{1,32})\n"
    rf"Nonce: (?P<nonce>[0-9a-f]{{{2 * NONCE_BYTES}}})\n"
    rf"Issued At: (?P<issued>{_TIME})\n"
    rf"Expiration Time: (?P<expires>{_TIME})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInMessage:
    """What a wallet agrees to when it signs in."""

    domain: str
    """Host and port of the site, as the browser shows them."""
    address: str
    site: str
    """Name of the site, for people."""
    uri: str
    network: str
    nonce: str
    """32 hex digits, never used twice."""
    issued: datetime
    expires: datetime

    def to_text(self) -> str:
        """The message as the wallet shows it."""
        return (
            f"{self.domain} wants you to sign in with your Coin.AI wallet:\n{self.address}\n\n"
            f"Sign in to {self.site}. This costs nothing and moves no coins.\n\n"
            f"URI: {self.uri}\nVersion: 1\nNetwork: {self.network}\nNonce: {self.nonce}\n"
            f"Issued At: {_write_time(self.issued)}\nExpiration Time: {_write_time(self.expires)}"
        )


def parse_message(text: str) -> SignInMessage:
    """Read a message strictly; its text is again what `to_text` gives. Raises: BadSignInMessage."""
    match = _FORM.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if match is None:
        raise BadSignInMessage()
    fields = match.groupdict()
    return SignInMessage(
        **{name: fields[name] for name in ("domain", "address", "site", "uri", "network", "nonce")},
        issued=_read_time(fields["issued"]),
        expires=_read_time(fields["expires"]),
    )


def signed_bytes(text: str) -> bytes:
    """What is signed: the prefix and the message in UTF-8. Raises: BadSignInMessage."""
    try:
        return PREFIX + text.encode()
    except UnicodeEncodeError:
        raise BadSignInMessage() from None


def _write_time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise BadSignInMessage() from None
