"""How fast a node validates blocks: everything but the model, and everything."""

from collections.abc import Callable, Sequence
from unittest import mock

from benchmarks.measure import measure, print_table, show_rate
from datasets import load_genesis_problem
from protocol import validation
from protocol.blocks import Genesis, encode_block, genesis_block
from protocol.crypto import address, public_key
from protocol.data_set import check_data_set
from protocol.grammar import shipped_grammar
from protocol.ledger import MemoryState, apply_genesis
from protocol.merkle import object_id
from protocol.params import CAI, DEVNET
from protocol.problem import parse_problem
from protocol.transactions import Output, SignedTransaction, Transfer, sign_transaction
from tests.mining import make_block

SECRET = bytes(range(32))
TRANSFERS = (0, 100)


class Chain:
    """A devnet of one block in memory, with a second one to be validated again and again."""

    def __init__(self, transfers: int) -> None:
        manifest, self.data = load_genesis_problem(DEVNET.network)
        grammar = shipped_grammar("default")
        self.genesis = Genesis(
            network=DEVNET.network,
            parameters=DEVNET,
            timestamp=1_700_000_000,
            allocations={address(public_key(SECRET)): 1000 * CAI},
            problem=object_id(manifest),
            grammar=object_id(grammar),
        )
        self.parent = genesis_block(self.genesis).header
        transition = apply_genesis(self.genesis)
        self.accumulator, self.state = transition.accumulator, MemoryState()
        self.state.apply(transition.changes)
        block, mined = make_block(
            DEVNET,
            self.genesis,
            parent=self.parent,
            reader=self.state,
            accumulator=self.accumulator,
            secret=SECRET,
            signed=_make_transfers(transfers),
        )
        self.raw, self.error, self.macs = encode_block(block), mined.error, mined.architecture.macs
        stored = (manifest, grammar, mined.model)
        self.objects = {object_id(content): content for content in stored}
        self.objects[parse_problem(manifest, DEVNET).data] = self.data

    def read(self, name: str, /) -> bytes | None:
        """The ObjectReader port."""
        return self.objects.get(name)

    def validate(self) -> None:
        """Every check of docs/protocol.md on the block."""
        validation.validate_block(
            DEVNET,
            self.genesis,
            self.raw,
            parent=self.parent,
            reader=self.state,
            accumulator=self.accumulator,
            objects=self,
            now=2**40,
        )

    def make_model_free(self) -> Callable[[], None]:
        """``validate`` without running the model: the claim is believed. The data set is checked once, as in
        a node.
        """
        problem = parse_problem(self.objects[self.genesis.problem], DEVNET)
        view = check_data_set(self.data, problem, DEVNET)

        def validate() -> None:
            with (
                mock.patch.object(validation, "evaluate", return_value=self.error),
                mock.patch.object(validation, "check_data_set", return_value=view),
            ):
                self.validate()

        return validate


def _make_transfers(count: int) -> Sequence[SignedTransaction]:
    receiver = address(public_key(bytes(32)))
    return [
        sign_transaction(
            SECRET,
            network=DEVNET.network,
            kind="transfer",
            sequence=sequence,
            fee=1,
            body=Transfer((Output(receiver, 1),)),
        )
        for sequence in range(count)
    ]


def run(quick: bool) -> None:
    """Print the rates for an empty block and one with transfers."""
    rows = []
    for transfers in TRANSFERS:
        chain = Chain(transfers)
        without = measure(chain.make_model_free(), 0.5 if quick else 4.0)
        whole = measure(chain.validate, 0.5 if quick else 8.0)
        rows.append((transfers, f"{chain.macs:,}".replace(",", " "), show_rate(without), show_rate(whole)))
    print_table(
        "Blocks",
        "Devnet blocks validated a second, all checks of docs/protocol.md: with the claimed error believed, "
        "and with the model evaluated exactly on all 4 000 validation pictures (NumPy path, CPU time).",
        ("transfers", "MACs of the network", "without evaluation, 1/s", "with evaluation, 1/s"),
        rows,
    )
