"""Which objects of the store are still needed: each app answers for its own rows, by a receiver.

What nobody needs is garbage, once it is old enough (apps/storage/services/garbage.py).
"""

from collections.abc import Collection

from django.dispatch import Signal

needed_asked = Signal()
"""Sent with ``candidates``, a frozenset of object ids; receivers return those of them that they need."""
collection_begins = Signal()
"""Sent before garbage is really collected: time to let go of rows that are over."""


def find_needed(candidates: Collection[str]) -> set[str]:
    """The ids among the candidates that any app needs. Raises what a receiver raises."""
    wanted = frozenset(candidates)
    if not wanted:
        return set()
    found: set[str] = set()
    for _, needed in needed_asked.send(sender=None, candidates=wanted):
        found |= wanted.intersection(needed or ())
    return found
