"""Proposals, stakes and a draw on a real chain: rows, objects, templates, the way back and side branches."""

import pytest

from apps.chain.contents import get_grammar
from apps.chain.mempool import submit_transaction
from apps.chain.models import Block, LedgerEntry
from apps.chain.selectors import get_entry, get_tip
from apps.chain.services import connect_block, disconnect_block
from apps.chain.templates import build_template
from apps.common import object_store
from protocol.encoding import encode
from protocol.errors import NothingToWithdraw
from protocol.grammar import shipped_grammar
from protocol.ledger import check_sum_rule
from protocol.params import CAI
from protocol.transactions import Body, Propose, SignedTransaction, Support, Withdraw, sign_transaction
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, BOB, Person

pytestmark = pytest.mark.django_db

GRAMMAR = shipped_grammar("default").decode() + "# with another name\n"
PROPOSE = Propose("grammar", GRAMMAR)


def sign(person: Person, body: Body, sequence: int = 0) -> SignedTransaction:
    return sign_transaction(
        person.secret, network="testing", kind=body.kind, sequence=sequence, fee=0, body=body
    )


def read_ledger() -> dict[str, dict]:
    return dict(LedgerEntry.objects.values_list("key", "value"))


def propose_and_support(miner: Miner) -> str:
    """Blocks 1 and 2; the draw is due in block 4."""
    proposal = sign(ALICE, PROPOSE)
    miner.extend(signed=[proposal])
    # The quorum is 1% of three million and some rewards.
    miner.extend(signed=[sign(BOB, Support(proposal.txid, 100_000 * CAI))])
    return proposal.txid


def test_what_is_proposed_is_an_object_at_once(miner: Miner) -> None:
    miner.extend(signed=[sign(ALICE, PROPOSE)])
    assert object_store.exists(PROPOSE.content_id)
    assert get_grammar(PROPOSE.content_id).text.startswith("#")


def test_a_drawn_grammar_is_in_the_template_of_the_block_that_it_is_active_from(miner: Miner) -> None:
    proposal = propose_and_support(miner)
    miner.extend_by(2)
    assert get_entry("pending/grammar") == {"proposal": proposal, "height": 6}
    assert build_template(ALICE.public_key, round=0).grammar != PROPOSE.content_id
    miner.extend()
    assert build_template(ALICE.public_key, round=0).grammar == PROPOSE.content_id
    assert get_entry("active/grammar") == {"proposal": proposal, "content": PROPOSE.content_id, "since": 6}
    check_sum_rule(read_ledger().items())


def test_disconnecting_the_draw_brings_stakes_and_deposit_back(miner: Miner) -> None:
    propose_and_support(miner)
    miner.extend()
    before = read_ledger()
    drawn = miner.extend()
    after = read_ledger()
    assert not [key for key in after if key.startswith("stake/")]
    disconnect_block(block_hash=drawn.hash)
    assert read_ledger() == before
    connect_block(block_hash=drawn.hash)
    assert read_ledger() == after


def test_a_branch_beside_the_chain_draws_from_its_own_blocks(miner: Miner) -> None:
    propose_and_support(miner)
    trunk = get_tip()
    miner.extend_by(3)
    side = miner.evaluate(parent=trunk, round=4)
    drawn = miner.evaluate(parent=side, round=4)
    assert (drawn.status, drawn.height) == (Block.Status.VALID, 4)
    for block in Block.objects.filter(canonical=True, height__gt=2).order_by("-height"):
        disconnect_block(block_hash=block.hash)
    connect_block(block_hash=side.hash)
    connect_block(block_hash=drawn.hash)
    assert get_entry("pending/grammar") is not None
    check_sum_rule(read_ledger().items())


def test_the_template_takes_stakes_and_what_does_not_apply_never_waits(miner: Miner) -> None:
    proposal = propose_and_support(miner)
    good = [sign(BOB, Support(proposal, 5), 1), sign(BOB, Support(proposal, 6), 2)]
    for item in good:
        submit_transaction(encode(item.to_json()))
    with pytest.raises(NothingToWithdraw):
        submit_transaction(encode(sign(ALICE, Withdraw(proposal), 1).to_json()))
    assert build_template(ALICE.public_key, round=0).signed == tuple(good)
