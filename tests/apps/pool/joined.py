"""Wallets, tokens and workers of members for the pool's tests, and a worker's side of one connection."""

import time
from dataclasses import dataclass, field
from typing import Any

from channels.db import database_sync_to_async

from apps.pool import services
from apps.pool.models import EnrolledWorker
from apps.wallet import api as wallet
from protocol import crypto
from protocol.delegation import sign_statement
from protocol.enrolment import connection_bytes, enrolment_bytes
from tests.apps.pool.test_consumer import Connection

NETWORK = "testing"
HOST = "pool.example:8000"


def secret_of(name: str) -> bytes:
    return crypto.sha3_256(name.encode())


def key_of(name: str) -> str:
    return crypto.public_key(secret_of(name)).hex()


@dataclass(frozen=True)
class Joiner:
    """Somebody with a wallet, a token and a worker, all made from a name."""

    name: str
    token: str = ""
    wallet: str = ""
    label: str = "desk"
    seconds: int = 3600
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def token_name(self) -> str:
        return self.token or f"token of {self.name}"

    @property
    def wallet_name(self) -> str:
        return self.wallet or f"wallet of {self.name}"

    @property
    def key(self) -> str:
        return key_of(self.name)

    @property
    def token_key(self) -> str:
        return key_of(self.token_name)

    @property
    def address(self) -> str:
        return crypto.address(bytes.fromhex(key_of(self.wallet_name)))

    def delegate(self) -> None:
        """The wallet signs that the token may mine for it."""
        now = int(time.time())
        statement, signature = sign_statement(
            secret_of(self.wallet_name),
            network=NETWORK,
            worker=self.token_key,
            label=self.label,
            created=now,
            expires=now + self.seconds,
        )
        wallet.register_worker_key(statement=statement.to_json(), signature=signature)

    def body(self, *, signed_by: str = "", **changes: str) -> dict[str, str]:
        """The request that enrols the worker."""
        fields = {
            "token_key": self.token_key,
            "worker_key": self.key,
            "name": self.label,
            "device": "cpu",
            **changes,
        }
        message = enrolment_bytes(network=NETWORK, **fields)
        signature = crypto.sign(secret_of(signed_by or self.token_name), message).hex()
        return {**fields, "signature": signature}

    def enrol(self) -> EnrolledWorker:
        return services.enrol_worker(**self.body())

    def join(self) -> EnrolledWorker:
        """Delegate, then enrol."""
        self.delegate()
        return self.enrol()

    def revoke(self) -> None:
        wallet.revoke_worker_key(worker=self.token_key, address=self.address)

    def prove(self, nonce: str, *, host: str = HOST, slots: int = 1, signed_by: str = "") -> dict[str, Any]:
        """The answer to a challenge."""
        message = connection_bytes(network=NETWORK, host=host, worker_key=self.key, nonce=nonce)
        return {
            "type": "prove",
            "signature": crypto.sign(secret_of(signed_by or self.name), message).hex(),
            "device": "cpu",
            "threads": 1,
            "version": "1.0",
            "slots": slots,
            "steps_per_second": 100.0,
        }


class JoinedConnection(Connection):
    """A worker's side of one WebSocket, with a Host header."""

    def __init__(self) -> None:
        super().__init__()
        self.socket.scope["headers"] = [(b"host", HOST.encode())]

    async def challenge(self, joiner: Joiner) -> str:
        answer = await self.ask({"type": "join", "worker": joiner.key})
        return str(answer["nonce"])

    async def prove(self, joiner: Joiner, **changes: Any) -> Any:
        return await self.ask(joiner.prove(await self.challenge(joiner), **changes))

    async def want(self, slot: int = 0) -> Any:
        return await self.ask({"type": "want", "slot": slot})


async def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    return await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)
