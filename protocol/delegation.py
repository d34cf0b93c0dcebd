"""Worker keys: a wallet's signed statement that lets another key mine for its address, and nothing else.

Not consensus: a pool decides by it whom it pays for a worker's results. A worker key can neither move coins
nor sign the wallet in, since both need signatures of the wallet's own key under other prefixes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from protocol import crypto
from protocol.encoding import (
    JsonValue,
    decode,
    encode,
    require_fields,
    require_hex,
    require_integer,
    require_text,
)
from protocol.errors import (
    InvalidStatement,
    StatementExpired,
    StatementFromTheFuture,
    WrongNetwork,
    WrongStatementSignature,
)

MAX_LABEL: Final = 64
"""Characters of a label: a name for people, such as the machine's."""

MAX_LIFE: Final = 400 * 24 * 3600
"""Seconds that a statement may hold, a little over a year: keys that nobody remembers end by themselves."""

CLOCK_SKEW: Final = 120
"""Seconds that the clock of a wallet may be ahead."""

MAX_BYTES: Final = 2048
"""Size limit of a statement's canonical JSON."""

# One prefix for both: their fields differ, so no signature of one is a signature of the other.
_PREFIX: Final = b"coinai/1/worker\n"
_HEX_SIGNATURE: Final = 64

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatement:
    """What a wallet says: this worker key may mine for me, from ``created`` until ``expires``."""

    network: str
    """Name of the chain: a statement says nothing about any other."""
    key: str
    """Public key of the wallet, 64 hex digits; its address is paid."""
    worker: str
    """Public key of the worker, 64 hex digits."""
    label: str
    """A name for people, 1 to 64 printable characters."""
    created: int
    """Unix seconds at which it was signed."""
    expires: int
    """Unix seconds: the first at which it no longer holds."""

    @property
    def address(self) -> str:
        """The address that is paid for the worker's results."""
        return crypto.address(bytes.fromhex(self.key))

    def to_json(self) -> dict[str, JsonValue]:
        """Return the statement as it is signed."""
        return {
            "network": self.network,
            "key": self.key,
            "worker": self.worker,
            "label": self.label,
            "created": self.created,
            "expires": self.expires,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRevocation:
    """What a wallet says to take a worker key back, from ``revoked`` on and for good."""

    network: str
    """Name of the chain."""
    key: str
    """Public key of the wallet, 64 hex digits."""
    worker: str
    """Public key of the worker, 64 hex digits."""
    revoked: int
    """Unix seconds at which it was signed."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the revocation as it is signed."""
        return {"network": self.network, "key": self.key, "worker": self.worker, "revoked": self.revoked}


def parse_statement(value: JsonValue | bytes) -> WorkerStatement:
    """Read a statement strictly: canonical bytes, or a decoded value. Its signature is not checked.

    Raises: what `decode` raises, WrongFields, WrongType, InvalidPublicKey, InvalidStatement.
    """
    fields = require_fields(
        _decoded(value), "statement", ("network", "key", "worker", "label", "created", "expires")
    )
    statement = WorkerStatement(
        network=require_text(fields["network"], "statement.network"),
        key=_require_key(fields["key"], "statement.key"),
        worker=_require_key(fields["worker"], "statement.worker"),
        label=require_text(fields["label"], "statement.label"),
        created=require_integer(fields["created"], "statement.created"),
        expires=require_integer(fields["expires"], "statement.expires"),
    )
    if not 1 <= len(statement.label) <= MAX_LABEL or not statement.label.isprintable():
        raise InvalidStatement(f"its label must have 1 to {MAX_LABEL} printable characters")
    if statement.worker == statement.key:
        raise InvalidStatement("a wallet's own key cannot be its worker key; make a new one for the worker")
    if not statement.created < statement.expires <= statement.created + MAX_LIFE:
        raise InvalidStatement(f"it must hold for 1 to {MAX_LIFE} seconds")
    return statement


def parse_revocation(value: JsonValue | bytes) -> WorkerRevocation:
    """Read a revocation strictly: canonical bytes, or a decoded value. The signature is not checked.

    Raises: what `decode` raises, WrongFields, WrongType, InvalidPublicKey.
    """
    fields = require_fields(_decoded(value), "revocation", ("network", "key", "worker", "revoked"))
    return WorkerRevocation(
        network=require_text(fields["network"], "revocation.network"),
        key=_require_key(fields["key"], "revocation.key"),
        worker=_require_key(fields["worker"], "revocation.worker"),
        revoked=require_integer(fields["revoked"], "revocation.revoked"),
    )


def check_statement(statement: WorkerStatement, signature: str, *, network: str, now: int) -> None:
    """Check that the statement holds on ``network`` at ``now`` (Unix seconds) and that its wallet signed it.

    Raises: WrongNetwork, StatementFromTheFuture, StatementExpired, WrongType, WrongStatementSignature.
    """
    if statement.network != network:
        raise WrongNetwork(statement.network, network)
    if statement.created > now + CLOCK_SKEW:
        raise StatementFromTheFuture(statement.created, now)
    if statement.expires <= now:
        raise StatementExpired(statement.expires, now)
    _check_signature(statement.key, statement.to_json(), signature)


def check_revocation(revocation: WorkerRevocation, signature: str, *, network: str, now: int) -> None:
    """Check that the revocation is for ``network``, not from after ``now``, and that its wallet signed it.

    Raises: WrongNetwork, StatementFromTheFuture, WrongType, WrongStatementSignature.
    """
    if revocation.network != network:
        raise WrongNetwork(revocation.network, network)
    if revocation.revoked > now + CLOCK_SKEW:
        raise StatementFromTheFuture(revocation.revoked, now)
    _check_signature(revocation.key, revocation.to_json(), signature)


def sign_statement(
    secret: bytes, *, network: str, worker: str, label: str, created: int, expires: int
) -> tuple[WorkerStatement, str]:
    """Return a wallet's statement on a worker key, and its signature in hex.

    Raises: InvalidSecretKey, and what `parse_statement` raises.
    """
    fields: dict[str, JsonValue] = {
        "network": network,
        "key": crypto.public_key(secret).hex(),
        "worker": worker,
        "label": label,
        "created": created,
        "expires": expires,
    }
    return _sign(secret, parse_statement, fields)


def sign_revocation(
    secret: bytes, *, network: str, worker: str, revoked: int
) -> tuple[WorkerRevocation, str]:
    """Return a wallet's revocation of a worker key, and its signature in hex.

    Raises: InvalidSecretKey, and what `parse_revocation` raises.
    """
    fields: dict[str, JsonValue] = {
        "network": network,
        "key": crypto.public_key(secret).hex(),
        "worker": worker,
        "revoked": revoked,
    }
    return _sign(secret, parse_revocation, fields)


def _sign(
    secret: bytes, parse: Callable[[JsonValue], Parsed], fields: dict[str, JsonValue]
) -> tuple[Parsed, str]:
    parsed = parse(fields)
    return parsed, crypto.sign(secret, _PREFIX + encode(fields)).hex()


def _check_signature(key: str, fields: dict[str, JsonValue], signature: str) -> None:
    found = bytes.fromhex(require_hex(signature, "signature", _HEX_SIGNATURE))
    if not crypto.is_valid_signature(bytes.fromhex(key), _PREFIX + encode(fields), found):
        raise WrongStatementSignature(key)


def _decoded(value: JsonValue | bytes) -> JsonValue:
    return decode(value, max_bytes=MAX_BYTES) if isinstance(value, bytes) else value


def _require_key(value: JsonValue, where: str) -> str:
    key = require_hex(value, where, 32)
    crypto.check_public_key(bytes.fromhex(key))
    return key
