"""A model's report as its page shows it; while there is none, the same layout with open places."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from apps.explorer.models import ModelRecord, ModelReport
from apps.explorer.reports import EXAMPLES, MOST_DENSE
from protocol.problem import Problem

LEVELS = 10
"""Steps of the heat table's colours."""
MOST_ROWS = 100
MOST_CONFUSED = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """How often one class was taken for another."""

    count: int | None
    """None while it is not known."""
    level: int
    """0 to LEVELS: right answers by their part of the class, mistakes by the most frequent mistake."""
    is_right: bool
    words: str


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class: what it was taken for, and its errors."""

    number: int
    name: str
    cells: tuple[Cell, ...]
    examples: int | None
    wrong: int | None
    error: int | None
    """In parts per million, rounded up; None while unknown, or for a class without examples."""
    share: float
    """The error as a part of the largest one, in percent: how long its bar is."""
    taken_for: str
    """The most frequent mistake."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One example with the model's answer; ``number`` is None where a picture is still to come."""

    number: int | None
    label: str
    answer: str
    margin: int
    is_right: bool


@dataclass(frozen=True, slots=True)
class ReportView:
    """The whole report."""

    is_ready: bool
    names: tuple[str, ...]
    rows: tuple[ClassRow, ...]
    has_matrix: bool
    hidden: int
    """Classes beyond those shown."""
    confused: tuple[tuple[str, str, int], ...]
    right: tuple[Shown, ...]
    wrong: tuple[Shown, ...]


def build_report(
    record: ModelRecord, problem: Problem, names: tuple[str, ...], report: ModelReport | None
) -> ReportView:
    """The report on a model, or its open places."""
    shown = range(min(problem.classes, MOST_ROWS))
    has_matrix = problem.classes <= MOST_DENSE
    if report is None:
        cells = tuple(Cell(None, 0, False, "") for _ in shown) if has_matrix else ()
        rows = tuple(ClassRow(i, names[i], cells, None, None, None, 0, "") for i in shown)
        wrong = math.ceil(record.error * problem.validation / 10**6)
        confused = []
        right_examples = _wait_for(min(EXAMPLES, problem.validation - wrong), is_right=True)
        wrong_examples = _wait_for(min(EXAMPLES, wrong), is_right=False)
    else:
        rows = _list_rows(report, names, shown)
        confused = [(names[a], names[b], count) for a, b, count in report.confused[:MOST_CONFUSED]]
        examples = [
            Shown(number, names[label], names[answer], margin, label == answer)
            for number, label, answer, margin in report.examples
        ]
        right_examples = tuple(one for one in examples if one.is_right)
        wrong_examples = tuple(one for one in examples if not one.is_right)
    return ReportView(
        is_ready=report is not None,
        names=tuple(names[i] for i in shown),
        rows=rows,
        has_matrix=has_matrix,
        hidden=problem.classes - len(shown),
        confused=tuple(confused),
        right=right_examples,
        wrong=wrong_examples,
    )


def _wait_for(count: int, *, is_right: bool) -> tuple[Shown, ...]:
    return tuple(Shown(None, "", "", 0, is_right) for _ in range(count))


def _list_rows(report: ModelReport, names: tuple[str, ...], shown: range) -> tuple[ClassRow, ...]:
    errors = [-(-(10**6) * wrong // examples) if examples else None for examples, wrong in report.per_class]
    largest = max((error for error in errors if error is not None), default=0) or 1
    taken_for: dict[int, str] = {}
    for label, answer, _ in report.confused:
        taken_for.setdefault(label, names[answer])
    most = report.confused[0][2] if report.confused else 1
    return tuple(
        ClassRow(
            number,
            names[number],
            _list_cells(report.confusion[number], number, names, most) if report.confusion else (),
            report.per_class[number][0],
            report.per_class[number][1],
            errors[number],
            100 * (errors[number] or 0) / largest,
            taken_for.get(number, ""),
        )
        for number in shown
    )


def _list_cells(counts: Sequence[int], label: int, names: tuple[str, ...], most: int) -> tuple[Cell, ...]:
    total = max(1, sum(counts))
    cells = []
    for answer, count in enumerate(counts):
        is_right = answer == label
        share = count / total if is_right else count / max(1, most)
        verb = "right" if is_right else f"taken for {names[answer]}"
        words = f"{count} of {total} {names[label]}: {verb}"
        cells.append(Cell(count, math.ceil(LEVELS * share), is_right, words))
    return tuple(cells)
