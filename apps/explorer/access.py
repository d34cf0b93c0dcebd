"""How pages reach what they show: one helper an object kind, and errors that become pages."""

from apps.chain.api import Block, get_block, get_block_at
from apps.common.errors import NotFound
from apps.common.explaining import explains_errors

__all__ = ["explains_errors", "find_block"]


def find_block(name: str) -> Block:
    """The block of a hash, or of a height in the best chain. Raises NotFound."""
    if name.isdecimal() and len(name) < 16:
        return get_block_at(int(name))
    if len(name) != 64:
        raise NotFound("block of this hash or height")
    return get_block(name.lower())
