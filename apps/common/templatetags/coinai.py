"""How pages show numbers, times, identifiers, icons and networks."""

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from apps.common import formats
from apps.common.glyph import describe_layer, render_glyph
from protocol.errors import ERRORS

register = template.Library()

register.filter("grouped", formats.group_digits)
register.filter("si", formats.format_si)
register.filter("percent", formats.format_percent)
register.filter("bytes", formats.format_bytes)
register.filter("duration", formats.format_duration)
register.filter("energy", formats.format_energy)
register.filter("clock", formats.format_clock)
register.filter("shorten", formats.shorten)
register.filter("exact_time", formats.format_exact_time)
register.filter("coins_text", formats.format_coins)
register.filter("describe_layer", describe_layer)

ICONS = "vendor/tabler-icons-3.51.0/sprite.svg"


@register.filter
def needed_error(quality: int) -> str:
    """A quality or threshold in millibits as the error that it stands for."""
    return formats.format_percent(formats.compute_error_of(quality))


@register.filter
def bits(millibits: int) -> str:
    """Millibits as bits: ``3.732``."""
    return f"{millibits / 1000:.3f}"


@register.simple_tag
def coins(amount: int) -> SafeString:
    """An amount of base units with its unit."""
    text = formats.format_coins(amount)
    return format_html('<span class="num">{}</span><span class="unit">CAI</span>', text)


@register.simple_tag
def coin_cell(amount: int) -> SafeString:
    """An amount in a column, its decimal point below the others; the column's head names the unit."""
    kept, zeros = formats.split_coins(amount)
    return format_html('<span class="num">{}<span class="zeros">{}</span></span>', kept, zeros)


@register.simple_tag
def change_cell(amount: int) -> SafeString:
    """A gain or a loss in a column, its sign in front."""
    sign = "+" if amount > 0 else "\u2212" if amount < 0 else ""
    kept, zeros = formats.split_coins(abs(amount))
    return format_html('<span class="num">{}{}<span class="zeros">{}</span></span>', sign, kept, zeros)


@register.simple_tag
def since(unix: float) -> SafeString:
    """A moment as time ago, kept right by script, with the exact time in its title."""
    unix = int(unix)
    exact = formats.format_exact_time(unix)
    return format_html(
        '<time datetime="{}" data-unix="{}" title="{}">{}</time>',
        exact.replace(" UTC", "Z").replace(" ", "T"),
        unix,
        exact,
        formats.format_ago(time.time() - unix),
    )


@register.simple_tag
@functools.cache
def icon(name: str, extra: str = "") -> SafeString:
    """An icon of the sprite; it says nothing to screen readers, so a word stands beside it."""
    return format_html(
        '<svg class="icon {}" width="18" height="18" aria-hidden="true"><use href="{}#{}"/></svg>',
        extra,
        static(ICONS),
        name,
    )


@register.simple_tag
def glyph(layers: Sequence[Mapping[str, Any]], named: bool = True) -> SafeString:
    """The drawing of a network."""
    return render_glyph(layers, is_named=named)


@register.simple_tag
def hash_link(text: str, url: str = "", full: bool = False, what: str = "hash") -> SafeString:
    """An identifier, shortened unless ``full``, linked when ``url`` is given, with a button to copy it."""
    # Pages have dozens of them: a template of its own, or escaping piece by piece, would take longer than the
    # rest of a row.
    name, short = escape(text), escape(formats.shorten(text))
    shown = name if full else short
    if url:
        inner = f'<a href="{escape(url)}" title="{name}"><span data-full="{name}">{shown}</span></a>'
    else:
        inner = f'<span title="{name}" data-full="{name}">{shown}</span>'
    button = (
        f'<button type="button" class="copy needs-script" data-copy="{name}"'
        f' aria-label="Copy {escape(what)} {short}" title="Copy">{_draw_copy_icons()}</button>'
    )
    kind = "hash-full" if full else "hash"
    return mark_safe(f'<span class="{kind}">{inner}{button}</span>')  # noqa: S308 - escaped above


@functools.cache
def _draw_copy_icons() -> str:
    return icon("copy", "icon-copy") + icon("check", "icon-done")


STATES = {
    "final": ("accepted", "circle-check"),
    "accepted": ("accepted", "circle-check"),
    "waiting": ("waiting", "hourglass"),
    "refused": ("refused", "circle-x"),
    "stale": ("stale", "git-fork"),
    "inactive": ("stale", "circle-dashed"),
}


@register.inclusion_tag("components/state.html")
def state(kind: str, words: str) -> dict[str, str]:
    """A state with its colour, its sign and its word; ``kind`` is a name of STATES."""
    colour, sign = STATES[kind]
    return {"colour": colour, "sign": sign, "words": words}


HEALTH_STATES = {
    "ok": ("accepted", "circle-check", "ok"),
    "degraded": ("waiting", "alert-triangle", "degraded"),
    "failing": ("refused", "circle-x", "failing"),
}


@register.inclusion_tag("components/state.html")
def health_state(status: str) -> dict[str, str]:
    """How a part of the node is (apps/common/health.py)."""
    colour, sign, words = HEALTH_STATES[status]
    return {"colour": colour, "sign": sign, "words": words}


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """A reason for refusing something, as the page of the API lists it."""

    code: int
    name: str
    words: str


@register.simple_tag
def error_codes() -> list[ErrorCode]:
    """All coded errors, in the order of their codes."""
    return [
        ErrorCode(code, kind.name, " ".join((kind.__doc__ or "").partition("\n\n")[0].split()))
        for code, kind in sorted(ERRORS.items())
    ]


RUN_STATES = {
    "training": ("active", "chart-line", "training"),
    "scoring": ("waiting", "hourglass", "being scored"),
    "submitted": ("waiting", "hourglass", "handed in"),
    "finished": ("stale", "circle-check", "finished"),
    "abandoned": ("stale", "circle-x", "given up"),
    "cancelled": ("stale", "circle-x", "cancelled by a new block"),
}


@register.inclusion_tag("components/state.html")
def run_state(name: str) -> dict[str, str]:
    """Where a training stands; static/js/run_cards.js says the same."""
    colour, sign, words = RUN_STATES.get(name, RUN_STATES["training"])
    return {"colour": colour, "sign": sign, "words": words}
