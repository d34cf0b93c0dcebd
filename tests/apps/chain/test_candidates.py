"""Blocks from outside: what is wrong is refused with its own code and leaves no trace in the ledger."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from apps.chain.candidates import evaluate_block, refuse_block, submit_candidate
from apps.chain.errors import ParentRefused
from apps.chain.models import Block, LedgerEntry
from apps.chain.node import Node
from apps.chain.selectors import get_params, get_tip
from apps.chain.signals import candidate_received
from apps.common import object_store
from protocol.architecture import model_header
from protocol.blocks import Block as BlockContents
from protocol.blocks import encode_block, transactions_root
from protocol.crypto import public_key
from protocol.errors import ERRORS, ProtocolError
from protocol.merkle import object_id
from protocol.transactions import Reward, SignedTransaction
from tests.apps.chain.miner import Miner, forge, submit
from tests.mining import Mined, mine
from tests.protocol.cast import ALICE, BOB, transfer

pytestmark = pytest.mark.django_db


def read_ledger() -> dict[str, dict]:
    return dict(LedgerEntry.objects.values_list("key", "value"))


def name_refusal(raw: bytes, now: float = 2_000_000_000) -> str:
    """The name of the error with which a block is refused when it comes."""
    before = read_ledger()
    with pytest.raises(ProtocolError) as caught:
        submit_candidate(raw=raw, now=now)
    assert ERRORS[caught.value.code] is type(caught.value)
    assert read_ledger() == before
    assert Block.objects.count() == 1 + get_tip().height
    return caught.value.name


@dataclass(frozen=True, slots=True)
class Good:
    """A good block with its model, to be spoilt."""

    contents: BlockContents
    mined: Mined

    @property
    def raw(self) -> bytes:
        return encode_block(self.contents)


@pytest.fixture
def good(miner: Miner) -> Good:
    return Good(*miner.make())


def test_a_good_candidate_is_kept_and_announced_once_however_often_it_comes(good: Good) -> None:
    heard = []

    def listen(block: Block, **kwargs: Any) -> None:
        heard.append(block.hash)

    candidate_received.connect(listen)
    try:
        first, second = submit(good.contents), submit(good.contents)
    finally:
        candidate_received.disconnect(listen)
    assert first.hash == second.hash == good.contents.hash
    assert heard == [first.hash]
    assert (first.status, first.late, first.work) == ("candidate", False, first.threshold + 1)


BAD_BYTES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda raw: b"", "not_json"),
    "truncated": (lambda raw: raw[:-1], "not_json"),
    "cut in half": (lambda raw: raw[: len(raw) // 2], "not_json"),
    "followed by more": (lambda raw: raw + b"{}", "not_json"),
    "with a blank": (lambda raw: raw.replace(b":", b": ", 1), "not_canonical"),
    "with a key twice": (lambda raw: raw.replace(b'{"error"', b'{"error":1,"error"', 1), "duplicate_key"),
    "with a float": (lambda raw: raw.replace(b'"nonce":', b'"nonce":0.5e', 1), "unsupported_value"),
    "with null": (lambda raw: raw.replace(b'"version":1', b'"version":null', 1), "unsupported_value"),
    "not UTF-8": (lambda raw: raw.replace(b'"testing"', b'"\xff"', 1), "not_utf8"),
    "too large": (lambda raw: raw + b" " * 300_000, "encoding_too_large"),
    "deeply nested": (lambda raw: b"[" * 5000 + b"]" * 5000, "encoding_too_deep"),
    "an array": (lambda raw: b"[]", "wrong_type"),
    "with text as height": (lambda raw: raw.replace(b'"version":1', b'"version":"1"', 1), "wrong_type"),
    "without a field": (lambda raw: raw.replace(b',"version":1', b"", 1), "wrong_fields"),
    "with one more field": (lambda raw: raw.replace(b'"version":1', b'"version":1,"x":1', 1), "wrong_fields"),
}


@pytest.mark.parametrize("case", BAD_BYTES)
def test_it_refuses_bytes_that_are_no_block(good: Good, case: str) -> None:
    spoil, name = BAD_BYTES[case]
    assert name_refusal(spoil(good.raw)) == name


BAD_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "of another network": ({"network": "devnet"}, "wrong_network"),
    "of another version": ({"version": 2}, "wrong_version"),
    "on an unknown parent": ({"previous": "ab" * 32}, "unknown_block"),
    "with another round's timestamp": ({"timestamp": 1_700_000_001}, "wrong_timestamp"),
    "with a threshold of its own": ({"threshold": 400}, "wrong_threshold"),
    "on another problem": ({"problem": "ab" * 32}, "wrong_contents"),
    "with another grammar": ({"grammar": "ab" * 32}, "wrong_contents"),
    "with another root": ({"transactions": "ab" * 32}, "wrong_transactions_root"),
    "with another model length": ({"model_bytes": 1}, "wrong_model_bytes"),
    "with an impossible error": ({"error": 0}, "error_out_of_range"),
    "with an error that no model can have": ({"error": 1}, "false_claim"),
    "with an error above its threshold": ({"error": 999_999}, "below_threshold"),
}


@pytest.mark.parametrize("case", BAD_FIELDS)
def test_it_refuses_a_header_that_is_wrong_in_one_field(good: Good, case: str) -> None:
    fields, name = BAD_FIELDS[case]
    assert name_refusal(encode_block(forge(good.contents, **fields))) == name


def test_it_refuses_a_header_that_the_miner_did_not_seal(good: Good) -> None:
    header = replace(good.contents.header, seal=good.contents.header.seal[:-2] + "00")
    assert name_refusal(encode_block(replace(good.contents, header=header))) == "invalid_seal"
    assert name_refusal(encode_block(forge(good.contents, secret=b"x" * 32))) == "invalid_seal"


def test_it_refuses_a_wrong_height(good: Good) -> None:
    key = public_key(Miner().secret).hex()
    body = (Reward("testing", 2, key),)
    forged = forge(BlockContents(good.contents.header, body), height=2, transactions=transactions_root(body))
    assert name_refusal(encode_block(forged)) == "wrong_height"


def test_it_refuses_a_candidate_whose_round_has_not_begun(good: Good) -> None:
    begins = good.contents.header.timestamp - 1
    assert name_refusal(good.raw, now=begins - 1.5) == "from_the_future"
    assert submit_candidate(raw=good.raw, now=begins - 0.5).status == "candidate"  # clocks differ a little


def test_it_refuses_a_second_genesis_block(genesis: Block) -> None:
    assert name_refusal(bytes(Block.objects.get(hash=genesis.hash).raw)) == "unexpected_genesis"


def test_it_refuses_a_nonce_whose_network_is_out_of_bounds(miner: Miner, good: Good) -> None:
    names = set()
    for nonce in range(12):
        forged = forge(good.contents, nonce=nonce)
        try:
            submit_candidate(raw=encode_block(forged), now=2_000_000_000)
        except ProtocolError as error:
            names.add(error.name)
    assert names & {"macs_out_of_range", "too_many_parameters", "invalid_architecture"}


def test_it_refuses_a_transaction_that_is_not_signed_by_its_sender(miner: Miner) -> None:
    contents, _ = miner.make(signed=[transfer(ALICE, (BOB, 5))])
    wrong = replace(contents.signed[0], fee=1)
    body = (contents.transactions[0], wrong)
    forged = forge(BlockContents(contents.header, body), transactions=transactions_root(body))
    assert name_refusal(encode_block(forged)) == "invalid_signature"


def test_it_refuses_a_branch_that_is_too_deep_to_ever_win(
    miner: Miner, genesis: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = miner.make(parent=genesis, round=4)
    miner.extend_by(3)
    shallow = replace(get_params(), max_reorg=2)
    monkeypatch.setattr("apps.chain.candidates.get_params", lambda: shallow)
    assert name_refusal(encode_block(old)) == "reorg_too_deep"


def judge(contents: BlockContents) -> tuple[str, str | None]:
    """Verdict and reason after the node has evaluated a candidate that passed the cheap checks."""
    before = read_ledger()
    block = evaluate_block(block_hash=submit(contents).hash)
    assert read_ledger() == before
    return block.status, None if block.refused_code is None else ERRORS[block.refused_code].name


def test_it_finds_a_good_block_valid(good: Good) -> None:
    assert judge(good.contents) == ("valid", None)


def test_it_refuses_a_claim_that_is_better_than_the_model(good: Good) -> None:
    assert judge(forge(good.contents, error=good.mined.error // 2)) == ("refused", "false_claim")


def test_it_refuses_a_claim_that_is_worse_than_the_model(good: Good) -> None:
    assert judge(forge(good.contents, error=good.mined.error + 1)) == ("refused", "false_claim")


def test_it_refuses_a_wrong_state(good: Good) -> None:
    assert judge(forge(good.contents, state="ab" * 32)) == ("refused", "wrong_state")


def test_it_refuses_an_overdraft_and_a_wrong_sequence(miner: Miner) -> None:
    good, _ = miner.make()
    for wrong, name in [
        (transfer(ALICE, (BOB, 10**15)), "overdraft"),
        (transfer(ALICE, (BOB, 1), sequence=3), "wrong_sequence"),
    ]:
        contents = with_transactions(miner, good, wrong)
        assert judge(contents) == ("refused", name)


def with_transactions(miner: Miner, contents: BlockContents, *signed: SignedTransaction) -> BlockContents:
    """A block with transactions that do not apply: its network is mined for their root."""
    body = (contents.transactions[0], *signed)
    root = transactions_root(body)
    mined = mine(get_params(), contents.header.previous, root)
    object_store.put(mined.model)
    return forge(
        BlockContents(contents.header, body),
        transactions=root,
        nonce=mined.nonce,
        model=mined.model_id,
        model_bytes=len(mined.model),
        error=mined.error,
    )


def test_a_block_without_its_model_is_undecided_until_the_model_comes(miner: Miner) -> None:
    contents, mined = miner.make(store=False)
    assert judge(contents) == ("undecided", None)
    node = Node(clock=lambda: contents.header.timestamp + 1)
    node.step()
    assert Block.objects.get(hash=contents.hash).status == "undecided"
    object_store.put(mined.model)
    node.step()
    assert get_tip().hash == contents.hash


def spoil_model(good: Good, data: bytes) -> BlockContents:
    object_store.put(data)
    return forge(good.contents, model=object_id(data), model_bytes=len(data))


def test_it_refuses_models_that_are_not_what_their_nonce_demands(good: Good) -> None:
    data = good.mined.model
    start = len(model_header(good.mined.architecture))
    truncated = forge(good.contents, model=object_store.put(data[:-1]))
    assert judge(truncated) == ("refused", "wrong_model_length")
    padded = data.replace(b'"__metadata__"', b'"__metaData__"', 1)
    assert judge(spoil_model(good, padded)) == ("refused", "wrong_model_header")
    wired = data[:start] + bytes([1]) * (len(data) - start)
    assert judge(spoil_model(good, wired)) == ("refused", "model_ignores_wiring")
    large = data[:start] + bytes([0x80]) * (len(data) - start)
    assert judge(spoil_model(good, large))[1] in {"model_value_out_of_range", "model_ignores_wiring"}


def test_what_stands_on_a_refused_block_is_refused_with_it(miner: Miner) -> None:
    parent = miner.evaluate()
    child = miner.submit(parent=parent)
    refuse_block(block_hash=parent.hash, code=417)
    assert Block.objects.get(hash=child.hash).refused_code == ParentRefused.code
    contents, _ = miner.make(parent=parent, round=5)
    assert name_refused_later(contents) == "parent_refused"


def name_refused_later(contents: BlockContents) -> str:
    with pytest.raises(ProtocolError) as caught:
        submit(contents)
    return caught.value.name


def test_a_late_candidate_weighs_one_until_three_in_time_stand_on_it(miner: Miner) -> None:
    contents, _ = miner.make()
    late = submit_candidate(raw=encode_block(contents), now=contents.header.timestamp + 1.5)
    assert (late.late, late.weight, late.work) == (True, 1, 1)
    parent, works = evaluate_block(block_hash=late.hash), []
    for _ in range(3):
        parent = miner.evaluate(parent=parent)
        works.append(parent.work)
    weight = late.threshold + 1
    assert works == [1 + weight, 1 + 2 * weight, 4 * weight]
