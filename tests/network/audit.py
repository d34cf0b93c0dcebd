"""An independent auditor: loads a chain over HTTP and checks every block of it by the rules alone."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from protocol.blocks import Block, Genesis, genesis_block
from protocol.ledger import MemoryState, apply_genesis, check_sum_rule
from protocol.merkle import object_id
from protocol.transactions import Transaction
from protocol.validation import validate_block
from tests.network.running import RunningSystem


@dataclass(frozen=True, slots=True)
class HttpObjects:
    """Objects of a site, each checked against its id."""

    system: RunningSystem

    def read(self, name: str, /) -> bytes | None:
        """The bytes of an object."""
        data = self.system.get(f"objects/{name}")
        assert object_id(data) == name
        return data


@dataclass(frozen=True, slots=True)
class AuditedPast:
    """The blocks that were audited so far, for the rules of the next one."""

    blocks: list[Block]
    objects: HttpObjects

    def get_hash(self, height: int, /) -> str:
        """The hash of an audited block."""
        return self.blocks[height].hash

    def list_transactions(self, height: int, /) -> Sequence[Transaction]:
        """The transactions of an audited block."""
        return self.blocks[height].transactions

    def get_content(self, object_id: str, /) -> bytes | None:
        """A manifest or a grammar."""
        return self.objects.read(object_id)


def audit(system: RunningSystem) -> list[str]:
    """Re-validates the chain from the genesis on, models re-scored; returns its hashes by height.

    Every coin is accounted for after every block, and the ledger that the site answers from is the same.
    """
    genesis = Genesis.from_json(system.get_json("genesis"))
    params = genesis.parameters
    transition = apply_genesis(genesis)
    state = MemoryState()
    state.apply(transition.changes)
    parent = genesis_block(genesis)
    objects = HttpObjects(system)
    past = AuditedPast([parent], objects)
    status = system.get_json("status")
    assert status["genesis"] == parent.hash
    for height in range(1, int(status["height"]) + 1):
        raw = system.get(f"blocks/{system.get_json(f'blocks/{height}')['hash']}/raw")
        valid = validate_block(
            params,
            genesis,
            raw,
            parent=parent.header,
            reader=state,
            accumulator=transition.accumulator,
            objects=objects,
            now=int(time.time()),
            past=past,
        )
        transition, parent = valid.transition, valid.block
        state.apply(transition.changes)
        check_sum_rule(state.entries.items())
        past.blocks.append(parent)
    hashes = [block.hash for block in past.blocks]
    if hashes[-1] == status["tip"]:
        supply = state.entries["supply"]
        assert status["supply"] == int(str(supply["issued"])) - int(str(supply["burned"]))
    return hashes
