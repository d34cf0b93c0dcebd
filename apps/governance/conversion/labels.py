"""Labels of an upload become class numbers, or a clear refusal."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from apps.governance.conversion.examples import Labels, Limits
from apps.governance.errors import BadLabels, UploadTooLarge

LEAST_PER_CLASS = 2
"""One example to learn from, one to be judged by."""


def number_classes(values: Sequence[str], limits: Limits) -> tuple[Labels, tuple[str, ...]]:
    """Return the class number of every example, and the names: numbers by value, else texts in their order.

    Raises: BadLabels, UploadTooLarge.
    """
    counted = Counter(values)
    if len(counted) < 2:
        only = f"all {len(values)} examples have the class {next(iter(counted), '')!r}"
        raise BadLabels(f"{only}: a problem needs at least two classes")
    if len(counted) > limits.max_classes:
        if all(_as_number(name) is not None for name in list(counted)[:100]):
            raise BadLabels(
                f"there are {len(counted):,} different numbers: this looks like a quantity, and only classes "
                "can be learnt; put it into ranges first"
            )
        raise UploadTooLarge("Classes", len(counted), limits.max_classes)
    rare, count = min(counted.items(), key=lambda item: (item[1], item[0]))
    if count < LEAST_PER_CLASS:
        raise BadLabels(
            f"the class {rare!r} has {count} example, each needs at least {LEAST_PER_CLASS}: "
            "leave it out, or join it with another"
        )
    names = tuple(sorted(counted, key=_sort_key))
    place = {name: number for number, name in enumerate(names)}
    return np.array([place[value] for value in values], dtype=np.int64), names


def _sort_key(name: str) -> tuple[int, float, str]:
    number = _as_number(name)
    return (1, 0.0, name) if number is None else (0, number, name)


def _as_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number == number else None
