"""The pages of keepers, replicas and audits, on a real chain and on one where nobody keeps."""

import pytest
from django.test import Client

from apps.chain.models import Transaction
from apps.storage.models import Audit, Outcome, Replica
from tests.apps.storage.keepers import ALICE, BOB, CHARLIE
from tests.apps.storage.shared import home, kept
from tests.protocol.cast import DAVE

__all__ = ["home", "kept"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept")]


def read(client: Client, path: str, status: int = 200) -> str:
    """A page as text."""
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.content[-500:])
    return answer.content.decode()


def test_the_keepers_page_shows_health_and_everybody(client: Client) -> None:
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


def test_a_keepers_page_shows_its_life(client: Client) -> None:
    page = read(client, f"/keepers/{BOB.address}/")
    for words in ("an audit was missed", "registered", "Earnings over time"):
        assert words in page or words in read(client, f"/keepers/{BOB.address}/?replicas=past")
    assert f"/addresses/{BOB.address}/" in page
    assert "It leaves." in read(client, f"/keepers/{CHARLIE.address}/")
    read(client, f"/keepers/{DAVE.address}/", 404)
    read(client, "/keepers/nothing/", 404)


def test_an_audits_page_shows_what_was_asked_and_answered(client: Client) -> None:
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
    client: Client,
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
