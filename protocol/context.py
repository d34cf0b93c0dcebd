"""What the rules of a block may look at besides the ledger: its place, and the chain below it (§7.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NoReturn, Protocol

from protocol.blocks import Genesis, Header
from protocol.bnf import Grammar, parse_grammar
from protocol.errors import ObjectMissing
from protocol.params import ChainParams
from protocol.problem import Problem, parse_problem
from protocol.transactions import Transaction

BEACON_BYTES: Final = 32


class Past(Protocol):
    """The chain below a block: the port through which the rules see what the ledger does not hold."""

    def get_hash(self, height: int, /) -> str:
        """Return the hash of the block at ``height``, 0 up to the parent's."""

    def list_transactions(self, height: int, /) -> Sequence[Transaction]:
        """Return the transactions of the block at ``height``, in order; asked for the parent's alone."""

    def get_content(self, object_id: str, /) -> bytes | None:
        """Return a manifest or a grammar that ships with the software or was proposed below, or None."""


class _NoPast:
    """Knows nothing: enough for a chain without keepers and without stakes."""

    def get_hash(self, height: int, /) -> str:
        return self._refuse(f"the hash of block {height}")

    def list_transactions(self, height: int, /) -> Sequence[Transaction]:
        return self._refuse(f"the transactions of block {height}")

    def get_content(self, object_id: str, /) -> bytes | None:
        return self._refuse(f"the content {object_id}")

    def _refuse(self, what: str) -> NoReturn:
        raise LookupError(f"the block depends on {what}: give apply_block its past")


NO_PAST: Final[Past] = _NoPast()
"""A past that must not be asked. Raises: LookupError."""


@dataclass(frozen=True)
class BlockContext:
    """The block that is being applied, but for its transactions. Not slotted: it keeps its randomness."""

    params: ChainParams
    genesis: Genesis
    height: int
    round: int
    parent: Header
    past: Past

    @cached_property
    def randomness(self) -> bytes:
        """R_h: the beacon (32 bytes) and the height (8 bytes, big-endian), what every draw is made from."""
        return compute_beacon(self.params, self.past, self.height) + self.height.to_bytes(8, "big")

    def get_problem(self, object_id: str) -> Problem:
        """Return a problem of the chain. Raises: ObjectMissing."""
        return parse_problem(self._get_content(object_id, "problem"), self.params)

    def get_grammar(self, object_id: str) -> Grammar:
        """Return a grammar of the chain. Raises: ObjectMissing."""
        return parse_grammar(self._get_content(object_id, "grammar"))

    def _get_content(self, object_id: str, what: str) -> bytes:
        content = self.past.get_content(object_id)
        if content is None:
            raise ObjectMissing(object_id, what)
        return content


def compute_beacon(params: ChainParams, past: Past, height: int) -> bytes:
    """Return B_h (32 bytes): bit k, least significant first, is the lowest bit of the hash of block h − 1 − k
    (§7.2).

    Heights below 0 and k from ``beacon_blocks`` on give 0. Whoever makes one of those blocks sways one bit.
    """
    bits = 0
    for k in range(min(params.beacon_blocks, height)):
        bits |= (int(past.get_hash(height - 1 - k)[-1], 16) & 1) << k
    return bits.to_bytes(BEACON_BYTES, "little")
