"""The data sets and problems that ship with the software, among them each network's genesis problem.

``datasets/<name>/data.safetensors.xz`` is the data set (docs/protocol.md §6.1), compressed for the
repository; ``problem.json`` the canonical bytes of its manifest (§8). Each folder says where its data comes
from, and holds the script that made it.
"""

import lzma
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
GENESIS_PROBLEMS: Final = {
    "main": ("fashion-mnist", "problem-main"),
    "devnet": ("fashion-mnist", "problem"),
    "testing": ("digits", "problem"),
}
"""Of each network: the data set and the manifest of its genesis problem."""


def load_problem(name: str, manifest: str = "problem") -> bytes:
    """The canonical bytes of a shipped manifest: of the data set ``name``, or another variant of it."""
    return (FOLDER / name / f"{manifest}.json").read_bytes()


def load_data(name: str) -> bytes:
    """The bytes of a shipped data set, decompressed (13 MB for fashion-mnist, in about half a second)."""
    return lzma.decompress((FOLDER / name / "data.safetensors.xz").read_bytes())


def load_shipped(name: str, manifest: str = "problem") -> tuple[bytes, bytes]:
    """The bytes of a shipped problem and of its data set."""
    return load_problem(name, manifest), load_data(name)


def load_genesis_problem(network: str) -> tuple[bytes, bytes]:
    """The bytes of a network's genesis problem and of its data set."""
    return load_shipped(*GENESIS_PROBLEMS[network])
