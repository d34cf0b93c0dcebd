"""What a keeper sends: registration, leave and proofs, each signed with the next free sequence.

The node's mempool is the only memory: it takes a transaction whole or not at all, knows every one that waits,
and lets no two of a sender have one sequence. So a keeper that is killed between any two steps asks again
what waits, and neither loses an answer nor signs one twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from apps.chain import api as chain
from apps.common.object_folder import ObjectCorrupt, ObjectFolder
from apps.storage.keeping.standing import Challenge, Pending, Standing
from protocol.crypto import address, public_key
from protocol.encoding import encode
from protocol.errors import InvalidStorageProof, ObjectMissing, Overdraft, ProtocolError, UnknownChallenge
from protocol.storage import check_chunk
from protocol.transactions import (
    Body,
    Keeper,
    Leave,
    SignedTransaction,
    StorageProof,
    compute_bond,
    sign_transaction,
)

LEAST_ROOM = 2**20
"""Bytes that one who is careful offers beyond what it holds."""
MOST_AT_ONCE = 32
"""Proofs sent in one step: a node keeps only so many ahead of a sender."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """What the operator offers."""

    capacity: int
    endpoint: str
    bond: int | None = None
    """Base units; None: the least that the rule asks."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of open challenges."""

    sent: int
    broken: Sequence[str]
    """Objects that turned out to be damaged or missing."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Signs with one key."""

    secret: bytes

    @property
    def address(self) -> str:
        """The keeper's address."""
        return address(public_key(self.secret))

    def register(
        self, standing: Standing, offer: Offer, *, is_careful: bool = False
    ) -> SignedTransaction | None:
        """Send what brings the ledger's entry to the offer, or to no free room, if it is not there nor on its
        way. Raises Overdraft and what else the mempool refuses.
        """
        wanted = plan_registration(standing, offer, is_careful=is_careful)
        if wanted is None or standing.is_leaving or _is_pending(standing, Keeper.kind, Leave.kind):
            return None
        needed = wanted.bond - (standing.entry["bond"] if standing.entry is not None else 0)
        if needed > standing.balance:
            raise Overdraft(self.address, standing.balance, needed)
        return self._send(wanted, standing.sequence)

    def leave(self, standing: Standing) -> SignedTransaction | None:
        """Send the leave, unless it is on its way or done."""
        if standing.entry is None or standing.is_leaving or _is_pending(standing, Leave.kind):
            return None
        return self._send(Leave(), standing.sequence)

    def answer(
        self, standing: Standing, folder: ObjectFolder, *, kept_back: Challenge | None = None
    ) -> "Answers":
        """Send a proof for each challenge that waits for one and can be proven, but the one that is to be
        ``kept_back``.
        """
        answered = {
            (item.transaction.body.height, item.transaction.body.number): item
            for item in standing.pending
            if isinstance(item.transaction.body, StorageProof)
        }
        broken: list[str] = []
        sequence = standing.sequence
        for challenge in standing.challenges:
            if sequence - standing.sequence >= MOST_AT_ONCE:
                break
            waiting = answered.get((challenge.height, challenge.number))
            if waiting is not None:
                self._hurry(waiting, challenge, standing)
                continue
            if challenge == kept_back:
                continue
            proof = _prove(folder, challenge, standing.asked.get(challenge.object, -1))
            if proof is None:
                broken.append(challenge.object)
            elif self._try(proof, sequence):
                sequence += 1
        return Answers(sequence - standing.sequence, broken)

    def _try(self, proof: StorageProof, sequence: int) -> bool:
        try:
            sent = self._send(proof, sequence)
        except UnknownChallenge:
            return False  # a block came between, which answered it or took it back
        except ProtocolError as error:
            log.warning("proof_refused", code=error.code, detail=error.detail, challenge=proof.height)
            return False
        log.info("proof_sent", txid=sent.txid[:12], challenge=f"{proof.height}/{proof.number}", fee=sent.fee)
        return True

    def _hurry(self, waiting: Pending, challenge: Challenge, standing: Standing) -> None:
        """Pay more for an answer that blocks pass over while its time runs out, under the same sequence."""
        params = standing.params
        if challenge.last - standing.height > max(1, params.proof_blocks // 4):
            return
        rate = _suggest_rate()
        if waiting.rate >= rate:
            return
        body = waiting.transaction.body
        most = max(challenge.pay, (standing.entry or {}).get("bond", 0) * params.slash_ppm // 10**6)
        try:
            sent = self._sign(body, waiting.transaction.sequence, rate)
            if waiting.transaction.fee < sent.fee <= min(most, standing.balance):
                chain.submit_transaction(encode(sent.to_json()))
                log.info("proof_hurried", txid=sent.txid[:12], fee=sent.fee)
        except ProtocolError as error:
            log.info("proof_not_hurried", code=error.code, detail=error.detail)

    def _send(self, body: Body, sequence: int) -> SignedTransaction:
        signed = self._sign(body, sequence, _suggest_rate())
        chain.submit_transaction(encode(signed.to_json()))
        return signed

    def _sign(self, body: Body, sequence: int, rate: int) -> SignedTransaction:
        """Sign with the fee that ``rate`` base units per 1000 bytes make; a larger fee has more digits to
        pay for.
        """
        fee = 0
        while True:
            signed = sign_transaction(
                self.secret,
                network=chain.get_params().network,
                kind=body.kind,
                sequence=sequence,
                fee=fee,
                body=body,
            )
            following = -(-len(encode(signed.to_json())) * rate // 1000)
            if following <= fee:
                return signed
            fee = following


def plan_registration(standing: Standing, offer: Offer, *, is_careful: bool = False) -> Keeper | None:
    """The values to set, None when they are set; a keeper can neither fall below what it holds nor take bond
    back without leaving. One that is careful offers no room for anything new, if it offers anything yet.
    """
    entry = standing.entry or {"capacity": 0, "endpoint": "", "bond": 0, "used": 0}
    least = max(1, entry["used"])
    if is_careful and standing.entry is not None:
        # A block places the model of the one before, then takes this in: room for one has to stay. What a
        # miss sets free later stays on offer as well: it is little, and each change costs a fee.
        least += max(LEAST_ROOM, 2 * max(standing.assigned.values(), default=0))
        capacity = entry["capacity"] if entry["capacity"] < offer.capacity else min(least, offer.capacity)
    else:
        capacity = max(offer.capacity, least)
    bond = max(offer.bond or 0, compute_bond(standing.params, capacity), entry["bond"])
    # A slashed bond is below the least, and only a change of the capacity or the endpoint fills it up.
    is_set = (entry["capacity"], entry["endpoint"]) == (capacity, offer.endpoint)
    if standing.entry is not None and is_set and (offer.bond or 0) <= entry["bond"]:
        return None
    return Keeper(capacity, offer.endpoint, bond)


def _prove(folder: ObjectFolder, challenge: Challenge, size: int) -> StorageProof | None:
    """The answer to a challenge, None when the object is not here or not intact."""
    try:
        proof = folder.prove_chunk(challenge.object, challenge.chunk)
        path = tuple(node.hex() for node in proof.path)
        check_chunk(challenge.object, size, challenge.chunk, proof.data, path)
    except (ObjectMissing, ObjectCorrupt, InvalidStorageProof, IndexError, OSError):
        return None
    return StorageProof(challenge.height, challenge.number, proof.data, path)


def _is_pending(standing: Standing, *kinds: str) -> bool:
    return any(item.transaction.body.kind in kinds for item in standing.pending)


def _suggest_rate() -> int:
    """Base units per 1000 bytes that the next block is expected to take."""
    fees = chain.suggest_fees()
    suggestions: Sequence[dict[str, int]] = fees["suggestions"]
    return max(
        int(fees["minimum"]), min((int(row["fee_per_kilobyte"]) for row in suggestions[:1]), default=0)
    )
