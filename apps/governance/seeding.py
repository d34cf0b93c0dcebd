"""The proposals that a development network begins with, so that its first votes have something to be about.

The network's public key signs them (docs/decisions/0023). What is done already is read from the chain and the
mempool under the faucet's lock: each step may run at any time, in any process, any number of times, and a
step that a reorganisation or somebody else's transaction undid is taken again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction as database
from django.db.models import QuerySet

from apps.chain import api as chain
from apps.common import object_store
from apps.governance.models import Proposal
from apps.wallet import api as wallet
from datasets import load_data, load_problem
from protocol.encoding import decode
from protocol.errors import ProtocolError
from protocol.merkle import object_id
from protocol.params import CAI
from protocol.problem import parse_problem
from protocol.transactions import Propose, SignedTransaction, Support, parse_transaction

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Seed:
    """A shipped problem that is proposed."""

    folder: str
    manifest: str
    stake: int
    """Base units that are locked on it; 0 leaves that to others."""

    @property
    def content(self) -> bytes:
        """The manifest's canonical bytes."""
        return load_problem(self.folder, self.manifest)


SEEDS: Final[Mapping[str, Sequence[Seed]]] = {
    # Twice the quorum of 1% of what exists when the first draw is due: grants and rewards do not undo it.
    "devnet": (Seed("diamonds", "problem", 20_000 * CAI), Seed("digits", "problem-devnet", 0)),
}
"""By network; main has none."""


def list_seeds() -> Sequence[Seed]:
    """What this site proposes by itself: nothing where there is no public key with coins."""
    return SEEDS.get(settings.COINAI_NETWORK, ()) if wallet.is_faucet_on() else ()


def has_seeds_left() -> bool:
    """Whether there may be something to propose or to support."""
    return any(not _is_done(seed) for seed in list_seeds())


def seed_proposals() -> Sequence[str]:
    """Store the data sets, and take the next step of each seed that has one left; returns the ids of the
    transactions that were sent.

    A support waits for its proposal's block: it could not be in a block without it. What is refused now is
    tried again with the next block.
    """
    sent: list[str] = []
    for seed in list_seeds():
        if _is_done(seed):
            continue
        _store_data(seed)
        try:
            with database.atomic():
                wallet.lock_faucet()
                sent += _take_step(seed)
        except ProtocolError as error:
            log.warning("seed_waits", folder=seed.folder, code=error.code, reason=error.detail)
    return sent


def _is_done(seed: Seed) -> bool:
    proposal = _find_proposal(seed)
    if proposal is None:
        return False
    return seed.stake == 0 or not _is_open(proposal) or _has_support(proposal.txid, is_final=True)


def _take_step(seed: Seed) -> Sequence[str]:
    proposal = _find_proposal(seed)
    if proposal is None:
        if _waits(seed):
            return ()
        txid = wallet.submit_as_faucet(Propose("problem", seed.content.decode()))
    elif _is_open(proposal) and not _has_support(proposal.txid, is_final=False):
        txid = wallet.submit_as_faucet(Support(proposal.txid, seed.stake))
    else:
        return ()
    log.info("seed_sent", folder=seed.folder, txid=txid)
    return (txid,)


def _find_proposal(seed: Seed) -> Proposal | None:
    """The proposal of the same content, whoever made it, also when it has ended."""
    return Proposal.objects.filter(content=object_id(seed.content)).order_by("height").first()


def _is_open(proposal: Proposal) -> bool:
    return proposal.drawn_height is None and proposal.ended_height is None


def _waits(seed: Seed) -> bool:
    """Whether somebody's proposal of the same content is in the mempool."""
    text = seed.content.decode()
    rows = chain.Transaction.objects.filter(kind="propose", status=chain.Transaction.Status.PENDING)
    return any(isinstance(body, Propose) and body.content == text for body in _read_bodies(rows))


def _has_support(txid: str, *, is_final: bool) -> bool:
    """Whether the network's key has supported a proposal in a block, or unless ``is_final`` in the mempool.

    Coins that were withdrawn since then count as well: what was done once is not done again.
    """
    states = [chain.Transaction.Status.INCLUDED]
    if not is_final:
        states.append(chain.Transaction.Status.PENDING)
    rows = chain.Transaction.objects.filter(
        sender=wallet.get_faucet_address(), kind="support", status__in=states
    )
    return any(isinstance(body, Support) and body.proposal == txid for body in _read_bodies(rows))


def _read_bodies(rows: QuerySet[chain.Transaction]) -> Iterator[object]:
    most = chain.get_params().max_block_bytes
    for raw in rows.values_list("raw", flat=True):
        contents = parse_transaction(decode(bytes(raw), max_bytes=most))
        if isinstance(contents, SignedTransaction):
            yield contents.body


def _store_data(seed: Seed) -> None:
    """Workers fetch the data set by its id from this node as soon as its problem is active."""
    wanted = parse_problem(seed.content, chain.get_params()).data
    if not object_store.exists(wanted):
        object_store.put(load_data(seed.folder), expected=wanted)
