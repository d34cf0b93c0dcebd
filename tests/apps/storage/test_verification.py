"""What `manage.py verifychain` finds wrong with the rows of storage."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction as database
from django.db.models import F

from apps.chain.verification import Disagreement, Wanted, verify_chain
from apps.storage.models import Audit, KeeperEvent, KeeperSummary, Outcome, Progress, Replica
from apps.storage.rebuild import rebuild
from tests.apps.storage.keepers import ALICE, BOB, CHARLIE, KeptChain
from tests.apps.storage.shared import home, kept

__all__ = ["home", "kept"]

pytestmark = pytest.mark.django_db


def verify() -> Any:
    return verify_chain(Wanted(sample=0), lambda findings, last: None)


def test_it_names_the_row_of_storage_that_is_not_as_the_blocks_make_it(kept: KeptChain) -> None:
    assert "storage" in verify().projections
    answered = Audit.objects.filter(outcome=Outcome.ANSWERED, address=ALICE.address)
    held = Replica.objects.filter(ended_height=None)
    bob = KeeperSummary.objects.filter(address=BOB.address)
    lies: list[tuple[Callable[[], Any], str]] = [
        (lambda: KeeperEvent.objects.filter(kind="left").delete(), "storage: turns of keepers are not so"),
        (lambda: KeeperEvent.objects.filter(address=BOB.address).update(bond=1), "block 1 .*turns of"),
        (lambda: answered.update(chunk=F("chunk") + 1), "audits that it issued are not so"),
        (lambda: answered.update(outcome=Outcome.MISSED), "audits that it ended are not so"),
        (lambda: answered.update(ended_height=F("ended_height") + 1), "audits that it ended"),
        (lambda: Replica.objects.filter(address=ALICE.address).delete(), "replicas that it placed are"),
        (lambda: held.exclude(proven_height=None).update(proven_height=2), "replicas that it proved"),
        (lambda: Replica.objects.exclude(ending="").update(ending="missed"), "replicas that it dropped"),
        (lambda: Progress.objects.update(height=3), "its rows are made up to block 3, the chain is at block"),
        (lambda: bob.update(placed=99), f"the sums of keeper {BOB.address}"),
        (lambda: KeeperSummary.objects.filter(address=CHARLIE.address).delete(), "the sums of keeper"),
        (lambda: held.filter(address=ALICE.address).update(bytes=9), "the row of replica/.* the ledger has"),
    ]
    for tell, expected in lies:
        with database.atomic():
            assert tell()
            try:
                verify()
                found = "nothing"
            except Disagreement as error:
                found = str(error)
            assert re.search(expected, found)
            database.set_rollback(True)
    with database.atomic():
        Audit.objects.all().delete()
        rebuild()
        assert verify().last == Progress.objects.get().height
        database.set_rollback(True)
