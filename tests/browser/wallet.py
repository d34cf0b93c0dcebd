"""What the wallet's tests share: a wallet made quickly, and an ear for everything that leaves the browser."""

import base64
import json
import re
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import quote, quote_plus

from playwright.sync_api import BrowserContext, Page, Request, WebSocket, expect

from protocol.crypto import address, public_key, sha3_256
from protocol.encoding import encode
from protocol.mnemonic import derive_account, entropy_of, generate_words, load_words, seed_of
from protocol.params import CAI
from protocol.transactions import Body, Output, Transfer, sign_transaction
from tests.browser.site import Site

PASSPHRASE = "umbrella 7 Kiesel in der Tasche"
CHARLIE = sha3_256(b"coinai/testing/charlie")
ACCOUNTS = 3  # of a wallet, that are looked for


@dataclass  # without slots: Playwright keeps its wrappers on the object that listens
class Recorder:
    """All that a browser sent: addresses, headers, bodies, frames of WebSockets."""

    requests: list[Request] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)

    def listen(self, context: BrowserContext) -> None:
        """Hear everything from now on."""
        context.on("request", self._hear)
        context.on("page", self._listen_to_page)
        for page in context.pages:
            self._listen_to_page(page)

    def read(self) -> list[str]:
        """Everything that was sent, one text a request or frame; the browser is still open."""
        sent = [f"{one.method} {one.url} {one.all_headers()} {_read_body(one)}" for one in self.requests]
        return sent + self.frames

    def _hear(self, request: Request) -> None:
        self.requests.append(request)

    def _listen_to_page(self, page: Page) -> None:
        page.on("websocket", self._listen_to_socket)

    def _listen_to_socket(self, socket: WebSocket) -> None:
        self.frames.append(socket.url)
        socket.on("framesent", lambda payload: self.frames.append(str(payload)))


def _read_body(request: Request) -> str:
    body = request.post_data_buffer
    return "" if body is None else body.decode("utf-8", "replace")


def find_leaks(texts: Sequence[str], words: tuple[str, ...], passphrase: str = PASSPHRASE) -> list[str]:
    """What in these texts gives a wallet away: words, entropy, seed, secret keys, the passphrase."""
    seed = seed_of(words)
    secrets = [entropy_of(words), seed, *(derive_account(seed, index).secret for index in range(ACCOUNTS))]
    needles = {spelling for secret in [*secrets, passphrase.encode()] for spelling in _spell(secret)}
    needles |= {passphrase, quote(passphrase), quote_plus(passphrase), json.dumps(passphrase)[1:-1]}
    numbers = [load_words().index(word) for word in words]
    pairs = [rf"\b{first}[^a-z]{{1,8}}{second}\b" for first, second in pairwise(words)]
    triples = zip(numbers, numbers[1:], numbers[2:], strict=False)
    pairs += [rf"\b{a}\D{{1,4}}{b}\D{{1,4}}{c}\b" for a, b, c in triples]
    pattern = re.compile("|".join(pairs), re.IGNORECASE)
    return [
        text[:200]
        for text in texts
        if pattern.search(text) or any(needle in text or needle in text.lower() for needle in needles)
    ]


def _spell(secret: bytes) -> list[str]:
    """Ways to write bytes as text."""
    numbers = ",".join(str(byte) for byte in secret)
    encoded = base64.b64encode(secret).decode().rstrip("=")
    url_safe = encoded.replace("+", "-").replace("/", "_")
    return [secret.hex(), numbers, numbers.replace(",", ", "), encoded, url_safe, quote(encoded, safe="")]


def make_wallet(page: Page, words: tuple[str, ...] | None = None) -> str:
    """Put a wallet into the browser of a page of the wallet, without typing; returns its first address."""
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    made: str = page.evaluate(
        """async ([words, passphrase]) => {
            const vault = await import("/static/js/wallet/vault.js");
            return (await vault.fromWords(words, passphrase))[0].address;
        }""",
        [list(words or generate_words()), PASSPHRASE],
    )
    return made


def fund(site: Site, to: str, coins: int) -> str:
    """Charlie sends coins, which wait for a block when this returns; the transaction's id."""
    return send(site, CHARLIE, Transfer((Output(to, coins * CAI),)), fee=25_000)


def send(site: Site, secret: bytes, body: Body, *, fee: int) -> str:
    """Sign a transaction and send it, through the API; its id."""
    sender = address(public_key(secret))
    account = json.load(urllib.request.urlopen(f"{site.url}/api/v1/addresses/{sender}", timeout=10))
    transaction = sign_transaction(
        secret,
        network="testing",
        kind=body.kind,
        sequence=account["pending"]["next_sequence"],
        fee=fee,
        body=body,
    )
    headers = {"Content-Type": "application/json"}
    content = encode(transaction.to_json())
    request = urllib.request.Request(f"{site.url}/api/v1/transactions", content, headers)
    with urllib.request.urlopen(request, timeout=10):
        return transaction.txid
