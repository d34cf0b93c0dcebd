"""Pictures, a zip with one folder per class, into examples."""

import io
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from apps.governance.conversion.archives import (
    get_folders,
    iterate_sorted,
    list_entries,
    open_archive,
    read_entry,
)
from apps.governance.conversion.examples import Examples, Limits, Options
from apps.governance.conversion.labels import number_classes
from apps.governance.conversion.parts import choose_validation, get_keys
from apps.governance.errors import BadLabels, BadPicture, UnknownFormat, UploadTooLarge

FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
LARGEST_KEPT: Final = 64
"""Pictures of one size up to this keep it unless the proposer asks for another."""
DEFAULT_SIZE: Final = 32
_PARTS: Final = {
    "train": False,
    "training": False,
    "test": True,
    "val": True,
    "valid": True,
    "validation": True,
}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What all pictures are made into."""

    size: int | None
    grey: bool


def convert_pictures(path: Path, options: Options, limits: Limits) -> Examples:
    """Read a zip of ``class/picture`` or ``train/class/picture`` and ``test/class/picture``.

    Raises: UnsafeArchive, UploadTooLarge, UnknownFormat, BadPicture, BadLabels.
    """
    with open_archive(path) as archive:
        files = list(iterate_sorted(list_entries(archive, limits)))
        if not files:
            raise UnknownFormat("the archive is empty")
        names, in_validation = _read_folders([get_folders(info) for info in files], files)
        labels, class_names = number_classes(names, limits)
        plan = _plan(archive, files, options, limits)
        side = plan.size or 1
        if len(files) * side * side * (1 if plan.grey else 3) > limits.max_data_bytes:
            needed = len(files) * side * side * (1 if plan.grey else 3)
            raise UploadTooLarge("Bytes of the data set", needed, limits.max_data_bytes)
        inputs = np.stack([_read_picture(archive, info, plan, limits) for info in files])
    is_validation = None if in_validation is None else np.array(in_validation, dtype=np.bool_)
    if is_validation is None:
        is_validation = choose_validation(get_keys(inputs), labels, options.validation_ppm)
    colours = "grey" if plan.grey else "red, green and blue"
    kept = f"were made {plan.size} × {plan.size} pixels" if plan.size else "keep their size"
    note = f"Classes are the folders: {', '.join(class_names[:50])}. Pictures {kept}, {colours}."
    return Examples("pictures", inputs, labels, class_names, is_validation, (), (note,))


def _read_folders(
    folders: Sequence[tuple[str, ...]], files: Sequence[zipfile.ZipInfo]
) -> tuple[list[str], list[bool] | None]:
    """The class of each file and, where the archive says, whether it is for validation."""
    # One folder around everything is how archives are usually made.
    while all(len(parts) > 1 for parts in folders) and len({parts[0] for parts in folders}) == 1:
        folders = [parts[1:] for parts in folders]
    firsts = {parts[0].lower() for parts in folders if parts}
    if firsts <= _PARTS.keys() and {_PARTS[first] for first in firsts} == {False, True}:
        sides = [_PARTS[parts[0].lower()] for parts in folders]
        return _get_classes([parts[1:] for parts in folders], files), sides
    return _get_classes(folders, files), None


def _get_classes(folders: Sequence[tuple[str, ...]], files: Sequence[zipfile.ZipInfo]) -> list[str]:
    for parts, info in zip(folders, files, strict=True):
        if len(parts) != 1:
            raise BadLabels(
                f"{info.filename[:80]!a} is not in a folder named after its class: "
                "put every picture into one folder per class"
            )
    return [parts[0] for parts in folders]


def _plan(
    archive: zipfile.ZipFile, files: Sequence[zipfile.ZipInfo], options: Options, limits: Limits
) -> _Plan:
    sizes: set[tuple[int, int]] = set()
    grey = True
    for info in files:
        with _open(archive, info, limits) as picture:
            sizes.add(picture.size)
            grey = grey and picture.mode in ("1", "L", "LA", "I;16")
    grey = grey or options.grey
    if options.size:
        return _Plan(options.size, grey)
    width, height = next(iter(sizes))
    if len(sizes) == 1 and max(width, height) <= LARGEST_KEPT:
        return _Plan(None if width != height else width, grey)
    return _Plan(DEFAULT_SIZE, grey)


def _open(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits) -> Image.Image:
    content = read_entry(archive, info)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is smaller
        try:
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
        except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
            raise BadPicture(info.filename, f"it is none of {', '.join(FORMATS)}") from error
    if picture.width * picture.height > limits.max_picture_pixels:
        raise BadPicture(
            info.filename,
            f"{picture.width} × {picture.height} pixels are more than {limits.max_picture_pixels:,}",
        )
    return picture


def _read_picture(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, plan: _Plan, limits: Limits
) -> np.typing.NDArray[np.uint8]:
    """uint8 [C, H, W]"""
    with _open(archive, info, limits) as picture:
        try:
            upright = ImageOps.exif_transpose(picture).convert("L" if plan.grey else "RGB")
        except (OSError, ValueError, SyntaxError) as error:
            raise BadPicture(info.filename, "its bytes are damaged or end early") from error
    if plan.size is not None and upright.size != (plan.size, plan.size):
        upright = ImageOps.fit(upright, (plan.size, plan.size), Image.Resampling.BOX)
    values = np.asarray(upright, dtype=np.uint8)
    return values[None] if plan.grey else np.moveaxis(values, 2, 0)
