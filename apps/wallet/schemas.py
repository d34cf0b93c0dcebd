"""The shapes of the wallet's part of the API."""

from typing import Any

from ninja import Field, Schema


class ChallengeIn(Schema):
    """Who wants to sign in."""

    address: str = Field(max_length=90)


class ChallengeOut(Schema):
    """The message to sign, `coinai/1/sign-in\\n` before it, until `expires` (Unix seconds)."""

    message: str
    nonce: str
    expires: int


class SignInIn(Schema):
    """A signed message: public key and Ed25519 signature in hex. `next` is the page to go on to."""

    key: str = Field(max_length=64)
    message: str = Field(max_length=1000)
    signature: str = Field(max_length=128)
    next: str = Field("", max_length=2000)


class SignInOut(Schema):
    """Who is signed in, until when (Unix seconds), the token for `X-CSRFToken`, and the page to go on to."""

    address: str
    expires: int
    csrf: str
    next: str


class SessionOut(Schema):
    """Who is signed in here (null: nobody), until when, and the token for `X-CSRFToken`."""

    address: str | None
    expires: int | None
    csrf: str


class OpenSessionOut(Schema):
    """A browser in which the address is signed in; times in Unix seconds."""

    id: str
    device: str
    created: int
    seen: int
    expires: int
    current: bool


class SessionPage(Schema):
    """All sessions of the signed-in address."""

    items: list[OpenSessionOut]
    next: str | None


class EndedOut(Schema):
    """How many sessions were ended."""

    ended: int


class StatementIn(Schema):
    """A wallet's statement, as an object or as its canonical JSON text, and its signature in hex."""

    statement: dict[str, Any] | str
    signature: str = Field(max_length=128)


class RevocationIn(Schema):
    """Nothing, when a session asks; else the wallet's signed `{network, key, worker, revoked}`."""

    statement: dict[str, Any] | str | None = None
    signature: str = Field("", max_length=128)


class WorkerKeyOut(Schema):
    """A key that may mine for `address`, with the proof; times in Unix seconds."""

    worker: str
    key: str
    address: str
    label: str
    created: int
    expires: int
    revoked: int | None
    status: str
    statement: str
    signature: str
    revocation: str | None
    revocation_signature: str | None


class WorkerKeyPage(Schema):
    """Worker keys of an address."""

    items: list[WorkerKeyOut]
    next: str | None


class FaucetIn(Schema):
    """Who is to get coins."""

    address: str = Field(max_length=90)


class GrantOut(Schema):
    """Coins that the faucet gives: `txid` is null while they wait for the next transfer; `amount` in base
    units.
    """

    id: str
    address: str
    amount: int
    created: int
    status: str
    txid: str | None
    height: int | None
    confirmations: int


class GrantPage(Schema):
    """Grants of the faucet."""

    items: list[GrantOut]
    next: str | None


class FaucetOut(Schema):
    """The faucet: what it gives, in base units, and how often."""

    network: str
    address: str
    amount: int
    balance: int
    wait: int
    grants_per_client: int
    recent: list[GrantOut]
