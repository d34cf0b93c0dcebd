"""An answer that blocks pass over while its time runs out pays more, up to what it is worth."""

from typing import Any

import pytest

from apps.chain.api import get_params, get_tip
from apps.chain.models import Transaction
from protocol.encoding import decode
from protocol.transactions import StorageProof, parse_transaction
from tests.apps.chain.sending import pay, send
from tests.apps.storage.keeping.bench import Bench, bench
from tests.protocol.cast import ALICE

__all__ = ["bench"]
pytestmark = pytest.mark.django_db


def read_proofs() -> dict[tuple[int, int], tuple[int, int]]:
    """Sequence and fee of the pending answer to each challenge."""
    rows = Transaction.objects.filter(kind=StorageProof.kind, status="pending")
    items: list[Any] = [parse_transaction(decode(bytes(row.raw))) for row in rows]
    assert len({item.sequence for item in items}) == len(items)
    return {(item.body.height, item.body.number): (item.sequence, item.fee) for item in items}


def fill_blocks(fee: int) -> None:
    """More than a block takes waits, and pays this much each."""
    for sequence in range(get_params().max_transactions + 5):
        send(pay(ALICE, sequence=sequence, fee=fee))


def test_it_pays_more_under_the_same_sequence_when_its_time_runs_out(bench: Bench) -> None:
    for _ in range(4):
        bench.step()
        bench.mine()
    standing = bench.step()
    before = read_proofs()
    first = next(one for one in standing.challenges if one.is_first)
    paid = next(one for one in standing.challenges if one.pay)
    assert {fee for _, fee in before.values()} == {0}
    fill_blocks(fee=1000)
    while get_tip().height < paid.last - 2:
        bench.miner.extend()
        bench.step()
        assert read_proofs()[paid.height, paid.number] == before[paid.height, paid.number]
    bench.miner.extend()
    bench.step()
    sequence, fee = read_proofs()[paid.height, paid.number]
    assert sequence == before[paid.height, paid.number][0]
    assert 0 < fee <= paid.pay
    # The first answer of a replica brings nothing, and a miss of it burns nothing: it is not worth that much.
    assert read_proofs()[first.height, first.number] == before[first.height, first.number]
    bench.step()
    assert read_proofs()[paid.height, paid.number] == (sequence, fee)
