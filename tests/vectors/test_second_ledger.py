"""The plays of governance.json and storage.json, replayed by the second implementation."""

from typing import Any

import pytest

from tests.second import chain as second
from tests.second.ledger import Ledger
from tests.second.refused import Refused
from tests.vectors.make import load

PLAYS: list[Any] = [*load("governance"), *load("storage")]


class Replay:
    """The second implementation at some height of a play."""

    def __init__(self, play: Any) -> None:
        contents = {key: text.encode() for key, text in play["contents"].items()}
        self.ledger = Ledger(play["genesis"], contents.__getitem__)
        self.hashes = [play["genesis_hash"]]
        self.parent: Any = None

    def apply(self, row: Any) -> None:
        """Take a block, or what is refused as one. Raises: Refused."""
        self.ledger.apply(
            height=len(self.hashes),
            round_number=row["round"],
            hashes=self.hashes,
            parent=self.parent,
            transactions=row["transactions"],
        )

    def follow(self, block: Any) -> None:
        """Take a block and compare what it changed."""
        before = self.ledger.entries
        self.apply(block)
        after = self.ledger.entries
        changed = {key for key in before | after if before.get(key) != after.get(key)}
        if block["changes"]:
            assert [row["key"] for row in block["changes"]] == sorted(changed)
        for row in block["changes"]:
            assert (before.get(row["key"]), after.get(row["key"])) == (row["before"], row["after"])
        assert second.commitment(after) == block["state"]
        self.hashes = [block["hash"], *self.hashes]
        self.parent = block


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play["name"])
def test_the_second_implementation_plays_the_same(play: Any) -> None:
    replay = Replay(play)
    for height in range(len(play["blocks"]) + 1):
        if height:
            replay.follow(play["blocks"][height - 1])
        for row in play["refused"]:
            if row["blocks"] == height:
                with pytest.raises(Refused):
                    replay.apply(row)
    assert replay.ledger.entries == play["entries"]
