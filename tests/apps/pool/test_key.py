"""The pool's key is made once, for its owner alone, and only the coordinator reads it."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from apps.pool.key import PoolKeyError, load_key, load_or_create_secret
from protocol.crypto import public_key


def test_the_key_is_made_at_the_first_start_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "home" / "pool_key"
    secret = load_or_create_secret(path)
    assert len(secret) == 32
    assert load_key(path) == (secret, public_key(secret))


def test_nobody_else_can_read_it_from_the_first_byte_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    real = os.open

    def record(path: Path, flags: int, mode: int = 0o777) -> int:
        modes.append((flags & os.O_EXCL, mode))
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", record)
    previous = os.umask(0)
    try:
        load_or_create_secret(tmp_path / "pool_key")
    finally:
        os.umask(previous)
    assert modes == [(os.O_EXCL, 0o600)]
    assert stat.S_IMODE((tmp_path / "pool_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["pool_key"]


def test_first_starts_at_once_get_the_same_key(tmp_path: Path) -> None:
    found: list[bytes] = []
    start = threading.Barrier(8)

    def load() -> None:
        start.wait()
        found.append(load_or_create_secret(tmp_path / "pool_key"))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "pool_key"
    load_or_create_secret(path)
    path.chmod(mode)
    with pytest.raises(PoolKeyError, match="chmod 600"):
        load_or_create_secret(path)


@pytest.mark.parametrize("content", ["", "zz" * 32, "00" * 31, "00" * 33, "\xff"])
def test_a_file_without_a_key_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pool_key"
    path.write_text(content, encoding="latin-1")
    path.chmod(0o600)
    with pytest.raises(PoolKeyError, match="restore it"):
        load_or_create_secret(path)
    assert path.read_text(encoding="latin-1") == content


def test_the_web_and_the_node_never_load_the_module_that_reads_the_key() -> None:
    program = (
        "import coinai_web.asgi, apps.chain.node, sys; "
        "import django.urls; django.urls.get_resolver().url_patterns; "
        "assert 'apps.pool.consumers' in sys.modules; "
        "sys.exit('apps.pool.key' in sys.modules or 'pool_key' in str(list(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
