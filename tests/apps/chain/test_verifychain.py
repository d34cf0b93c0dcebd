"""Checking the chain again from its blocks, and every kind of lie that a database can tell."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import InternalError, connection
from django.db import transaction as database

from apps.chain.contents import clear_caches
from apps.chain.management.commands.verifychain import describe_seconds
from apps.chain.models import Block, BlockTransaction, LedgerEntry, LedgerTip, Transaction
from apps.chain.selectors import get_params
from apps.chain.services import connect_block, disconnect_block
from apps.chain.verification import Disagreement, Findings, Incomplete, Wanted, verify_chain
from apps.common import object_store
from tests.apps.chain.miner import Miner
from tests.apps.chain.sending import pay, send
from tests.protocol.cast import ALICE, BOB

pytestmark = pytest.mark.django_db


def verify(**wanted: Any) -> Any:
    return verify_chain(Wanted(**wanted), lambda findings, last: None)


@pytest.fixture
def chain(miner: Miner) -> list[Block]:
    """Three blocks; the second pays, the last is mined by somebody else."""
    blocks = [miner.extend(), miner.extend(signed=[pay(ALICE, 500, fee=7)])]
    return [*blocks, Miner(secret=b"\x07" * 32).extend()]


def test_it_finds_nothing_wrong_with_a_chain_and_leaves_everything_as_it_was(chain: list[Block]) -> None:
    before = list(LedgerEntry.objects.order_by("key").values_list())
    findings = verify()
    assert (findings.first, findings.last, findings.blocks) == (0, 3, 4)
    assert (findings.transactions, findings.models, findings.missing_models) == (4, 3, 0)
    assert findings.entries == len(before)
    assert findings.tip == chain[-1].hash
    assert {"rows of transactions", "explorer", "governance"} <= set(findings.projections)
    assert list(LedgerEntry.objects.order_by("key").values_list()) == before
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname = 'chain_ledgerentry'")
        assert cursor.fetchone() == (1,)


@pytest.mark.django_db(transaction=True)
def test_a_chain_that_moves_meanwhile_is_followed_in_a_session_that_can_write_nothing(
    chain: list[Block], miner: Miner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With blocks that count as settled, and several processes."""
    params = replace(get_params(), max_reorg=1)
    monkeypatch.setattr("apps.chain.verification.verify.get_params", lambda: params)
    rival = miner.evaluate(parent=chain[-2], start=chain[-1].nonce + 1)
    refused: list[str] = []

    def move_chain(findings: Findings, last: int) -> None:
        if findings.last < 3 or refused:
            return
        try:
            Block.objects.update(late=True)
        except InternalError as error:
            refused.append(str(error))
        with ThreadPoolExecutor(1) as node:
            node.submit(replace_tip, chain[-1].hash, rival.hash).result()

    findings = verify_chain(Wanted(processes=2), move_chain)
    assert (findings.tip, findings.last) == (rival.hash, 3)
    assert findings.models == 4
    assert "read-only" in refused[0]
    assert Block.objects.update(late=False) == 5


def replace_tip(old: str, new: str) -> None:
    """What the node does in a connection of its own."""
    try:
        disconnect_block(block_hash=old)
        connect_block(block_hash=new)
    finally:
        connection.close()


def test_it_checks_as_much_as_is_wanted(chain: list[Block]) -> None:
    assert [verify(sample=count).models for count in (0, 2, 99)] == [0, 2, 3]
    findings = verify(first=3)
    assert (findings.first, findings.blocks, findings.models) == (3, 1, 1)
    LedgerEntry.objects.filter(key=f"account/{BOB.address}").delete()
    with pytest.raises(Disagreement, match="not the one that its header commits to"):
        verify(first=3)
    for block in chain:
        object_store.path(block.model).unlink()
    findings = verify(headers_only=True)
    assert (findings.blocks, findings.models, findings.last) == (4, 0, 3)
    Block.objects.filter(height=2).update(threshold=1)
    with pytest.raises(Disagreement, match="column threshold is 1") as caught:
        verify(headers_only=True)
    assert caught.value.height == 2


def flip(block: Block) -> bytes:
    raw = bytearray(block.raw)
    place = raw.index(b'"state":"') + 9
    raw[place] = ord("0") if raw[place] != ord("0") else ord("1")
    return bytes(raw)


def at(height: int, **columns: Any) -> Callable[[], int]:
    return lambda: Block.objects.filter(height=height).update(**columns)


def test_it_names_the_first_thing_that_is_not_as_the_blocks_say(chain: list[Block]) -> None:
    entries, owner = LedgerEntry.objects, f"account/{ALICE.address}"
    lies: list[tuple[Callable[[], Any], str]] = [
        (at(3, raw=flip(chain[2])), r"block 3 .*rules: .*seal"),
        (at(2, canonical=False), r"heights: there is no block 2"),
        (at(3, error=1), r"block 3 .*row of the block: column error is 1"),
        (at(2, fees=1), r"block 2 .*column fees is 1, but the block gives 7"),
        (at(2, undo=[]), r"block 2 .*column undo"),
        (at(1, work=1), r"block 1 .*column work is 1"),
        (
            lambda: entries.filter(key=owner).update(value={"balance": 1, "sequence": 1}),
            rf'ledger: entry {owner} is .*1.*, but the blocks give .*"sequence": 1',
        ),
        (lambda: entries.filter(key="supply").delete(), r"ledger: entry supply is None"),
        (
            lambda: entries.create(key="account/nobody", value={"balance": 5, "sequence": 0}),
            r"ledger: entry account/nobody .*, but the blocks give None",
        ),
        (lambda: LedgerTip.objects.update(accumulator=b"\x01" * 384), r"tip: the accumulator"),
        (
            lambda: Transaction.objects.filter(kind="transfer").update(raw=b"{}"),
            r"block 2 .*rows of transactions: transaction",
        ),
        (
            lambda: BlockTransaction.objects.filter(block=chain[2].hash).delete(),
            r"block 3 .*rows of transactions: transaction",
        ),
    ]
    for tell, expected in lies:
        with database.atomic():
            assert tell()
            with pytest.raises(Disagreement, match=expected):
                verify(sample=0)
            database.set_rollback(True)
    assert verify(sample=0).blocks == 4


def test_a_model_that_was_swapped_is_found(chain: list[Block]) -> None:
    object_store.path(chain[2].model).write_bytes(object_store.read(chain[1].model))
    with pytest.raises(Disagreement, match=r"block 3 .*model: ") as caught:
        verify()
    assert caught.value.code == object_store.ObjectCorrupt.code


def test_models_that_are_not_here_are_counted_and_nothing_is_claimed(
    chain: list[Block], capsys: pytest.CaptureFixture[str]
) -> None:
    object_store.path(chain[1].model).unlink()
    object_store.path(chain[2].model).unlink()
    findings = verify()
    assert (findings.models, findings.missing_models, findings.first_missing) == (1, 2, 2)
    with pytest.raises(SystemExit) as caught:
        call_command("verifychain")
    assert caught.value.code == 3
    said = capsys.readouterr().out
    assert "models not here: 2, first that of block 2" in said
    assert "The chain verifies" not in said


def test_it_cannot_go_on_without_a_manifest(chain: list[Block]) -> None:
    clear_caches()
    object_store.path(chain[0].grammar).unlink()
    with pytest.raises(Incomplete, match="block 1: The object"):
        verify()


def test_the_command_says_how_it_went_whatever_waits_in_the_mempool(chain: list[Block]) -> None:
    send(pay(ALICE, 3, sequence=1))
    out = StringIO()
    call_command("verifychain", stdout=out)
    assert "models evaluated: 3" in out.getvalue()
    assert f"tip {chain[-1].hash}" in out.getvalue()
    assert out.getvalue().rstrip().endswith("The chain verifies.")


def test_the_command_ends_with_one_line_and_a_status(chain: list[Block]) -> None:
    LedgerEntry.objects.filter(key="supply").delete()
    err = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("verifychain", sample=0, stderr=err)
    assert caught.value.returncode == 1
    assert err.getvalue().startswith("DISAGREES  ledger: entry supply")
    for options in ({"first": 99}, {"first": -1}, {"processes": 0}, {"sample": -1}):
        with pytest.raises(CommandError) as caught:
            call_command("verifychain", **options)
        assert caught.value.returncode in (2, 3)


def test_lengths_of_time_are_told_in_the_unit_that_fits() -> None:
    assert [describe_seconds(value) for value in (3, 99, 300, 7200)] == ["3 s", "99 s", "5 min", "2.0 h"]
