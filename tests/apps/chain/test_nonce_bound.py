"""The paper's remedy for low fees: with `nonces_per_transaction`, transactions open the nonces of a block."""

from dataclasses import replace

import pytest
from django.test import Client

from apps.chain.genesis import init_chain
from apps.chain.models import Block
from apps.common.formats import group_digits
from protocol.errors import NonceOutOfRange
from protocol.params import PARAMETERS, TESTING
from tests.apps.chain.conftest import GENESIS_TIME
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, BOB, transfer

pytestmark = pytest.mark.django_db
EACH = 20_000


@pytest.fixture
def genesis(db: None, monkeypatch: pytest.MonkeyPatch) -> Block:
    """A chain on which every transaction opens 20 000 nonces."""
    bound = replace(TESTING, nonces_per_transaction=EACH)
    monkeypatch.setattr("apps.chain.genesis.PARAMETERS", {**PARAMETERS, "testing": bound})
    return init_chain(now=GENESIS_TIME)


def test_a_nonce_beyond_those_that_the_transactions_open_is_refused(miner: Miner) -> None:
    with pytest.raises(NonceOutOfRange) as caught:
        miner.submit(start=EACH)
    assert (caught.value.code, caught.value.limit) == (NonceOutOfRange.code, EACH)


def test_one_more_transaction_opens_that_nonce(client: Client, miner: Miner) -> None:
    block = miner.extend(start=EACH, signed=[transfer(ALICE, (BOB, 1))])
    assert block.nonce >= EACH
    shown = client.get(f"/api/v1/blocks/{block.hash}").json()
    assert (shown["nonce"], shown["nonce_limit"]) == (block.nonce, 2 * EACH)
    assert (
        f"below {group_digits(2 * EACH)}: each transaction"
        in client.get(f"/blocks/{block.hash}/").content.decode()
    )
    assert client.get("/api/v1/parameters").json()["nonces_per_transaction"] == EACH
