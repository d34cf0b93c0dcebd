"""Branches beside the best chain: where they left it, what stands on them, what became of candidates."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet

from apps.chain import api as chain

BIG_FIELDS = ("raw", "undo", "accumulator")
WINDOW = 1000
"""How many of the last heights are looked through: blocks outside the chain have no index of their own."""
MOST_SHOWN = 20
MOST_ROWS = 8

UP = """
WITH RECURSIVE up AS (
    SELECT hash, previous, height, canonical FROM chain_block WHERE hash = %s
    UNION ALL
    SELECT chain_block.hash, chain_block.previous, chain_block.height, chain_block.canonical
    FROM chain_block JOIN up ON chain_block.hash = up.previous WHERE NOT up.canonical
)
SELECT hash FROM up
"""
DOWN = """
WITH RECURSIVE down AS (
    SELECT hash, 0 AS step FROM chain_block WHERE hash = %s
    UNION ALL
    SELECT child.hash, down.step + 1 FROM down CROSS JOIN LATERAL (
        SELECT hash FROM chain_block
        WHERE previous = down.hash AND NOT canonical AND status <> 'refused'
        ORDER BY work DESC, quality DESC, received_at, hash LIMIT 1
    ) AS child WHERE down.step < 100
)
SELECT hash FROM down
"""


@dataclass(frozen=True, slots=True)
class ForkRow:
    """The blocks of one height on both branches."""

    height: int
    ours: chain.Block | None
    theirs: chain.Block | None

    @property
    def our_layers(self) -> Sequence[Any]:
        """The layers of our block's network, for its drawing."""
        return _list_layers(self.ours)

    @property
    def their_layers(self) -> Sequence[Any]:
        """The layers of their block's network."""
        return _list_layers(self.theirs)


@dataclass(frozen=True, slots=True)
class Fork:
    """A branch beside the best chain, and the chain from the block where they part."""

    origin: chain.Block
    """The last block that both have."""
    rows: Sequence[ForkRow]
    more: int
    """Heights that are not shown."""
    length: int
    weight: int
    """Of the branch, from where they part."""
    chain_weight: int
    """Of the best chain's blocks after the same one, as many as the branch has at least."""
    is_contest: bool
    """The branch is one block that waited beside the one that was chosen, and was never in the chain."""


def get_fork(block: chain.Block) -> Fork | None:
    """The branch that a block outside the best chain lies on; None for one in it, or without known parents.

    Four queries, however long the branch is.
    """
    if block.canonical:
        return None
    with connection.cursor() as cursor:
        cursor.execute(UP, [block.hash])
        names = [name for (name,) in cursor.fetchall()]
        cursor.execute(DOWN, [block.hash])
        names += [name for (name,) in cursor.fetchall()[1:]]
    rows = chain.Block.objects.defer(*BIG_FIELDS).filter(hash__in=names)
    branch = sorted(rows, key=lambda row: row.height)
    origin, branch = branch[0], branch[1:]
    if not origin.canonical:
        return None
    end = origin.height + max(len(branch) + 1, 2)
    rows = chain.Block.objects.defer(*BIG_FIELDS).filter(
        canonical=True, height__gt=origin.height, height__lte=end
    )
    best = {row.height: row for row in rows}
    return _lay_out(origin, branch, best)


def _lay_out(origin: chain.Block, branch: Sequence[chain.Block], best: dict[int, chain.Block]) -> Fork:
    ours = {row.height: row for row in branch}
    heights = sorted(set(ours) | set(best))
    return Fork(
        origin=origin,
        rows=[ForkRow(height, ours.get(height), best.get(height)) for height in heights[:MOST_ROWS]],
        more=max(0, len(heights) - MOST_ROWS),
        length=len(branch),
        weight=branch[-1].work - origin.work,
        chain_weight=best[max(best)].work - origin.work if best else 0,
        is_contest=len(branch) == 1 and branch[0].connected_at is None,
    )


def _list_layers(block: chain.Block | None) -> Sequence[Any]:
    layers: Sequence[Any] = chain.block_summary(block)["layers"] if block else []
    return layers


def list_left_out(tip: int, *, limit: int = MOST_SHOWN) -> Sequence[chain.Block]:
    """The newest blocks that were in the chain and left it, within the last WINDOW heights up to ``tip``."""
    return list(_near(tip).filter(canonical=False, connected_at__isnull=False).order_by("-height")[:limit])


@dataclass(frozen=True, slots=True)
class Fates:
    """What became of the blocks that came for the last WINDOW places in the chain."""

    places: int
    chosen: int
    not_chosen: int
    stale: int
    waiting: int
    refused: int
    reasons: Sequence[tuple[int, int]]
    """(code of the broken rule, blocks), the most frequent first."""


def count_fates(tip: int) -> Fates:
    """Candidates of the last WINDOW heights up to the tip's: one query over as many rows."""
    groups = (
        _near(tip)
        .filter(height__gt=0)
        .values("canonical", "status", "refused_code")
        .annotate(
            count=Count("hash"),
            left=Count("hash", filter=Q(connected_at__isnull=False)),
            current=Count("hash", filter=Q(height__gt=tip)),
        )
    )
    sums: Counter[str] = Counter()
    reasons: Counter[int] = Counter()
    for group in groups:
        if group["status"] == chain.Block.Status.REFUSED:
            sums["refused"] += group["count"]
            reasons[group["refused_code"] or 0] += group["count"]
        elif group["canonical"]:
            sums["chosen"] += group["count"]
        else:
            sums["stale"] += group["left"]
            sums["waiting"] += group["current"]
            sums["not_chosen"] += group["count"] - group["left"] - group["current"]
    return Fates(
        places=min(WINDOW, tip),
        chosen=sums["chosen"],
        not_chosen=sums["not_chosen"],
        stale=sums["stale"],
        waiting=sums["waiting"],
        refused=sums["refused"],
        reasons=reasons.most_common(6),
    )


def _near(tip: int) -> QuerySet[chain.Block]:
    return chain.Block.objects.defer(*BIG_FIELDS).filter(height__gt=tip - WINDOW)
