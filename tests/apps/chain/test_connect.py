"""Connecting and disconnecting blocks in the database, compared with the protocol's state in memory."""

import pytest

from apps.chain.models import LedgerEntry, LedgerTip
from apps.chain.selectors import get_tip
from protocol.ledger import MuHash, check_sum_rule

pytestmark = pytest.mark.django_db


def read_ledger() -> dict:
    return dict(LedgerEntry.objects.values_list("key", "value"))


def test_it_connects_a_chain_whose_ledger_is_what_the_headers_commit_to(miner) -> None:
    for block in miner.extend_by(4):
        assert block.canonical
    entries = read_ledger()
    check_sum_rule(entries.items())
    assert MuHash.of(entries.items()).commitment == get_tip().state
    assert bytes(LedgerTip.objects.get().accumulator) == MuHash.of(entries.items()).to_bytes()
