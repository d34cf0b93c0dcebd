"""An independent auditor: loads a chain over HTTP and checks every block of it by the rules alone."""

import time
from dataclasses import dataclass

from protocol.blocks import Genesis, genesis_block
from protocol.ledger import MemoryState, apply_genesis, check_sum_rule
from protocol.merkle import object_id
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
    hashes = [parent.hash]
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
            objects=HttpObjects(system),
            now=int(time.time()),
        )
        transition, parent = valid.transition, valid.block
        state.apply(transition.changes)
        check_sum_rule(state.entries.items())
        hashes.append(parent.hash)
    if hashes[-1] == status["tip"]:
        supply = state.entries["supply"]
        assert status["supply"] == int(str(supply["issued"])) - int(str(supply["burned"]))
    return hashes
