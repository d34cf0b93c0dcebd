"""Numbers and categories become bytes, once, with the rule written down (docs/protocol.md §6.1)."""

from collections import Counter
from typing import Final

import numpy as np
import numpy.typing as npt

from apps.governance.conversion.examples import Column, Inputs, Mask

Numbers = npt.NDArray[np.float64]

MAX_CATEGORIES: Final = 64
"""A column of texts with more different values is a name or free text, and is left out."""
TAIL: Final = 0.005
"""Share of the numbers at each end that become 0 or 255: an outlier must not squeeze all others together."""


def quantize_numbers(name: str, values: Numbers, basis: Mask) -> tuple[Inputs | None, Column]:
    """Scale a column to 0 … 255 between two of its values among ``basis``, the examples to learn from.

    ``values`` is [N], NaN where a cell is empty. Returns uint8 [N, 1], or None for a column without
    difference, with what was done.
    """
    empty = np.isnan(values)
    known = np.sort(values[basis & ~empty])
    missing = int(empty.sum())
    if not known.size or known[0] == known[-1]:
        return None, Column(name, "left out", 0, missing, "the same everywhere")
    tail = int(known.size * TAIL)
    low, high = float(known[tail]), float(known[-1 - tail])
    if low == high:  # almost constant: the few others are what it has to say
        low, high = float(known[0]), float(known[-1])
    filled = np.where(empty, known[known.size // 2], values)
    # Halved before they are subtracted: the difference of two large numbers would be infinite.
    share = (filled / 2 - low / 2) / (high / 2 - low / 2)
    scaled = np.clip(np.floor(255.0 * np.clip(share, 0.0, 1.0)), 0, 255).astype(np.uint8)
    note = f"{low:g} and less became 0, {high:g} and more 255"
    if missing:
        note += f"; {missing} empty cells became {known[known.size // 2]:g}"
    return scaled[:, None], Column(name, "number", 1, missing, note, low=low, high=high)


def quantize_categories(name: str, values: list[str], basis: Mask) -> tuple[Inputs | None, Column]:
    """Give each value of a column an input of its own, 255 where it is the example's.

    An empty cell has none. Returns uint8 [N, values], or None for a column that is left out.
    """
    counted = Counter(value for value, counts in zip(values, basis, strict=True) if counts and value)
    missing = sum(1 for value in values if not value)
    names = tuple(sorted(counted))
    if len(names) > MAX_CATEGORIES:
        note = f"{len(names)} different texts, more than {MAX_CATEGORIES}: a name or free text"
        return None, Column(name, "left out", 0, missing, note)
    if len(names) < 2 and not missing:
        return None, Column(name, "left out", 0, missing, "the same everywhere")
    place = {value: number for number, value in enumerate(names)}
    inputs = np.zeros((len(values), len(names)), dtype=np.uint8)
    for row, value in enumerate(values):
        if value in place:
            inputs[row, place[value]] = 255
    note = f"one input each for {', '.join(names)}"
    return inputs, Column(name, "category", len(names), missing, note, values=names)
