"""Pictures of a data set's examples: one sheet, a row for each class."""

import functools
import io
from dataclasses import dataclass

from PIL import Image

from apps.chain.api import get_params, get_problem
from apps.common import object_store
from protocol.data_set import DataSetView, check_data_set, read_labels
from protocol.problem import Problem

COLUMNS = 16
MOST_ROWS = 10
LARGEST_SIDE = 64  # pixels of one example in the sheet
GAP = 2


@dataclass(frozen=True, slots=True)
class Sheet:
    """How the sheet of a problem's examples is laid out, in pixels."""

    rows: int
    scale: int
    cell_width: int
    cell_height: int

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return COLUMNS * (self.cell_width + GAP) - GAP

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.rows * (self.cell_height + GAP) - GAP


def has_pictures(problem: Problem) -> bool:
    """Whether the inputs are pictures (grey or colour) and not vectors."""
    channels, height, width = problem.shape
    return channels in (1, 3) and height > 1 and width > 1


def plan_picture(problem: Problem) -> tuple[int, int, int]:
    """Colours, height and width of the picture of one example; of a strip where the examples are none."""
    if has_pictures(problem):
        return problem.shape
    channels, height, width = problem.shape
    return (1, channels, height * width) if height * width > 1 else (1, 1, channels)


def plan_sheet(problem: Problem) -> Sheet:
    """The layout of the sheet: small pictures are enlarged by a whole number."""
    _, height, width = problem.shape
    scale = max(1, LARGEST_SIDE // max(height, width))
    return Sheet(min(problem.classes, MOST_ROWS), scale, width * scale, height * scale)


@functools.lru_cache(maxsize=8)
def render_examples(problem_id: str) -> bytes:
    """The sheet as PNG. Grey pictures become ink on a clear ground, so that they suit light and dark pages.

    Raises NotFound or ObjectMissing when the problem or its data set is not here.
    """
    problem = get_problem(problem_id)
    data = check_data_set(object_store.read(problem.data), problem, get_params())
    sheet = plan_sheet(problem)
    is_grey = problem.shape[0] == 1
    image = Image.new("LA" if is_grey else "RGBA", (sheet.width, sheet.height))
    for row, indices in enumerate(_pick(data, sheet.rows)):
        for column, index in enumerate(indices):
            cell = _cut(data, problem, index).resize(
                (sheet.cell_width, sheet.cell_height), Image.Resampling.NEAREST
            )
            image.paste(cell, (column * (sheet.cell_width + GAP), row * (sheet.cell_height + GAP)))
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _pick(data: DataSetView, rows: int) -> list[list[int]]:
    """For each class the numbers of its first training examples."""
    picked: list[list[int]] = [[] for _ in range(rows)]
    missing = rows * COLUMNS
    for index, label in enumerate(read_labels(data.train_y)):
        if label < rows and len(picked[label]) < COLUMNS:
            picked[label].append(index)
            missing -= 1
            if missing == 0:
                break
    return picked


def _cut(data: DataSetView, problem: Problem, index: int) -> Image.Image:
    """One training example; grey values become how much ink there is."""
    channels, height, width = problem.shape
    plane = height * width
    start = index * channels * plane
    planes = [
        Image.frombytes(
            "L", (width, height), bytes(data.train_x.data[start + i * plane : start + (i + 1) * plane])
        )
        for i in range(channels)
    ]
    if channels == 1:
        return Image.merge("LA", (Image.new("L", (width, height), 0), planes[0]))
    return Image.merge("RGBA", (*planes, Image.new("L", (width, height), 255)))
