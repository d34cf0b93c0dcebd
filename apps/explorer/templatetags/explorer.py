"""What every page says about the site that it belongs to."""

from dataclasses import dataclass

from django import template
from django.conf import settings
from django.db import DatabaseError
from django.urls import reverse

from apps.chain.api import get_tip
from apps.common.errors import NotReady

register = template.Library()


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the main navigation."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class SiteState:
    """The network, the height of its last block (None before there is one), and the main pages."""

    network: str
    height: int | None
    pages: tuple[Page, ...]


@register.simple_tag
def site_state() -> SiteState:
    """What header and footer show. Pages about a broken database are drawn too, so reading may fail."""
    try:
        height = get_tip().height
    except (NotReady, DatabaseError):
        height = None
    pages = (Page("Live", reverse("explorer:home")), Page("Blocks", reverse("explorer:block_list")))
    return SiteState(settings.COINAI_NETWORK, height, pages)
