"""Not being ejected for what nobody has (docs/decisions/0035-objects-that-nobody-has.md).

The chain goes on assigning an object when its last copy is gone. Its first challenge cannot be answered and
counts as a miss; so many in a row eject, and any answer begins the count anew. Two things are in a keeper's
hands: offering no room for more of them, and answering something else just after such a miss. Pure functions.
"""

from collections.abc import Collection

from apps.storage.keeping.standing import Challenge, Standing

MARGIN_BLOCKS = 2
"""How long before its last block an answer that was kept back is sent, whatever comes."""


def must_be_careful(standing: Standing, vain: Collection[str], *, before: bool) -> bool:
    """Whether misses that nothing can avert may eject this keeper; ``before``: what was said last, since it
    ends only when no such object is assigned and no miss is left.
    """
    if standing.entry is None or standing.is_leaving:
        return False
    misses = int(standing.entry["misses"])
    assigned = sum(name in vain for name in standing.assigned)
    if before:
        return bool(assigned or misses)
    return bool(assigned) and misses + assigned >= standing.params.max_misses - 1


def choose_kept_back(
    standing: Standing, vain: Collection[str], provable: Collection[str]
) -> Challenge | None:
    """The one challenge whose answer should wait for the next miss that nothing can avert, if so many of
    those are open that they would eject: the one with the most time. ``provable``: objects that are here.
    """
    entry = standing.entry
    if entry is None or standing.is_leaving:
        return None
    lost = [one.last for one in standing.challenges if one.object in vain]
    if not lost or int(entry["misses"]) + len(lost) < standing.params.max_misses:
        return None
    # A block takes answers before it counts misses, so only one in a later block begins the count anew.
    answers = [
        one
        for one in standing.challenges
        if one.object in provable and one.last > min(lost) and standing.height < one.last - MARGIN_BLOCKS
    ]
    return max(answers, key=lambda one: (one.last, one.height, one.number), default=None)
