"""What `manage.py verifychain` finds wrong with the rows of the explorer and of governance."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction as database
from django.db.models import F

from apps.chain.verification import Disagreement, Wanted, verify_chain
from apps.explorer.models import AddressEntry, AddressSummary, Bucket, ContentSummary, ModelRecord, Totals
from apps.explorer.rebuild import rebuild
from apps.governance.models import Draw
from tests.apps.chain.miner import Miner
from tests.apps.chain.sending import pay
from tests.protocol.cast import ALICE

pytestmark = pytest.mark.django_db


def verify() -> Any:
    return verify_chain(Wanted(sample=0), lambda findings, last: None)


def test_it_names_the_row_that_is_not_as_the_blocks_make_it(miner: Miner) -> None:
    miner.extend(signed=[pay(ALICE, 500, fee=7)])
    miner.extend_by(3)  # the testing network draws every four blocks
    verify()
    summaries = AddressSummary.objects.filter(address=ALICE.address)
    lies: list[tuple[Callable[[], Any], str]] = [
        (lambda: ModelRecord.objects.filter(height=2).update(macs=1), r"block 2 .*explorer: the record"),
        (lambda: AddressEntry.objects.filter(kind="received").delete(), r"block 1 .*explorer: its entries"),
        (lambda: Totals.objects.update(height=3), r"explorer: its rows are made up to block 3.* at block 4"),
        (lambda: summaries.update(transactions=5), rf"sums of address {ALICE.address}"),
        (lambda: summaries.update(received=F("received") + 1), rf"sums of address {ALICE.address}"),
        (lambda: ContentSummary.objects.update(blocks=1), "sums of problem or grammar"),
        (lambda: Bucket.objects.filter(level=2).update(sum_error=1), "statistics of level 2"),
        (lambda: Draw.objects.filter(subject="grammar").delete(), "the draw of a grammar at block 4 is not"),
        (lambda: Draw.objects.update(block="00" * 32), "the draw of a grammar at block 4 names another"),
    ]
    for tell, expected in lies:
        with database.atomic():
            assert tell()
            with pytest.raises(Disagreement, match=expected):
                verify()
            database.set_rollback(True)
    AddressEntry.objects.all().delete()
    rebuild()
    assert verify().last == 4
