"""A backup of a real database with its files, and its return into an empty folder."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from supervisor import backup
from supervisor.configuration import Configuration
from supervisor.errors import SetupError
from supervisor.running import find_environment, site

HASH = "ab" * 32
TABLES = f"""
CREATE TABLE chain_block (hash text PRIMARY KEY, height bigint);
CREATE TABLE chain_ledgertip (id int PRIMARY KEY, block_id text REFERENCES chain_block);
INSERT INTO chain_block SELECT md5(n::text), n FROM generate_series(1, 500) AS n;
INSERT INTO chain_block VALUES ('{HASH}', 501);
INSERT INTO chain_ledgertip VALUES (1, '{HASH}');
"""


def configure(home: Path) -> Configuration:
    return Configuration(Path.cwd(), home, "127.0.0.1", 8000, "devnet", 0, "", "")


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Configuration, Path]:
    """A site with a chain, stopped, and the folder of its backup."""
    folder = tmp_path_factory.mktemp("backup")
    folder.chmod(0o711)
    configuration = configure(folder / "home")
    with site(configuration, broker=False) as environment:
        backup._run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-c", TABLES, environment["DATABASE_URL"])
    home = configuration.home
    (home / "genesis.json").write_text("{}")
    (home / "pool_key").write_text("secret\n")
    (home / "pool_key").chmod(0o600)
    (home / "objects" / "ab" / "cd").mkdir(parents=True)
    (home / "objects" / "ab" / "cd" / HASH).write_bytes(b"model")
    (home / "objects" / "incoming").mkdir()
    (home / "objects" / "incoming" / "half").write_bytes(b"mod")
    assert backup.make(configuration, folder / "kept") == f"501 {HASH}"
    return configuration, folder / "kept"


def test_what_was_backed_up_comes_back_whole(
    homes: tuple[Configuration, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o711)
    _, kept = homes
    other = configure(tmp_path / "home")
    assert backup.restore(other, kept) == f"501 {HASH}"
    assert (other.home / "objects" / "ab" / "cd" / HASH).read_bytes() == b"model"
    assert not (other.home / "objects" / "incoming").exists()
    assert (other.home / "pool_key").read_text() == "secret\n"
    assert (other.home / "pool_key").stat().st_mode & 0o777 == 0o600
    with site(other, broker=False) as environment:
        assert backup._ask(environment["DATABASE_URL"], "SELECT count(*) FROM chain_block") == "501"
    with pytest.raises(SetupError, match="restore into an empty COINAI_HOME"):
        backup.restore(other, kept)


def test_it_holds_only_its_owners_files_and_says_of_which_chain_it_is(
    homes: tuple[Configuration, Path],
) -> None:
    _, kept = homes
    manifest = json.loads((kept / backup.MANIFEST).read_text())
    assert (manifest["network"], manifest["tip"], manifest["objects"]) == ("devnet", f"501 {HASH}", 1)
    assert set(manifest["sha256"]) == {"database.dump", "genesis.json", "pool_key"}
    assert kept.stat().st_mode & 0o777 == 0o700


def test_only_new_objects_are_copied_again(homes: tuple[Configuration, Path]) -> None:
    configuration, kept = homes
    before = (kept / "objects" / "ab" / "cd" / HASH).stat().st_ino
    objects = configuration.home / "objects"
    (objects / "ab" / "ef").mkdir()
    (objects / "ab" / "ef" / ("ab" * 32)).write_bytes(b"another")
    assert backup.copy_objects(objects, kept / "objects") == 2
    assert (kept / "objects" / "ab" / "cd" / HASH).stat().st_ino == before


def test_what_is_not_whole_is_refused(homes: tuple[Configuration, Path], tmp_path: Path) -> None:
    _, kept = homes
    home = configure(tmp_path / "home")
    with pytest.raises(SetupError, match="holds no whole backup"):
        backup.restore(home, tmp_path)
    with pytest.raises(SetupError, match="set COINAI_NETWORK=devnet"):
        backup.restore(replace(home, network="testing"), kept)
    key = kept / "pool_key"
    text = key.read_text()
    key.write_text("another\n")
    try:
        with pytest.raises(SetupError, match="is not as it was when the backup was made"):
            backup.restore(home, kept)
    finally:
        key.write_text(text)
    assert not home.home.exists()


def test_the_environment_of_a_running_site_is_found(tmp_path: Path) -> None:
    assert find_environment(tmp_path) is None
    environment = {
        **os.environ,
        "DATABASE_URL": "postgresql:///here",
        "COINAI_NETWORK": "testing",
        "COINAI_PROCESS": "web",
    }
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=environment)
    try:
        started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
        processes = {"processes": [["web", child.pid, int(started), 15, 1]]}
        (tmp_path / "processes.json").write_text(json.dumps(processes))
        found = find_environment(tmp_path)
        assert found is not None
        assert (found["DATABASE_URL"], found["COINAI_NETWORK"]) == ("postgresql:///here", "testing")
        assert "COINAI_PROCESS" not in found
    finally:
        child.communicate()
    assert find_environment(tmp_path) is None
