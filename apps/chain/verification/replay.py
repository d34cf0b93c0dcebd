"""The chain made again, block by block: its ledger, and what a block may look at below it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from apps.chain.contents import get_grammar, get_problem
from apps.chain.history import list_accounts
from apps.chain.models import Block
from apps.chain.rounds import to_header
from apps.chain.selectors import get_genesis, get_params
from apps.chain.store import load_contents
from apps.chain.verification.scratch import Scratch
from apps.common import object_store
from protocol.blocks import Block as BlockContents
from protocol.blocks import Header
from protocol.errors import ObjectMissing
from protocol.ledger import (
    ActiveContents,
    Change,
    MuHash,
    Transition,
    active_contents,
    apply_block,
    apply_genesis,
    undo,
)
from protocol.transactions import Transaction
from protocol.validation import (
    check_architecture,
    check_claim,
    check_header,
    check_not_from_future,
    check_transactions,
    check_transition,
    check_unsigned_form,
)


class ReplayPast:
    """The blocks below the next one, as they were checked."""

    def __init__(self) -> None:
        self._hashes: dict[int, str] = {}
        self._parent: BlockContents | None = None

    def add(self, contents: BlockContents) -> None:
        """Put a block on top."""
        height = contents.header.height
        self._hashes[height] = contents.hash
        self._hashes.pop(height - get_params().beacon_blocks - get_params().max_reorg - 1, None)
        self._parent = contents

    def know(self, hashes: dict[int, str]) -> None:
        """Take hashes by height as they are."""
        self._hashes.update(hashes)

    def get_hash(self, height: int, /) -> str:
        """The hash of the block at ``height``."""
        return self._hashes[height]

    def list_transactions(self, height: int, /) -> Sequence[Transaction]:
        """The transactions of the parent."""
        if self._parent is None or self._parent.header.height != height:
            raise LookupError(f"only the parent's transactions are kept, not those of block {height}")
        return self._parent.transactions

    def get_content(self, object_id: str, /) -> bytes | None:
        """A manifest or a grammar from the object store, or None."""
        try:
            return object_store.read(object_id)
        except ObjectMissing:
            return None


@dataclass(frozen=True, slots=True)
class Step:
    """What is needed to take a block back."""

    parent: str
    changes: tuple[Change, ...]
    accumulator: MuHash


class Replay:
    """The ledger after ``parent``; it begins with block 0 or, with `begin_after`, further up."""

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch
        self.past = ReplayPast()
        self._steps: deque[Step] = deque(maxlen=get_params().max_reorg)
        self.accumulator = MuHash()
        self.parent: Header

    def begin(self, contents: BlockContents) -> Transition:
        """Start with block 0."""
        transition = apply_genesis(get_genesis())
        self._move(contents, transition.changes, transition.accumulator)
        return transition

    def begin_after(self, row: Block) -> None:
        """Start with the ledger after ``row`` as the node keeps it; the caller holds ``accumulator`` against
        the header.
        """
        self.scratch.copy_at(row.height)
        self.accumulator = self.scratch.compute_accumulator()
        least = row.height - get_params().beacon_blocks
        below = Block.objects.filter(canonical=True, height__range=(least, row.height))
        self.past.know(dict(below.values_list("height", "hash")))
        self._stand_on(load_contents(get_params(), row))

    def advance(self, raw: bytes, now: int) -> tuple[BlockContents, Transition]:
        """Check a block on top by every rule but those of its model, and go on after it.

        Raises the errors of protocol.validation.CHECKS; ObjectMissing when a manifest is not here.
        """
        params = get_params()
        contents = check_unsigned_form(params, raw)
        header = contents.header
        active = active_contents(self.scratch, get_genesis(), params, header.round)
        check_terms(header, self.parent, active)
        check_transactions(params, contents)
        self.scratch.prefetch(list_accounts(contents))
        transition = apply_block(
            params,
            get_genesis(),
            self.scratch,
            self.accumulator,
            height=header.height,
            round=header.round,
            transactions=contents.transactions,
            parent=self.parent,
            past=self.past,
        )
        check_transition(header, transition)
        check_not_from_future(header, now)
        step = Step(header.previous, transition.changes, self.accumulator)
        self._move(contents, transition.changes, transition.accumulator)
        self._steps.append(step)
        return contents, transition

    def take_back(self) -> None:
        """Return to the parent of the last block. Raises IndexError below what max_reorg allows."""
        step = self._steps.pop()
        self.scratch.apply(undo(step.changes))
        self.accumulator = step.accumulator
        self._stand_on(load_contents(get_params(), Block.objects.get(hash=step.parent)))

    def _move(self, contents: BlockContents, changes: Sequence[Change], accumulator: MuHash) -> None:
        self.scratch.apply(changes)
        self.accumulator = accumulator
        self._stand_on(contents)

    def _stand_on(self, contents: BlockContents) -> None:
        self.parent = contents.header
        self.past.add(contents)


def check_terms(header: Header, parent: Header, active: ActiveContents) -> None:
    """Checks 13 to 19: what follows from the parent, and that the nonce is minable."""
    problem, grammar = get_problem(active.problem), get_grammar(active.grammar)
    check_header(get_params(), header, parent, contents=active, floor=problem.floor)
    check_claim(header, problem)
    check_architecture(get_params(), header, grammar, problem)


def advance_header(raw: bytes, parent: Header, now: int) -> BlockContents:
    """Check a block by what it and its parent show, without a ledger: problem and grammar are believed.

    Raises the errors of checks 1 to 19 and 23; ObjectMissing when a manifest is not here.
    """
    contents = check_unsigned_form(get_params(), raw)
    header = contents.header
    check_terms(header, parent, ActiveContents(header.problem, header.grammar))
    check_not_from_future(header, now)
    return contents


__all__ = ["Replay", "Step", "advance_header", "check_terms", "to_header"]
