"""What a proposer must see before paying a deposit: balance, duplicates, overlap, columns, the easy guess."""

from collections import Counter
from typing import Any, Final

import numpy as np

from apps.governance.conversion.examples import Examples, Mask
from apps.governance.conversion.parts import get_keys

PPM: Final = 1_000_000
TOO_EASY_PPM: Final = 10_000
OVERLAP_WARNING_PPM: Final = 10_000
IMBALANCE_WARNING: Final = 20


def build_report(examples: Examples, is_validation: Mask) -> dict[str, Any]:
    """Return the report as JSON values; counts are examples, errors parts per million."""
    keys = get_keys(examples.inputs)
    train = [key for key, other in zip(keys, is_validation, strict=True) if not other]
    validation = [key for key, other in zip(keys, is_validation, strict=True) if other]
    seen = set(train)
    overlap = sum(1 for key in validation if key in seen)
    balance = _count_classes(examples, is_validation)
    report: dict[str, Any] = {
        "source": examples.source,
        "shape": list(examples.shape),
        "train": len(train),
        "validation": len(validation),
        "classes": balance,
        "majority_error": _compute_majority_error(balance, len(validation)),
        "duplicates": len(train) - len(seen) + len(validation) - len(set(validation)),
        "overlap": overlap,
        "contradictions": _count_contradictions(keys, examples),
        "columns": [_describe_column(column) for column in examples.columns],
        "constant_inputs": _count_constant(examples, is_validation),
        "notes": list(examples.notes),
    }
    report["warnings"] = _warn(report)
    return report


def _count_classes(examples: Examples, is_validation: Mask) -> list[dict[str, Any]]:
    count = len(examples.class_names)
    train = np.bincount(examples.labels[~is_validation], minlength=count)
    validation = np.bincount(examples.labels[is_validation], minlength=count)
    return [
        {"name": name, "train": int(train[number]), "validation": int(validation[number])}
        for number, name in enumerate(examples.class_names)
    ]


def _compute_majority_error(balance: list[dict[str, Any]], validation: int) -> int:
    """The error of always naming the class that is most frequent among those to learn from."""
    guess = max(balance, key=lambda row: row["train"])
    return -(-PPM * (validation - guess["validation"]) // max(validation, 1))


def _count_contradictions(keys: list[bytes], examples: Examples) -> int:
    """Examples whose input is there with more than one class: nobody can get all of them right."""
    classes: dict[bytes, set[int]] = {}
    for key, label in zip(keys, examples.labels.tolist(), strict=True):
        classes.setdefault(key, set()).add(label)
    counted = Counter(keys)
    return sum(counted[key] for key, labels in classes.items() if len(labels) > 1)


def _describe_column(column: Any) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": column.kind,
        "inputs": column.inputs,
        "missing": column.missing,
        "note": column.note,
        "low": column.low,
        "high": column.high,
        "values": list(column.values),
    }


def _count_constant(examples: Examples, is_validation: Mask) -> int:
    flat = examples.inputs[~is_validation].reshape(int((~is_validation).sum()), -1)
    return int((flat.min(axis=0) == flat.max(axis=0)).sum())


def _warn(report: dict[str, Any]) -> list[str]:
    warnings = []
    if report["overlap"] * PPM > OVERLAP_WARNING_PPM * report["validation"]:
        warnings.append(
            f"{report['overlap']:,} examples of the validation set are also learnt from: "
            "remembering them is enough."
        )
    if report["contradictions"]:
        warnings.append(
            f"{report['contradictions']:,} examples share their input with one of another class: "
            "no network gets all of them right."
        )
    if report["majority_error"] < TOO_EASY_PPM:
        warnings.append("Always naming the same class is right in over 99% of cases: use balanced accuracy.")
    sizes = [row["train"] for row in report["classes"]]
    if max(sizes) > IMBALANCE_WARNING * max(min(sizes), 1):
        warnings.append("Some classes are over 20 times as frequent as others: consider balanced accuracy.")
    if report["validation"] < 4000:
        warnings.append(
            f"{report['validation']:,} examples to be judged by are few: below some 4 000, "
            "a better score is often luck."
        )
    return warnings
