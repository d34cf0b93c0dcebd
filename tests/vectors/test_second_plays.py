"""Random chains of tiny networks, with every kind of transaction: the rules and the second implementation
agree on the whole ledger after every block, and on what no block may hold.
"""

from collections import Counter
from typing import Any

import pytest

from protocol.blocks import Genesis, Header
from protocol.errors import ProtocolError
from protocol.ledger import MemoryState, MuHash, apply_block, apply_genesis, undo
from protocol.transactions import SignedTransaction, Transaction, parse_transaction
from tests.patience import often
from tests.second import chain as second
from tests.second.play import Play, Played

PLAYS = often(10)
BLOCKS = 30


class Chain:
    """The rules' side of a play."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.genesis = Genesis.from_json(play.genesis)
        self.state = MemoryState()
        self.accumulator = MuHash()
        self.transactions: dict[int, list[Transaction]] = {0: []}
        start = apply_genesis(self.genesis)
        self.state.apply(start.changes)
        self.accumulator = self.accumulator.apply(start.changes)

    def get_hash(self, height: int, /) -> str:
        return str(self.play.hashes[len(self.play.hashes) - 1 - height])

    def list_transactions(self, height: int, /) -> list[Transaction]:
        return self.transactions[height]

    def get_content(self, object_id: str, /) -> bytes | None:
        files: dict[str, bytes] = {**self.play.files, **self.play.ledger.proposed}
        return files.get(object_id)

    def transition(self, played: Played, raw: list[Any]) -> Any:
        """What a block of these transactions changes. Raises: ProtocolError."""
        params = self.genesis.parameters
        transactions = [parse_transaction(value) for value in raw]
        for transaction in transactions:
            if isinstance(transaction, SignedTransaction):
                transaction.body.check(params)
        return apply_block(
            params,
            self.genesis,
            self.state,
            self.accumulator,
            height=played.header["height"],
            round=played.header["round"],
            transactions=transactions,
            parent=Header(**played.parent),
            past=self,
        )

    def follow(self, played: Played) -> None:
        """Take a block; every entry is then as the second implementation has it."""
        for refused in played.refused:
            with pytest.raises(ProtocolError):
                self.transition(played, refused)
        before = dict(self.state.entries)
        transition = self.transition(played, played.transactions)
        self.state.apply(transition.changes)
        assert self.state.entries == played.entries
        back = MemoryState(self.state.entries)
        back.apply(undo(transition.changes))
        assert back.entries == before
        self.accumulator = transition.accumulator
        self.transactions[played.header["height"]] = [parse_transaction(t) for t in played.transactions]


def watch(played: Played, seen: Counter[str]) -> None:
    """Count what a play showed, so that plays in which nothing happens do not pass."""
    seen.update(transaction["kind"] for transaction in played.transactions[1:])
    seen.update(f"refused {refused[-1]['kind']}" for refused in played.refused)
    for key, value in played.entries.items():
        head = key.partition("/")[0]
        seen[head] += 1
        seen["voted"] += head == "active" and value["proposal"] != ""
        seen["answered"] += head == "replica" and value["proven"]
        seen["leaving"] += head == "keeper" and value["leaving"] > 0
        seen["missing"] += head == "keeper" and value["misses"] > 0
        seen["audits"] += head == "challenge" and not value["first"]
        seen["burned"] += head == "supply" and value["burned"] > 0


def test_both_implementations_play_the_same() -> None:
    seen: Counter[str] = Counter()
    for seed in range(PLAYS):
        play = Play(seed)
        chain = Chain(play)
        for played in play.run(BLOCKS):
            chain.follow(played)
            watch(played, seen)
        assert second.commitment(play.ledger.entries) == chain.accumulator.commitment
    rare = {name: count for name, count in seen.items() if count < 3}
    assert rare == {}
    assert len(seen) >= 30
