"""The wallet in the browser and the one in Python give the same, bit for bit, and accept each other's
signatures and keystores.
"""

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from protocol import crypto
from protocol.encoding import JsonValue, encode
from protocol.keystore import LEAST_COST, Plaintext, open_keystore, parse_keystore, seal
from tests.browser.module_page import open_module_page
from tests.browser.test_verify_vectors import Handler

# The least number of comparisons in each part, so that a part that is not read cannot pass.
PARTS = {
    "official": 80,
    "words": 30,
    "accounts": 40,
    "transactions": 40,
    "messages": 18,
    "statements": 14,
    "keystores": 30,
    "addresses": 70,
    "amounts": 25,
}
SIGNERS = ("webcrypto", "noble")
IMPORT = "(await import('/browser/wallet_vectors.js'))"


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """An empty page that may load the modules, under the content policy of the site."""
    with open_module_page(browser, Handler) as page:
        yield page


@pytest.mark.parametrize("name", PARTS)
def test_it_agrees_with_the_vectors(page: Page, name: str) -> None:
    found = page.evaluate(f"async (name) => {IMPORT}.run(name)", name)
    assert found["odd"] == []
    assert found["count"] >= PARTS[name]


def test_all_parts_are_compared(page: Page) -> None:
    assert page.evaluate(f"async () => {IMPORT}.names") == list(PARTS)


def test_it_signs_by_the_browser_itself_where_that_can(page: Page) -> None:
    assert page.evaluate(f"async () => {IMPORT}.whoSigns()") == "webcrypto"


def test_it_signs_by_the_library_where_the_page_is_not_secure(page: Page) -> None:
    assert page.evaluate(f"async () => {IMPORT}.whoSignsWithoutSubtle()") == "noble"


@pytest.mark.parametrize("signer", SIGNERS)
def test_signatures_of_the_browser_are_valid_in_python(page: Page, signer: str) -> None:
    secret, messages = os.urandom(32), _random_messages()
    found = page.evaluate(
        f"async ([name, secret, messages]) => {IMPORT}.signAll(name, secret, messages)",
        [signer, secret.hex(), [message.hex() for message in messages]],
    )
    key = bytes.fromhex(found["key"])
    assert key == crypto.public_key(secret)
    for message, signature in zip(messages, found["signatures"], strict=True):
        assert crypto.is_valid_signature(key, message, bytes.fromhex(signature))
        assert not crypto.is_valid_signature(key, message + b"!", bytes.fromhex(signature))


def test_signatures_of_python_are_valid_in_the_browser(page: Page) -> None:
    rows, expected = [], []
    for message in _random_messages():
        secret = os.urandom(32)
        key, signature = crypto.public_key(secret).hex(), crypto.sign(secret, message).hex()
        rows.append({"key": key, "message": message.hex(), "signature": signature})
        rows.append({"key": key, "message": (message + b"!").hex(), "signature": signature})
        expected += [True, False]
    assert page.evaluate(f"async (rows) => {IMPORT}.verifyAll(rows)", rows) == expected


@pytest.mark.parametrize("is_bare", [False, True], ids=["with AES of the browser", "without crypto.subtle"])
def test_a_keystore_of_the_browser_opens_in_python(page: Page, is_bare: bool) -> None:
    entropy, secret = os.urandom(32), os.urandom(32)
    found: Any = page.evaluate(
        f"async ([plaintext, isBare]) => {IMPORT}.sealHere(plaintext, 'pass Ünd phrase', isBare)",
        [{"entropy": entropy.hex(), "secrets": [secret.hex()]}, is_bare],
    )
    assert found["isRising"]
    keystore = parse_keystore(found["keystore"])
    assert open_keystore(keystore, "pass U\u0308nd phrase") == Plaintext(entropy, (secret,))


@pytest.mark.parametrize("is_bare", [False, True], ids=["with AES of the browser", "without crypto.subtle"])
def test_a_keystore_of_python_opens_in_the_browser(page: Page, is_bare: bool) -> None:
    plaintext = Plaintext(secrets=(os.urandom(32), os.urandom(32)))
    keystore = seal(plaintext, "pass Ünd phrase", cost=LEAST_COST)
    found = page.evaluate(
        f"async ([keystore, isBare]) => {IMPORT}.openHere(keystore, 'pass U\u0308nd phrase', isBare)",
        [keystore.to_json(), is_bare],
    )
    assert found == plaintext.to_json()


def test_random_values_have_the_same_canonical_bytes(page: Page) -> None:
    draw = random.Random(os.urandom(8))
    values = [_random_value(draw, 4) for _ in range(150)]
    found = page.evaluate(f"async (values) => {IMPORT}.encodeAll(values)", values)
    assert found == [encode(value).hex() for value in values]


def _random_value(draw: random.Random, depth: int) -> JsonValue:
    kind = draw.randrange(6 if depth else 4)
    if kind == 0:
        return draw.choice([0, 1, 2**53 - 1, draw.randrange(2**53)])
    if kind == 1:
        return draw.random() < 0.5
    if kind in (2, 3):
        return _random_text(draw, '\0\b\t\n\f\r\x1f "\\/aZ\x7f\x80ü€\u2028\ufeff\uffff😀')
    if kind == 4:
        return [_random_value(draw, depth - 1) for _ in range(draw.randrange(4))]
    return {
        _random_text(draw, 'aZ09_"\\\n\x7f'): _random_value(draw, depth - 1) for _ in range(draw.randrange(4))
    }


def _random_text(draw: random.Random, signs: str) -> str:
    return "".join(draw.choice(signs) for _ in range(draw.randrange(8)))


def _random_messages() -> list[bytes]:
    return [b"", *(os.urandom(random.randrange(1, 400)) for _ in range(24))]
