"""What every page says about the site that it belongs to."""

import functools
from contextlib import suppress
from dataclasses import dataclass

from django import template
from django.conf import settings
from django.db import DatabaseError
from django.urls import reverse
from django.utils.safestring import SafeString

from apps.chain.api import Block, get_tip
from apps.common.errors import NotReady
from apps.common.templatetags.coinai import hash_link
from apps.explorer.helping import Help, help_with

register = template.Library()

PAGES = (
    ("Live", "home"),
    ("Blocks", "block_list"),
    ("Pool", "pool:pool"),
    ("Models", "model_list"),
    ("Problems", "problem_list"),
    ("Grammars", "grammar_list"),
    ("Keepers", "storage:keeper_list"),
    ("Mempool", "mempool"),
    ("Network", "network"),
)
"""Names and views of the main pages, in the order of the navigation; views of other apps in full."""


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


@functools.cache
def _find_prefix(view: str) -> str:
    """The address of a view up to the name of the thing: `reverse` is too slow for the rows of a page."""
    return reverse(f"explorer:{view}", args=["x"]).removesuffix("x/")


@register.simple_tag
def block_url(name: str | int) -> str:
    """The page of a block by its hash or height."""
    return f"{_find_prefix('block_detail')}{name}/"


@register.simple_tag
def address_url(name: str) -> str:
    """The page of an address."""
    return f"{_find_prefix('address_detail')}{name}/"


@register.simple_tag
def transaction_url(name: str) -> str:
    """The page of a transaction."""
    return f"{_find_prefix('transaction_detail')}{name}/"


@register.simple_tag
def model_url(name: str) -> str:
    """The page of a model."""
    return f"{_find_prefix('model_detail')}{name}/"


@register.simple_tag
def block_link(name: str) -> SafeString:
    """A block's hash, shortened, with a link and a button to copy it."""
    return hash_link(name, block_url(name), what="block hash")


@register.simple_tag
def address_link(name: str) -> SafeString:
    """An address, shortened, with a link and a button to copy it."""
    return hash_link(name, address_url(name), what="address")


@register.simple_tag
def transaction_link(name: str) -> SafeString:
    """A transaction's id, shortened, with a link and a button to copy it."""
    return hash_link(name, transaction_url(name), what="transaction id")


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
    return SiteState(
        settings.COINAI_NETWORK, tip.height if tip else None, tip.hash if tip else "", _list_pages()
    )


@functools.cache
def _list_pages() -> tuple[Page, ...]:
    return tuple(Page(name, reverse(view if ":" in view else f"explorer:{view}")) for name, view in PAGES)
