"""A synthetic chain is honest: the rules' own readers, the ledger and the projections find nothing wrong."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.chain import api as chain
from apps.chain.models import Block, BlockTransaction, LedgerEntry, LedgerTip, Transaction
from apps.chain.services import connect_block
from apps.common import object_store
from apps.explorer.models import AddressEntry, AddressSummary, Bucket, ContentSummary, ModelRecord, Totals
from apps.explorer.rebuild import rebuild
from apps.explorer.synthetic import blocks, load, make
from apps.explorer.synthetic.make import Made, NotEmpty, Wanted, check_may_begin, make_chain
from protocol.blocks import encode_block, parse_block
from protocol.encoding import encode
from protocol.grammar import compute_seed
from protocol.ledger import MuHash, check_sum_rule
from protocol.model_file import read_model
from protocol.threshold import compute_opening, compute_quality, compute_threshold
from tests.apps.chain.miner import Miner

pytestmark = pytest.mark.django_db(transaction=True)
WANTED = Wanted(blocks=60, transactions=400, addresses=200, models=4, pending=5, seed=3)
PROJECTED = (AddressEntry, AddressSummary, ModelRecord, Bucket, ContentSummary, Totals)


def make_one(wanted: Wanted = WANTED) -> Made:
    return make_chain(wanted, progress=lambda blocks, rows: None, say=lambda text: None)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """A small chain with rivals."""
    monkeypatch.setattr(blocks, "SIBLING_EVERY", 20)
    monkeypatch.setattr(blocks, "REFUSED_EVERY", 30)
    return make_one()


def canonical() -> list[Block]:
    return list(Block.objects.filter(canonical=True).order_by("height"))


def test_each_block_reads_back_and_follows_the_rules_of_rounds(made: Made) -> None:
    params = chain.get_params()
    for parent, block in itertools.pairwise(canonical()):
        contents = parse_block(bytes(block.raw), params)
        assert encode_block(contents) == bytes(block.raw)
        header = contents.header
        assert (header, contents.hash) == (chain.to_header(block), block.hash)
        floor = chain.get_problem(block.problem).floor
        before = chain.to_header(parent)
        opening = compute_opening(params, parent=before, problem=block.problem, floor=floor)
        assert header.threshold == compute_threshold(params, floor=floor, opening=opening, round=header.round)
        assert header.timestamp == parent.timestamp + (header.round + 1) * params.round_seconds
        assert block.quality == compute_quality(block.error) >= block.threshold
        assert header.previous == parent.hash
        assert chain.get_architecture(block).text
    assert block.hash == made.tip == chain.get_tip().hash


def test_transactions_read_back_with_their_names_and_places(made: Made) -> None:
    assert Transaction.objects.exclude(kind="reward").filter(status="included").count() == 400
    assert Transaction.objects.filter(status="pending").count() == 5
    for block in canonical()[1:]:
        contents = parse_block(bytes(block.raw), chain.get_params())
        names = [item.txid for item in contents.transactions]
        rows = {row.txid: row for row in chain.list_transactions(block.hash)}
        assert names == list(rows)
        assert [encode(item.to_json()) for item in contents.transactions] == [
            bytes(rows[name].raw) for name in names
        ]
    assert BlockTransaction.objects.count() == 460


def test_the_ledger_adds_up_and_is_what_the_tip_commits_to(made: Made) -> None:
    entries = list(LedgerEntry.objects.values_list("key", "value"))
    check_sum_rule(entries)
    ledger = MuHash.of(entries)
    assert ledger.commitment == chain.get_tip().state
    assert bytes(LedgerTip.objects.get().accumulator) == ledger.to_bytes()
    assert all(value.get("balance", 0) >= 0 for _, value in entries)


def test_the_projections_are_those_that_the_blocks_give(made: Made) -> None:
    before = {model: sorted(model.objects.values_list(), key=repr) for model in PROJECTED}
    rebuild()
    for model in PROJECTED:
        assert sorted(model.objects.values_list(), key=repr) == before[model], model
    assert len(before[ContentSummary]) >= 2


def test_the_node_goes_on_from_its_tip(made: Made) -> None:
    candidate = Miner().evaluate(round=29)
    block = connect_block(block_hash=candidate.hash, now=candidate.timestamp)
    assert (block.height, block.canonical) == (61, True)


def test_there_are_rivals_that_lost_and_refused_ones(made: Made) -> None:
    assert Block.objects.filter(canonical=False, status="valid").count() == 3
    assert Block.objects.filter(status="refused").count() == 2
    for block in Block.objects.filter(canonical=False):
        winner = Block.objects.get(canonical=True, height=block.height)
        assert block.previous == winner.previous
        assert chain.get_architecture(block).text
        if block.status == "valid":
            assert winner.quality >= block.quality >= block.threshold


def test_some_models_are_real(made: Made) -> None:
    real = [block for block in canonical()[1:] if object_store.exists(block.model)]
    assert [block.height for block in real] == [1, 59, 60]
    for block in real:
        seed = compute_seed(block.previous, block.transactions_root, block.nonce)
        data = object_store.read(block.model)
        read_model(data, chain.get_architecture(block), seed)
        assert len(data) == block.model_bytes


def test_indexes_and_constraints_are_as_before() -> None:
    before = list_definitions()
    make_one()
    assert list_definitions() == before


def list_definitions() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint "
            "UNION SELECT indexdef FROM pg_indexes ORDER BY 1"
        )
        return [definition for (definition,) in cursor.fetchall()]


def test_an_interrupted_one_leaves_everything_as_it_was(
    miner: Miner, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = (home / "genesis.json").read_bytes()

    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(load, "restore_indexes", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_one()
    assert (home / "genesis.json").read_bytes() == document
    assert miner.extend().height == 1


@pytest.fixture
def main_network(settings: Any) -> None:
    """The network on which coins are worth something."""
    settings.COINAI_NETWORK = "main"


def test_it_refuses_to_replace_a_chain_unless_told_to(miner: Miner) -> None:
    with pytest.raises(NotEmpty, match=r"genesis\.json"):
        check_may_begin(is_forced=False)
    with pytest.raises(CommandError, match="--force"):
        call_command("make_synthetic_chain", blocks=2)
    check_may_begin(is_forced=True)


@pytest.mark.usefixtures("main_network")
def test_it_refuses_the_main_network() -> None:
    with pytest.raises(NotEmpty, match="main"):
        check_may_begin(is_forced=True)


def test_it_refuses_more_transactions_than_the_blocks_can_hold() -> None:
    with pytest.raises(CommandError, match="at most 100"):
        call_command("make_synthetic_chain", blocks=2, transactions=101)


def test_the_command_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("make_synthetic_chain", blocks=12, transactions=30, models=2, pending=1)
    said = capsys.readouterr().out
    assert "12 blocks with 30 transfers among 200 addresses" in said
    assert f"tip {chain.get_tip().hash}" in said
    assert chain.get_tip().height == 12
    assert make.estimate_seconds(WANTED) > 1
