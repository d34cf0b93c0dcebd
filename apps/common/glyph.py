"""The small drawing of a network by which one knows it again: one bar a layer.

Height of a bar: the layer's channels or units, on a log scale. Width: the kernel. Colour and shape: the kind.
A pooling layer is a gap. Only this module knows the geometry; script asks for the finished drawing.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

HEIGHT = 40
GAP = 3.0
POOL_GAP = 5.0
LEAST, MOST = 4.0, 38.0
WIDEST = 512  # channels or units that fill the height

KIND_NAMES = {
    "conv": "convolution",
    "residual": "residual convolution",
    "separable": "separable convolution",
    "pool": "pooling",
    "flatten": "flatten",
    "gap": "global average",
    "fc": "fully connected",
    "output": "output",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle of the drawing, in units of the view box."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    rounding: float


def compute_bars(layers: Sequence[Mapping[str, Any]]) -> tuple[list[Bar], float]:
    """The rectangles and the total width of the drawing of ``layers`` (as in ``layers_to_json``)."""
    bars: list[Bar] = []
    x = 0.0
    for layer in layers:
        kind = layer["kind"]
        if kind == "pool":
            x += POOL_GAP
            continue
        width = _compute_width(layer)
        bars += _draw_layer(kind, layer, x, width)
        x += width + GAP
    return bars, max(x - GAP, 1.0)


def render_glyph(
    layers: Sequence[Mapping[str, Any]], *, title: str = "", is_named: bool = True
) -> SafeString:
    """The drawing as inline SVG without styles; ``is_named`` false when text beside it says the same."""
    shapes = tuple(
        (layer["kind"], layer["output"][0], layer["kernel"], layer["mode"], layer["activation"])
        for layer in layers
    )
    return _draw_glyph(shapes, title, is_named)


@functools.lru_cache(maxsize=2000)  # lists show the same networks again and again, and drawing takes a while
def _draw_glyph(shapes: tuple[tuple[str, int, int, str, str], ...], title: str, is_named: bool) -> SafeString:
    layers = [
        {"kind": kind, "output": [units], "kernel": kernel, "mode": mode, "activation": activation}
        for kind, units, kernel, mode, activation in shapes
    ]
    bars, width = compute_bars(layers)
    # Lists have dozens of drawings with a dozen bars each: escaping all their numbers took longer than the
    # rest of a row.
    name = escape(title or describe_layers(layers))
    label = f'role="img" aria-label="{name}"' if is_named else 'aria-hidden="true"'
    rectangles = "".join(
        f'<rect class="k-{bar.kind}" x="{bar.x:g}" y="{bar.y:g}" width="{bar.width:g}" '
        f'height="{bar.height:g}" rx="{bar.rounding:g}"/>'
        for bar in bars
    )
    return mark_safe(  # noqa: S308 - kinds are of KIND_NAMES, the name is escaped
        f'<svg xmlns="http://www.w3.org/2000/svg" class="glyph" viewBox="0 0 {width:g} {HEIGHT}" '
        f'width="{width:g}" height="{HEIGHT}" preserveAspectRatio="xMinYMid meet" {label}>'
        f"<title>{name}</title>{rectangles}</svg>"
    )


def describe_layers(layers: Sequence[Mapping[str, Any]]) -> str:
    """The layers in words, as the drawing's accessible name."""
    return "Network: " + ", ".join(describe_layer(layer) for layer in layers)


def describe_layer(layer: Mapping[str, Any]) -> str:
    """One layer in words: ``convolution 20 of 5 × 5, relu``."""
    kind = layer["kind"]
    words = KIND_NAMES.get(kind, kind)
    if kind in ("conv", "separable", "residual"):
        words += f" {layer['output'][0]} of {layer['kernel']} × {layer['kernel']}"
    elif kind in ("fc", "output"):
        words += f" {layer['output'][0]}"
    elif kind == "pool":
        words = f"{'maximum' if layer['mode'] == 'max' else 'average'} pooling"
    return f"{words}, {layer['activation']}" if layer["activation"] else words


def _compute_width(layer: Mapping[str, Any]) -> float:
    """A bar is as wide as its kernel is large; what has no kernel is narrow."""
    kind = layer["kind"]
    if kind in ("flatten", "gap"):
        return 1.5
    if kind in ("fc", "output"):
        return 5.0
    return {1: 4.0, 2: 5.0, 3: 6.0, 4: 7.0}.get(layer["kernel"], 9.0)


def _draw_layer(kind: str, layer: Mapping[str, Any], x: float, width: float) -> list[Bar]:
    if kind in ("flatten", "gap"):
        return [Bar(kind, x, (HEIGHT - 16) / 2, width, 16, 0.75)]
    share = min(1.0, math.log2(max(1, layer["output"][0]) + 1) / math.log2(WIDEST + 1))
    height = round(LEAST + (MOST - LEAST) * share**1.35, 1)
    y = round((HEIGHT - height) / 2, 1)
    if kind == "separable":  # two halves: by channel, then across them
        half = round((height - 2) / 2, 1)
        return [Bar(kind, x, y, width, half, 1), Bar(kind, x, round(y + half + 2, 1), width, half, 1)]
    if kind == "residual":  # the input that is added: a line beside the bar
        body = width - 2.5
        skip = Bar(kind, x + body + 1, round(y + 2, 1), 1.5, round(height - 4, 1), 0.75)
        return [Bar(kind, x, y, body, height, 1), skip]
    rounding = width / 2 if kind == "fc" else 0.0 if kind == "output" else 1.0
    return [Bar(kind, x, y, width, height, rounding)]
