"""chain.json: a short, whole, valid chain of the testing network, made here and replayed by the tests."""

import base64
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

import datasets
from protocol.blocks import (
    Block,
    Header,
    encode_block,
    genesis_block,
    parse_block,
    seal_header,
    transactions_root,
)
from protocol.bnf import parse_grammar
from protocol.data_set import check_data_set
from protocol.ledger import MemoryState, MuHash, apply_block, apply_genesis
from protocol.merkle import object_id
from protocol.params import CAI, TESTING
from protocol.problem import parse_problem
from protocol.threshold import compute_opening, compute_quality, compute_threshold
from protocol.transactions import Reward, SignedTransaction, Transaction
from protocol.validation import ValidBlock, validate_block
from tests.protocol.cast import ALICE, BOB, CHARLIE, DAVE, Person, transfer
from tests.vectors.genesis import GENESIS, GRAMMAR, PROBLEM
from tests.vectors.mining import Task

MAX_MODEL_BYTES: Final = 6000
"""Larger models are not tried, so that the file stays small."""


@dataclass(frozen=True)
class Plan:
    """A block to be mined."""

    miner: Person
    round: int
    transfers: tuple[SignedTransaction, ...]


PLANS: Final = (
    Plan(ALICE, 0, (transfer(BOB, (DAVE, 5 * CAI), fee=1000),)),
    Plan(
        BOB,
        0,
        (
            transfer(ALICE, (BOB, 1), (CHARLIE, 2), (ALICE, 3), (BOB, 1)),
            transfer(DAVE, (CHARLIE, 5 * CAI - 7), fee=7),
        ),
    ),
    Plan(ALICE, 2, ()),
    Plan(CHARLIE, 0, (transfer(ALICE, (DAVE, 45 * CAI), sequence=1, fee=250),)),
    Plan(DAVE, 1, (transfer(DAVE, (BOB, CAI), sequence=1), transfer(DAVE, (DAVE, CAI), sequence=2, fee=1))),
)


class Objects:
    """Stored files by id; the data set is the shipped one."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        for data in (PROBLEM, GRAMMAR, datasets.load_data("digits")):
            self.add(data)

    def add(self, data: bytes) -> str:
        self.files[object_id(data)] = data
        return object_id(data)

    def read(self, object_id: str, /) -> bytes | None:
        return self.files.get(object_id)


class Replay:
    """A node of the simplest kind: one chain, everything in memory."""

    def __init__(self) -> None:
        self.objects = Objects()
        self.parent: Header = genesis_block(GENESIS).header
        genesis = apply_genesis(GENESIS)
        self.accumulator: MuHash = genesis.accumulator
        self.state = MemoryState()
        self.state.apply(genesis.changes)

    def copy(self) -> "Replay":
        """The same node, to go another way."""
        other = copy(self)
        other.objects = copy(self.objects)
        other.objects.files = dict(self.objects.files)
        other.state = MemoryState(self.state.entries)
        return other

    def check(self, raw: bytes, *, now: int | None = None) -> ValidBlock:
        """Validate a block on the tip; nothing changes."""
        return validate_block(
            TESTING,
            GENESIS,
            raw,
            parent=self.parent,
            reader=self.state,
            accumulator=self.accumulator,
            objects=self.objects,
            now=2**53 if now is None else now,
        )

    def connect(self, raw: bytes) -> ValidBlock:
        """Validate a block on the tip and move the tip to it."""
        valid = self.check(raw)
        self.state.apply(valid.transition.changes)
        self.accumulator = valid.transition.accumulator
        self.parent = valid.block.header
        return valid

    def mine(self, task: Task, plan: Plan) -> bytes:
        """Return the raw block of a plan on the tip; its model is stored."""
        height = self.parent.height + 1
        reward = Reward(network="testing", height=height, key=plan.miner.key)
        transactions: tuple[Transaction, ...] = (reward, *plan.transfers)
        transition = apply_block(
            TESTING,
            GENESIS,
            self.state,
            self.accumulator,
            height=height,
            round=plan.round,
            transactions=transactions,
            parent=self.parent,
        )
        threshold = self.compute_threshold(plan.round)
        root = transactions_root(transactions)
        found = task.mine(self.parent.hash, root, max_error=_largest_error(threshold))
        header = Header(
            network="testing",
            version=1,
            height=height,
            previous=self.parent.hash,
            round=plan.round,
            timestamp=self.parent.timestamp + (plan.round + 1) * TESTING.round_seconds,
            threshold=threshold,
            problem=GENESIS.problem,
            grammar=GENESIS.grammar,
            transactions=root,
            nonce=found.nonce,
            model=self.objects.add(found.model),
            model_bytes=len(found.model),
            error=found.error,
            state=transition.state,
            seal="",
        )
        return encode_block(Block(seal_header(header, plan.miner.secret), transactions))

    def compute_threshold(self, round: int) -> int:
        """Return what a block of the round needs on the tip."""
        floor = parse_problem(PROBLEM, TESTING).floor
        opening = compute_opening(TESTING, parent=self.parent, problem=GENESIS.problem, floor=floor)
        return compute_threshold(TESTING, floor=floor, opening=opening, round=round)


def mine_chain() -> dict[str, Any]:
    """Mine the planned chain: chain.json but for the refused blocks."""
    replay = Replay()
    problem = parse_problem(PROBLEM, TESTING)
    data_set = check_data_set(datasets.load_data("digits"), problem, TESTING)
    task = Task(TESTING, problem, parse_grammar(GRAMMAR), data_set, MAX_MODEL_BYTES)
    raws = []
    for plan in PLANS:
        raws.append(replay.mine(task, plan))
        replay.connect(raws[-1])
    models = {parse_block(raw, TESTING).header.model for raw in raws}
    return describe_chain(raws, {model: replay.objects.files[model] for model in models})


def describe_chain(raws: list[bytes], models: dict[str, bytes]) -> dict[str, Any]:
    """Return chain.json, but for the refused blocks, for blocks that were mined before."""
    replay = Replay()
    replay.objects.files.update(models)
    genesis = genesis_block(GENESIS)
    return {
        "genesis": GENESIS.to_json(),
        "genesis_block": {"raw": encode_block(genesis).decode(), "hash": genesis.hash},
        "objects": {GENESIS.problem: PROBLEM.decode(), GENESIS.grammar: GRAMMAR.decode()},
        "models": {model: base64.b64encode(models[model]).decode() for model in sorted(models)},
        "blocks": [_describe(replay.connect(raw), raw) for raw in raws],
        "entries": dict(sorted(replay.state.entries.items())),
    }


def _describe(valid: ValidBlock, raw: bytes) -> dict[str, Any]:
    header, transition = valid.block.header, valid.transition
    return {
        "raw": raw.decode(),
        "hash": header.hash,
        "text": valid.derivation.text,
        "parameters": valid.architecture.parameters,
        "macs": valid.architecture.macs,
        "quality": compute_quality(header.error),
        "fees": transition.fees,
        "reward": transition.reward,
        "product": transition.accumulator.to_bytes().hex(),
        "changes": [
            {"key": change.key, "before": change.before, "after": change.after}
            for change in transition.changes
        ],
    }


def _largest_error(threshold: int) -> int:
    """The worst error that meets a threshold."""
    worst = 10**6
    while compute_quality(worst) < threshold:
        worst -= 1000
    return worst
