"""A browser of the tests: cookies, the CSRF check switched on, and a wallet that signs what it is given."""

from typing import Any

from django.test import Client

from protocol import crypto
from protocol.encoding import encode
from tests.protocol.cast import ALICE, Person

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Browser(Client):
    """One browser profile; `sign_in` walks the whole way that the wallet's page walks."""

    def __init__(self, host: str = "localhost", **extra: Any) -> None:
        super().__init__(
            enforce_csrf_checks=True,
            headers={"host": host, "user-agent": FIREFOX, **extra.pop("headers", {})},
        )
        self.csrf = ""

    def send(self, path: str, body: Any, *, method: str = "POST", **headers: str) -> Any:
        """A request with a JSON body, as a script sends it."""
        data = encode(body) if body is not None else b""
        return self.generic(
            method, f"/api/v1/{path}", data, content_type="application/json", headers=dict(headers)
        )

    def ask(self, who: Person = ALICE) -> dict[str, Any]:
        """A challenge for somebody."""
        answer = self.send("session/challenge", {"address": who.address})
        assert answer.status_code == 200, answer.content
        return dict(answer.json())

    def answer(
        self, message: str, *, who: Person = ALICE, signer: Person | None = None, **fields: Any
    ) -> Any:
        """Send a message back, signed."""
        body = {
            "key": who.key,
            "message": message,
            "signature": sign_message(signer or who, message),
        }
        return self.send("session", body | fields)

    def sign_in(self, who: Person = ALICE) -> dict[str, Any]:
        """Sign somebody in; keeps the token that changes need."""
        answer = self.answer(self.ask(who)["message"], who=who)
        assert answer.status_code == 200, answer.content
        self.csrf = answer.json()["csrf"]
        return dict(answer.json())

    def change(self, method: str, path: str, body: Any = None) -> Any:
        """A change in the session, with its token."""
        return self.send(path, body, method=method, **{"x-csrftoken": self.csrf})

    def find_address(self) -> str | None:
        """Who is signed in, as the site says."""
        address: str | None = self.get("/api/v1/session").json()["address"]
        return address


def sign_message(who: Person, message: str) -> str:
    """The wallet's signature of a sign-in message, as docs and browsers make it."""
    return crypto.sign(who.secret, b"coinai/1/sign-in\n" + message.encode()).hex()
