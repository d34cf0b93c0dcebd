"""The vector files are current, and the chain in them is valid for this code and for the second
implementation.
"""

import base64
from functools import lru_cache
from typing import Any

import pytest

import datasets
from protocol.blocks import Genesis, genesis_block
from protocol.encoding import decode, encode
from protocol.errors import ERRORS, ProtocolError
from protocol.ledger import MuHash, check_sum_rule, undo
from protocol.merkle import object_id
from tests.second import chain as second
from tests.vectors.broken import load_case
from tests.vectors.chain import Replay
from tests.vectors.make import dump, load, make_chain
from tests.vectors.plain import PLAIN

CHAIN: Any = load("chain")


@pytest.mark.parametrize("name", PLAIN)
def test_a_file_is_what_the_code_makes(name: str) -> None:
    assert dump(load(name)) == dump(PLAIN[name]()), "run: python -m tests.vectors.make"


def test_the_chain_is_what_the_code_makes_of_its_blocks() -> None:
    assert dump(CHAIN) == dump(make_chain(mine=False)), "run: python -m tests.vectors.make"


def test_the_genesis_document_makes_block_0() -> None:
    genesis = Genesis.from_json(CHAIN["genesis"])
    assert Genesis.from_json(decode(encode(genesis.to_json()))) == genesis
    assert genesis_block(genesis).hash == CHAIN["genesis_block"]["hash"]


def test_the_chain_can_be_undone_to_its_beginning() -> None:
    replay = load_case(CHAIN, height=1).replay
    before = dict(replay.state.entries), replay.accumulator
    transitions = [replay.connect(block["raw"].encode()).transition for block in CHAIN["blocks"]]
    assert replay.state.entries == CHAIN["entries"]
    check_sum_rule(replay.state.entries.items())
    assert replay.accumulator == MuHash.of(CHAIN["entries"].items())
    for transition in reversed(transitions):
        back = undo(transition.changes)
        replay.state.apply(back)
        replay.accumulator = replay.accumulator.apply(back)
    assert (replay.state.entries, replay.accumulator) == before


@lru_cache(maxsize=1)
def _load(height: int) -> Replay:
    return load_case(CHAIN, height).replay


@pytest.mark.parametrize("row", CHAIN["refused"], ids=lambda row: row["why"])
def test_refused_blocks_give_their_code(row: Any) -> None:
    replay = _load(row["height"]).copy()
    for text in row["models"].values():
        replay.objects.add(base64.b64decode(text))
    with pytest.raises(ProtocolError) as refused:
        replay.check(base64.b64decode(row["bytes"]))
    assert (refused.value.code, refused.value.name) == (row["code"], row["name"])
    assert ERRORS[row["code"]].name == row["name"]


def _second_objects(models: dict[str, str]) -> Any:
    files = {key: base64.b64decode(text) for key, text in {**CHAIN["models"], **models}.items()}
    files |= {key: text.encode() for key, text in CHAIN["objects"].items()}
    data = datasets.load_data("digits")
    return {**files, object_id(data): data}.__getitem__


def test_the_second_implementation_accepts_the_chain() -> None:
    node = second.Node(CHAIN["genesis"], _second_objects({}))
    assert node.hash == CHAIN["genesis_block"]["hash"]
    for block in CHAIN["blocks"]:
        node.connect(block["raw"].encode())
        assert node.hash == block["hash"]
    assert node.entries == CHAIN["entries"]
