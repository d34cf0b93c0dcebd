"""Arrays, NPZ and IDX (the format of MNIST), into examples."""

import gzip
import io
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from apps.governance.conversion.archives import list_entries, open_archive, read_entry
from apps.governance.conversion.examples import Column, Examples, Inputs, Labels, Limits, Mask, Options
from apps.governance.conversion.labels import number_classes
from apps.governance.conversion.parts import choose_validation
from apps.governance.conversion.quantize import quantize_numbers
from apps.governance.errors import BadArray, BadCell, BadLabels, NothingToLearn, UploadTooLarge

Array = npt.NDArray[Any]

_NAMES: Final = {
    "train_x": ("train_x", "x_train", "train_images", "train_data", "x", "images", "data", "features"),
    "train_y": ("train_y", "y_train", "train_labels", "y", "labels", "target", "label"),
    "validation_x": (
        "validation_x",
        "x_validation",
        "x_val",
        "val_x",
        "x_test",
        "test_x",
        "test_images",
        "test_data",
    ),
    "validation_y": ("validation_y", "y_validation", "y_val", "val_y", "y_test", "test_y", "test_labels"),
}
"""Names of arrays that are understood, in lower case."""
_IDX_IMAGES: Final = 0x00000803
_IDX_LABELS: Final = 0x00000801
_IDX_NAMES: Final = {
    "train_x": ("train-images",),
    "train_y": ("train-labels",),
    "validation_x": ("t10k-images", "test-images", "validation-images"),
    "validation_y": ("t10k-labels", "test-labels", "validation-labels"),
}


def convert_npz(path: Path, options: Options, limits: Limits) -> Examples:
    """Read an NPZ file: inputs [N, features], [N, H, W], [N, H, W, C] or [N, C, H, W], and labels [N].

    Raises: UnsafeArchive, UploadTooLarge, BadArray, BadCell, BadLabels, NothingToLearn.
    """
    arrays: dict[str, Array] = {}
    with open_archive(path) as archive:
        for info in list_entries(archive, limits):
            name = PurePosixPath(info.filename).stem
            if not info.filename.endswith(".npy"):
                raise BadArray(info.filename, "an NPZ file holds .npy arrays only")
            arrays[name.lower()] = _read_npy(name, read_entry(archive, info))
    found = {role: _pick(arrays, names) for role, names in _NAMES.items()}
    return _join("npz", found, options, limits)


def convert_idx(path: Path, options: Options, limits: Limits) -> Examples:
    """Read a zip of two or four IDX files, gzipped or not.

    Raises: UnsafeArchive, UploadTooLarge, BadArray, BadLabels, NothingToLearn.
    """
    found: dict[str, Array | None] = dict.fromkeys(_IDX_NAMES)
    with open_archive(path) as archive:
        for info in list_entries(archive, limits):
            name = PurePosixPath(info.filename).name
            role = next((role for role, stems in _IDX_NAMES.items() if name.startswith(stems)), None)
            if role is None:
                raise BadArray(
                    name, "its name is none of train-images, train-labels, t10k-images, t10k-labels"
                )
            content = _gunzip(name, read_entry(archive, info), limits)
            found[role] = _read_idx(name, content)
    return _join("idx", found, options, limits)


def is_idx_archive(archive: zipfile.ZipFile) -> bool:
    """Whether a zip holds IDX files, by their names."""
    names = [PurePosixPath(name).name for name in archive.namelist()]
    return any("-idx" in name and name.startswith(("train-", "t10k-", "test-")) for name in names)


def _pick(arrays: dict[str, Array], names: tuple[str, ...]) -> Array | None:
    return next((arrays[name] for name in names if name in arrays), None)


def _read_npy(name: str, content: bytes) -> Array:
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = read[version](file)
    except (ValueError, KeyError) as error:
        raise BadArray(name, "it is no whole .npy array") from error
    if dtype.hasobject or dtype.kind not in "buifUS":
        raise BadArray(name, f"it has the type {dtype}; use numbers, and numbers or texts for labels")
    # Before anything is allocated for it: the header of a few bytes may claim terabytes.
    claimed = dtype.itemsize
    for side in shape:
        claimed *= side
    if claimed != len(content) - file.tell():
        raise BadArray(name, f"it says {claimed:,} bytes and has {len(content) - file.tell():,}")
    file.seek(0)
    return np.load(file, allow_pickle=False)


def _gunzip(name: str, content: bytes, limits: Limits) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.open(io.BytesIO(content)) as file:
            unpacked = file.read(limits.max_unpacked_bytes + 1)
    except (OSError, EOFError) as error:
        raise BadArray(name, "its compressed bytes are damaged") from error
    if len(unpacked) > limits.max_unpacked_bytes:
        raise UploadTooLarge("Bytes that it unpacks to", len(unpacked), limits.max_unpacked_bytes)
    return unpacked


def _read_idx(name: str, content: bytes) -> Array:
    magic = int.from_bytes(content[:4], "big")
    if magic not in (_IDX_IMAGES, _IDX_LABELS):
        raise BadArray(name, "it is no IDX file of bytes: it must begin with 00 00 08 03 or 00 00 08 01")
    sides = magic & 0xFF
    start = 4 + 4 * sides
    shape = [int.from_bytes(content[4 + 4 * side : 8 + 4 * side], "big") for side in range(sides)]
    size = int(np.prod(shape, dtype=object))
    if len(content) - start != size:
        raise BadArray(name, f"it says {size:,} values and has {max(len(content) - start, 0):,}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _join(source: str, found: dict[str, Array | None], options: Options, limits: Limits) -> Examples:
    inputs, texts, is_validation = _concatenate(found)
    labels, class_names = number_classes(texts, limits)
    if int(np.prod(inputs.shape[1:], dtype=object)) > limits.max_inputs:
        raise UploadTooLarge(
            "Inputs of one example", int(np.prod(inputs.shape[1:], dtype=object)), limits.max_inputs
        )
    if is_validation is None:
        is_validation = _split(inputs, labels, options)
    if inputs.ndim == 2:
        converted, columns = _quantize_columns(inputs, ~is_validation)
        return Examples(source, converted, labels, class_names, is_validation, columns)
    pictures, note = _quantize_pictures(_to_channels_first(inputs), ~is_validation)
    return Examples(source, pictures, labels, class_names, is_validation, (), (note,))


def _concatenate(found: dict[str, Array | None]) -> tuple[Array, list[str], Mask | None]:
    train_x, train_y = found["train_x"], found["train_y"]
    if train_x is None or train_y is None:
        raise BadArray("x", "there must be inputs and labels: x and y, or x_train, y_train, x_test, y_test")
    _check_pair("train", train_x, train_y)
    validation_x, validation_y = found["validation_x"], found["validation_y"]
    if (validation_x is None) != (validation_y is None):
        raise BadArray("validation", "inputs and labels must both be there, or neither")
    if validation_x is None or validation_y is None:
        return train_x, _to_names("y", train_y), None
    _check_pair("validation", validation_x, validation_y)
    if train_x.shape[1:] != validation_x.shape[1:]:
        raise BadArray(
            "validation", f"its examples are {validation_x.shape[1:]}, those of train {train_x.shape[1:]}"
        )
    texts = _to_names("train labels", train_y) + _to_names("validation labels", validation_y)
    mask = np.arange(len(texts)) >= len(train_y)
    return np.concatenate([train_x, validation_x]), texts, mask


def _check_pair(name: str, inputs: Array, labels: Array) -> None:
    if inputs.ndim not in (2, 3, 4) or not inputs.size or inputs.dtype.kind not in "buif":
        raise BadArray(
            name, f"inputs must be numbers [N, …] of 2 to 4 dimensions, not {inputs.dtype} {inputs.shape}"
        )
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != inputs.shape[:1]:
        raise BadLabels(f"{name} has {inputs.shape[0]:,} examples and labels of the shape {labels.shape}")


def _to_names(name: str, labels: Array) -> list[str]:
    flat = labels.reshape(-1)
    if flat.dtype.kind == "f":
        wrong = np.flatnonzero(~np.isfinite(flat) | (np.floor(flat) != flat))
        if wrong.size:
            raise BadCell(
                int(wrong[0]) + 1, name, f"{flat[wrong[0]]} is no class; use whole numbers or texts"
            )
        flat = flat.astype(np.int64)
    if flat.dtype.kind == "S":
        flat = np.char.decode(flat, "utf-8", "replace")
    return [str(value) for value in flat.tolist()]


def _split(inputs: Array, labels: Labels, options: Options) -> Mask:
    keys = [row.tobytes() for row in np.ascontiguousarray(inputs).reshape(len(inputs), -1)]
    return choose_validation(keys, labels, options.validation_ppm)


def _quantize_columns(values: Array, basis: Mask) -> tuple[Inputs, tuple[Column, ...]]:
    numbers = values.astype(np.float64)
    _refuse_not_finite(numbers)
    parts: list[Inputs] = []
    columns: list[Column] = []
    for number in range(numbers.shape[1]):
        part, column = quantize_numbers(f"column {number + 1}", numbers[:, number], basis)
        columns.append(column)
        if part is not None:
            parts.append(part)
    if not parts:
        raise NothingToLearn("every column is constant")
    return np.concatenate(parts, axis=1)[:, :, None, None], tuple(columns)


def _quantize_pictures(pictures: Array, basis: Mask) -> tuple[Inputs, str]:
    if pictures.dtype == np.uint8:
        return np.ascontiguousarray(pictures), "Values are the bytes of the file."
    numbers = pictures.astype(np.float64)
    _refuse_not_finite(numbers.reshape(len(numbers), -1))
    low, high = float(numbers[basis].min()), float(numbers[basis].max())
    if low == high:
        raise NothingToLearn("all pictures have one and the same value everywhere")
    share = np.clip((numbers - low) / (high - low), 0.0, 1.0)
    return np.floor(255.0 * share).astype(np.uint8), f"{low:g} became 0 and {high:g} 255, evenly between."


def _refuse_not_finite(values: npt.NDArray[np.float64]) -> None:
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, column = (int(place) for place in wrong[0])
        raise BadCell(row + 1, str(column + 1), f"{values[row, column]} is no number to learn from")


def _to_channels_first(inputs: Array) -> Array:
    if inputs.ndim == 3:
        return inputs[:, None]
    if inputs.shape[1] > 4 >= inputs.shape[3]:  # pictures are larger than they have channels
        return np.moveaxis(inputs, 3, 1)
    return inputs
