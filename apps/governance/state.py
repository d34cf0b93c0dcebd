"""What the ledger of the best chain holds of votes, read at once, as the rules read it."""

from apps.chain import api as chain
from protocol.commitment import Entry

FAMILIES = ("proposal/", "stake/", "pending/", "active/")


def read_votes() -> dict[str, Entry]:
    """The entries of proposals and stakes, and of what is pending and active, by their keys."""
    return {key: value for family in FAMILIES for key, value in chain.list_entries(family)}
