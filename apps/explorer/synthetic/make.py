"""The making of a synthetic chain from beginning to end."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from django.conf import settings
from django.db import connection
from django.db import transaction as database

from apps.chain import api as chain
from apps.chain import selectors as chain_selectors
from apps.chain.genesis import init_chain, make_genesis, write_genesis
from apps.common import object_store
from apps.explorer.rebuild import rebuild_sums
from apps.explorer.synthetic import load
from apps.explorer.synthetic.blocks import COLUMNS, Maker, Parent
from apps.explorer.synthetic.economy import Economy
from apps.explorer.synthetic.plan import Plan, Subject, make_plan, make_subject
from datasets import GENESIS_PROBLEMS, load_shipped
from protocol.encoding import encode
from protocol.errors import ProtocolError
from protocol.params import PARAMETERS, ChainParams
from protocol.problem import parse_problem

LINES = 40_000
"""Lines that are kept in memory before they are sent to the database."""
OTHER_TABLES = ("chain_ledgertip", "explorer_totals", "common_live_topic", "common_live_message")

Progress = Callable[[int, int], None]
"""Called with (blocks, rows) that are there."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How large the chain is to be."""

    blocks: int
    transactions: int
    addresses: int
    models: int
    pending: int
    seed: int


@dataclass(frozen=True, slots=True)
class Made:
    """What was written, and how long the parts took."""

    tip: str
    rows: int
    seconds_rows: float
    seconds_indexes: float
    seconds_sums: float


class NotEmpty(Exception):
    """There is a chain already."""


def check_may_begin(*, is_forced: bool) -> None:
    """Whether a synthetic chain may replace what is there. Raises NotEmpty."""
    if settings.COINAI_NETWORK == "main":
        raise NotEmpty("COINAI_NETWORK is main: a synthetic chain has no place there.")
    if is_forced:
        return
    if settings.COINAI_GENESIS.exists():
        raise NotEmpty(f"{settings.COINAI_GENESIS} describes a chain: use another COINAI_HOME, or --force.")
    if chain.Block.objects.exists():
        raise NotEmpty("The database holds a chain: use another DATABASE_URL, or --force, which deletes it.")


def make_chain(wanted: Wanted, *, progress: Progress, say: load.Say) -> Made:
    """Delete the chain that is there and write a synthetic one. Everything is written, or nothing.

    Raises ValueError when the blocks cannot hold the transactions.
    """
    rng = np.random.default_rng(wanted.seed)
    params = PARAMETERS[settings.COINAI_NETWORK]
    plan = make_plan(
        params,
        find_subjects(params),
        blocks=wanted.blocks,
        transactions=wanted.transactions,
        ends=int(time.time()),
        rng=rng,
    )
    economy = Economy(params, addresses=wanted.addresses, rng=rng)
    with _kept_genesis(), database.atomic():
        return _write_chain(plan, economy, wanted, rng, progress, say)


def _write_chain(
    plan: Plan,
    economy: Economy,
    wanted: Wanted,
    rng: np.random.Generator,
    progress: Progress,
    say: load.Say,
) -> Made:
    began = time.monotonic()
    tip = _begin(plan, economy)
    removed = load.remove_indexes(tuple(COLUMNS))
    maker = _make_maker(plan, economy, wanted, rng)
    rows = _load_rows(maker, wanted, tip, progress)
    loaded = time.monotonic()
    load.restore_indexes(removed, say)
    last = _move_tip(maker)
    chain.recheck_all()
    indexed = time.monotonic()
    say("sums of addresses, problems and stretches of the chain")
    rebuild_sums()
    load.analyse([*COLUMNS, "explorer_addresssummary", "explorer_bucket"])
    ended = time.monotonic()
    return Made(last, rows, loaded - began, indexed - loaded, ended - indexed)


@contextmanager
def _kept_genesis() -> Iterator[None]:
    """Puts the genesis document back when the database does the same with its rows."""
    path = settings.COINAI_GENESIS
    before = path.read_bytes() if path.exists() else None
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        if before is not None:
            write_genesis(before)
        chain_selectors.clear_genesis()
        raise


def find_subjects(params: ChainParams) -> Sequence[Subject]:
    """The genesis problem and the other shipped ones that this network could vote for, all stored here."""
    subjects = []
    for folder, manifest in dict.fromkeys([GENESIS_PROBLEMS[params.network], *GENESIS_PROBLEMS.values()]):
        text, data = load_shipped(folder, manifest)
        try:
            problem = parse_problem(text, params)
        except ProtocolError:
            continue  # too large for this network
        object_store.put(data)
        subjects.append(make_subject(object_store.put(text), problem))
    return subjects


def _begin(plan: Plan, economy: Economy) -> Parent:
    """Block 0 of a chain that began so long ago that it ends now."""
    document = replace(make_genesis(now=int(plan.timestamp[0])), allocations=economy.allocations())
    load.clear([*COLUMNS, *OTHER_TABLES])
    write_genesis(encode(document.to_json()))
    first = init_chain()
    return Parent(first.hash, first.timestamp, 0)


def _make_maker(plan: Plan, economy: Economy, wanted: Wanted, rng: np.random.Generator) -> Maker:
    genesis = chain.get_genesis()
    grammar = chain.get_grammar(genesis.grammar)
    return Maker(genesis.parameters, genesis, grammar, plan, economy, models=wanted.models, rng=rng)


def _load_rows(maker: Maker, wanted: Wanted, first: Parent, progress: Progress) -> int:
    with connection.cursor() as cursor:
        # Block 0 wrote its entries; the ledger at the end is another.
        cursor.execute("TRUNCATE chain_ledgerentry")
    rows = 0
    for height in maker.make(first):
        if maker.lines.count >= LINES:
            rows += maker.lines.count
            load.copy(COLUMNS, maker.lines.take())
            progress(height, rows)
    maker.add_mempool(wanted.pending)
    rows += maker.lines.count
    load.copy(COLUMNS, maker.lines.take())
    progress(wanted.blocks, rows)
    return rows


def _move_tip(maker: Maker) -> str:
    tip = chain.Block.objects.only("hash").filter(canonical=True).order_by("-height")[0]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE chain_ledgertip SET block_id = %s, accumulator = %s", [tip.hash, maker.accumulator]
        )
    return tip.hash


def estimate_seconds(wanted: Wanted) -> float:
    """About how long it takes on a machine of two cores, indexes and sums included."""
    return 10 + wanted.blocks * 1e-3 + wanted.transactions * 2.2e-4


__all__ = ["Made", "NotEmpty", "Wanted", "check_may_begin", "estimate_seconds", "make_chain"]
