"""The address book: nobody fills it, nobody alone decides whom this node calls."""

from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from apps.chain.models import PeerAddress
from apps.chain.peers import addresses, limits
from apps.chain.peers.errors import WrongPeerUrl

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://Example.org:8000/", "http://example.org:8000"),
        ("https://example.org", "https://example.org"),
        ("http://[2001:db8::1]:80", "http://[2001:db8::1]:80"),
    ],
)
def test_an_address_has_one_spelling(text: str, url: str) -> None:
    assert addresses.normalise(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://host",
        "http://",
        "http://a/b",
        "http://u:p@host",
        "http://a?b",
        "http://ü",
        "http://a:99999",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(WrongPeerUrl):
        addresses.normalise(text)


def test_private_addresses_are_believed_only_from_private_ones() -> None:
    told = ["http://127.0.0.1:9000", "http://10.1.2.3:8000", "http://203.0.113.5"]
    assert addresses.learn(urls=told, source="1.1.1.1") == 0
    assert addresses.learn(urls=told, source="127.0.0.1") >= 2


def test_a_group_of_networks_has_few_places() -> None:
    told = [f"http://8.8.{number}.1:8000" for number in range(50)]
    addresses.learn(urls=told, source="1.1.1.1")
    assert PeerAddress.objects.count() == limits.BOOK_A_GROUP


def test_a_source_has_few_places_whatever_it_tells() -> None:
    for part in range(4):
        told = [f"http://{20 + part}.{number}.1.1:8000" for number in range(40)]
        addresses.learn(urls=told, source="1.1.1.1")
    assert PeerAddress.objects.count() == limits.BOOK_A_SOURCE


def test_configured_peers_are_called_first_and_one_of_a_group() -> None:
    addresses.configure(["http://9.9.9.9:8000"])
    told = [f"http://{number}.{place}.1.1:8000" for number in (21, 22, 23) for place in (5, 5)]
    addresses.learn(urls=[*told, "http://21.5.7.7:8000", "http://21.5.8.8:8000"], source="1.1.1.1")
    chosen = addresses.choose_to_call(connected_urls=[], connected_groups=[], room=10)
    assert chosen[0] == "http://9.9.9.9:8000"
    groups = [addresses.name_group(urlsplit(url).hostname or "") for url in chosen]
    assert len(groups) == len(set(groups)) == 4


def test_it_does_not_call_again_at_once_what_failed() -> None:
    addresses.learn(urls=["http://21.5.1.1:8000"], source="1.1.1.1")
    addresses.note_try(url="http://21.5.1.1:8000")
    addresses.note_failure(url="http://21.5.1.1:8000", reason="refused")
    assert not addresses.choose_to_call(connected_urls=[], connected_groups=[], room=10)


def test_it_tells_only_addresses_that_answered() -> None:
    addresses.learn(urls=["http://21.5.1.1:8000", "http://22.5.1.1:8000"], source="1.1.1.1")
    addresses.note_success(url="http://21.5.1.1:8000", node_key="aa" * 32)
    assert addresses.list_to_tell() == ["http://21.5.1.1:8000"]


def test_a_full_book_forgets_what_never_answered() -> None:
    rows = [PeerAddress(url=f"http://h{number}.org", group=f"g{number}") for number in range(limits.BOOK_NEW)]
    PeerAddress.objects.bulk_create(rows)
    PeerAddress.objects.filter(url="http://h0.org").update(succeeded_at=timezone.now())
    assert addresses.learn(urls=["http://21.5.1.1:8000"], source="1.1.1.1") == 1
    assert PeerAddress.objects.count() == limits.BOOK_NEW
    assert PeerAddress.objects.filter(url="http://h0.org").exists()
