"""Plays: chains of made-up blocks that exercise the ledger alone, written down (format: README.md)."""

from dataclasses import dataclass
from typing import Any, Final

from protocol.errors import ERRORS, ProtocolError
from protocol.ledger import Transition, check_sum_rule
from protocol.params import ChainParams
from protocol.transactions import Body, Reward, SignedTransaction, Transaction
from tests.protocol.cast import ALICE, CAST, Person
from tests.protocol.play import PARAMS, Play

Act = tuple[Person, Body]


class RecordedPlay(Play):
    """A play that keeps what a vector says about it."""

    def __init__(
        self,
        name: str,
        params: ChainParams = PARAMS,
        people: tuple[Person, ...] = CAST[:3],
        *,
        detailed: bool = True,
    ) -> None:
        super().__init__(name, params, people)
        self.detailed = detailed
        self.blocks: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.shipped = dict(self.contents)
        self.first_hash = self.hashes[0]

    def mine(
        self, *signed: SignedTransaction, round: int = 0, miner: Person = ALICE, salt: str = ""
    ) -> Transition:
        transition = super().mine(*signed, round=round, miner=miner, salt=salt)
        check_sum_rule(self.state.entries.items())
        self.blocks.append(
            {
                "round": round,
                "transactions": [transaction.to_json() for transaction in self.bodies[-1]],
                "hash": self.hashes[-1],
                "model": self.parent.model,
                "model_bytes": self.parent.model_bytes,
                "state": transition.state,
                "fees": transition.fees,
                "reward": transition.reward,
                "changes": [
                    {"key": change.key, "before": change.before, "after": change.after}
                    for change in transition.changes
                    if self.detailed
                ],
            }
        )
        return transition

    def refuse(self, why: str, *acts: Act | SignedTransaction, code: int) -> None:
        """Write down that the next block is refused with these transactions."""
        people = [act for act in acts if not isinstance(act, SignedTransaction)]
        signed = [act for act in acts if isinstance(act, SignedTransaction)] + self.act(*people)
        try:
            self.prepare(*signed)
        except ProtocolError as error:
            found = error.code
        else:
            found = 0
        if found != code:
            raise AssertionError(f"{self.name}: {why}: {found} and not {code}")
        body: list[Transaction] = [Reward("testing", self.height, ALICE.key), *signed]
        self.refused.append(
            {
                "why": why,
                "blocks": len(self.blocks),
                "round": 0,
                "transactions": [transaction.to_json() for transaction in body],
                "code": code,
                "name": ERRORS[code].name,
            }
        )

    def attempt(self, *acts: Act, code: int) -> None:
        """Connect a block with these transactions, or write down that it is refused."""
        try:
            self.do(*acts)
        except ProtocolError:
            self.refuse("the same, refused here", *acts, code=code)
            self.mine()

    def describe(self) -> dict[str, Any]:
        """The play as it stands in the file."""
        self.check_undo()
        return {
            "name": self.name,
            "genesis": self.genesis.to_json(),
            "genesis_hash": self.first_hash,
            "contents": {key: data.decode() for key, data in self.shipped.items()},
            "blocks": self.blocks,
            "refused": self.refused,
            "entries": dict(sorted(self.state.entries.items())),
        }


@dataclass(frozen=True)
class Extras:
    """People besides the cast, who keep."""

    count: int

    @property
    def people(self) -> tuple[Person, ...]:
        return tuple(Person(f"keeper {number}") for number in range(self.count))


KEEPERS: Final = Extras(5).people
