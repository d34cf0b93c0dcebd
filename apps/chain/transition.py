"""What a block does to the ledger after its parent, wherever that parent stands."""

from apps.chain.history import list_accounts
from apps.chain.models import Block, LedgerTip
from apps.chain.past import BranchPast, store_proposed
from apps.chain.rounds import to_header
from apps.chain.selectors import get_genesis, get_params
from apps.chain.store import open_ledger
from protocol.blocks import Block as BlockContents
from protocol.ledger import Transition, apply_block


def compute_transition(contents: BlockContents, parent: Block, tip: LedgerTip) -> Transition:
    """Apply a block to the ledger after ``parent``, which must be valid, without writing a row; what it
    proposes is stored. Raises as apply_block.
    """
    ledger = open_ledger(parent, tip)
    ledger.reader.prefetch(list_accounts(contents))
    transition = apply_block(
        get_params(),
        get_genesis(),
        ledger.reader,
        ledger.accumulator,
        height=contents.header.height,
        round=contents.header.round,
        transactions=contents.transactions,
        parent=to_header(parent),
        past=BranchPast(parent),
    )
    store_proposed(contents)
    return transition
