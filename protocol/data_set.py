"""A problem's data set: four tensors in one safetensors file (docs/protocol.md §6.1)."""

import sys
from array import array
from dataclasses import dataclass

from protocol.errors import InvalidDataSet
from protocol.params import ChainParams
from protocol.problem import Problem
from protocol.tensor_file import TensorView, read_tensor_file, write_tensor_file

TENSORS = ("train_x", "train_y", "validation_x", "validation_y")


@dataclass(frozen=True, slots=True)
class DataSetView:
    """A checked data set, not copied out of its file."""

    train_x: TensorView
    """U8 [train, C, H, W]"""
    train_y: TensorView
    """U16 [train], each below ``classes``"""
    validation_x: TensorView
    """U8 [validation, C, H, W]"""
    validation_y: TensorView
    """U16 [validation], each below ``classes``"""


def check_data_set(data: bytes | memoryview, problem: Problem, params: ChainParams) -> DataSetView:
    """Read a data set and check it against its problem's counts, shape and classes (docs/protocol.md §6.1).

    The object id of ``data`` is the caller's to check. Raises: InvalidTensorFile, InvalidDataSet.
    """
    if len(data) > params.max_data_bytes:
        raise InvalidDataSet(f"it has {len(data)} bytes, this chain allows {params.max_data_bytes}")
    if len(data) != problem.data_bytes:
        raise InvalidDataSet(f"it has {len(data)} bytes, the manifest says {problem.data_bytes}")
    metadata, tensors = read_tensor_file(data)
    if metadata is not None or tensors.keys() != set(TENSORS):
        raise InvalidDataSet(f"it must hold {', '.join(TENSORS)} and nothing else")
    for part, count in (("train", problem.train), ("validation", problem.validation)):
        _check_tensor(f"{part}_x", tensors[f"{part}_x"], "U8", (count, *problem.shape))
        _check_tensor(f"{part}_y", tensors[f"{part}_y"], "U16", (count,))
        largest = max(read_labels(tensors[f"{part}_y"]))
        if largest >= problem.classes:
            raise InvalidDataSet(f"{part}_y has the label {largest}, but there are {problem.classes} classes")
    return DataSetView(**tensors)


def write_data_set(
    *,
    shape: tuple[int, int, int],
    train_x: bytes,
    train_y: bytes,
    validation_x: bytes,
    validation_y: bytes,
) -> bytes:
    """The file of a data set; inputs are U8 in C order, labels U16 little-endian (docs/protocol.md §6.1)."""
    train, validation = len(train_y) // 2, len(validation_y) // 2
    tensors = {
        "train_x": TensorView("U8", (train, *shape), memoryview(train_x)),
        "train_y": TensorView("U16", (train,), memoryview(train_y)),
        "validation_x": TensorView("U8", (validation, *shape), memoryview(validation_x)),
        "validation_y": TensorView("U16", (validation,), memoryview(validation_y)),
    }
    content = write_tensor_file(tensors)
    read_tensor_file(content)  # refuses lengths that do not fit the shape
    return content


def read_labels(tensor: TensorView) -> "array[int]":
    """The values of a U16 tensor."""
    labels = array("H")
    labels.frombytes(tensor.data)
    if sys.byteorder == "big":
        labels.byteswap()
    return labels


def _check_tensor(name: str, tensor: TensorView, dtype: str, shape: tuple[int, ...]) -> None:
    if tensor.dtype != dtype or tensor.shape != shape:
        raise InvalidDataSet(f"{name} is {tensor.dtype} {list(tensor.shape)}, not {dtype} {list(shape)}")
