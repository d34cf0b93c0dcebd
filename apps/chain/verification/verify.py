"""The walk from genesis to the tip, and the comparison with what the node keeps at its end."""

import random
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection
from django.db import transaction as database

from apps.chain.models import Block, LedgerTip
from apps.chain.rounds import to_header
from apps.chain.selectors import get_genesis, get_params, get_tip
from apps.chain.store import BlockIndex
from apps.chain.verification.evaluating import Evaluator
from apps.chain.verification.findings import Checked, Disagreement, Findings, Incomplete, Progress
from apps.chain.verification.projections import (
    BATCH,
    check_heights,
    list_projections,
    load_checked,
)
from apps.chain.verification.replay import Replay, advance_header
from apps.chain.verification.rows import RecentIndex, check_row
from apps.chain.verification.scratch import open_scratch
from protocol.blocks import Block as BlockContents
from protocol.blocks import Header, encode_block, genesis_block
from protocol.errors import ObjectMissing, ProtocolError
from protocol.forkchoice import find_reorg_path
from protocol.ledger import check_sum_rule

ATTEMPTS = 20
TIDY_BLOCKS = 5000


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is to be checked."""

    first: int = 0
    """Height of the first block; the ledger before it is taken from the rows, and must be the one that the
    header before it commits to.
    """
    sample: int | None = None
    """How many models, drawn at random, are evaluated; None for all."""
    headers_only: bool = False
    processes: int = 1


class Verification:
    """One run. Reads with the present database connection, which must do nothing else meanwhile."""

    def __init__(self, wanted: Wanted, progress: Progress) -> None:
        self._wanted = wanted
        self._progress = progress
        self._tip = get_tip()
        self.findings = Findings(first=wanted.first, tip=self._tip.hash)
        self._sampled = self._draw_sample()
        self._index = RecentIndex()
        self._replay: Replay | None = None
        self._parent: Header | None = None

    def run(self) -> Findings:
        """Check everything that is wanted. Raises Disagreement for the first thing that is not as it must
        be, Incomplete when something without which it cannot go on is not here.
        """
        if self._wanted.first > self._tip.height:
            raise Incomplete(f"the chain ends with block {self._tip.height}")
        with Evaluator(self.findings, self._wanted.processes) as evaluator:
            self._evaluator = evaluator
            if self._wanted.headers_only:
                self._begin(None)
                self._walk_settled()
                self._finish_headers()
                return self.findings
            with open_scratch() as scratch:
                self._replay = Replay(scratch)
                self._begin(self._replay)
                self._walk_settled()
                self._finish()
        return self.findings

    def _draw_sample(self) -> Collection[int] | None:
        """Heights whose models are evaluated; None for all."""
        heights = range(max(1, self._wanted.first), self._tip.height + 1)
        if self._wanted.headers_only:
            return set()
        if self._wanted.sample is None or self._wanted.sample >= len(heights):
            return None
        return set(random.SystemRandom().sample(heights, self._wanted.sample))

    def _begin(self, replay: Replay | None) -> None:
        """Stand on the block before the first one."""
        if self._wanted.first <= 0:
            self._begin_at_genesis(replay)
            return
        row = Block.objects.filter(canonical=True, height=self._wanted.first - 1).first()
        if row is None:
            raise Disagreement("heights", f"there is no block {self._wanted.first - 1} in the best chain")
        self._stand_on(row, to_header(row))
        if replay is not None:
            replay.begin_after(row)
            if replay.accumulator.commitment != row.state:
                detail = "the ledger after it, as the rows tell it, is not the one that its header commits to"
                raise Disagreement("ledger", f"{detail}: check from genesis", row=row)

    def _begin_at_genesis(self, replay: Replay | None) -> None:
        row = Block.objects.filter(canonical=True, height=0).first()
        contents = genesis_block(get_genesis())
        if row is None:
            raise Disagreement("genesis", "there is no block 0")
        if row.hash != contents.hash or bytes(row.raw) != encode_block(contents):
            raise Disagreement("genesis", f"genesis.json describes block {contents.hash}", row=row)
        transition = None if replay is None else replay.begin(contents)
        check_row(row, contents, transition, self._index)
        self._stand_on(row, contents.header)
        self.findings.blocks += 1

    def _walk_settled(self) -> None:
        """Check the blocks that no reorganisation can reach any more."""
        while self.findings.last < (settled := get_tip().height - get_params().max_reorg):
            first = self.findings.last + 1
            last = min(settled, first + BATCH - 1)
            rows = list(Block.objects.filter(canonical=True, height__range=(first, last)).order_by("height"))
            check_heights(rows, first, last)
            with database.atomic():
                checked = [self._check(row) for row in rows]
            if self._replay is not None:
                _check_blocks(checked)
                if first // TIDY_BLOCKS != last // TIDY_BLOCKS:
                    self._replay.scratch.tidy()

    def _check(self, row: Block) -> Checked:
        """Check one block on top of the last one, and its row."""
        parent = self._parent
        if parent is None:
            raise LookupError("there is no block below")
        try:
            contents, changes = self._apply(row)
        except ObjectMissing as error:
            raise Incomplete(f"block {row.height}: {error.detail}") from error
        except ProtocolError as error:
            self._evaluator.finish()  # a model of an earlier block may be wrong
            raise Disagreement.by_rule("rules", row, error) from error
        if self._is_sampled(row.height):
            self._evaluator.add(row)
        self._stand_on(row, contents.header)
        self.findings.blocks += 1
        self.findings.transactions += len(contents.transactions)
        self._progress(self.findings, max(row.height, self._tip.height))
        return Checked(row, contents, changes, parent.timestamp)

    def _apply(self, row: Block) -> tuple[BlockContents, Sequence]:
        raw, now = bytes(row.raw), int(time.time())
        if self._replay is None:
            if self._parent is None:
                raise LookupError("there is no block below")
            contents = advance_header(raw, self._parent, now)
            check_row(row, contents, None, self._index)
            return contents, ()
        contents, transition = self._replay.advance(raw, now)
        check_row(row, contents, transition, self._index)
        return contents, transition.changes

    def _is_sampled(self, height: int) -> bool:
        return self._sampled is None or height in self._sampled

    def _stand_on(self, row: Block, header: Header) -> None:
        self._parent = header
        self.findings.last, self.findings.tip = row.height, row.hash

    def _finish_headers(self) -> None:
        """Follow the tip to its present place."""
        for row in self._list_rest(get_tip().hash)[1]:
            self._check(row)

    def _list_rest(self, tip: str) -> tuple[int, Iterable[Block]]:
        """How many of the last blocks left the chain meanwhile, and those above, up to ``tip``."""
        limit = get_params().max_reorg
        disconnect, connect = find_reorg_path(BlockIndex(), self.findings.tip, tip, max_reorg=limit)
        return len(disconnect), (Block.objects.get(hash=name) for name in connect)

    def _finish(self) -> None:
        """Follow the chain until it stands still for as long as the ledger is compared."""
        if self._replay is None:
            raise LookupError("there is no ledger to compare")
        for _ in range(ATTEMPTS):
            gone, rest = self._list_rest(get_tip().hash)
            for _ in range(gone):
                self._replay.take_back()
            self._parent = self._replay.parent
            for row in rest:
                self._check(row)
            self._evaluator.finish()
            with standing_still():
                if get_tip().hash == self.findings.tip:
                    self._compare(self._replay)
                    return
        raise Incomplete(f"the chain moved {ATTEMPTS} times while it was looked at: run it again")

    def _compare(self, replay: Replay) -> None:
        """Hold the tip, the ledger and the projections of the last blocks against what was made again."""
        ledger = LedgerTip.objects.get()
        if bytes(ledger.accumulator) != replay.accumulator.to_bytes():
            raise Disagreement("tip", "the accumulator of the ledger's row is not that of the ledger")
        difference = replay.scratch.find_difference()
        if difference is not None:
            key, ours, theirs = difference
            raise Disagreement("ledger", f"entry {key} is {theirs}, but the blocks give {ours}")
        check_sum_rule(replay.scratch.list_all())
        self.findings.entries = replay.scratch.count()
        height = self.findings.last
        settled = max(self._wanted.first, height - get_params().max_reorg, 0)
        for blocks in load_checked(max(1, settled), height):
            _check_blocks(blocks)
        for projection in list_projections():
            if projection.check_sums is not None:
                projection.check_sums(height)
            self.findings.projections.append(projection.name)


def verify_chain(wanted: Wanted, progress: Progress) -> Findings:
    """Check the chain again. Writes nothing but a temporary table. Raises Disagreement, Incomplete, and
    NotReady before there is a chain.
    """
    return Verification(wanted, progress).run()


def _check_blocks(blocks: Sequence[Checked]) -> None:
    for projection in list_projections():
        if projection.check_blocks is not None and blocks:
            projection.check_blocks(blocks)


@contextmanager
def standing_still() -> Iterator[None]:
    """A transaction that sees the database as of one moment."""
    with database.atomic():
        # Inside a transaction that is under way already, as in some tests, the level cannot be changed.
        if len(connection.savepoint_ids) == 0:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
