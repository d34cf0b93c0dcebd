"""The body of a transfer (docs/protocol.md §2)."""

from dataclasses import dataclass
from typing import ClassVar

from protocol import crypto
from protocol.encoding import JsonValue, require_fields, require_integer, require_list, require_text
from protocol.errors import WrongOutputCount, ZeroAmount
from protocol.params import ChainParams


@dataclass(frozen=True, slots=True)
class Output:
    """A payment inside a transfer."""

    to: str
    """Address of the receiver."""
    amount: int
    """Base units, at least 1."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the output as in the transfer's body."""
        return {"to": self.to, "amount": self.amount}


@dataclass(frozen=True, slots=True)
class Transfer:
    """Moves coins to 1 to ``max_outputs`` receivers; one transfer pays a whole pool."""

    kind: ClassVar[str] = "transfer"
    outputs: tuple[Output, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """Return the ``body`` object."""
        return {"outputs": [output.to_json() for output in self.outputs]}

    @property
    def amount(self) -> int:
        """Base units that all outputs take together, the fee not included."""
        return sum(output.amount for output in self.outputs)

    def compute_debit(self, _params: ChainParams) -> int:
        """Base units that leave the sender's balance, the fee not included."""
        return self.amount

    def check(self, params: ChainParams) -> None:
        """Raises: WrongOutputCount, ZeroAmount, InvalidAddress."""
        if not 1 <= len(self.outputs) <= params.max_outputs:
            raise WrongOutputCount(len(self.outputs), params.max_outputs)
        for index, output in enumerate(self.outputs):
            if output.amount < 1:
                raise ZeroAmount(f"outputs[{index}].amount")
            crypto.parse_address(output.to)


def parse_transfer(value: JsonValue) -> Transfer:
    """Read a decoded body, strictly. Raises: WrongType, WrongFields."""
    body = require_fields(value, "transaction.body", ("outputs",))
    outputs = []
    for index, item in enumerate(require_list(body["outputs"], "transaction.body.outputs")):
        where = f"transaction.body.outputs[{index}]"
        output = require_fields(item, where, ("to", "amount"))
        to = require_text(output["to"], f"{where}.to")
        outputs.append(Output(to=to, amount=require_integer(output["amount"], f"{where}.amount")))
    return Transfer(outputs=tuple(outputs))
