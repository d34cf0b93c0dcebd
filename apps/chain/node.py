"""The node: one long-running process that scores candidates, connects the best at the round's end, and
follows forks.

It is the only one that connects or disconnects blocks, and holds an advisory lock for as long as it runs.
Everything it knows is in the database: it may die at any moment and begin again.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections
from django.db import transaction as database
from django.utils import timezone
from psycopg import OperationalError as DriverError

from apps.chain.candidates import evaluate_block, refuse_block
from apps.chain.choosing import OpenBlocks, is_complete, list_open
from apps.chain.mempool import recheck_all
from apps.chain.models import Block, NodeHeartbeat
from apps.chain.peers.fetching import refuse_evaluated, want_objects
from apps.chain.peers.sampling import score_sample
from apps.chain.rounds import RoundView, get_round, round_to_json
from apps.chain.selectors import get_params, get_tip
from apps.chain.services import CannotConnect, move_tip
from apps.chain.store import to_indexed
from apps.common.live import publish
from apps.common.notify import Listener, notify
from protocol.errors import ReorgTooDeep
from protocol.forkchoice import choose_tip, find_reorg_path

LOCK_KEY = 0x636F696E6169  # the letters "coinai"
LOCK_SECONDS = 3.0  # how long the lock of a node that was just killed may linger
POLL_SECONDS = 1.0
LEAST_WAIT = 0.01
LOOK_SECONDS = 0.5
"""While a branch is worked through, new blocks are looked for so often …"""
TELL_SECONDS = 1.0
"""… and browsers, and whoever looks after the node, are told of it so often."""
SAMPLE_SECONDS = 10.0
"""So often it is looked for a block of the sample (sampling.py)."""
MAX_BACKOFF = 5.0
CHANNELS = ("coinai_candidate",)

log = structlog.get_logger(__name__)


class SecondNode(Exception):
    """Another node already runs on this database."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the browsers were last told of the round, so that they are told again only when it changed."""

    parent: str = ""
    number: int = -1
    candidates: tuple[tuple[str, str], ...] = ()


class Node:
    """The loop (`run`) around what is done each time (`step`)."""

    def __init__(
        self, *, clock: Callable[[], float] = time.time, on_start: Callable[[], None] | None = None
    ) -> None:
        self._clock = clock
        self._on_start = on_start  # called once, when the lock is held
        self._shown = Shown()
        self._told_at = time.monotonic()
        self._started = timezone.now()
        self._backoff = LEAST_WAIT
        self._sample_at = 0.0
        self._is_mempool_checked = False

    def run(self, is_stopped: Callable[[], bool]) -> None:
        """Work until ``is_stopped``. Raises SecondNode when another node holds the lock."""
        with Listener(*CHANNELS) as listener:
            while not is_stopped():
                try:
                    self._hold_lock(listener)
                    self._start_once()
                    self._recheck_mempool()
                    wait = self.step()
                    self._backoff = LEAST_WAIT
                    listener.wait(wait)
                except (OperationalError, InterfaceError, DriverError) as error:
                    self._wait_for_database(error)

    def step(self) -> float:
        """Do all that can be done now; returns the seconds until there may be more, at most one."""
        self._beat()
        blocks = self._read_open()
        while self._work_through(blocks):
            blocks = self._read_open()
        view = get_round(self._clock())
        self._show_round(view)
        self._score_sample()
        return self._compute_wait(view, blocks)

    def _read_open(self) -> OpenBlocks:
        """The open blocks. What was missing for one may have come: then it is a candidate again."""
        rows = list_open()
        for block in rows:
            if block.status == Block.Status.UNDECIDED and is_complete(block):
                undecided = Block.objects.filter(hash=block.hash, status=Block.Status.UNDECIDED)
                if undecided.update(status=Block.Status.CANDIDATE):
                    block.status = Block.Status.CANDIDATE
        return OpenBlocks(rows)

    def _work_through(self, blocks: OpenBlocks) -> bool:
        """Evaluate and connect what these blocks allow, for a while; False when there was nothing to do."""
        if not blocks:
            return False
        until = time.monotonic() + LOOK_SECONDS
        is_busy, was_busy = True, False
        while is_busy and blocks.is_current and time.monotonic() < until:
            # The tip moves after each evaluation: what is evaluated far above it reads all blocks between.
            is_busy = self.evaluate_next(blocks)
            is_busy = self.follow_best(blocks) or is_busy
            was_busy = was_busy or is_busy
            self._tell_that_it_works()
        return was_busy

    def _tell_that_it_works(self) -> None:
        """While there is much to do."""
        if time.monotonic() - self._told_at > TELL_SECONDS:
            self._beat()
            self._show_round(get_round(self._clock()))

    def evaluate_next(self, blocks: OpenBlocks) -> bool:
        """Evaluate the most urgent candidate that could win; False when there is none."""
        block = blocks.choose_next(get_tip())
        if block is None:
            return False
        started = time.monotonic()
        verdict = evaluate_block(block_hash=block.hash)
        blocks.note_verdict(verdict)
        self._tell_peers(verdict)
        log.info(
            "candidate_evaluated",
            hash=verdict.hash[:12],
            height=verdict.height,
            round=verdict.round,
            error=verdict.error,
            verdict=verdict.status,
            code=verdict.refused_code,
            seconds=round(time.monotonic() - started, 2),
        )
        return True

    def _tell_peers(self, verdict: Block) -> None:
        """Offer what was evaluated to other nodes, ask them for what is missing, or blame who sent it."""
        if verdict.status == Block.Status.VALID:
            notify("coinai_evaluated", verdict.hash)
        elif verdict.status == Block.Status.REFUSED:
            refuse_evaluated(verdict)
        else:
            want_objects(verdict)

    def follow_best(self, blocks: OpenBlocks) -> bool:
        """Move to the best tip whose time has come; False when the present one is it."""
        path = self._find_better(get_tip(), blocks)
        if path is None:
            return False
        disconnect, connect = path
        try:
            move_tip(disconnect=disconnect, connect=connect, now=self._clock())
        except CannotConnect as error:
            # Its evaluation had passed: either a fault of this software or a damaged database. Never try it
            # again.
            log.error(
                "valid_block_refused",
                hash=error.block_hash,
                code=error.reason.code,
                detail=error.reason.detail,
            )
            refuse_block(block_hash=error.block_hash, code=error.reason.code)
            blocks.is_current = False
            return True
        blocks.note_moved(disconnect=disconnect, connect=connect)
        log.info("tip_moved", hash=connect[-1][:12], undone=len(disconnect), added=len(connect))
        return True

    def _find_better(self, tip: Block, blocks: OpenBlocks) -> tuple[Sequence[str], Sequence[str]] | None:
        ripe = {block.hash: block for block in blocks.list_ripe(self._clock())}
        while ripe:
            best = choose_tip(to_indexed(tip), ripe.values())
            if best.hash == tip.hash:
                return None
            try:
                return find_reorg_path(blocks, tip.hash, best.hash, max_reorg=get_params().max_reorg)
            except ReorgTooDeep as error:
                log.warning("branch_too_deep", hash=best.hash, depth=error.depth, limit=error.limit)
                del ripe[best.hash]
        return None

    def _recheck_mempool(self) -> None:
        """Once after the start: what waits may be older than this software."""
        if not self._is_mempool_checked:
            with database.atomic():
                recheck_all()
            self._is_mempool_checked = True

    def _start_once(self) -> None:
        on_start, self._on_start = self._on_start, None
        if on_start is not None:
            on_start()

    def _score_sample(self) -> None:
        """One after the other; when there is none, it is not looked for again at once."""
        if time.monotonic() > self._sample_at and score_sample() is None:
            self._sample_at = time.monotonic() + SAMPLE_SECONDS

    def _show_round(self, view: RoundView) -> None:
        candidates = tuple((block.hash, block.status) for block in view.candidates)
        shown = Shown(view.parent.hash, view.number, candidates)
        if shown != self._shown:
            publish("round", round_to_json(view))
            self._shown = shown
        self._told_at = time.monotonic()

    def _compute_wait(self, view: RoundView, blocks: OpenBlocks) -> float:
        """Seconds until a round ends, when a candidate becomes ripe; at most POLL_SECONDS."""
        now = self._clock()
        return min(POLL_SECONDS, max(LEAST_WAIT, min([view.ends, *blocks.list_ends(now)]) - now))

    def _beat(self) -> None:
        values = {"pid": os.getpid(), "started_at": self._started, "beat_at": timezone.now()}
        if not NodeHeartbeat.objects.filter(id=1).update(**values):
            NodeHeartbeat.objects.get_or_create(id=1, defaults=values)

    def _hold_lock(self, listener: Listener) -> None:
        if listener.is_connected():
            return
        deadline = time.monotonic() + LOCK_SECONDS
        while not listener.try_lock(LOCK_KEY):
            if time.monotonic() > deadline:
                raise SecondNode
            time.sleep(0.1)

    def _wait_for_database(self, error: Exception) -> None:
        self._backoff = min(MAX_BACKOFF, max(0.1, self._backoff * 2))
        reason = str(error).strip().splitlines()
        log.warning("database_away", error=reason[0] if reason else "", next_try_s=self._backoff)
        close_old_connections()
        time.sleep(self._backoff)
