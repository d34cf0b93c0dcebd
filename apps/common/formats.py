"""Numbers, times and names as the pages show them; static/js/format.js says the same in JavaScript."""

import math
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

NARROW = "\u202f"
UNITS_PER_COIN = 10**8


def group_digits(value: int) -> str:
    """1234567 as ``1 234 567`` with narrow blanks; numbers of up to four digits stay together."""
    text = str(value)
    return text if len(text) < 5 else f"{value:,}".replace(",", NARROW)


def format_percent(ppm: float) -> str:
    """An error in parts per million as a percentage with three significant digits."""
    value = ppm / 10000
    digits = 0 if value >= 99.95 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{fix(value, digits)}%"


def fix(value: float, digits: int) -> str:
    """A number with so many decimals; exact halves go up, as in JavaScript's ``toFixed``.

    Shares of some thousand examples are often exact halves, and page and script must show the same.
    """
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def compute_error_of(quality: float) -> float:
    """The error in parts per million that has this quality in millibits; for showing only."""
    return float(10**6 / 2 ** (quality / 1000))


def format_si(value: int) -> str:
    """A count with three significant digits and k, M or G: ``26.1 M``."""
    if value < 10_000:
        return group_digits(value)
    size, unit = (10**3, "k") if value < 999_500 else (10**6, "M") if value < 999_500_000 else (10**9, "G")
    digits = max(0, 2 - int(math.log10(max(1, value / size))))
    text = fix(value / size, digits)
    return (text.rstrip("0").rstrip(".") if "." in text else text) + NARROW + unit


def format_energy(joules: float) -> str:
    """Energy in the unit that bills have: ``0.4 Wh``, ``35 Wh``, ``1.25 kWh``."""
    hours = joules / 3600
    if hours >= 1000:
        return f"{hours / 1000:.2f}{NARROW}kWh"
    return f"{hours:.{0 if hours >= 10 else 1}f}{NARROW}Wh"


def format_bytes(value: int) -> str:
    """A length as ``812 B``, ``63.4 KiB`` or ``1.25 MiB``."""
    size = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1000 or unit == "GiB":
            break
        size /= 1024
    if unit == "B":
        return f"{value}{NARROW}B"
    return f"{fix(size, 2 if size < 10 else 1 if size < 100 else 0)}{NARROW}{unit}"


def format_coins(amount: int) -> str:
    """Base units as CAI without needless zeros: ``1 000 000`` or ``44.99999``."""
    whole, rest = divmod(amount, UNITS_PER_COIN)
    text = group_digits(whole)
    return f"{text}.{rest:08d}".rstrip("0") if rest else text


def split_coins(amount: int) -> tuple[str, str]:
    """Base units as CAI with all eight decimals, cut before the zeros at the end, for columns of amounts."""
    whole, rest = divmod(amount, UNITS_PER_COIN)
    decimals = f".{rest:08d}"
    kept = decimals.rstrip("0") if rest else ""
    return group_digits(whole) + kept, decimals[len(kept) :]


def format_duration(seconds: float) -> str:
    """``12 s``, ``3 min``, ``2 h``, ``4 d``."""
    whole = max(0, int(seconds))
    if whole < 100:
        return f"{whole}{NARROW}s"
    if whole < 6000:
        return f"{int(whole / 60 + 0.5)}{NARROW}min"
    if whole < 172_800:
        return f"{int(whole / 3600 + 0.5)}{NARROW}h"
    return f"{int(whole / 86400 + 0.5)}{NARROW}d"


def format_ago(seconds: float) -> str:
    """``12 s ago``, ``now`` or ``in 5 s``."""
    if seconds < -1:
        return f"in {format_duration(-seconds)}"
    return "now" if seconds < 1.5 else f"{format_duration(seconds)} ago"


def format_clock(seconds: float) -> str:
    """``0:42``, ``12:05`` or ``3:01:30``, rounded up to whole seconds."""
    whole = max(0, math.ceil(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def format_exact_time(unix: int) -> str:
    """``2026-03-04 12:30:05 UTC``."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def shorten(text: str, head: int = 8, tail: int = 6) -> str:
    """A long identifier, shortened in the middle."""
    return text if len(text) <= head + tail + 2 else f"{text[:head]}…{text[-tail:]}"
