"""A signature is checked once: in the mempool, or in the block that brings it."""

from dataclasses import replace
from typing import Any

import pytest

from apps.chain import signatures
from protocol.errors import InvalidSignature
from protocol.transactions import check_transaction
from tests.apps.chain.miner import Miner, submit
from tests.apps.chain.sending import pay, send
from tests.protocol.cast import BOB

pytestmark = pytest.mark.django_db


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the transactions whose signatures a block's check has looked at."""
    seen: list[str] = []

    def note(params: Any, transaction: Any) -> None:
        seen.append(transaction.txid)
        check_transaction(params, transaction)

    monkeypatch.setattr(signatures, "check_transaction", note)
    return seen


def test_what_the_mempool_took_is_not_checked_again(miner: Miner, checked: list[str]) -> None:
    known, fresh = pay(), pay(BOB)
    send(known)
    miner.submit(signed=[known, fresh])
    assert checked == [fresh.txid]


def test_another_signature_is_another_transaction(miner: Miner) -> None:
    known = pay()
    send(known)
    forged = replace(known, signature=pay(BOB).signature)
    contents, _ = miner.make(signed=[forged])
    with pytest.raises(InvalidSignature):
        submit(contents)
