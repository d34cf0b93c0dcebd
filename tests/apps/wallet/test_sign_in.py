"""Signing in with a wallet, and everything that is not signing in."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from apps.wallet.errors import BadSignInMessage
from apps.wallet.models import SignInChallenge, WalletSession
from apps.wallet.sign_in_message import parse_message
from protocol import crypto
from tests.apps.wallet.browser import Browser, sign_message
from tests.protocol.cast import ALICE, BOB, CHARLIE

pytestmark = pytest.mark.django_db
Open = Callable[..., Browser]


def name_refusal(answer: Any) -> tuple[int, int]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_alice_signs_in_and_out(browser: Open) -> None:
    window = browser()
    challenge = window.ask()
    assert challenge["expires"] - timezone.now().timestamp() == pytest.approx(600, abs=5)
    answer = window.answer(challenge["message"])
    assert answer.json()["address"] == ALICE.address
    assert window.find_address() == ALICE.address
    window.csrf = answer.json()["csrf"]
    assert window.change("DELETE", "session").json() == {"ended": 1}
    assert window.find_address() is None
    assert WalletSession.objects.get().ended_at is not None


def test_the_message_says_what_it_is_for(browser: Open) -> None:
    challenge = browser("localhost:8000").ask()
    message = parse_message(challenge["message"])
    assert message.to_text() == challenge["message"]
    assert (message.domain, message.address, message.network) == ("localhost:8000", ALICE.address, "testing")
    assert (message.uri, message.nonce) == ("http://localhost:8000/wallet/", challenge["nonce"])
    assert message.expires - message.issued == timedelta(minutes=10)
    assert challenge["message"].startswith(
        f"localhost:8000 wants you to sign in with your Coin.AI wallet:\n{ALICE.address}\n\n"
        "Sign in to Coin.AI. This costs nothing and moves no coins.\n\nURI: "
    )


def test_neither_nonce_nor_cookie_nor_message_can_be_read_from_the_database(browser: Open) -> None:
    window = browser()
    challenge = window.ask()
    row = SignInChallenge.objects.get()
    kept = f"{row.nonce_hash} {row.browser_hash} {row.message_hash}"
    assert challenge["nonce"] not in kept
    assert window.cookies["coinai-sign-in"].value not in kept
    assert crypto.sha3_256(challenge["nonce"].encode()).hex() == row.nonce_hash


@pytest.mark.usefixtures("genesis")
class TestStolenMessages:
    """Somebody got hold of a message that Alice signed, or makes her sign one."""

    def test_it_refuses_a_message_signed_for_another_site(self, browser: Open) -> None:
        message = browser("localhost:8000").ask()["message"]
        assert name_refusal(browser("127.0.0.1:8000").answer(message)) == (403, 1204)

    def test_it_refuses_a_message_of_another_network(self, browser: Open) -> None:
        window = browser()
        message = window.ask()["message"].replace("Network: testing", "Network: devnet")
        assert name_refusal(window.answer(message)) == (400, 302)

    def test_it_takes_a_message_once(self, browser: Open) -> None:
        window = browser()
        message = window.ask()["message"]
        cookie = window.cookies["coinai-sign-in"].value
        assert window.answer(message).status_code == 200
        window.cookies["coinai-sign-in"] = cookie
        assert name_refusal(window.answer(message)) == (403, 1208)

    def test_it_refuses_a_message_in_another_browser(self, browser: Open) -> None:
        message = browser().ask()["message"]
        assert name_refusal(browser().answer(message)) == (403, 1206)
        other = browser()
        other.ask(BOB)
        assert name_refusal(other.answer(message)) == (403, 1206)

    def test_it_refuses_a_message_that_was_signed_too_late(self, browser: Open) -> None:
        window = browser()
        message = window.ask()["message"]
        SignInChallenge.objects.update(expires_at=timezone.now())
        assert name_refusal(window.answer(message)) == (403, 1207)

    def test_it_refuses_a_message_that_it_never_gave(self, browser: Open) -> None:
        window = browser()
        challenge = window.ask()
        message = challenge["message"].replace(challenge["nonce"], "0" * 32)
        assert name_refusal(window.answer(message)) == (403, 1205)

    def test_it_refuses_an_altered_text(self, browser: Open) -> None:
        window = browser()
        message = window.ask()["message"]
        for old, new in [("Coin.AI. This", "Evil. This"), ("/wallet/\n", "/else/\n"), ("Time: 2", "Time: 3")]:
            assert name_refusal(window.answer(message.replace(old, new))) == (403, 1209)
        for altered in (message + "\n", message.replace("moves no coins", "moves all coins"), "", "x" * 1000):
            assert name_refusal(window.answer(altered)) == (400, 1203)
        assert window.find_address() is None

    def test_it_refuses_the_key_of_another_address(self, browser: Open) -> None:
        window = browser()
        message = window.ask(ALICE)["message"]
        assert name_refusal(window.answer(message, who=CHARLIE)) == (403, 1210)
        swapped = message.replace(ALICE.address, CHARLIE.address)
        assert name_refusal(window.answer(swapped, who=CHARLIE)) == (403, 1209)

    def test_it_refuses_the_signature_of_another_key(self, browser: Open) -> None:
        window = browser()
        message = window.ask()["message"]
        assert name_refusal(window.answer(message, signer=CHARLIE)) == (403, 1211)
        assert name_refusal(window.answer(message, signature="00" * 64)) == (403, 1211)

    def test_it_refuses_a_signature_made_for_something_else(self, browser: Open) -> None:
        window = browser()
        message = window.ask()["message"]
        for prefix in (b"", b"coinai/1/sign\n", b"coinai/1/worker\n", b"coinai/1/message\n"):
            signature = crypto.sign(ALICE.secret, prefix + message.encode()).hex()
            assert name_refusal(window.answer(message, signature=signature)) == (403, 1211)

    def test_it_refuses_keys_and_signatures_that_are_none(self, browser: Open) -> None:
        window = browser()
        message = window.ask()["message"]
        assert name_refusal(window.answer(message, key="zz")) == (400, 109)
        assert name_refusal(window.answer(message, key="01" + 31 * "00")) == (400, 202)
        assert name_refusal(window.answer(message, signature="00")) == (400, 109)
        assert name_refusal(window.send("session/challenge", {"address": ALICE.address[:-1] + "x"})) == (
            400,
            203,
        )

    def test_a_refused_attempt_leaves_the_message_good(self, browser: Open) -> None:
        window = browser()
        message = window.ask()["message"]
        assert window.answer(message, signer=BOB).status_code == 403
        assert window.answer(message).status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b wants you to sign in with your Coin.AI wallet:\n",
        "\ud800",
        "localhost wants you to sign in with your Coin.AI wallet:\ncai1\n\nSign in to X. This costs nothing "
        "and moves no coins.\n\nURI: x\nVersion: 1\nNetwork: main\nNonce: 00000000000000000000000000000000\n"
        "Issued At: 2026-13-40T00:00:00Z\nExpiration Time: 2026-13-40T00:00:00Z",
    ],
)
def test_it_reads_only_messages_of_its_own_form(text: str) -> None:
    with pytest.raises(BadSignInMessage):
        parse_message(text)


@pytest.mark.django_db(transaction=True)
def test_of_two_sign_ins_with_one_message_one_wins(browser: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    window = browser()
    message = window.ask()["message"]
    answers: list[int] = []
    barrier = threading.Barrier(2)

    def race() -> None:
        rival = browser()
        rival.cookies["coinai-sign-in"] = window.cookies["coinai-sign-in"].value
        body = {"key": ALICE.key, "message": message, "signature": sign_message(ALICE, message)}
        barrier.wait()
        answers.append(rival.send("session", body).status_code)
        connections.close_all()

    threads = [threading.Thread(target=race) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 403]
    assert WalletSession.objects.count() == 1


def test_old_challenges_are_cleared_away(browser: Open) -> None:
    window = browser()
    window.ask()
    SignInChallenge.objects.update(expires_at=timezone.now() - timedelta(hours=2))
    window.ask()
    assert SignInChallenge.objects.count() == 1
