"""Validation error in parts per million, from counts of wrong predictions (docs/protocol.md §6.4)."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

from protocol.problem import Metric

PPM = 10**6


def compute_least_error(examples: int) -> int:
    """Half an example: no error is smaller."""
    return -(-PPM // (2 * examples))


def compute_error_of_counts(metric: Metric, wrong: Sequence[int], totals: Sequence[int]) -> int:
    """The error when ``wrong[c]`` of the ``totals[c]`` examples of class c are predicted wrongly.

    It never falls when a count of ``wrong`` grows.
    """
    examples = sum(totals)
    if metric == "accuracy":
        error = -(-PPM * sum(wrong) // examples)
    else:
        rates = [Fraction(bad, total) for bad, total in zip(wrong, totals, strict=True) if total]
        error = ceil(PPM * sum(rates, Fraction(0)) / len(rates))
    return max(error, compute_least_error(examples))


def compute_error(metric: Metric, predictions: Sequence[int], labels: Sequence[int], classes: int) -> int:
    """The error of ``predictions`` (docs/protocol.md §6.4)."""
    wrong, totals = [0] * classes, [0] * classes
    for prediction, label in zip(predictions, labels, strict=True):
        totals[label] += 1
        wrong[label] += int(prediction != label)
    return compute_error_of_counts(metric, wrong, totals)
