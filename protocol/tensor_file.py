"""Safetensors files, read without trust in anything they say about themselves (docs/protocol.md §6).

8 bytes little-endian: the length of the header; the header, JSON that names each tensor's type, shape and
place; then the tensors, which must fill the rest of the file without gap or overlap.
"""

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from protocol.errors import InvalidTensorFile

MAX_HEADER_BYTES = 65536
"""Longest header: a data set has four tensors, some 400 bytes."""
MAX_TENSORS = 1024
MAX_DIMENSIONS = 8
ITEM_BYTES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "U16": 2,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "U32": 4,
    "I32": 4,
    "F32": 4,
    "U64": 8,
    "I64": 8,
    "F64": 8,
}
_METADATA = "__metadata__"
_ENTRY_FIELDS = {"dtype", "shape", "data_offsets"}


@dataclass(frozen=True, slots=True)
class TensorView:
    """One tensor of a file, not copied."""

    dtype: str
    """Its safetensors type, such as "U8"."""
    shape: tuple[int, ...]
    data: memoryview
    """Its bytes, C order, little-endian."""


def read_tensor_file(data: bytes | memoryview) -> tuple[dict[str, str] | None, dict[str, TensorView]]:
    """The metadata, if any, and the tensors of a safetensors file, in the order of their places.

    Any spelling of the header that safetensors allows is read, everything else refused.
    Raises: InvalidTensorFile.
    """
    view = memoryview(data).cast("B")
    if len(view) < 8:
        raise InvalidTensorFile("it has fewer than 8 bytes")
    length = int.from_bytes(view[:8], "little")
    if length > min(MAX_HEADER_BYTES, len(view) - 8):
        raise InvalidTensorFile(f"its header cannot have {length} bytes")
    header = _parse_header(bytes(view[8 : 8 + length]))
    metadata = _read_metadata(header.pop(_METADATA)) if _METADATA in header else None
    if len(header) > MAX_TENSORS:
        raise InvalidTensorFile(f"it has more than {MAX_TENSORS} tensors")
    body = view[8 + length :]
    tensors: dict[str, TensorView] = {}
    position = 0
    entries = {name: _read_entry(name, entry) for name, entry in header.items()}
    for name, (dtype, shape, begin, end) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if begin != position or end > len(body):
            raise InvalidTensorFile(f"tensor {name!a:.80} does not begin where the one before it ends")
        tensors[name] = TensorView(dtype, shape, body[begin:end])
        position = end
    if position != len(body):
        raise InvalidTensorFile(f"{len(body) - position} bytes at its end belong to no tensor")
    return metadata, tensors


def write_tensor_file(tensors: dict[str, TensorView], metadata: dict[str, str] | None = None) -> bytes:
    """A safetensors file of ``tensors`` in ascending order of names, its header in canonical JSON."""
    header: dict[str, Any] = {_METADATA: metadata} if metadata else {}
    position = 0
    for name in sorted(tensors):
        tensor = tensors[name]
        end = position + len(tensor.data)
        header[name] = {"data_offsets": [position, end], "dtype": tensor.dtype, "shape": list(tensor.shape)}
        position = end
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join(
        [len(text).to_bytes(8, "little"), text, *(bytes(tensors[name].data) for name in sorted(tensors))]
    )


def _parse_header(text: bytes) -> dict[str, Any]:
    """The header's JSON object; keys that occur twice are refused."""
    if not text.startswith(b"{"):
        raise InvalidTensorFile("its header does not begin with {")
    try:
        header = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except (ValueError, RecursionError):
        # ValueError covers bad UTF-8, bad JSON and integers of more digits than Python converts.
        raise InvalidTensorFile("its header is not JSON") from None
    if not isinstance(header, dict):
        raise InvalidTensorFile("its header is not an object")
    return header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidTensorFile("its header names something twice")
    return found


def _refuse_number(_text: str) -> NoReturn:
    raise InvalidTensorFile("its header has a number that is no integer")


def _read_metadata(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InvalidTensorFile("its __metadata__ is not an object")
    if not all(isinstance(text, str) for text in value.values()):
        raise InvalidTensorFile("its __metadata__ has a value that is no string")
    return dict(value)


def _read_entry(name: str, entry: object) -> tuple[str, tuple[int, ...], int, int]:
    """Type, shape, begin and end of a tensor, consistent with each other."""
    if not isinstance(entry, dict) or entry.keys() != _ENTRY_FIELDS:
        raise InvalidTensorFile(f"tensor {name!a:.80} must have dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise InvalidTensorFile(f"tensor {name!a:.80} has an unknown dtype")
    if not _is_sizes(shape) or len(shape) > MAX_DIMENSIONS:
        raise InvalidTensorFile(f"tensor {name!a:.80} has a bad shape")
    if not _is_sizes(offsets) or len(offsets) != 2:
        raise InvalidTensorFile(f"tensor {name!a:.80} has bad data_offsets")
    size = ITEM_BYTES[dtype]
    for length in shape:
        size *= length
    if offsets[1] - offsets[0] != size:
        raise InvalidTensorFile(f"tensor {name!a:.80} has another length than its shape asks for")
    return dtype, tuple(shape), offsets[0], offsets[1]


def _is_sizes(value: object) -> bool:
    """Whether ``value`` is a list of integers from 0 to 2^53 − 1."""
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**53 for item in value)
