"""Block templates: what a miner works on, everything fixed but nonce and model."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction as database

from apps.chain import mempool
from apps.chain.models import Block
from apps.chain.past import BranchPast
from apps.chain.rounds import get_contents, to_header
from apps.chain.selectors import get_genesis, get_params
from apps.chain.store import LedgerReader, lock_tip
from protocol.blocks import transactions_root
from protocol.ledger import MuHash, apply_block, select_transactions
from protocol.transactions import Reward, SignedTransaction, Transaction


@dataclass(frozen=True, slots=True)
class Template:
    """A block on the tip without nonce and model. ``state`` holds for the rounds before the stall, or after
    it (§5).
    """

    parent: str
    height: int
    round: int
    transactions: tuple[Transaction, ...]
    transactions_root: str
    state: str
    problem: str
    grammar: str

    @property
    def signed(self) -> tuple[SignedTransaction, ...]:
        """The transactions but for the reward."""
        return tuple(item for item in self.transactions if isinstance(item, SignedTransaction))


def build_template(
    reward_key: bytes,
    *,
    round: int | None = None,
    transactions: Sequence[SignedTransaction] | None = None,
    now: float | None = None,
) -> Template:
    """A template on the tip that pays ``reward_key`` (32 bytes, public).

    ``round`` is the round that is running unless given; it only matters where a stall begins. With
    ``transactions`` those are used, in order, instead of the mempool's: so a template once cut up is
    computed again for a later round. Raises what apply_block raises for those.
    """
    params = get_params()
    with database.atomic():
        tip = lock_tip()  # the ledger and the tip are of the same moment
        reader = LedgerReader()
        if round is None:
            elapsed = (time.time() if now is None else now) - tip.block.timestamp
            round = max(0, int(elapsed) // params.round_seconds)
        if transactions is None:
            transactions = _choose_transactions(reader, tip.block, round)
        height = tip.block.height + 1
        body: tuple[Transaction, ...] = (Reward(params.network, height, reward_key.hex()), *transactions)
        transition = apply_block(
            params,
            get_genesis(),
            reader,
            MuHash.from_bytes(bytes(tip.accumulator)),
            height=height,
            round=round,
            transactions=body,
            parent=to_header(tip.block),
            past=BranchPast(tip.block),
        )
        contents = get_contents(round, reader)
    return Template(
        parent=tip.block_id,
        height=height,
        round=round,
        transactions=body,
        transactions_root=transactions_root(body),
        state=transition.state,
        problem=contents.problem,
        grammar=contents.grammar,
    )


def _choose_transactions(reader: LedgerReader, parent: Block, round: int) -> Sequence[SignedTransaction]:
    """The pending transactions that apply one after the other and fit in a block, by fee rate."""
    params = get_params()
    candidates = mempool.Candidates(reader, max_bytes=params.max_block_bytes)
    return select_transactions(
        params,
        get_genesis(),
        reader,
        height=parent.height + 1,
        round=round,
        parent=to_header(parent),
        candidates=candidates,
        past=BranchPast(parent),
        refused=candidates.refuse,
    )
