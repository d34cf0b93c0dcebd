"""The pages of keepers, replicas and audits, on a real chain and on one where nobody keeps."""

from typing import Any

import pytest
from django.test import Client

from apps.chain.models import Transaction
from apps.storage.health import read_health
from apps.storage.income import estimate_income, list_terms
from apps.storage.models import Audit, Outcome, Replica
from apps.storage.views import read_capacity
from tests.apps.storage.keepers import ALICE, BOB, CHARLIE, KeptChain
from tests.protocol.cast import DAVE

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(chain: KeptChain) -> KeptChain:
    """Alice keeps well, Bob has missed, Charlie leaves."""
    chain.register(ALICE, BOB, CHARLIE)
    chain.steps(2, ALICE, BOB, CHARLIE)
    chain.leave(CHARLIE)
    chain.steps(4, ALICE)
    return chain


def read(client: Client, path: str, status: int = 200) -> str:
    """A page as text."""
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.content[-500:])
    return answer.content.decode()


def test_the_keepers_page_shows_health_and_everybody(client: Client, kept: KeptChain) -> None:
    page = read(client, "/keepers/")
    for words in ("How well the network stores", "Objects by their replicas", "serving", "leaving"):
        assert words in page
    for person in (ALICE, BOB, CHARLIE):
        assert f"/keepers/{person.address}/" in page
    leaving = read(client, "/keepers/?state=leaving&sort=earned")
    assert CHARLIE.address in leaving
    assert f"/keepers/{BOB.address}/" not in leaving
    assert "None is ejected" in read(client, "/keepers/?state=ejected")
    read(client, "/keepers/?sort=nothing", 400)


def test_a_keepers_page_shows_its_life(client: Client, kept: KeptChain) -> None:
    page = read(client, f"/keepers/{BOB.address}/")
    for words in ("an audit was missed", "registered", "Earnings over time"):
        assert words in page or words in read(client, f"/keepers/{BOB.address}/?replicas=past")
    assert f"/addresses/{BOB.address}/" in page
    assert "It leaves." in read(client, f"/keepers/{CHARLIE.address}/")
    read(client, f"/keepers/{DAVE.address}/", 404)
    read(client, "/keepers/nothing/", 404)


def test_an_audits_page_shows_what_was_asked_and_answered(client: Client, kept: KeptChain) -> None:
    answered = Audit.objects.filter(outcome=Outcome.ANSWERED, first=False).first()
    missed = Audit.objects.filter(outcome=Outcome.MISSED).first()
    assert answered is not None
    assert missed is not None
    page = read(client, f"/audits/{answered.height}/{answered.number}/")
    assert "The answer" in page
    assert "fell on replica" in page
    assert f"/transactions/{answered.txid}/" in page
    assert "No answer came until block" in read(client, f"/audits/{missed.height}/{missed.number}/")
    listed = read(client, f"/audits/?outcome=missed&keeper={missed.address}&object={missed.object}")
    assert f"/audits/{missed.height}/{missed.number}/" in listed
    read(client, "/audits/9999/0/", 404)
    read(client, "/audits/?before=1", 400)
    read(client, "/audits/?keeper=nobody", 400)


def test_a_models_page_names_who_holds_it_and_a_transaction_says_what_it_proved(
    client: Client, kept: KeptChain
) -> None:
    held = Replica.objects.filter(address=ALICE.address, ended_height=None, proven_height__gt=0).first()
    assert held is not None
    page = read(client, f"/models/{held.object}/")
    assert "Who holds it" in page
    assert f"/keepers/{ALICE.address}/" in page
    proof = Audit.objects.filter(outcome=Outcome.ANSWERED).first()
    assert proof is not None
    assert f"/audits/{proof.height}/{proof.number}/" in read(client, f"/transactions/{proof.txid}/")
    offer = Transaction.objects.filter(kind="keeper", sender=ALICE.address).get()
    assert "https://alice.example/" in read(client, f"/transactions/{offer.txid}/")
    assert f"/keepers/{ALICE.address}/" in read(client, f"/search/?q={ALICE.address[:12]}")
    assert f"/keepers/{ALICE.address}/" in read(client, f"/addresses/{ALICE.address}/")


def test_without_keepers_the_pages_teach(client: Client, chain: KeptChain) -> None:
    chain.steps(2)
    assert "Nobody keeps yet" in read(client, "/keepers/")
    assert "No audit yet" in read(client, "/audits/")
    assert "Become a keeper" in read(client, "/keepers/join/")


def test_the_first_keeper_may_expect_everything_the_keepers_get(client: Client, chain: KeptChain) -> None:
    chain.steps(2)
    terms = list_terms(read_health())
    found = estimate_income(terms, 2**30)
    assert (found.share, found.per_block) == (1.0, 5 * 10**8)
    assert found.replicas == 1
    page = read(client, "/keepers/join/?capacity=1.5&unit=GiB")
    assert 'value="1.5"' in page
    assert "must be a number above 0" in read(client, "/keepers/join/?capacity=much")


def test_an_estimate_grows_with_the_capacity_until_there_is_nothing_more_to_hold() -> None:
    terms: dict[str, Any] = {
        "keepers": 9,
        "capacity": 9 * 2**30,
        "groups": [[100, 100 * 2**20, 5]],
        "keeper_share": 5 * 10**8,
        "block_seconds": 10,
        "bond_per_gib": 10**6,
    }
    small, large, largest = (estimate_income(terms, size) for size in (2**29, 2**30, 2**40))
    assert small.share < large.share < largest.share
    assert largest.share == pytest.approx(0.2)  # each object once, of five replicas
    assert large.replicas == pytest.approx(50)  # a tenth of the space, five replicas of each object
    assert (small.bond, large.bond) == (500_000, 10**6)


@pytest.mark.parametrize(
    ("amount", "unit", "capacity"), [("1", "GiB", 2**30), ("0.5", "MiB", 2**19), ("2.000001", "MiB", 2097153)]
)
def test_a_capacity_is_read_exactly(amount: str, unit: str, capacity: int) -> None:
    assert read_capacity(amount, unit) == capacity
