"""What the make scripts share: write a data set and the manifests that name it."""

import lzma
from pathlib import Path
from typing import Any

from protocol.data_set import write_data_set
from protocol.encoding import encode
from protocol.merkle import object_id
from protocol.params import PARAMETERS
from protocol.problem import parse_problem

Examples = tuple[bytes, list[int]]
"""Inputs, uint8 in C order, and their labels."""


def pack(
    folder: Path,
    *,
    shape: tuple[int, int, int],
    train: Examples,
    validation: Examples,
    manifest: dict[str, Any],
    variants: dict[str, tuple[str, dict[str, Any]]],
) -> None:
    """Write data.safetensors.xz and one manifest a variant: file stem → (network, its own fields)."""
    data = write_data_set(
        shape=shape,
        train_x=train[0],
        train_y=_pack_labels(train[1]),
        validation_x=validation[0],
        validation_y=_pack_labels(validation[1]),
    )
    (folder / "data.safetensors.xz").write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    for stem, (network, fields) in variants.items():
        content = encode(
            {
                **manifest,
                **fields,
                "shape": list(shape),
                "train": len(train[1]),
                "validation": len(validation[1]),
                "data": object_id(data),
                "data_bytes": len(data),
            }
        )
        parse_problem(content, PARAMETERS[network])  # refuses what the chain would refuse
        (folder / f"{stem}.json").write_bytes(content)
        print(f"{stem}.json: problem {object_id(content)}, data {object_id(data)}, {len(data)} bytes")


def _pack_labels(labels: list[int]) -> bytes:
    return b"".join(label.to_bytes(2, "little") for label in labels)
