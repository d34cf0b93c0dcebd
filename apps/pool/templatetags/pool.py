"""How pages name members and workers of the pool."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.common.templatetags.coinai import hash_link, state

register = template.Library()


@register.simple_tag
def member_link(address: str) -> SafeString:
    """A member's address, shortened, with a link to its page in the pool."""
    return hash_link(address, reverse("pool:member", args=[address]), what="address")


@register.simple_tag
def worker_link(worker: str, name: str) -> SafeString:
    """A worker by its name, with a link to its page."""
    return format_html('<a class="worker-name" href="{}">{}</a>', reverse("pool:worker", args=[worker]), name)


@register.filter
def pairs(series: Mapping[str, Any]) -> Sequence[tuple[str, float | None]]:
    """The points of a chart for the table beside it, newest first, those without a value left out."""
    form = "%Y-%m-%d" if series.get("kind") == "days" else "%H:%M"
    rows = zip(series["x"], series["y"], strict=True)
    told = [(datetime.fromtimestamp(unix, UTC).strftime(form), value) for unix, value in rows if value]
    return told[::-1]


@register.filter
def millions(ppm: int) -> str:
    """Parts per million as a percentage without needless zeros: ``1%``, ``0.25%``."""
    return f"{ppm / 10_000:.4f}".rstrip("0").rstrip(".") + "%"


@register.filter
def share(value: float) -> str:
    """A share from 0 to 1 as a percentage: ``93%``."""
    return f"{100 * value:.0f}%"


RECEIPT_STATES = {
    "immature": ("waiting", "maturing"),
    "mature": ("accepted", "payable"),
    "reversed": ("refused", "taken back"),
}
PAYOUT_STATES = {
    "prepared": ("waiting", "prepared"),
    "sent": ("waiting", "sent"),
    "confirmed": ("final", "confirmed"),
}


@register.inclusion_tag("components/state.html")
def receipt_state(name: str) -> dict[str, str]:
    """What the books say of a block's reward."""
    return state(*RECEIPT_STATES.get(name, ("inactive", name)))


@register.inclusion_tag("components/state.html")
def payout_state(name: str) -> dict[str, str]:
    """Where a payout stands."""
    return state(*PAYOUT_STATES.get(name, ("inactive", name)))
