"""Examples of an upload's data set, a few of each class, as a picture or as values."""

import functools
import io
import json
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from apps.common import object_store
from apps.common.errors import NotFound
from apps.governance.models import Upload
from protocol.tensor_file import MAX_HEADER_BYTES

COLUMNS: Final = 6
"""Examples of each class."""
MOST_ROWS: Final = 20
"""Classes that are shown."""
LARGEST_SIDE: Final = 64
"""Pixels of one example; small ones are enlarged by a whole number."""
GAP: Final = 2
MOST_VALUES: Final = 2_048
_LENGTH_BYTES: Final = 8

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sheet:
    """How the picture of examples is laid out, in pixels: a row a class, a column an example."""

    rows: int
    columns: int
    scale: int
    cell_width: int
    cell_height: int

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self.columns * (self.cell_width + GAP) - GAP

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.rows * (self.cell_height + GAP) - GAP


def has_pictures(upload: Upload) -> bool:
    """Whether the examples are pictures, grey or in colour, and not vectors."""
    channels, height, width = upload.shape
    return channels in (1, 3) and height > 1 and width > 1


def plan_sheet(upload: Upload) -> Sheet:
    """The layout of `render_sheet`."""
    _, height, width = upload.shape
    scale = max(1, LARGEST_SIDE // max(height, width))
    shrunk = max(1.0, max(height, width) / LARGEST_SIDE)
    return Sheet(
        rows=min(len(upload.report["classes"]), MOST_ROWS),
        columns=COLUMNS,
        scale=scale,
        cell_width=max(1, int(width * scale / shrunk)),
        cell_height=max(1, int(height * scale / shrunk)),
    )


def render_sheet(upload: Upload) -> bytes:
    """Examples to learn from as PNG, a row a class; grey ones are ink on a clear ground, for light and dark.

    Raises: NotFound when they are not pictures, or the data set is not here any more.
    """
    if not has_pictures(upload):
        raise NotFound("picture of this upload: its examples are not pictures")
    channels, height, width = upload.shape
    return _render(upload.data, (channels, height, width), plan_sheet(upload))


def list_values(upload: Upload) -> list[dict[str, Any]]:
    """Examples to learn from, ``{class, number, values}``, the bytes that a network sees.

    At most COLUMNS of each of the first MOST_ROWS classes, of each the first MOST_VALUES. Raises: NotFound.
    """
    inputs, labels = _open(upload.data, tuple(upload.shape))
    rows = min(len(upload.report["classes"]), MOST_ROWS)
    return [
        {"label": label, "number": number, "values": inputs[number].reshape(-1)[:MOST_VALUES].tolist()}
        for label, numbers in enumerate(_pick(labels, rows))
        for number in numbers
    ]


@functools.lru_cache(maxsize=8)
def _render(data: str, shape: tuple[int, int, int], sheet: Sheet) -> bytes:
    inputs, labels = _open(data, shape)
    is_grey = shape[0] == 1
    image = Image.new("LA" if is_grey else "RGBA", (sheet.width, sheet.height))
    for row, numbers in enumerate(_pick(labels, sheet.rows)):
        for column, number in enumerate(numbers):
            cell = _draw(np.asarray(inputs[number])).resize(
                (sheet.cell_width, sheet.cell_height),
                Image.Resampling.NEAREST if sheet.scale > 1 else Image.Resampling.BILINEAR,
            )
            image.paste(cell, (column * (sheet.cell_width + GAP), row * (sheet.cell_height + GAP)))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _draw(pixels: Bytes) -> Image.Image:
    """One example, [C, H, W]."""
    if pixels.shape[0] == 1:
        return Image.fromarray(np.stack([np.zeros_like(pixels[0]), pixels[0]], axis=2), "LA")
    opaque = np.full_like(pixels[0], 255)
    return Image.fromarray(np.stack([*pixels, opaque], axis=2), "RGBA")


def _pick(labels: npt.NDArray[np.uint16], rows: int) -> list[list[int]]:
    """Of each class the numbers of a few examples, spread over all."""
    chosen = []
    for label in range(rows):
        members = np.flatnonzero(labels == label)
        places = np.linspace(0, len(members) - 1, min(COLUMNS, len(members))).astype(int)
        chosen.append([int(number) for number in members[np.unique(places)]])
    return chosen


def _open(data: str, shape: tuple[int, ...]) -> tuple[Bytes, npt.NDArray[np.uint16]]:
    """Inputs [N, C, H, W] and labels [N] to learn from, read where they lie: a data set may have a gigabyte.

    Raises: NotFound.
    """
    path = object_store.path(data)
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            header = json.loads(file.read(min(length, MAX_HEADER_BYTES)))
    except FileNotFoundError:
        raise NotFound("data set of this upload") from None
    start = _LENGTH_BYTES + length

    def view(name: str, dtype: str, sides: tuple[int, ...]) -> Any:
        begin, end = header[name]["data_offsets"]
        count = (end - begin) // (np.dtype(dtype).itemsize * int(np.prod(sides)))
        return np.memmap(path, dtype=dtype, mode="r", offset=start + begin, shape=(count, *sides))

    return view("train_x", "u1", shape), view("train_y", "<u2", ())
