"""A chain of made-up blocks over the real ledger; its own Past."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from datasets import load_genesis_problem
from protocol import crypto
from protocol.blocks import Genesis, Header, genesis_block
from protocol.commitment import Change, MuHash
from protocol.crypto import sha3_256
from protocol.grammar import shipped_grammar
from protocol.indexed_state import IndexedState
from protocol.ledger import apply_block, apply_genesis, check_sum_rule
from protocol.merkle import object_id
from protocol.params import ChainParams
from protocol.problem import parse_problem
from protocol.transactions import Body, Reward, SignedTransaction, Transaction


@dataclass(frozen=True, slots=True)
class Uncommitted(MuHash):
    """No product: nobody compares the commitment here, and it would be half of the work."""

    def apply(self, changes: Iterable[Change]) -> MuHash:  # noqa: ARG002
        return self


@dataclass(frozen=True, slots=True)
class Account:
    """A key that signs nothing: signatures are checked outside of the ledger."""

    key: str
    address: str

    @classmethod
    def create(cls, name: str) -> "Account":
        """The account of a name."""
        key = sha3_256(f"coinai/simulation/{name}".encode())
        return cls(key.hex(), crypto.address(key))


class Chain:
    """The ledger after the last block, and what the rules want to know of the blocks below."""

    def __init__(self, params: ChainParams, name: str, allocations: dict[str, int]) -> None:
        manifest, _ = load_genesis_problem(params.network)
        grammar = shipped_grammar("default")
        self.params, self.name = params, name
        self.contents = {object_id(content): content for content in (manifest, grammar)}
        self.genesis = Genesis(params.network, params, 0, allocations, *self.contents)
        self.problem = parse_problem(manifest, params)
        self.miner = Account.create("miner")
        self.parent: Header = genesis_block(self.genesis).header
        self.state = IndexedState()
        self.state.apply(apply_genesis(self.genesis).changes)
        self._hashes = [self.parent.hash]
        self._body: tuple[Transaction, ...] = ()

    # The Past port.

    def get_hash(self, height: int, /) -> str:
        return self._hashes[height]

    def list_transactions(self, height: int, /) -> Sequence[Transaction]:
        if height != self.height:
            raise LookupError(f"the transactions of block {height} were not kept")
        return self._body

    def get_content(self, object_id: str, /) -> bytes | None:
        return self.contents.get(object_id)

    @property
    def height(self) -> int:
        """The last block's."""
        return len(self._hashes) - 1

    def count(self, key: str, field: str) -> int:
        """A number of an entry; 0 where there is none."""
        entry = self.state.get(key)
        return 0 if entry is None else int(str(entry[field]))

    def sign(self, acts: Iterable[tuple[Account, Body]]) -> list[SignedTransaction]:
        """The acts as the transactions of the next block, in order."""
        sequences: dict[str, int] = {}
        signed = []
        for account, body in acts:
            sequence = sequences.get(account.address)
            if sequence is None:
                sequence = self.count(f"account/{account.address}", "sequence")
            sequences[account.address] = sequence + 1
            signed.append(
                SignedTransaction(self.params.network, body.kind, account.key, sequence, 0, body, "")
            )
        return signed

    def mine(self, signed: Sequence[SignedTransaction], model: str, model_bytes: int) -> tuple[Change, ...]:
        """Connect a block with these transactions and this model; return what it changed."""
        height = self.height + 1
        body: tuple[Transaction, ...] = (Reward(self.params.network, height, self.miner.key), *signed)
        transition = apply_block(
            self.params,
            self.genesis,
            self.state,
            Uncommitted(),
            height=height,
            round=0,
            transactions=body,
            parent=self.parent,
            past=self,
        )
        self.state.apply(transition.changes)
        self.parent = replace(self.parent, height=height, model=model, model_bytes=model_bytes)
        self._hashes.append(sha3_256(f"{self.name}/{height}".encode()).hex())
        self._body = body
        return transition.changes

    def check(self) -> None:
        """Raises: SumRuleBroken when coins were lost or made."""
        check_sum_rule(self.state.entries.items())
