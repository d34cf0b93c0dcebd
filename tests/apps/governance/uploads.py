"""Uploads as people make them, and as they should not."""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apps.governance.conversion.convert import Converted, convert
from apps.governance.conversion.examples import Limits, Options
from protocol.data_set import DataSetView
from protocol.errors import ProtocolError
from protocol.tensor_file import read_tensor_file

LIMITS = Limits(max_data_bytes=8 << 20, max_unpacked_bytes=32 << 20, max_inputs=5000)


def run(path: Path, options: Options | None = None, limits: Limits = LIMITS) -> Converted:
    """Convert with small limits."""
    return convert(path, options or Options(), limits)


def refuse(kind: type[ProtocolError], path: Path, options: Options | None = None, **limits: int) -> str:
    """Convert what must be refused, and return what the refusal says."""
    changed = Limits(**{**{name: getattr(LIMITS, name) for name in Limits.__slots__}, **limits})
    with pytest.raises(kind) as caught:
        convert(path, options or Options(), changed)
    assert list(path.parent.iterdir()) == [path], "something stayed behind"
    return caught.value.detail


def view(converted: Converted) -> DataSetView:
    """The four tensors of a conversion."""
    _, tensors = read_tensor_file(converted.data)
    return DataSetView(**tensors)


def write_csv(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    """A CSV file."""
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def flowers(rows: int = 120) -> str:
    """A table of two numbers, a category and three classes."""
    lines = ["length,width,colour,kind"]
    for row in range(rows):
        kind = ("iris", "rose", "tulip")[row % 3]
        lines.append(f"{row % 3 + row / 1000:.3f},{row % 7},{('red', 'blue')[row % 2]},{kind}")
    return "\n".join(lines) + "\n"


def write_zip(folder: Path, files: Mapping[str, bytes], name: str = "upload.zip") -> Path:
    """A zip archive."""
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in files.items():
            archive.writestr(entry, content)
    return path


def picture(value: int, *, size: tuple[int, int] = (8, 8), mode: str = "L", kind: str = "PNG") -> bytes:
    """A picture with a gradient, so that no two values give the same one."""
    width, height = size
    values = (np.arange(width * height).reshape(height, width) + value * 7) % 256
    image = Image.fromarray(values.astype(np.uint8))
    file = io.BytesIO()
    image.convert(mode).save(file, kind)
    return file.getvalue()


def animals(make: Callable[[int], bytes] = picture, prefix: str = "") -> dict[str, bytes]:
    """Ten pictures each of two classes."""
    return {
        f"{prefix}{kind}/{n}.png": make(n + 20 * c)
        for c, kind in enumerate(("cat", "dog"))
        for n in range(10)
    }


def idx(array: "np.typing.NDArray[np.uint8]", *, packed: bool = True) -> bytes:
    """An IDX file."""
    head = struct.pack(">I", 0x00000800 | array.ndim) + b"".join(
        struct.pack(">I", side) for side in array.shape
    )
    content = head + array.tobytes()
    return gzip.compress(content) if packed else content


def npz(folder: Path, **arrays: object) -> Path:
    """An NPZ file."""
    path = folder / "arrays.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path
