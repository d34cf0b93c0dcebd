"""The chain that the nodes of a benchmark share, and the folder that they live in."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from datasets import GENESIS_PROBLEMS, load_problem
from protocol.blocks import Genesis
from protocol.grammar import shipped_grammar
from protocol.merkle import object_id
from protocol.params import PARAMETERS

Result = TypeVar("Result")


def make_genesis(*, age: float, round_seconds: int = 1, late_seconds: int = 3) -> Genesis:
    """The testing network's rules, of a chain that began ``age`` seconds ago; rounds as long as asked for."""
    parameters = replace(
        PARAMETERS["testing"],
        round_seconds=round_seconds,
        late_seconds=late_seconds,
        stall_rounds=10**6,
    )
    return Genesis(
        network="testing",
        parameters=parameters,
        timestamp=int(time.time() - age),
        allocations={},
        problem=object_id(load_problem(*GENESIS_PROBLEMS["testing"])),
        grammar=object_id(shipped_grammar("default")),
    )


def in_folder(work: Callable[[Path], Result]) -> Result:
    """Run something in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="coinai-network-") as folder:
        return work(Path(folder))
