"""The network of the vectors: testing, with the cast's coins, the digits and the default grammar."""

from typing import Final

import datasets
from protocol.blocks import Genesis
from protocol.grammar import shipped_grammar
from protocol.merkle import object_id
from protocol.params import CAI, TESTING
from tests.protocol.cast import ALICE, BOB, CHARLIE

TIMESTAMP: Final = 1_750_000_000
PROBLEM: Final = datasets.load_problem("digits")
GRAMMAR: Final = shipped_grammar("default")

GENESIS: Final = Genesis(
    network="testing",
    parameters=TESTING,
    timestamp=TIMESTAMP,
    allocations={person.address: 1_000_000 * CAI for person in (ALICE, BOB, CHARLIE)},
    problem=object_id(PROBLEM),
    grammar=object_id(GRAMMAR),
)
