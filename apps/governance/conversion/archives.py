"""Reading zip archives from strangers: bounded in entries, sizes and ratios, and never unpacked to disk."""

import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from apps.governance.conversion.examples import Limits
from apps.governance.errors import UnsafeArchive, UploadTooLarge

MAX_RATIO: Final = 1100
"""Deflate reaches 1032 at most: more is a lie of the directory."""
_IGNORED: Final = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


def list_entries(archive: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    """Return the files of an archive after checking all of them, without reading any.

    Raises: UnsafeArchive, UploadTooLarge.
    """
    infos = archive.infolist()
    if len(infos) > limits.max_entries:
        raise UploadTooLarge("Files in the archive", len(infos), limits.max_entries)
    files = [info for info in infos if not info.is_dir() and not _is_litter(info.filename)]
    seen: set[str] = set()
    for info in files:
        _check_entry(info)
        if info.filename in seen:
            raise UnsafeArchive(info.filename, "it is there twice")
        seen.add(info.filename)
    total = sum(info.file_size for info in files)
    if total > limits.max_unpacked_bytes:
        raise UploadTooLarge("Bytes that the archive unpacks to", total, limits.max_unpacked_bytes)
    return files


def read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the content of an entry, never more than its directory says. Raises: UnsafeArchive."""
    try:
        with archive.open(info) as file:
            content = file.read(info.file_size + 1)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OSError) as error:
        raise UnsafeArchive(info.filename, f"it cannot be unpacked ({type(error).__name__})") from error
    except (zlib.error, lzma.LZMAError) as error:
        raise UnsafeArchive(info.filename, "its compressed bytes are damaged") from error
    if len(content) != info.file_size:
        raise UnsafeArchive(info.filename, "it unpacks to another length than the archive says")
    return content


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open an archive. Raises: UnsafeArchive when it is damaged."""
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise UnsafeArchive(path.name, "it is damaged or not complete") from error


def get_folders(info: zipfile.ZipInfo) -> tuple[str, ...]:
    """The names of the folders that an entry is in, outermost first."""
    return PurePosixPath(info.filename).parts[:-1]


def iterate_sorted(files: list[zipfile.ZipInfo]) -> Iterator[zipfile.ZipInfo]:
    """The entries in the order of their names, whatever the order in the archive."""
    return iter(sorted(files, key=lambda info: info.filename))


def _is_litter(name: str) -> bool:
    # What operating systems leave in every archive that people make by hand.
    return name.startswith(_IGNORED[0]) or PurePosixPath(name).name in _IGNORED[1:]


def _check_entry(info: zipfile.ZipInfo) -> None:
    path = PurePosixPath(info.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in info.filename or ":" in path.parts[0]:
        raise UnsafeArchive(info.filename, "its path leads out of the archive")
    if any(ord(character) < 32 for character in info.filename):
        raise UnsafeArchive(info.filename, "its name has control characters")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise UnsafeArchive(info.filename, "it is a link; put the file itself there")
    if info.flag_bits & 1:
        raise UnsafeArchive(info.filename, "it is encrypted; send the archive without a password")
    if info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise UnsafeArchive(info.filename, "it unpacks to more than can be in so few bytes")
