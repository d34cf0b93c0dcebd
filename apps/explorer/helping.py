"""Help for those who look for something that is not here: what things are called, and what was meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from django.db import DatabaseError
from django.urls import reverse

from apps.chain import api as chain
from apps.common.errors import NotReady
from apps.common.formats import group_digits
from apps.explorer.models import ContentSummary
from apps.explorer.search import Hit, search

MOST_GUESSES = 5
SHORTEST_GUESS = 4


@dataclass(frozen=True, slots=True)
class Example:
    """Something that can be searched for, as it is on this chain."""

    words: str
    query: str

    @property
    def url(self) -> str:
        """The search for it; a list even where it could go straight to a page."""
        return f"{reverse('explorer:search')}?q={quote(self.query)}"


def list_examples() -> Sequence[Example]:
    """Searches that find something here; two queries."""
    tip = chain.get_tip()
    examples = [
        Example("a height", str(tip.height)),
        Example("the beginning of a block's hash, a transaction's or a model's id", tip.hash[:10]),
    ]
    if tip.miner:
        examples.append(Example("the beginning of an address", tip.miner[:10]))
    content = (
        ContentSummary.objects.filter(subject="problem").exclude(title="").order_by("-last_height").first()
    )
    if content is not None:
        examples.append(Example("words of a problem's title", content.title.lower()))
    return examples


@dataclass(frozen=True, slots=True)
class Help:
    """What a page says about an address of this site that leads nowhere."""

    shape: str
    """What names of this kind look like."""
    guesses: Sequence[Hit]
    """What was probably meant."""
    wanted: str
    """The name in the address, for a search."""


def help_with(path: str) -> Help:
    """Help for somebody who came to ``path``. Says less when there is no chain or no database."""
    parts = [part for part in path.split("/") if part]
    kind = parts[0] if parts else ""
    wanted = parts[1] if len(parts) > 1 else kind
    try:
        return Help(_describe(kind), guess(wanted), wanted[:200])
    except (NotReady, DatabaseError):
        return Help("", [], wanted[:200])


def guess(name: str) -> Sequence[Hit]:
    """What a name was probably meant to be: what begins as it does, as far as anything does."""
    name = name.strip().lower()[:200]
    hits = list(search(name, limit=MOST_GUESSES))
    length = min(len(name) - 1, 12)
    while not hits and length >= SHORTEST_GUESS and not name.isdecimal():
        hits = list(search(name[:length], limit=MOST_GUESSES))
        length -= 4
    return hits


def _describe(kind: str) -> str:
    height = group_digits(chain.get_tip().height)
    digits = "64 digits 0 to 9 and a to f"
    return {
        "blocks": f"A block is named by its height, 0 to {height} for now, or by its hash: {digits}. "
        "A candidate that this node has not seen is not here either.",
        "transactions": f"A transaction is named by its id: {digits}. One that no block holds and that this "
        "node has not heard of is not here.",
        "models": f"A model is named by its id: {digits}. Only models of blocks of the chain have a page.",
        "problems": f"A problem is named by its id: {digits}.",
        "grammars": f"A grammar is named by its id: {digits}.",
    }.get(kind, "")
