"""What every reader makes out of an upload: inputs as bytes, labels, and notes on how they came about."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

Inputs = npt.NDArray[np.uint8]
"""uint8 [N, C, H, W]"""
Labels = npt.NDArray[np.int64]
"""int64 [N], 0 to classes − 1"""
Mask = npt.NDArray[np.bool_]

TRAIN: Final = "train"
VALIDATION: Final = "validation"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a conversion may take; from the chain's parameters and the site's settings."""

    max_data_bytes: int
    """Bytes of the finished data set."""
    max_unpacked_bytes: int
    """Bytes that an archive may unpack to."""
    max_inputs: int
    """Values of one example, channels × height × width."""
    max_entries: int = 200_000
    """Files in an archive."""
    max_rows: int = 2_000_000
    max_columns: int = 2_048
    max_classes: int = 1_000
    max_picture_pixels: int = 25_000_000
    """Pixels of one picture before it is made smaller."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the proposer chooses; empty means: find out."""

    label: str = ""
    """Name of the column, or of the arrays, that holds the class."""
    validation_ppm: int = 250_000
    """Share of the examples to judge by, where the upload does not separate them itself."""
    size: int = 0
    """Pictures become size × size pixels; 0 keeps their size when all have the same small one."""
    grey: bool = False
    """Whether to make coloured pictures grey."""


@dataclass(frozen=True, slots=True)
class Column:
    """How a column became inputs."""

    name: str
    kind: str
    """number, category or left out"""
    inputs: int
    """How many inputs it became."""
    missing: int
    """Empty cells."""
    note: str
    """In words, for the manifest and for people."""
    low: float | None = None
    """Of a number: becomes 0, as everything below."""
    high: float | None = None
    """Of a number: becomes 255, as everything above."""
    values: tuple[str, ...] = ()
    """Of a category: the values, an input each."""


@dataclass(frozen=True, slots=True)
class Examples:
    """A read upload."""

    source: str
    """csv, parquet, npz, pictures or idx"""
    inputs: Inputs
    labels: Labels
    class_names: tuple[str, ...]
    is_validation: Mask | None
    """Which examples the upload itself sets apart to judge by; None: it does not say."""
    columns: tuple[Column, ...] = ()
    """Empty for pictures."""
    notes: tuple[str, ...] = field(default=())
    """What was done, in sentences."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        _, channels, height, width = self.inputs.shape
        return channels, height, width
