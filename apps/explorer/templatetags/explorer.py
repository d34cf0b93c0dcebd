"""What every page says about the site that it belongs to."""

from contextlib import suppress
from dataclasses import dataclass

from django import template
from django.conf import settings
from django.db import DatabaseError
from django.urls import reverse

from apps.chain.api import Block, get_tip
from apps.common.errors import NotReady
from apps.explorer.helping import Help, help_with

register = template.Library()

PAGES = (
    ("Live", "home"),
    ("Blocks", "block_list"),
    ("Models", "model_list"),
    ("Problems", "problem_list"),
    ("Grammars", "grammar_list"),
    ("Mempool", "mempool"),
    ("Network", "network"),
)
"""Names and views of the main pages, in the order of the navigation."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the main navigation."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class SiteState:
    """The network, its last block (no height and no hash before there is one), and the main pages."""

    network: str
    height: int | None
    tip: str
    pages: tuple[Page, ...]


@register.simple_tag(takes_context=True)
def page_help(context: template.Context) -> Help:
    """Help for somebody whose address leads nowhere."""
    return help_with(context["request"].path)


@register.simple_tag(takes_context=True)
def site_state(context: template.Context) -> SiteState:
    """What header and footer show. Pages about a broken database are drawn too, so reading may fail.

    A page that has read the last block already gives it as `tip`.
    """
    known = context.get("tip")
    tip: Block | None = None
    with suppress(NotReady, DatabaseError):
        tip = known if isinstance(known, Block) else get_tip()
    pages = tuple(Page(name, reverse(f"explorer:{view}")) for name, view in PAGES)
    return SiteState(settings.COINAI_NETWORK, tip.height if tip else None, tip.hash if tip else "", pages)
