"""A node among many who mean ill follows the honest chain, blames nobody honest, and stays small.

The seed is random and printed when it fails: `TESTS_SEED=… pytest tests/apps/chain/peers/test_siege.py`
throws the same dice (timing is not in them). `make bench-network NETWORK="--siege 10m"` goes on for longer.
"""

import os
import secrets

import pytest

from apps.chain.peers import limits
from apps.chain.peers.hub import Hub
from tests.apps.chain.peers.siege import Siege, choose_kinds
from tests.network.desk import Desk

pytestmark = pytest.mark.django_db(transaction=True)

SMALL = {
    "ANSWER_SECONDS": 5.0,
    "BODY_SECONDS": 1.0,
    "CLAIM_SECONDS": 3.0,
    "EXCESS_MESSAGES": 100,
    "EXCESS_NEWS": 100,
    "HANDSHAKE_SECONDS": 4.0,
    "HEADERS_AHEAD": 1000,
    "LATE_CANDIDATES": 16,
    "LACKS_SECONDS": 2.0,
    "MESSAGES_AT_ONCE": 200,
    "NEWS_AT_ONCE": 100,
    "OUTBOX_BYTES": 2**20,
    "OUTBOX_MESSAGES": 400,
    "SEND_SECONDS": 3.0,
}
"""Bounds that are reached within seconds; the code is the same."""
KINDS = int(os.environ.get("TESTS_ADVERSARIES") or 10)
"""Of twenty: a machine that does other things besides needs seconds for each."""


async def test_a_node_under_siege_follows_the_honest_chain_and_blames_nobody_honest(
    hub: Hub, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SMALL.items():
        monkeypatch.setattr(limits, name, value)
    seed = int(os.environ.get("TESTS_SEED") or secrets.randbelow(2**32))
    siege = Siege(hub, desk, seed)
    kinds = choose_kinds(seed, KINDS)
    try:
        await siege.hold(kinds)
    except BaseException as error:
        error.add_note(f"TESTS_SEED={seed}; refused: {dict(siege.reasons)}; most: {dict(siege.most)}")
        raise
    print(
        f"seed {seed}; refused: {dict(siege.reasons)}; banned: {dict(siege.banned)}; most: {dict(siege.most)}"
    )
    assert {reason.split()[0] for reason in siege.reasons} == {kind.__name__ for kind in kinds}
