"""Sizes as people write them."""

import re


def parse_bytes(text: str) -> int | None:
    """Bytes of ``5GiB``, ``500 MiB`` or ``1024``; None for anything else, and for more than 2^53."""
    match = re.fullmatch(r"(\d{1,16}) ?([KMGT]iB)?", text.strip())
    if match is None:
        return None
    size = int(match[1]) << {None: 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}[match[2]]
    return size if size < 2**53 else None
