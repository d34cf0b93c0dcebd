"""Candidates announced by header, reward and Merkle path: relayed at once, they count for lateness (§5)."""

import time
from collections.abc import Sequence

from django.db import transaction as database
from django.db.models import Q

from apps.chain.contents import get_problem
from apps.chain.errors import ParentRefused
from apps.chain.models import Block, SeenHeader
from apps.chain.peers import limits
from apps.chain.peers.errors import Equivocation, WrongAnnouncement
from apps.chain.peers.headers import build_row, check_header_alone, find_parent
from apps.chain.peers.messages import Candidate
from apps.chain.peers.states import is_synchronised
from apps.chain.selectors import get_params, get_tip
from apps.chain.store import load_contents
from apps.common.notify import notify
from protocol.blocks import VERSION, Header, is_valid_seal, parse_header
from protocol.encoding import decode, encode
from protocol.errors import (
    FromTheFuture,
    InvalidSeal,
    MissingReward,
    ObjectMissing,
    ReorgTooDeep,
    WrongNetwork,
    WrongRewardHeight,
    WrongVersion,
)
from protocol.merkle import inclusion_path, is_included
from protocol.transactions import Reward, check_reward, parse_transaction
from protocol.validation import check_quality

OLD_ROUNDS = 10
"""A candidate of a round so long over is an old one."""
RELAYED_HEIGHTS = 2
"""Candidates so far below the tip are passed on; nobody waits for older ones."""


def take_candidate(message: Candidate, *, source: str, now: float | None = None) -> tuple[SeenHeader, bool]:
    """Check an announced candidate and keep its header; returns the row and whether its parent is known.

    Raises WrongAnnouncement, Equivocation, InvalidSeal and what the checks of a header raise; ParentRefused
    for one on a block that was refused here, which whoever relayed it need not have known.
    """
    now = time.time() if now is None else now
    header = parse_header(message.header)
    known = SeenHeader.objects.defer("body").filter(hash=header.hash).first()
    if known is not None:
        if known.proof is None:
            check_proof(header, message)
            known.proof = _to_proof(message)
            known.save(update_fields=["proof"])
        return known, known.work is not None
    reward = check_proof(header, message)
    _check_place(header, now)
    _check_room(header, reward, source, now)
    parent = find_parent(header.previous)
    if parent is not None:
        if not parent.is_open:
            raise ParentRefused(header.previous, 0)
        check_header_alone(header, parent, now)
    work = None if parent is None else parent.work + header.threshold + 1
    row = build_row(header, work, source=source, now=now)
    row.proof = _to_proof(message)
    # Its body is asked for at once; `fetching` asks only for those that could still win.
    row.state = SeenHeader.State.KNOWN if parent is None else SeenHeader.State.WANTED
    if Block.objects.filter(hash=row.hash).exists():
        row.state = SeenHeader.State.TAKEN
    with database.atomic():
        SeenHeader.objects.bulk_create([row], ignore_conflicts=True)
        notify("coinai_header", row.hash)
    return row, parent is not None


def _to_proof(message: Candidate) -> dict[str, object]:
    return {"reward": message.reward, "path": list(message.path), "count": message.count}


def check_proof(header: Header, message: Candidate) -> Reward:
    """The reward belongs to the header, and its key sealed it. Raises WrongAnnouncement, InvalidSeal."""
    params = get_params()
    if header.height == 0 or header.version != VERSION:
        raise WrongVersion(header.version, VERSION)
    if header.network != params.network:
        raise WrongNetwork(header.network, params.network)
    reward = parse_transaction(message.reward)
    if not isinstance(reward, Reward):
        raise MissingReward
    check_reward(params, reward)
    if reward.height != header.height:
        raise WrongRewardHeight(reward.height, header.height)
    if not 1 <= message.count <= 1 + params.max_transactions:
        raise WrongAnnouncement("a block cannot have so many transactions")
    root, path = bytes.fromhex(header.transactions), [bytes.fromhex(node) for node in message.path]
    if not is_included(root, bytes.fromhex(reward.txid), 0, message.count, path):
        raise WrongAnnouncement("the path does not lead from its reward to its root")
    check_quality(header)
    if not is_valid_seal(header, reward.key):
        raise InvalidSeal
    return reward


def _check_place(header: Header, now: float) -> None:
    params, tip = get_params(), get_tip()
    if header.timestamp - params.round_seconds > now + params.late_seconds:
        raise FromTheFuture(header.timestamp, int(now))
    if header.height <= tip.height - params.max_reorg:
        raise ReorgTooDeep(tip.height - header.height + 1, params.max_reorg)


def _check_room(header: Header, reward: Reward, source: str, now: float) -> None:
    """A peer's announcements are bounded: a miner may publish one candidate per round and parent (§3)."""
    mine = SeenHeader.objects.filter(source=source)
    here = mine.exclude(proof__isnull=True)
    same = mine.filter(previous=header.previous, round=header.round)
    bounds = [
        (mine.filter(work=None), limits.LOOSE_HEADERS),
        (same.filter(proof__reward__body__key=reward.key), limits.TWINS),
        (same, limits.CANDIDATES_A_ROUND),
        (here.filter(timestamp=header.timestamp), 4 * limits.CANDIDATES_A_ROUND),
    ]
    over = int(now) - get_params().late_seconds - OLD_ROUNDS * get_params().round_seconds
    if header.timestamp < over:
        # While this node catches up nothing counts as late, and old ones are those of rounds long over.
        old = Q(late=True) if is_synchronised() else Q(timestamp__lt=over)
        bounds.append((here.filter(old).exclude(state=SeenHeader.State.TAKEN), limits.LATE_CANDIDATES))
    for rows, most in bounds:
        if rows.count() >= most:
            raise Equivocation(reward.address, most)


def is_relayed(seen: SeenHeader) -> bool:
    """Whether a candidate is passed on: checked against its parent, in time, among the first of its round and
    its miner, or found valid and among the first of these. These are always fewer than a peer tolerates,
    whatever others tell this node, and nothing that a peer who knows more could blame it for.
    """
    if seen.work is None or seen.height < get_tip().height - RELAYED_HEIGHTS or not _is_known(seen.problem):
        return False
    valid = Block.objects.filter(status=Block.Status.VALID)
    rivals = SeenHeader.objects.filter(height=seen.height, timestamp=seen.timestamp).exclude(
        proof__isnull=True
    )
    if valid.filter(hash=seen.hash).exists():
        rivals = rivals.filter(hash__in=valid.values("hash"))
    elif seen.late:
        return False
    before = rivals.filter(
        Q(received_at__lt=seen.received_at) | Q(received_at=seen.received_at, hash__lt=seen.hash)
    )
    found = list(before.values_list("previous", "proof__reward__body__key")[: limits.CANDIDATES_A_ROUND])
    here = [key for previous, key in found if previous == seen.previous]
    key = (seen.proof or {})["reward"]["body"]["key"]
    return (
        len(found) < limits.CANDIDATES_A_ROUND
        and len(here) < limits.RELAYED_A_ROUND
        and here.count(key) < limits.RELAYED_TWINS
    )


def _is_known(problem: str) -> bool:
    try:
        get_problem(problem)
    except ObjectMissing:
        return False
    return True


def build_candidate(block_hash: str) -> Candidate | None:
    """The announcement of a candidate that is known here; None when there is none, or it is not relayed."""
    seen = SeenHeader.objects.defer("body").filter(hash=block_hash).exclude(proof__isnull=True).first()
    if seen is not None and seen.proof is not None:
        if not is_relayed(seen):
            return None
        header = decode(bytes(seen.header))
        if not isinstance(header, dict):
            raise TypeError("a header's row holds an object")
        return Candidate(header, seen.proof["reward"], tuple(seen.proof["path"]), seen.proof["count"])
    block = Block.objects.filter(hash=block_hash).exclude(status=Block.Status.REFUSED).first()
    if block is None or block.height == 0 or _is_history(block):
        return None
    contents = load_contents(get_params(), block)
    leaves = [bytes.fromhex(item.txid) for item in contents.transactions]
    path = tuple(node.hex() for node in inclusion_path(leaves, 0))
    header_json, reward_json = dict(contents.header.to_json()), contents.reward.to_json()
    decoded = decode(encode(reward_json))
    if not isinstance(decoded, dict):
        raise TypeError("a reward is an object")
    return Candidate(header_json, decoded, path, len(leaves))


def _is_history(block: Block) -> bool:
    """Whether this node fetched it to catch up: news to nobody, and too many for whoever hears them."""
    over = block.timestamp + OLD_ROUNDS * get_params().round_seconds
    return over < time.time() and not is_synchronised()


def list_open_candidates(limit: int = 32) -> Sequence[str]:
    """Candidates on the tip that a new peer should hear of at once."""
    tip = get_tip()
    blocks = Block.objects.filter(previous=tip.hash, canonical=False).exclude(status=Block.Status.REFUSED)
    seen = SeenHeader.objects.filter(previous=tip.hash).exclude(proof__isnull=True)
    seen = seen.exclude(state=SeenHeader.State.REFUSED)
    hashes = [
        *blocks.order_by("round", "-quality").values_list("hash", flat=True)[:limit],
        *seen.order_by("round", "-quality").values_list("hash", flat=True)[:limit],
    ]
    return list(dict.fromkeys(hashes))[:limit]
