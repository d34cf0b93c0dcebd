"""From an uploaded file to the data set that the chain works on (docs/protocol.md §6.1 and §8)."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from apps.governance.conversion.arrays import convert_idx, convert_npz, is_idx_archive
from apps.governance.conversion.examples import Examples, Limits, Mask, Options
from apps.governance.conversion.pictures import convert_pictures
from apps.governance.conversion.report import build_report
from apps.governance.conversion.tables import convert_table, read_csv, read_parquet
from apps.governance.errors import BadLabels, UnknownFormat, UploadTooLarge
from protocol.data_set import write_data_set
from protocol.params import ChainParams
from protocol.problem import MAX_TEXT

_UNPACKED_FACTOR: Final = 4
_PARQUET: Final = b"PAR1"


@dataclass(frozen=True, slots=True)
class Converted:
    """A finished conversion."""

    data: bytes
    """The data set's file."""
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    """Their names, by number."""
    train: int
    validation: int
    conversion: str
    """What was done, in words, for the manifest."""
    report: dict[str, Any]
    """What the proposer is shown; see `build_report`."""


def get_limits(params: ChainParams) -> Limits:
    """The limits of a conversion for a chain."""
    return Limits(
        max_data_bytes=params.max_data_bytes,
        max_unpacked_bytes=_UNPACKED_FACTOR * params.max_data_bytes,
        max_inputs=params.max_macs,
    )


def convert(path: Path, options: Options, limits: Limits) -> Converted:
    """Convert an upload; what it is, is told by its bytes, not by its name.

    Raises: UnknownFormat, UploadTooLarge, UnsafeArchive, BadCell, BadTable, BadLabels, BadPicture, BadArray,
    NothingToLearn. Writes nothing.
    """
    examples = _read(path, options, limits)
    is_validation = examples.is_validation
    if is_validation is None:
        raise TypeError("every reader says which examples are for validation")
    _check_parts(examples, is_validation)
    data = _pack(examples, is_validation)
    if len(data) > limits.max_data_bytes:
        raise UploadTooLarge("Bytes of the data set", len(data), limits.max_data_bytes)
    return Converted(
        data=data,
        shape=examples.shape,
        classes=examples.class_names,
        train=int((~is_validation).sum()),
        validation=int(is_validation.sum()),
        conversion=_describe(examples),
        report=build_report(examples, is_validation),
    )


def _read(path: Path, options: Options, limits: Limits) -> Examples:
    with path.open("rb") as file:
        head = file.read(8)
    if not head:
        raise UnknownFormat("it is empty")
    if head.startswith(_PARQUET):
        return convert_table(read_parquet(path, limits), options, limits)
    if head.startswith(b"PK\x03\x04"):
        return _read_archive(path, options, limits)
    _refuse_binary(path, head)
    return convert_table(read_csv(path, limits), options, limits)


def _read_archive(path: Path, options: Options, limits: Limits) -> Examples:
    if not zipfile.is_zipfile(path):
        raise UnknownFormat("it begins as a zip archive and is not complete; upload it again")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if any(name.endswith(".npy") for name in names):
            return convert_npz(path, options, limits)
        if any(name.startswith(("xl/", "word/")) or name == "mimetype" for name in names):
            raise UnknownFormat("it is an office document, which may hold formulas; save it as CSV")
        if is_idx_archive(archive):
            return convert_idx(path, options, limits)
    return convert_pictures(path, options, limits)


def _refuse_binary(path: Path, head: bytes) -> None:
    known = {
        b"\x1f\x8b": "it is gzipped; send it unpacked, or the four IDX files together in a zip",
        b"\x89PNG": "it is one picture; send a zip with one folder of pictures per class",
        b"\xff\xd8\xff": "it is one picture; send a zip with one folder of pictures per class",
        b"\x00\x00\x08": "it is one IDX file; send all four in a zip",
        b"\xd0\xcf\x11\xe0": "it is an office document, which may hold formulas; save it as CSV",
        b"7z\xbc\xaf": "it is a 7z archive; send a zip",
        b"Rar!": "it is a RAR archive; send a zip",
        b"\x80\x04": "it is a pickle, which can run programs; it is never opened. Save it as NPZ or CSV",
        b"\x93NUMPY": "it is a single array; save inputs and labels together with numpy.savez",
    }
    for start, reason in known.items():
        if head.startswith(start):
            raise UnknownFormat(reason)
    with path.open("rb") as file:
        if b"\x00" in file.read(4096):
            raise UnknownFormat("it is neither text nor a format that is known here")


def _check_parts(examples: Examples, is_validation: Mask) -> None:
    for name, mask in (("train", ~is_validation), ("validation", is_validation)):
        present = np.unique(examples.labels[mask])
        if len(present) < len(examples.class_names):
            absent = sorted(set(range(len(examples.class_names))) - set(present.tolist()))
            names = ", ".join(repr(examples.class_names[number]) for number in absent[:5])
            raise BadLabels(f"{name} has no example of {names}; each class needs one on both sides")


def _pack(examples: Examples, is_validation: Mask) -> bytes:
    def take(mask: Mask) -> tuple[bytes, bytes]:
        return examples.inputs[mask].tobytes(), examples.labels[mask].astype("<u2").tobytes()

    train_x, train_y = take(~is_validation)
    validation_x, validation_y = take(is_validation)
    return write_data_set(
        shape=examples.shape,
        train_x=train_x,
        train_y=train_y,
        validation_x=validation_x,
        validation_y=validation_y,
    )


def _describe(examples: Examples) -> str:
    """The conversion in words, cut to what a manifest may hold."""
    parts = [f"Converted from {examples.source}.", *examples.notes]
    parts += [f"{column.name}: {column.note}." for column in examples.columns]
    text = " ".join(part for part in parts if part)
    limit = MAX_TEXT["conversion"]
    return text if len(text) <= limit else text[: limit - 1] + "…"
