"""The wheel that the site serves: whole, reproducible, and enough to import the worker without Django."""

import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from django.test import Client

from apps.pool.worker_package import VERSION, build_wheel, wheel_name
from workers import VERSION as WORKERS_VERSION

IMPORT = """
import sys
sys.path.insert(0, sys.argv[1])
import workers.__main__, workers.slot
assert workers.__file__.startswith(sys.argv[1])
assert not {"django", "celery", "torch"} & set(sys.modules), sorted(sys.modules)
"""


def test_the_wheel_names_what_it_is_and_what_it_needs() -> None:
    assert VERSION == WORKERS_VERSION
    with zipfile.ZipFile(BytesIO(build_wheel())) as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(f"coinai_worker-{VERSION}.dist-info/METADATA").decode()
        record = wheel.read(f"coinai_worker-{VERSION}.dist-info/RECORD").decode()
    assert {"workers/agent.py", "protocol/crypto.py", "protocol/grammars/default.bnf"} <= names
    assert not any(name.startswith(("apps", "tests", "workers/celery")) for name in names)
    assert {line.split(",")[0] for line in record.splitlines()} == names
    assert "Requires-Dist: torch==" in metadata
    assert "django" not in metadata.lower()


def test_the_same_tree_gives_the_same_bytes() -> None:
    first = build_wheel()
    build_wheel.cache_clear()
    assert build_wheel() == first


def test_it_imports_without_django_celery_or_torch(tmp_path: Path) -> None:
    with zipfile.ZipFile(BytesIO(build_wheel())) as wheel:
        wheel.extractall(tmp_path)
    subprocess.run([sys.executable, "-c", IMPORT, str(tmp_path)], check=True, cwd=tmp_path)


@pytest.mark.django_db
def test_the_site_serves_it() -> None:
    answer = Client().get(f"/pool/worker/{wheel_name()}")
    assert answer.status_code == 200
    assert answer.content == build_wheel()
    assert Client().get("/pool/worker/other.whl").status_code == 404
