"""Single examples of a problem's validation set, for pages: as a picture and as numbers."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from apps.chain import api as chain
from apps.common.errors import NotFound
from apps.explorer.examples import plan_picture
from protocol.problem import Problem


@dataclass(frozen=True, slots=True)
class Example:
    """One example: its class and its values in the order channel, row, column."""

    number: int
    label: int
    values: bytes


def get_example(problem_id: str, number: int) -> Example:
    """Example ``number`` of the validation set, from 0 on. Raises NotFound, ObjectMissing."""
    problem = chain.get_problem(problem_id)
    if not 0 <= number < problem.validation:
        raise NotFound("validation example of this number")
    data = chain.get_data_set(problem_id)
    size = int(np.prod(problem.shape))
    label = int.from_bytes(data.validation_y.data[2 * number : 2 * number + 2], "little")
    return Example(number, label, bytes(data.validation_x.data[size * number : size * (number + 1)]))


def render_example(problem_id: str, number: int) -> bytes:
    """The example as PNG, a pixel a value; grey ones as ink on a clear ground, for light and dark pages.

    What is no picture is a strip: the values from left to right, a line a channel. Raises NotFound,
    ObjectMissing.
    """
    problem = chain.get_problem(problem_id)
    out = io.BytesIO()
    _draw(get_example(problem_id, number), problem).save(out, "PNG")
    return out.getvalue()


def _draw(example: Example, problem: Problem) -> Image.Image:
    channels, height, width = plan_picture(problem)
    pixels = np.frombuffer(example.values, np.uint8).reshape(channels, height, width)
    if channels == 1:
        return Image.fromarray(np.stack([np.zeros_like(pixels[0]), pixels[0]], axis=2), "LA")
    return Image.fromarray(np.ascontiguousarray(np.moveaxis(pixels, 0, 2)), "RGB")
