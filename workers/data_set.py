"""A data set as arrays (docs/protocol.md §6.1). No torch here."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.tensor_file import TensorView, read_tensor_file

_TYPES = {"U8": "u1", "U16": "<u2"}


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """Inputs uint8 [N, C, H, W], labels int64 [N]."""

    train_x: NDArray[np.uint8]
    train_y: NDArray[np.int64]
    validation_x: NDArray[np.uint8]
    validation_y: NDArray[np.int64]


def read_data_set(data: bytes) -> DataSet:
    """Read a file that was verified by its id and checked by protocol.data_set.check_data_set before."""
    _, tensors = read_tensor_file(data)
    return DataSet(
        _to_array(tensors["train_x"]),
        _to_array(tensors["train_y"]).astype(np.int64),
        _to_array(tensors["validation_x"]),
        _to_array(tensors["validation_y"]).astype(np.int64),
    )


def _to_array(tensor: TensorView) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = (
        np.frombuffer(tensor.data, dtype=_TYPES[tensor.dtype]).reshape(tensor.shape).copy()
    )
    return array
