"""Errors of the wallet app (codes 1200 to 1249): sign-in, sessions, worker keys, the faucet."""

from dataclasses import dataclass
from typing import ClassVar

from protocol.errors import ProtocolError
from protocol.errors.base import shown


class SignInRefused(ProtocolError):
    """A sign-in that this site refuses."""

    status: ClassVar[int] = 403


@dataclass(eq=False)
class SignInRequired(ProtocolError):
    """Something that only a signed-in address may do."""

    code = 1200
    name = "sign_in_required"
    status = 401

    @property
    def detail(self) -> str:
        return "Sign in with your wallet first."


@dataclass(eq=False)
class CsrfRefused(ProtocolError):
    """A change in a session without the token of this site's pages (CSRF)."""

    code = 1201
    name = "csrf_refused"
    status = 403

    @property
    def detail(self) -> str:
        return (
            "A session's change needs the header X-CSRFToken, with `csrf` of GET /api/v1/session, from this "
            "site's own pages."
        )


@dataclass(eq=False)
class ForeignOrigin(SignInRefused):
    """A sign-in that another site's page sent."""

    code = 1202
    name = "foreign_origin"
    origin: str

    @property
    def detail(self) -> str:
        return f"Only this site's own pages sign in here, not {shown(self.origin)}."


@dataclass(eq=False)
class BadSignInMessage(SignInRefused):
    """A sign-in message that does not have the form of this site's."""

    code = 1203
    name = "bad_sign_in_message"
    status = 400

    @property
    def detail(self) -> str:
        return "Sign exactly the message that POST /api/v1/session/challenge gives."


@dataclass(eq=False)
class SignInElsewhere(SignInRefused):
    """A sign-in message made for another site."""

    code = 1204
    name = "sign_in_elsewhere"
    domain: str
    expected: str

    @property
    def detail(self) -> str:
        return f"The message was signed for {shown(self.domain)}, but this is {self.expected}."


@dataclass(eq=False)
class UnknownChallenge(SignInRefused):
    """A sign-in message that this site never gave, or has forgotten."""

    code = 1205
    name = "unknown_challenge"

    @property
    def detail(self) -> str:
        return "This site gave no such message to sign, or long ago; ask for a new one."


@dataclass(eq=False)
class ChallengeOfAnotherBrowser(SignInRefused):
    """A sign-in message that was given to another browser."""

    code = 1206
    name = "challenge_of_another_browser"

    @property
    def detail(self) -> str:
        return "The message was given to another browser; ask for one here, with cookies allowed."


@dataclass(eq=False)
class ChallengeExpired(SignInRefused):
    """A sign-in message that was signed too late."""

    code = 1207
    name = "challenge_expired"

    @property
    def detail(self) -> str:
        return "The message to sign has expired; ask for a new one."


@dataclass(eq=False)
class ChallengeUsed(SignInRefused):
    """A sign-in message that has signed somebody in before."""

    code = 1208
    name = "challenge_used"

    @property
    def detail(self) -> str:
        return "The message has been used to sign in; each works once. Ask for a new one."


@dataclass(eq=False)
class SignInAltered(SignInRefused):
    """A sign-in message with another text than the one that was given."""

    code = 1209
    name = "sign_in_altered"

    @property
    def detail(self) -> str:
        return "The message is not the one that this site gave; sign it unchanged."


@dataclass(eq=False)
class SignInOfAnotherAddress(SignInRefused):
    """A sign-in with a key that is not that of the message's address."""

    code = 1210
    name = "sign_in_of_another_address"
    address: str
    expected: str

    @property
    def detail(self) -> str:
        return f"The key is that of {self.address}, but the message is for {shown(self.expected)}."


@dataclass(eq=False)
class WrongSignInSignature(SignInRefused):
    """A sign-in whose signature does not fit key and message."""

    code = 1211
    name = "wrong_sign_in_signature"

    @property
    def detail(self) -> str:
        return "The signature does not fit the key and the message."


@dataclass(eq=False)
class UnsafeNext(ProtocolError):
    """A page to go on to that is not on this site."""

    code = 1212
    name = "unsafe_next"
    address: str

    @property
    def detail(self) -> str:
        return f"After signing in only this site's own pages follow, not {shown(self.address)}."


@dataclass(eq=False)
class TooManySignIns(ProtocolError):
    """More sign-ins than one client or address needs."""

    code = 1213
    name = "too_many_sign_ins"
    status = 429
    retry_after: int

    @property
    def detail(self) -> str:
        return f"Too many sign-ins; go on in {self.retry_after} s."


@dataclass(eq=False)
class WorkerKeyTaken(ProtocolError):
    """A worker key that mines for another wallet."""

    code = 1220
    name = "worker_key_taken"
    status = 409
    worker: str

    @property
    def detail(self) -> str:
        return f"The worker key {self.worker} belongs to another wallet; make a new one."


@dataclass(eq=False)
class WorkerKeyRevoked(ProtocolError):
    """A worker key that its wallet took back."""

    code = 1221
    name = "worker_key_revoked"
    status = 403
    worker: str

    @property
    def detail(self) -> str:
        return f"The worker key {self.worker} was revoked by its wallet; only a statement made later counts."


@dataclass(eq=False)
class WorkerStatementOld(ProtocolError):
    """A statement on a worker key that a newer one has replaced."""

    code = 1222
    name = "worker_statement_old"
    status = 409
    worker: str

    @property
    def detail(self) -> str:
        return f"A newer statement on the worker key {self.worker} is known."


@dataclass(eq=False)
class TooManyWorkerKeys(ProtocolError):
    """More worker keys than one wallet may have."""

    code = 1223
    name = "too_many_worker_keys"
    status = 409
    limit: int

    @property
    def detail(self) -> str:
        return f"A wallet has at most {self.limit} worker keys that hold; revoke some first."


@dataclass(eq=False)
class UnknownWorkerKey(ProtocolError):
    """A worker key that no wallet has registered here, or another one than the asker's."""

    code = 1224
    name = "unknown_worker_key"
    status = 404
    worker: str

    @property
    def detail(self) -> str:
        return f"No worker key {shown(self.worker)} of this wallet is registered here."


@dataclass(eq=False)
class NoFaucet(ProtocolError):
    """A faucet on a network that has none."""

    code = 1230
    name = "no_faucet"
    status = 404
    network: str

    @property
    def detail(self) -> str:
        return (
            f"The network {self.network} has no faucet: its coins are earned by mining, or sent by somebody "
            "who has some."
        )


@dataclass(eq=False)
class FaucetWait(ProtocolError):
    """A grant for an address or a client that had one not long ago."""

    code = 1231
    name = "faucet_wait"
    status = 429
    who: str
    retry_after: int

    @property
    def detail(self) -> str:
        return f"The faucet has given to {self.who} not long ago; come again in {self.retry_after} s."


@dataclass(eq=False)
class FaucetEmpty(ProtocolError):
    """A faucet that has not enough coins left."""

    code = 1232
    name = "faucet_empty"
    status = 503
    retry_after: int

    @property
    def detail(self) -> str:
        return "The faucet has no coins left to give at the moment; coins can be mined, too."


@dataclass(eq=False)
class UnknownGrant(ProtocolError):
    """A grant that the faucet never made."""

    code = 1233
    name = "unknown_grant"
    status = 404
    grant: str

    @property
    def detail(self) -> str:
        return f"The faucet has made no grant {shown(self.grant)}."
