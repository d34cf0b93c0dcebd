"""The drawing of a network: feature maps as stacked sheets, with what each layer costs."""

import math
from dataclasses import dataclass

from django.utils.safestring import SafeString, mark_safe

from apps.common.formats import group_digits
from apps.common.glyph import KIND_NAMES
from protocol.architecture import Architecture, Layer, Shape

SIDE = 44.0  # the largest sheet
LEAST = 5.0
OFFSET = 3.0
MOST_SHEETS = 6
BOX = 72


@dataclass(frozen=True, slots=True)
class Sheet:
    """One rectangle of a feature map, in a box of 72 × 72."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Piece:
    """One layer as the page shows it (the first piece is the input)."""

    kind: str
    title: str
    detail: str
    shape: str
    sheets: tuple[Sheet, ...]
    parameters: int
    macs: int
    share: float
    """Its part of all multiply-accumulates, in percent."""
    step: int
    """After which choice of the derivation it is complete."""

    @property
    def drawing(self) -> SafeString:
        """Its sheets as SVG: only numbers and the kind of a layer, so there is nothing to escape."""
        return mark_safe(  # noqa: S308
            "".join(
                f'<rect class="k-{self.kind}" x="{one.x}" y="{one.y}" width="{one.width}"'
                f' height="{one.height}" rx="1"/>'
                for one in self.sheets
            )
        )


def build_diagram(architecture: Architecture, layer_steps: tuple[int, ...]) -> list[Piece]:
    """The input and then every layer; ``layer_steps`` as the walk has them."""
    first = architecture.layers[0].input
    pieces = [
        Piece("input", "input", "as the data set has it", _write(first), _stack(first, first), 0, 0, 0.0, 0)
    ]
    for layer, step in zip(architecture.layers, layer_steps, strict=True):
        pieces.append(
            Piece(
                layer.kind,
                _name(layer),
                _describe(layer),
                _write(layer.output),
                _stack(layer.output, first),
                layer.parameters,
                layer.macs,
                100 * layer.macs / max(1, architecture.macs),
                step,
            )
        )
    return pieces


def _name(layer: Layer) -> str:
    if layer.kind == "pool":
        return f"pool {layer.mode}"
    if layer.kind in ("conv", "separable", "fc"):
        return f"{layer.kind} {layer.filters}"
    return layer.kind


def _describe(layer: Layer) -> str:
    words = KIND_NAMES[layer.kind]
    if layer.kernel:
        words = f"{layer.kernel} × {layer.kernel}"
    if layer.kind == "output":
        return "one value a class"
    if layer.kind == "flatten":
        return "all values in a row"
    if layer.kind == "pool":
        return "2 × 2, half the size"
    return f"{words}, {layer.activation}" if layer.activation else words


def _write(shape: Shape) -> str:
    channels, height, width = shape
    if height == width == 1:
        return group_digits(channels)
    return f"{channels} × {height} × {width}"


def _stack(shape: Shape, first: Shape) -> tuple[Sheet, ...]:
    """Sheets from back to front; a vector is one thin upright bar."""
    channels, height, width = shape
    if height == width == 1:
        length = min(BOX - 8.0, LEAST + 9 * math.log2(channels + 1))
        return (Sheet((BOX - 8) / 2, round((BOX - length) / 2, 1), 8, round(length, 1)),)
    largest = max(first[1], first[2])
    across = max(LEAST, SIDE * width / largest)
    down = max(LEAST, SIDE * height / largest)
    count = min(MOST_SHEETS, 1 + int(math.log2(channels)))
    spread = OFFSET * (count - 1)
    left, top = (BOX - across - spread) / 2, (BOX - down - spread) / 2
    return tuple(
        Sheet(
            round(left + OFFSET * (count - 1 - i), 1),
            round(top + OFFSET * i, 1),
            round(across, 1),
            round(down, 1),
        )
        for i in range(count)
    )
