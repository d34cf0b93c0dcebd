"""The worker as a wheel, built from this site's own tree: what joins is of the version that it joins."""

import base64
import functools
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Final

from django.conf import settings

VERSION: Final = "0.1.0"
"""That of workers/__init__.py; a test compares them, since the site does not import the workers."""
PACKAGES: Final = ("protocol", "workers")
SUFFIXES: Final = (".py", ".bnf", ".txt")
REQUIREMENTS: Final = ("numpy", "nvidia-ml-py", "psutil", "pycryptodome", "torch", "websockets")
LEFT_OUT: Final = ("workers/celery.py", "workers/celery_app.py", "workers/tasks.py")
"""What only the operator's workers need: without these nothing of it imports Celery."""
NAME: Final = "coinai_worker"
_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the same tree gives the same bytes


def wheel_name() -> str:
    """The file's name, as pip wants it."""
    return f"{NAME}-{VERSION}-py3-none-any.whl"


@functools.cache
def build_wheel() -> bytes:
    """The wheel's bytes: PEP 427, pure Python, reproducible. Raises OSError."""
    root = Path(settings.BASE_DIR)
    files = {name: (root / name).read_bytes() for name in list_files(root)}
    info = f"{NAME}-{VERSION}.dist-info"
    files[f"{info}/METADATA"] = _describe(root).encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: coinai\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{info}/entry_points.txt"] = b"[console_scripts]\ncoinai-worker = workers.__main__:main\n"
    record = f"{info}/RECORD"
    lines = [f"{name},sha256={_hash(data)},{len(data)}" for name, data in files.items()]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return packed.getvalue()


def list_files(root: Path) -> list[str]:
    """What is packed, in order, as paths below ``root``."""
    found = [path for package in PACKAGES for path in (root / package).rglob("*") if path.suffix in SUFFIXES]
    names = sorted(path.relative_to(root).as_posix() for path in found if "__pycache__" not in path.parts)
    return [name for name in names if name not in LEFT_OUT]


def _describe(root: Path) -> str:
    pinned = {}
    for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines():
        name, separator, version = line.partition("==")
        if separator:
            pinned[name.lower()] = version
    requires = [f"Requires-Dist: {name}=={pinned[name]}" for name in REQUIREMENTS]
    head = [
        "Metadata-Version: 2.1",
        "Name: coinai-worker",
        f"Version: {VERSION}",
        "Summary: Trains networks for a Coin.AI pool",
        "Requires-Python: >=3.11",
    ]
    return "\n".join([*head, *requires, ""])


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
