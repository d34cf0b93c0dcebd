"""Candidates announced by header, reward and Merkle path: relayed at once, they count for lateness (§5)."""

import time
from collections.abc import Sequence

from django.db import transaction as database

from apps.chain.models import Block, SeenHeader
from apps.chain.peers import limits
from apps.chain.peers.errors import Equivocation, WrongAnnouncement
from apps.chain.peers.headers import build_row, check_header_alone, find_parent
from apps.chain.peers.messages import Candidate
from apps.chain.selectors import get_params, get_tip
from apps.chain.store import load_contents
from apps.common.notify import notify
from protocol.blocks import VERSION, Header, is_valid_seal, parse_header
from protocol.encoding import decode, encode
from protocol.errors import (
    FromTheFuture,
    InvalidSeal,
    MissingReward,
    ReorgTooDeep,
    WrongNetwork,
    WrongRewardHeight,
    WrongVersion,
)
from protocol.merkle import inclusion_path, is_included
from protocol.transactions import Reward, check_reward, parse_transaction
from protocol.validation import check_quality


def take_candidate(message: Candidate, *, source: str, now: float | None = None) -> tuple[SeenHeader, bool]:
    """Check an announced candidate and keep its header; returns the row and whether its parent is known.

    Raises WrongAnnouncement, Equivocation, InvalidSeal and what the checks of a header raise.
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
    _check_room(header, reward, source)
    parent = find_parent(header.previous)
    if parent is not None:
        if not parent.is_open:
            raise WrongAnnouncement("it stands on a refused block")
        check_header_alone(header, parent, now)
    work = None if parent is None else parent.work + header.threshold + 1
    row = build_row(header, work, source=source, now=now)
    row.proof = _to_proof(message)
    # Its body is asked for at once; `fetching` asks only for those that could still win.
    row.state = SeenHeader.State.KNOWN if parent is None else SeenHeader.State.WANTED
    if Block.objects.filter(hash=row.hash).exists():
        row.state = SeenHeader.State.TAKEN
    with database.atomic():
        if not SeenHeader.objects.filter(hash=row.hash).exists():
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


def _check_room(header: Header, reward: Reward, source: str) -> None:
    """A peer's announcements are bounded: a miner may publish one candidate per round and parent (§3)."""
    mine = SeenHeader.objects.filter(source=source)
    if mine.filter(work=None).count() >= limits.LOOSE_HEADERS:
        raise Equivocation(reward.address, limits.LOOSE_HEADERS)
    same = mine.filter(previous=header.previous, round=header.round)
    if same.filter(proof__reward__body__key=reward.key).count() >= limits.TWINS:
        raise Equivocation(reward.address, limits.TWINS)
    if same.count() >= limits.CANDIDATES_A_ROUND:
        raise Equivocation(reward.address, limits.CANDIDATES_A_ROUND)


def build_candidate(block_hash: str) -> Candidate | None:
    """The announcement of a candidate that is known here, or None."""
    seen = SeenHeader.objects.defer("body").filter(hash=block_hash).exclude(proof=None).first()
    if seen is not None and seen.proof is not None:
        header = decode(bytes(seen.header))
        if not isinstance(header, dict):
            raise TypeError("a header's row holds an object")
        return Candidate(header, seen.proof["reward"], tuple(seen.proof["path"]), seen.proof["count"])
    block = Block.objects.filter(hash=block_hash).exclude(status=Block.Status.REFUSED).first()
    if block is None or block.height == 0:
        return None
    contents = load_contents(get_params(), block)
    leaves = [bytes.fromhex(item.txid) for item in contents.transactions]
    path = tuple(node.hex() for node in inclusion_path(leaves, 0))
    header_json, reward_json = dict(contents.header.to_json()), contents.reward.to_json()
    decoded = decode(encode(reward_json))
    if not isinstance(decoded, dict):
        raise TypeError("a reward is an object")
    return Candidate(header_json, decoded, path, len(leaves))


def list_open_candidates(limit: int = 32) -> Sequence[str]:
    """Candidates on the tip that a new peer should hear of at once."""
    tip = get_tip()
    blocks = Block.objects.filter(previous=tip.hash, canonical=False).exclude(status=Block.Status.REFUSED)
    seen = SeenHeader.objects.filter(previous=tip.hash).exclude(proof=None)
    seen = seen.exclude(state=SeenHeader.State.REFUSED)
    hashes = [
        *blocks.order_by("round", "-quality").values_list("hash", flat=True)[:limit],
        *seen.order_by("round", "-quality").values_list("hash", flat=True)[:limit],
    ]
    return list(dict.fromkeys(hashes))[:limit]
