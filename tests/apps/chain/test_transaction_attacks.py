"""Bad transactions and floods, as they come over HTTP: each has its code, and changes nothing."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from apps.chain.models import Transaction
from protocol.crypto import sign
from protocol.encoding import JsonValue, encode
from protocol.params import TESTING
from protocol.transactions import SignedTransaction
from tests.apps.chain.miner import Miner
from tests.apps.chain.sending import ALLOCATED, pay, send
from tests.protocol.cast import ALICE, BOB, DAVE, transfer
from tests.protocol.odd_keys import ODD_KEYS

L = 2**252 + 27742317777372353535851937790883648493
URL = "/api/v1/transactions"
Answer = Mapping[str, Any]


def post(client: Client, body: bytes, status: int = 400, *, content_type: str = "application/json") -> Answer:
    """The problem with which the node answers; nothing may wait afterwards but what waited before."""
    before = set(Transaction.objects.values_list("txid", "status"))
    response = client.post(URL, body, content_type=content_type)
    assert response.status_code == status, response.content
    assert set(Transaction.objects.values_list("txid", "status")) == before
    answer: Answer = json.loads(response.content)
    assert answer["status"] == status
    return answer


def name(client: Client, transaction: SignedTransaction, **changes: Any) -> str:
    """The name of the error with which the transaction, with other fields, is refused."""
    title: str = post(client, encode({**transaction.to_json(), **changes}))["title"]
    return title.lower().replace(" ", "_")


def sign_again(transaction: SignedTransaction, secret: bytes, **changes: Any) -> SignedTransaction:
    """The transaction with other fields, signed."""
    changed = replace(transaction, **changes)
    return replace(changed, signature=sign(secret, changed.signed_message).hex())


@pytest.mark.django_db
@pytest.mark.usefixtures("genesis")
class TestBadTransactions:
    """Each refused with its code."""

    def test_one_of_another_network_is_not_replayed_here(self, client: Client) -> None:
        assert name(client, pay(network="devnet")) == "wrong_network"
        assert name(client, pay(network="devnet"), network="testing") == "invalid_signature"

    def test_an_amount_over_all_bounds_is_refused(self, client: Client) -> None:
        top = 2**53 - 1
        assert name(client, pay(amount=top)) == "overdraft"
        assert name(client, transfer(ALICE, *[(DAVE, top)] * 256, fee=top)) == "overdraft"
        text = encode(pay(amount=5).to_json()).replace(b'"amount":5', b'"amount":%d' % (top + 1))
        assert post(client, text)["title"] == "Unsupported value"

    def test_a_signature_has_one_spelling(self, client: Client) -> None:
        good = pay()
        raw = bytes.fromhex(good.signature)
        number = int.from_bytes(raw[32:], "little") + L
        twin = (raw[:32] + number.to_bytes(32, "little")).hex()
        assert name(client, good, signature=twin) == "invalid_signature"
        assert name(client, good, signature=good.signature.upper()) != ""
        assert post(client, encode({**good.to_json(), "signature": good.signature.upper()}))["code"] < 300

    @pytest.mark.parametrize(("why", "key"), [odd for odd in ODD_KEYS if len(odd[1]) == 32])
    def test_a_strange_key_is_refused(self, client: Client, why: str, key: bytes) -> None:
        assert name(client, pay(), key=key.hex()) == "invalid_public_key", why

    def test_a_malformed_address_is_refused_with_the_place(self, client: Client) -> None:
        good = DAVE.address
        for bad, place in ((good[:9] + "b" + good[10:], "character 10"), (good.upper(), "begin")):
            body: JsonValue = {"outputs": [{"to": bad, "amount": 1}]}
            answer = post(client, encode({**pay().to_json(), "body": body}))
            assert answer["title"] == "Invalid address"
            assert place in answer["detail"]

    def test_dust_is_refused_where_the_operator_says_so(self, client: Client, settings: Any) -> None:
        settings.COINAI_DUST = 1000
        assert name(client, transfer(ALICE, (DAVE, 5000), (BOB, 999))) == "dust"
        settings.COINAI_DUST = 0
        assert send(pay(amount=1)).status == "pending"

    def test_a_body_that_is_too_large_is_not_read(self, client: Client) -> None:
        answer = post(client, b" " * (TESTING.max_block_bytes + 1), status=413)
        assert (answer["code"], answer["title"]) == (1133, "Body too large")

    @pytest.mark.parametrize("media_type", ["multipart/form-data; boundary=x", "text/html", "image/png"])
    def test_a_body_that_says_it_is_something_else_is_refused(self, client: Client, media_type: str) -> None:
        answer = post(client, encode(pay().to_json()), status=415, content_type=media_type)
        assert answer["code"] == 1134

    def test_what_simple_clients_say_is_taken(self, client: Client) -> None:
        for number, media_type in enumerate(
            ("application/x-www-form-urlencoded", "text/plain; charset=utf-8")
        ):
            raw = encode(pay(sequence=number).to_json())
            assert client.post(URL, raw, content_type=media_type).status_code == 202


@pytest.mark.django_db
def test_a_used_sequence_is_not_replayed_and_none_is_skipped(client: Client, miner: Miner) -> None:
    used = pay()
    miner.extend(signed=[used])
    again = client.post(URL, encode(used.to_json()), content_type="application/json")
    assert (again.status_code, again.json()["status"]) == (202, "included")
    assert name(client, pay(amount=6)) == "sequence_used"
    assert name(client, sign_again(used, ALICE.secret, sequence=200)) == "sequence_far"
    ahead = pay(sequence=2)
    send(ahead)
    assert miner.extend().transaction_count == 1
    assert Transaction.objects.get(txid=ahead.txid).status == "pending"


@pytest.mark.django_db
def test_the_same_coins_are_not_spent_twice_in_the_mempool(client: Client, genesis: Any) -> None:
    send(pay(amount=ALLOCATED - 5))
    assert name(client, pay(BOB, amount=ALLOCATED + 1)) == "overdraft"
    assert name(client, pay(amount=6, sequence=1)) == "overdraft"
    assert name(client, transfer(ALICE, (BOB, ALLOCATED - 5))) == "sequence_pending"


@pytest.mark.django_db
def test_a_flood_is_answered_with_the_seconds_to_wait(client: Client, settings: Any, genesis: Any) -> None:
    settings.COINAI_RATE_WORK = (0.01, 3)
    settings.COINAI_RATE_EXEMPT = []
    raw = encode(pay().to_json())
    answers = [
        client.post(URL, raw, content_type="application/json", REMOTE_ADDR="192.0.2.77") for _ in range(4)
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert answers[-1].json()["title"] == "Rate limited"


@pytest.mark.django_db
def test_a_dropped_transaction_says_why_and_what_took_its_place(client: Client, genesis: Any) -> None:
    old, new = pay(fee=1), pay(fee=2, amount=6)
    send(old)
    send(new)
    shown = client.get(f"{URL}/{old.txid}").json()
    assert (shown["status"], shown["confirmations"]) == ("dropped", 0)
    assert shown["reason"]["name"] == "replaced"
    assert shown["reason"]["rival"] == new.txid
    waiting = client.get(f"{URL}/{new.txid}").json()
    assert (waiting["status"], waiting["reason"]) == ("pending", None)
    assert waiting["fee_rate"] == 2 * 1000 // waiting["bytes"]


@pytest.mark.django_db
def test_an_address_shows_what_waits_for_it_and_of_it(client: Client, genesis: Any) -> None:
    send(transfer(ALICE, (DAVE, 50), (ALICE, 7), (DAVE, 5), fee=3))
    send(transfer(ALICE, (BOB, 2), sequence=1))
    send(transfer(ALICE, (BOB, 2), sequence=5))
    dave = client.get(f"/api/v1/addresses/{DAVE.address}").json()
    assert dave["pending"] == {"incoming": 55, "outgoing": 0, "next_sequence": 0}
    alice = client.get(f"/api/v1/addresses/{ALICE.address}").json()
    assert alice["pending"] == {"incoming": 0, "outgoing": 55 + 3 + 4, "next_sequence": 2}
    assert client.get("/api/v1/fees").json()["suggestions"][0]["name"] == "next block"
