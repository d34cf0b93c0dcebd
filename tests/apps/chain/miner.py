"""Makes valid blocks on any block in the database, and brings them into the node step by step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction as database

from apps.chain.candidates import evaluate_block, submit_candidate
from apps.chain.models import Block
from apps.chain.past import BranchPast
from apps.chain.rounds import to_header
from apps.chain.selectors import get_genesis, get_params, get_tip
from apps.chain.services import connect_block
from apps.chain.store import lock_tip, open_ledger
from apps.common import object_store
from protocol.blocks import Block as BlockContents
from protocol.blocks import encode_block, seal_header
from protocol.crypto import sha3_256
from protocol.transactions import SignedTransaction
from tests.mining import Mined, make_block


@dataclass(frozen=True, slots=True)
class Miner:
    """Somebody who mines with one key; the model of each block is stored as it is made."""

    secret: bytes = sha3_256(b"coinai/testing/miner")

    def make(
        self,
        *,
        parent: Block | None = None,
        round: int = 3,
        signed: Sequence[SignedTransaction] = (),
        max_error: int | None = None,
        start: int = 0,
        store: bool = True,
    ) -> tuple[BlockContents, Mined]:
        """A block on ``parent`` (default: the tip), not yet sent anywhere."""
        with database.atomic():
            parent = Block.objects.get(hash=(parent or get_tip()).hash)
            ledger = open_ledger(parent, lock_tip())
            contents, mined = make_block(
                get_params(),
                get_genesis(),
                parent=to_header(parent),
                reader=ledger.reader,
                accumulator=ledger.accumulator,
                secret=self.secret,
                signed=signed,
                round=round,
                max_error=max_error,
                start=start,
                past=BranchPast(parent),
            )
        if store:
            object_store.put(mined.model)
        return contents, mined

    def submit(self, **terms: Any) -> Block:
        """A candidate, sent in its round."""
        contents, _ = self.make(**terms)
        return submit(contents)

    def evaluate(self, **terms: Any) -> Block:
        """A candidate that the node has evaluated."""
        return evaluate_block(block_hash=self.submit(**terms).hash)

    def extend(self, **terms: Any) -> Block:
        """A block connected on the tip."""
        block = self.evaluate(**terms)
        return connect_block(block_hash=block.hash)

    def extend_by(self, count: int) -> Sequence[Block]:
        """Some blocks connected one after the other."""
        return [self.extend() for _ in range(count)]


def submit(contents: BlockContents) -> Block:
    """Bring a block in as of half a round before its end."""
    return submit_candidate(raw=encode_block(contents), now=contents.header.timestamp - 0.5)


def forge(contents: BlockContents, secret: bytes = Miner().secret, **fields: Any) -> BlockContents:
    """The block with other header fields, sealed again: wrong in nothing but those."""
    return BlockContents(seal_header(replace(contents.header, **fields), secret), contents.transactions)
