"""What has to be true before a start, and the one line that says what to do when it is not."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from supervisor.configuration import ROOT
from supervisor.errors import SetupError
from supervisor.preflight import check_disk, check_port, make_home, take_lock


def test_a_port_in_use_is_named_with_the_variable_that_changes_it() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SetupError, match=f"port {port} .* in use .*COINAI_PORT"):
            check_port("127.0.0.1", port)


def test_a_free_port_is_fine() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    check_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(SetupError, match="COINAI_HOST"):
        check_port("192.0.2.1", 8000)


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match=r"file/home cannot be written .*COINAI_HOME"):
        make_home(tmp_path / "file" / "home")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="is full"):
        check_disk(tmp_path, needed=10**18)
    check_disk(tmp_path, needed=1)


def test_two_supervisors_cannot_share_a_home(tmp_path: Path) -> None:
    lock = take_lock(tmp_path)
    with pytest.raises(SetupError, match=f"process {os.getpid()}"):
        take_lock(tmp_path)
    os.close(lock)
    os.close(take_lock(tmp_path))


def run_supervisor(**environment: str) -> subprocess.CompletedProcess[str]:
    """A supervisor that is expected to refuse to start."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COINAI_")}
    return subprocess.run(
        [sys.executable, "-m", "supervisor"],
        cwd=ROOT,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_program_refuses_in_one_line_and_starts_nothing(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = run_supervisor(COINAI_HOME=str(tmp_path), COINAI_PORT=port)
    assert done.returncode == 1
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) == 1
    assert "COINAI_PORT" in lines[0]
    assert not (tmp_path / "postgres").exists()


def test_the_program_refuses_a_second_start_in_the_same_home(tmp_path: Path) -> None:
    lock = take_lock(tmp_path)
    done = run_supervisor(COINAI_HOME=str(tmp_path))
    os.close(lock)
    assert done.returncode == 1
    assert "already runs" in done.stderr
    assert "Traceback" not in done.stderr
