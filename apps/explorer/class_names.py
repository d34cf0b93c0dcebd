"""Names of a problem's classes. The chain knows numbers only; a summary may list names in their order."""

import re

from protocol.problem import Problem

LONGEST_NAME = 40
_LIST = re.compile(r": ([^:.;\n]+)[.;\n]|: ([^:.;\n]+)$|\(([^()]+)\)")


def find_class_names(problem: Problem) -> tuple[str, ...]:
    """What the manifest calls its classes, in order; their numbers when it lists no names.

    Names are a list after a colon, or in brackets, with exactly as many different entries as there are
    classes, in the summary or else in the words about the conversion: "… kinds of clothing: T-shirt, trouser,
    …, ankle boot."
    """
    for text in (problem.summary, problem.conversion):
        for match in _LIST.finditer(text):
            names = _split(match[1] or match[2] or match[3])
            if len(names) == len(set(names)) == problem.classes and max(map(len, names)) <= LONGEST_NAME:
                return names
    return tuple(str(number) for number in range(problem.classes))


def _split(text: str) -> tuple[str, ...]:
    parts = [part.strip() for part in text.split(",")]
    first, _, second = parts[-1].rpartition(" and ")
    if second and first:
        parts[-1:] = [first.strip(), second.strip()]
    return tuple(part.removeprefix("and ").strip() for part in parts if part)
