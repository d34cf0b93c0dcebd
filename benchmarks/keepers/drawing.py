"""Small line plots as SVG, readable on light and dark pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 420, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 36, 40
COLOURS = ("#3b7dd8", "#d8713b", "#2f9e6e", "#a24bc4", "#8a8a8a", "#c43b5c")
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.grid{stroke:#8883;stroke-width:1}.title{font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}}"
)
LEAST_SHARE = 1e-7


@dataclass(frozen=True, slots=True)
class Series:
    """A line."""

    name: str
    points: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot; ``scale`` is "log" or "" for a linear one from zero."""

    title: str
    label: str
    scale: str
    series: list[Series]


def draw_panels(panels: Sequence[Panel], columns: int = 2) -> str:
    """Return one SVG with all panels."""
    rows = -(-len(panels) // columns)
    size = f'width="{columns * WIDTH}" height="{rows * HEIGHT}"'
    view = f'viewBox="0 0 {columns * WIDTH} {rows * HEIGHT}"'
    parts = [
        f'<g transform="translate({number % columns * WIDTH},{number // columns * HEIGHT})">'
        f"{_draw_panel(panel)}</g>"
        for number, panel in enumerate(panels)
    ]
    title = escape("; ".join(panel.title for panel in panels))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view} role="img">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def choose_ticks(top: float) -> list[float]:
    """Four to eight round numbers from 0 to at least ``top``."""
    step = 10 ** math.floor(math.log10(top or 1.0))
    for divisor in (1, 2, 5):
        if top / (step / divisor) >= 4:
            step /= divisor
            break
    return [number * step for number in range(math.ceil(top / step - 1e-9) + 1)]


def _draw_panel(panel: Panel) -> str:
    points = [point for series in panel.series for point in series.points]
    if not points:
        return ""
    is_log = panel.scale == "log"
    ticks = _log_ticks(points) if is_log else choose_ticks(max(y for _, y in points))
    across = choose_ticks(max(x for x, _ in points))

    def place_x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * value / across[-1]

    def place_y(value: float) -> float:
        low, high = (math.log10(ticks[0]), 0.0) if is_log else (0.0, ticks[-1])
        height = math.log10(max(value, ticks[0])) if is_log else value
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (height - low) / ((high - low) or 1.0)

    parts = [f'<text class="title" x="{LEFT}" y="20">{escape(panel.title)}</text>']
    for tick in ticks:
        y = place_y(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in across:
        x, y = place_x(tick), HEIGHT - BOTTOM + 16
        parts.append(f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{tick:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(panel.label)}</text>')
    for number, series in enumerate(panel.series):
        colour = COLOURS[number % len(COLOURS)]
        line = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in series.points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        if is_log:
            parts += [
                f'<circle cx="{place_x(x):.1f}" cy="{place_y(y):.1f}" r="3" fill="{colour}"/>'
                for x, y in series.points
            ]
        if series.name:
            y = HEIGHT - BOTTOM - 12 - 15 * number
            parts.append(
                f'<text x="{WIDTH - RIGHT}" y="{y}" text-anchor="end" style="fill:{colour}">'
                f"{escape(series.name)}</text>"
            )
    return "\n".join(parts)


def _log_ticks(points: Sequence[tuple[float, float]]) -> list[float]:
    """Powers of ten up to 1."""
    least = max(LEAST_SHARE, min((y for _, y in points if y > 0), default=1.0))
    lowest = math.floor(math.log10(least))
    step = max(1, -lowest // 5)
    return [10.0**exponent for exponent in range(lowest, 1, step)]
