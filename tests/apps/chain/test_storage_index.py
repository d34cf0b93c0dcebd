"""The database answers about replicas what scans answer."""

from dataclasses import replace
from random import Random

import pytest

from apps.chain.models import LedgerEntry
from apps.chain.store import LedgerReader
from protocol.commitment import Entry
from protocol.crypto import address, sha3_256
from protocol.draft import Draft
from protocol.indexed_state import IndexedState
from protocol.params import TESTING
from protocol.replicas import ProvenReplicas, StorageIndex, list_held, list_lacking

pytestmark = pytest.mark.django_db

KEEPERS = [address(bytes([number]) * 32) for number in range(4)]


def make_entries(random: Random) -> dict[str, Entry]:
    entries: dict[str, Entry] = {"keeper_pool": {"amount": 1}}
    for number in range(40):
        name = sha3_256(bytes([number])).hex()
        entries[f"object/{name}"] = {
            "bytes": 10,
            "model": random.randrange(2),
            "proposals": random.choice([0, 0, 1, 11]),
        }
        for keeper in random.sample(KEEPERS, random.randrange(4)):
            entries[f"replica/{name}/{keeper}"] = {"height": 3, "proven": random.randrange(2)}
    return entries


def test_it_gives_the_answers_of_a_scan() -> None:
    entries = make_entries(Random(7))
    LedgerEntry.objects.bulk_create([LedgerEntry(key=key, value=value) for key, value in entries.items()])
    stored, memory = LedgerReader(), IndexedState(entries)
    assert isinstance(stored, StorageIndex)
    for keeper in [*KEEPERS, address(bytes(32) + b"x")]:
        assert list_held(stored, keeper) == list_held(memory, keeper)
    proven, expected = ProvenReplicas(Draft(stored)), ProvenReplicas(Draft(memory))
    assert proven.count == expected.count > 0
    for positions in ((), tuple(range(proven.count)), (5, 0, 17)):
        assert proven.list(positions) == expected.list(positions)
    for params in (TESTING, replace(TESTING, model_replicas=0), replace(TESTING, data_replicas=4)):
        for most in range(5):
            lacking = list_lacking(params, Draft(stored), most)
            assert lacking == list_lacking(params, Draft(memory), most)
    assert list_lacking(TESTING, Draft(stored), 2)
