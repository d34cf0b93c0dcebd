"""The installer: what it says when something is wrong, and when it has nothing to do."""

import subprocess
import sys
from pathlib import Path

import pytest

import install

NO_NETWORK = (
    "WARNING: Retrying … NewConnectionError: Temporary failure in name resolution\n"
    "ERROR: No matching distribution found for torch==2.13.0"
)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (NO_NETWORK, "registry cannot be reached"),
        ("error: Failed to fetch: `x`\n  Caused by: client error (Connect)", "registry cannot be reached"),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
        ),
        ("ERROR: Could not find a version that satisfies the requirement torch==9", "no ready-made package"),
        ("error: command '/usr/bin/gcc' failed with exit code 1", "no working compiler"),
        ("PermissionError: [Errno 13] Permission denied: '.venv'", "cannot be written"),
        ("something new\n", "could not be installed: something new"),
        ("", "no reason was given"),
    ],
)
def test_each_failure_of_the_installer_is_one_line_that_says_what_to_do(said: str, advice: str) -> None:
    line = install.explain(said)
    assert advice in line
    assert "\n" not in line


def test_a_change_of_the_pins_changes_the_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = install.compute_fingerprint("run")
    assert before == install.compute_fingerprint("run")
    assert before != install.compute_fingerprint("test")
    other = tmp_path / "constraints.txt"
    other.write_bytes(install.CONSTRAINTS.read_bytes() + b"# changed\n")
    monkeypatch.setattr(install, "CONSTRAINTS", other)
    assert install.compute_fingerprint("run") != before


def test_a_gpu_asks_for_exactly_the_default_build_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "has_gpu", lambda: True)
    assert any(part.startswith("torch===2.") for part in install.install_command("run", None))
    monkeypatch.setattr(install, "has_gpu", lambda: False)
    assert not any(part.startswith("torch") for part in install.install_command("run", None))


def test_every_requirement_is_pinned() -> None:
    pinned = {
        line.split("==")[0].lower() for line in install.CONSTRAINTS.read_text().splitlines() if "==" in line
    }
    for path in (install.ROOT / "requirements").glob("*.txt"):
        for line in path.read_text().splitlines():
            name = line.split("#")[0].split("[")[0].strip().lower()
            if name and not name.startswith("-r"):
                assert name in pinned, f"{path.name}: {name}"


def test_no_pin_has_a_local_version_or_an_address() -> None:
    for line in install.CONSTRAINTS.read_text().splitlines():
        assert line.startswith("#") or ("+" not in line and "/" not in line and "@" not in line), line


def test_a_full_disk_is_named_before_anything_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "NEEDED_BYTES", {"cpu": 10**18, "cuda": 10**18})
    with pytest.raises(install.InstallError, match="GB free"):
        install.check_disk()


def test_a_working_environment_is_told_from_a_broken_one(tmp_path: Path) -> None:
    assert install.is_working(Path(sys.executable))
    assert not install.is_working(tmp_path / "python")


def test_it_explains_its_use() -> None:
    done = subprocess.run(
        [sys.executable, "install.py"], cwd=install.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "usage" in done.stderr
