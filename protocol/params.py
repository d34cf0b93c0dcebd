"""Chain parameters: every number that a network may choose, and why (docs/protocol.md, appendix).

All of them, those of governance and storage included, are fixed in the genesis document, so that the genesis
of a network never changes under its users. The names in JSON are the attribute names, except ``raise``
(``raise_`` here, because the word is reserved in Python).
"""

from dataclasses import dataclass, fields, replace
from typing import Final

from protocol.encoding import JsonValue, require_fields, require_integer, require_text
from protocol.errors import InvalidParameter

CAI: Final = 10**8
"""Base units in one CAI (§1)."""

KIB: Final = 2**10
MIB: Final = 2**20
GIB: Final = 2**30

DERIVATIONS: Final = ("refill", "paper")
SELECTIONS: Final = ("proportional", "plurality", "auction")

_AT_LEAST_ONE: Final = frozenset(
    {
        "round_seconds",
        "fall",
        "max_reorg",
        "stall_rounds",
        "max_transactions",
        "max_outputs",
        "max_block_bytes",
        "max_data_bytes",
        "max_model_bytes",
        "max_grammar_bytes",
        "max_manifest_bytes",
        "max_choices",
        "max_parameters",
        "max_macs",
        "max_evaluation_macs",
        "halving_blocks",
        "maturity_blocks",
        "epoch_blocks",
        "min_active_blocks",
        "proposal_blocks",
        "beacon_blocks",
        "switch_delay",
        "proof_blocks",
        "max_misses",
        "unbond_blocks",
    }
)
_AT_MOST: Final = {"keeper_share_ppm": 10**6, "quorum_ppm": 10**6, "slash_ppm": 10**6, "beacon_blocks": 256}
_CHOICES: Final = {"derivation": DERIVATIONS, "selection": SELECTIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainParams:
    """The parameters of one network. ``network`` is its name; the genesis document carries it beside
    ``parameters``.
    """

    network: str

    # Rounds and fork choice (§3, §5)
    round_seconds: int
    """Length of a round: long enough to train a model and to spread the best one, short enough to wait."""
    raise_: int
    """Millibits that the threshold opens above the last block's: progress must cost something each time."""
    fall: int
    """Millibits that it falls each round: an equilibrium block takes 1 + raise / fall rounds whatever the
    power.
    """
    late_seconds: int
    """A header first seen later than this after its timestamp is late: clocks and networks differ by less."""
    max_reorg: int
    """Blocks that a node undoes at most: bounds the damage of a long hidden branch, beyond it people decide.
    """
    stall_rounds: int
    """Rounds after which the genesis contents return: nothing voted in can stop the chain for longer."""

    # Size of a block (§2, §3)
    max_transactions: int
    """Signed transactions of a block (the paper's N): bounds the signatures that a verifier checks."""
    max_outputs: int
    """Outputs of one transfer: a pool pays its members with one transaction, and cannot fill a block with
    it.
    """
    max_block_bytes: int
    """Bytes of a block: bounds what is parsed before anything else is known about it."""
    nonces_per_transaction: int
    """Nonces that each transaction opens (§9 of the paper: including low-fee ones pays); 0 lifts the bound.
    """

    # From hash to architecture (§4)
    max_choices: int
    """Choices of a derivation before it is closed by the least alternatives: every derivation ends."""
    derivation: str
    """What happens when the hash is used up: ``refill`` (unbiased, ends) or the literal rule of the
    ``paper``.
    """
    max_grammar_bytes: int
    """Bytes of a grammar: it is in a transaction and is parsed by everyone."""

    # Problems, data sets and models (§4.3, §6, §8)
    max_manifest_bytes: int
    """Bytes of a problem's manifest: it is in a transaction."""
    max_data_bytes: int
    """Bytes of a data set: every verifier downloads and keeps it."""
    max_model_bytes: int
    """Bytes of a model: every verifier downloads one a block."""
    max_parameters: int
    """Largest ``max_parameters`` of a manifest: bounds the memory of a verification."""
    max_macs: int
    """Largest ``max_macs`` of a manifest: bounds the time of one inference."""
    max_evaluation_macs: int
    """Validation examples × multiply-accumulates: bounds the time of a verification, about a second of one
    core.
    """

    # Coins (§7.2)
    initial_subsidy: int
    """New base units a block at first; the supply then stays below twice subsidy × halving_blocks."""
    halving_blocks: int
    """Blocks after which the subsidy halves: a finite supply with a long, predictable tail."""
    keeper_share_ppm: int
    """Share of the subsidy that pays for stored models and data sets."""
    maturity_blocks: int
    """Blocks for which a reward is locked: a reorganisation must not take back coins that were passed on."""

    # Governance (§8)
    epoch_blocks: int
    """A draw is made at the heights divisible by this."""
    min_active_blocks: int
    """Blocks that a problem or grammar stays at least: miners get time to become good at it (the paper's
    lock-up).
    """
    quorum_ppm: int
    """Share of the circulating supply that must stand behind the proposals: a sleepy minority decides
    nothing.
    """
    proposal_blocks: int
    """Blocks after which an undrawn proposal expires: the state does not grow for ever."""
    beacon_blocks: int
    """Blocks that give one bit each to a draw: a miner sways one bit of so many."""
    switch_delay: int
    """Blocks between a draw and the switch: workers fetch the new data set in time."""
    proposal_deposit: int
    """Locked by a proposal: flooding the ballot costs something."""
    proposal_deposit_per_mib: int
    """Locked besides for each MiB of data: storage that keepers promise is not free to ask for."""
    selection: str
    """How the winner is chosen: ``proportional`` to stake (the paper's), ``plurality`` or ``auction``."""

    # Storage (§9)
    model_replicas: int
    """Keepers of each model: the trained models are the useful work, losing one needs all of them to fail."""
    data_replicas: int
    """Keepers of each proposed data set before it may win: the chain never mines on data nobody has; 0 asks
    none.
    """
    audits_per_block: int
    """Random challenges a block: how quickly a keeper that lost its data is noticed."""
    proof_blocks: int
    """Blocks that a keeper has to answer: longer than a restart, shorter than fetching everything anew."""
    slash_ppm: int
    """Share of the bond that a miss burns: several misses hurt, one accident does not ruin."""
    max_misses: int
    """Misses in a row that eject a keeper."""
    unbond_blocks: int
    """Blocks for which a leaving keeper's bond stays locked: what it did before can still be punished."""
    topup_per_block: int
    """Placements a block at most when objects lack replicas: bounds the work after many keepers leave at
    once.
    """
    bond_per_gib: int
    """Bond for each GiB of promised capacity: promises are backed."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the ``parameters`` object of the genesis document; the network's name is not part of it."""
        return {
            _json_name(field.name): getattr(self, field.name)
            for field in fields(self)
            if field.name != "network"
        }

    @classmethod
    def from_json(cls, value: JsonValue, *, network: str = "") -> "ChainParams":
        """Read the ``parameters`` object of a genesis document or a lease, strictly.

        Without ``network`` the result refuses every block and transaction, because no chain has the empty
        name.

        Raises: WrongFields, WrongType, InvalidParameter.
        """
        names = [field.name for field in fields(cls) if field.name != "network"]
        content = require_fields(value, "parameters", tuple(_json_name(name) for name in names))
        read = {name: _read_parameter(name, content[_json_name(name)]) for name in names}
        return cls(network=network, **read)  # type: ignore[arg-type]  # the types were checked one by one


def _json_name(name: str) -> str:
    return "raise" if name == "raise_" else name


def _read_parameter(name: str, value: JsonValue) -> int | str:
    where = f"parameters.{_json_name(name)}"
    if name in _CHOICES:
        text = require_text(value, where)
        if text not in _CHOICES[name]:
            raise InvalidParameter(_json_name(name), f"one of {', '.join(_CHOICES[name])}")
        return text
    number = require_integer(value, where)
    if name in _AT_LEAST_ONE and number < 1:
        raise InvalidParameter(_json_name(name), "at least 1")
    if number > _AT_MOST.get(name, number):
        raise InvalidParameter(_json_name(name), f"at most {_AT_MOST[name]}")
    return number


MAIN: Final = ChainParams(
    network="main",
    round_seconds=120,
    raise_=250,
    fall=100,
    late_seconds=2,
    max_reorg=100,
    stall_rounds=200,
    max_transactions=2000,
    max_outputs=256,
    max_block_bytes=2 * MIB,
    nonces_per_transaction=65536,
    max_choices=512,
    derivation="refill",
    max_grammar_bytes=64 * KIB,
    max_manifest_bytes=64 * KIB,
    max_data_bytes=GIB,
    max_model_bytes=16 * MIB,
    max_parameters=5_000_000,
    max_macs=50_000_000,
    max_evaluation_macs=30_000_000_000,
    initial_subsidy=50 * CAI,
    halving_blocks=210_000,
    keeper_share_ppm=100_000,
    maturity_blocks=100,
    epoch_blocks=720,
    min_active_blocks=2160,
    quorum_ppm=50_000,
    proposal_blocks=50_000,
    beacon_blocks=128,
    switch_delay=100,
    proposal_deposit=CAI,
    proposal_deposit_per_mib=CAI // 100,
    selection="proportional",
    model_replicas=5,
    data_replicas=10,
    audits_per_block=32,
    proof_blocks=20,
    slash_ppm=20_000,
    max_misses=3,
    unbond_blocks=2000,
    topup_per_block=64,
    bond_per_gib=CAI,
)

# A network on one machine or in one room: a block every half minute, and everything reachable in an
# afternoon.
DEVNET: Final = replace(
    MAIN,
    network="devnet",
    round_seconds=10,
    stall_rounds=60_480,  # a week: devnets sleep over the week-end
    max_transactions=500,
    max_block_bytes=MIB,
    nonces_per_transaction=0,
    max_data_bytes=256 * MIB,
    max_model_bytes=8 * MIB,
    max_parameters=2_000_000,
    max_macs=5_000_000,
    max_evaluation_macs=3_000_000_000,
    maturity_blocks=5,
    epoch_blocks=10,
    min_active_blocks=20,
    quorum_ppm=10_000,
    proposal_blocks=500,
    beacon_blocks=5,
    switch_delay=2,
    model_replicas=3,
    data_replicas=0,  # a devnet has no keepers at first, and its votes must work all the same
    audits_per_block=8,
    proof_blocks=10,
    unbond_blocks=50,
    topup_per_block=16,
    bond_per_gib=CAI // 100,
)

# Tests: every rule comes into play within some ten blocks of one second.
TESTING: Final = replace(
    DEVNET,
    network="testing",
    round_seconds=1,
    late_seconds=1,
    max_reorg=20,
    stall_rounds=30,
    max_transactions=50,
    max_block_bytes=256 * KIB,
    max_data_bytes=8 * MIB,
    max_model_bytes=MIB,
    maturity_blocks=2,
    epoch_blocks=4,
    min_active_blocks=4,
    proposal_blocks=40,
    beacon_blocks=2,
    model_replicas=2,
    data_replicas=2,
    audits_per_block=4,
    proof_blocks=4,
    slash_ppm=50_000,
    max_misses=2,
    unbond_blocks=8,
    topup_per_block=8,
)

PARAMETERS: Final[dict[str, ChainParams]] = {params.network: params for params in (MAIN, DEVNET, TESTING)}
