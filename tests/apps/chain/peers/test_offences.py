"""Misbehaviour counts by key and address, fades with time, and is a ban with a reason and an end."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.chain.models import PeerBan, PeerScore
from apps.chain.peers.errors import BadNodeMessage, EndlessHeaders, OtherNetwork, PeerBanned, TooSlow
from apps.chain.peers.offences import check_ban, lift_bans, record_offence
from apps.chain.peers.reading import list_bans
from protocol.errors import FalseClaim, FromTheFuture

pytestmark = pytest.mark.django_db

KEY, OTHER = "aa" * 32, "bb" * 32
ADDRESS = "203.0.113.7"


def test_one_false_claim_is_enough_for_key_and_address() -> None:
    assert record_offence(key=KEY, address=ADDRESS, error=FalseClaim(1, 2, 3))
    for key, address in ((KEY, "198.51.100.1"), (OTHER, ADDRESS)):
        with pytest.raises(PeerBanned):
            check_ban(key=key, address=address)
    check_ban(key=OTHER, address="198.51.100.1")
    bans = list_bans()
    assert {(ban.kind, ban.name, ban.code, ban.is_active) for ban in bans} == {
        ("key", KEY, FalseClaim.code, True),
        ("address", ADDRESS, FalseClaim.code, True),
    }
    assert all(ban.until > ban.banned_at and ban.reason for ban in bans)


def test_an_exempt_address_is_never_banned_only_the_key() -> None:
    record_offence(key=KEY, address="127.0.0.1", error=EndlessHeaders(1))
    check_ban(key=OTHER, address="127.0.0.1")
    with pytest.raises(PeerBanned):
        check_ban(key=KEY, address="127.0.0.1")


def test_small_offences_add_up_and_fade() -> None:
    for _ in range(3):
        assert not record_offence(key=KEY, address=ADDRESS, error=BadNodeMessage("test"))
    PeerScore.objects.update(updated_at=timezone.now() - timedelta(hours=3))
    assert not record_offence(key=KEY, address=ADDRESS, error=BadNodeMessage("test"))
    assert not PeerBan.objects.exists()
    for _ in range(2):
        record_offence(key=KEY, address=ADDRESS, error=BadNodeMessage("test"))
    assert record_offence(key=KEY, address=ADDRESS, error=BadNodeMessage("test"))


@pytest.mark.parametrize("error", [OtherNetwork("a", "b"), FromTheFuture(2, 1)])
def test_what_an_honest_node_may_do_costs_nothing(error: Any) -> None:
    assert not record_offence(key=KEY, address=ADDRESS, error=error)
    assert not PeerScore.objects.exists()


def test_a_ban_ends_and_the_next_one_is_longer() -> None:
    record_offence(key=KEY, address="", error=FalseClaim(1, 2, 3))
    first = PeerBan.objects.get()
    PeerBan.objects.update(until=timezone.now() - timedelta(seconds=1))
    check_ban(key=KEY, address="")
    record_offence(key=KEY, address="", error=FalseClaim(1, 2, 3))
    second = PeerBan.objects.latest("banned_at")
    assert second.until - second.banned_at > 3 * (first.until - first.banned_at)


def test_the_operator_lifts_a_ban() -> None:
    record_offence(key=KEY, address="", error=FalseClaim(1, 2, 3))
    assert lift_bans(subject=f"key:{KEY}") == 1
    check_ban(key=KEY, address="")


def test_slowness_alone_takes_long_to_become_a_ban() -> None:
    for _ in range(10):
        assert not record_offence(key=KEY, address=ADDRESS, error=TooSlow("answer", 20))
