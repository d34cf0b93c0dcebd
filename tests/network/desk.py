"""A chain made on the desk, without any node: blocks with their models, mined in milliseconds."""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from protocol.blocks import Block, Genesis, Header, genesis_block
from protocol.commitment import MuHash
from protocol.crypto import sha3_256
from protocol.ledger import MemoryState, apply_block, apply_genesis
from protocol.params import ChainParams
from protocol.transactions import SignedTransaction, Transaction
from tests.mining import make_block

LEAD_SECONDS = 1.0
"""Live blocks are announced so long before their round ends, at least."""
TAKEN_SECONDS = 0.2
"""A node refuses a block of a round that begins later than clocks may differ; this is on the safe side."""
MAX_ERROR = 600_000
"""Good enough for any round from the fourth on, so that the round may be chosen when the model is there."""


@dataclass(slots=True)
class Desk:
    """The blocks of one branch from genesis on, and the ledger after the last."""

    genesis: Genesis
    secret: bytes = sha3_256(b"the miner on the desk")
    blocks: list[Block] = field(default_factory=list)
    models: dict[str, bytes] = field(default_factory=dict)
    state: MemoryState = field(default_factory=MemoryState)
    accumulator: MuHash = field(default_factory=lambda: MuHash.of([]))

    def __post_init__(self) -> None:
        if not self.blocks:
            transition = apply_genesis(self.genesis)
            self.state.apply(transition.changes)
            self.accumulator = transition.accumulator
            self.blocks.append(genesis_block(self.genesis))

    @property
    def params(self) -> ChainParams:
        """Those of the genesis document."""
        return self.genesis.parameters

    @property
    def tip(self) -> Header:
        """The last header."""
        return self.blocks[-1].header

    @property
    def work(self) -> int:
        """Sum of the weights, no block late."""
        return sum(block.header.threshold + 1 for block in self.blocks[1:])

    def fork(self, secret: bytes | None = None) -> "Desk":
        """Another branch from here on, by another miner."""
        return Desk(
            self.genesis,
            secret or self.secret,
            list(self.blocks),
            self.models,
            copy.deepcopy(self.state),
            self.accumulator,
        )

    def mine_until(self, moment: float, *, round: int = 20) -> None:
        """Add blocks as of the past, until the next would end after ``moment`` (Unix seconds)."""
        while self.tip.timestamp + (round + 1) * self.params.round_seconds <= moment:
            self.mine(round=round)

    def mine_now(self, *, signed: Sequence[SignedTransaction] = (), least: int = 3) -> Block:
        """Add a block of the round that ends soon, or of the first of those from ``least`` on, waiting until
        nodes take it: its model is made before the round is chosen.
        """
        self.make(round=least, signed=signed)
        passed = time.time() + LEAD_SECONDS - self.tip.timestamp
        round = max(least, math.ceil(passed / self.params.round_seconds) - 1)
        begin = self.tip.timestamp + round * self.params.round_seconds
        time.sleep(max(0.0, begin - self.params.late_seconds + TAKEN_SECONDS - time.time()))
        return self.mine(round=round, signed=signed)

    def mine(self, *, round: int = 3, signed: Sequence[SignedTransaction] = ()) -> Block:
        """Add a valid block."""
        block, _ = self.make(round=round, signed=signed)
        self.add(block)
        return block

    def make(
        self, *, round: int = 3, signed: Sequence[SignedTransaction] = (), start: int = 0
    ) -> tuple[Block, str]:
        """A valid block on the tip and its model's id; the chain stays as it is."""
        block, mined = make_block(
            self.params,
            self.genesis,
            parent=self.tip,
            reader=self.state,
            accumulator=self.accumulator,
            secret=self.secret,
            signed=signed,
            round=round,
            start=start,
            max_error=MAX_ERROR,
            past=self,
        )
        self.models[mined.model_id] = mined.model
        return block, mined.model_id

    def add(self, block: Block) -> None:
        """Put a block that `make` gave on the tip."""
        transition = apply_block(
            self.params,
            self.genesis,
            self.state,
            self.accumulator,
            height=block.header.height,
            round=block.header.round,
            transactions=block.transactions,
            parent=self.tip,
            past=self,
        )
        self.state.apply(transition.changes)
        self.accumulator = transition.accumulator
        self.blocks.append(block)

    # What the rules ask of the past (protocol/context.py).

    def get_hash(self, height: int, /) -> str:
        """The hash of a block."""
        return self.blocks[height].hash

    def list_transactions(self, height: int, /) -> Sequence[Transaction]:
        """The transactions of a block."""
        return self.blocks[height].transactions

    def get_content(self, object_id: str, /) -> bytes | None:
        """Nothing is proposed on the desk."""
        return None
