"""A problem as its page shows it: its classes with their numbers of examples."""

import functools
from collections import Counter
from dataclasses import dataclass

from apps.chain import api as chain
from apps.explorer.examples import GAP, MOST_ROWS, has_pictures, plan_sheet
from protocol.data_set import read_labels
from protocol.problem import Problem

MOST_CLASSES = 100
VALUES = 12
"""Values of an example that a page shows where there are no pictures."""


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class of a problem."""

    number: int
    name: str
    train: int
    validation: int
    train_share: float
    """Of the most frequent class, in percent: how long the bar is."""
    validation_share: float
    train_rest: float
    validation_rest: float
    """What is left to 100: bars grow from the right, beside their numbers."""
    top: int | None
    """Where its row of pictures begins in the sheet, in pixels; None without pictures."""
    values: tuple[int, ...]
    """The first values of its first example, for problems without pictures."""


@functools.lru_cache(maxsize=16)
def count_classes(problem_id: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Examples of each class to train on, and to be judged on. Raises ObjectMissing."""
    problem, data = chain.get_problem(problem_id), chain.get_data_set(problem_id)
    train, validation = Counter(read_labels(data.train_y)), Counter(read_labels(data.validation_y))
    classes = range(problem.classes)
    return tuple(train[i] for i in classes), tuple(validation[i] for i in classes)


def list_classes(problem_id: str, names: tuple[str, ...]) -> list[ClassRow]:
    """The first classes of a problem. Raises ObjectMissing."""
    problem = chain.get_problem(problem_id)
    train, validation = count_classes(problem_id)
    pictures = has_pictures(problem)
    step = plan_sheet(problem).cell_height + GAP if pictures else 0
    rows = {} if pictures else _find_values(problem_id, problem)
    return [
        ClassRow(
            number,
            names[number],
            train[number],
            validation[number],
            100 * train[number] / max(train),
            100 * validation[number] / max(validation),
            100 - 100 * train[number] / max(train),
            100 - 100 * validation[number] / max(validation),
            step * number if pictures and number < MOST_ROWS else None,
            rows.get(number, ()),
        )
        for number in range(min(problem.classes, MOST_CLASSES))
    ]


def describe_balance(problem_id: str) -> str:
    """Whether the classes are equally frequent, as a sentence. Raises ObjectMissing."""
    train, validation = count_classes(problem_id)
    if min(train) == max(train) and min(validation) == max(validation):
        return "All classes are equally frequent."
    least, most = min(train), max(train)
    if least == 0:
        return f"{train.count(0)} of the classes have no example to train on."
    if most < 1.25 * least:
        return "The classes are nearly equally frequent."
    return f"The most frequent class has {most / least:.1f} times as many examples as the rarest."


def _find_values(problem_id: str, problem: Problem) -> dict[int, tuple[int, ...]]:
    """The first values of the first training example of each class."""
    data = chain.get_data_set(problem_id)
    size = problem.shape[0] * problem.shape[1] * problem.shape[2]
    found: dict[int, tuple[int, ...]] = {}
    for index, label in enumerate(read_labels(data.train_y)):
        if label not in found:
            found[label] = tuple(data.train_x.data[index * size : index * size + min(size, VALUES)])
            if len(found) == problem.classes:
                break
    return found
