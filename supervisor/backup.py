"""``python -m supervisor.backup make FOLDER`` and ``… restore FOLDER``: all state of a site, and its return.

A backup holds a dump of the database as of one moment, the objects, and the files that nobody can make again:
the pool's key above all. Made again into the same folder, it copies only objects that are new.
"""

import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from supervisor.configuration import Configuration, read_configuration
from supervisor.errors import SetupError
from supervisor.postgres import find_binaries
from supervisor.running import find_environment, site

FORMAT = 1
DUMP = "database.dump"
MANIFEST = "manifest.json"
# Each may be missing: a site without a pool has no key of one.
FILES = ("genesis.json", "pool_key", "node_key", "secret_key")
INCOMING = "incoming"
SAY_SECONDS = 2.0
TIP = (
    "SELECT block.height || ' ' || block.hash FROM chain_ledgertip AS tip"
    " JOIN chain_block AS block ON block.hash = tip.block_id"
)


@contextlib.contextmanager
def only_for_this_account() -> Iterator[None]:
    """Files made meanwhile can be read by nobody else: sessions and uploads are in a dump."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@only_for_this_account()
def make(configuration: Configuration, folder: Path) -> str:
    """Write a backup into the folder; returns the tip that it holds. Raises SetupError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    (folder / MANIFEST).unlink(missing_ok=True)  # without it, an interrupted backup is none
    with site(configuration, broker=False) as environment:
        url = environment["DATABASE_URL"]
        _say("dumping the database")
        _run("pg_dump", "--format=custom", "--no-owner", f"--file={folder / DUMP}", url)
        tip = read_dumped_tip(url, folder / DUMP)
        # After the dump: all that it names is there. Objects never change.
        count = copy_objects(configuration.home / "objects", folder / "objects")
    sums = {DUMP: hash_file(folder / DUMP)}
    for name in FILES:
        if (configuration.home / name).exists():
            _copy(configuration.home / name, folder / name)
            sums[name] = hash_file(folder / name)
    manifest = {
        "format": FORMAT,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "network": environment["COINAI_NETWORK"],
        "tip": tip,
        "objects": count,
        "sha256": sums,
    }
    unfinished = folder / f"{MANIFEST}.unfinished"
    unfinished.write_text(json.dumps(manifest, indent=1) + "\n")
    unfinished.replace(folder / MANIFEST)
    return tip


def restore(configuration: Configuration, folder: Path) -> str:
    """Bring a backup back into an empty COINAI_HOME; returns the tip. Raises SetupError, nothing changed,
    for a folder that is no whole backup or a home that is not empty.
    """
    manifest = check(folder)
    home = configuration.home
    if find_environment(home) is not None:
        raise SetupError(f"the site of {home} runs: stop it first")
    left = [name for name in (*FILES, "objects", "postgres") if (home / name).exists()]
    if left:
        raise SetupError(f"{home} holds {', '.join(left)}: restore into an empty COINAI_HOME")
    if configuration.network != manifest["network"]:
        raise SetupError(f"the backup is of {manifest['network']}: set COINAI_NETWORK={manifest['network']}")
    with site(configuration, broker=False) as environment:
        url = environment["DATABASE_URL"]
        if _ask(url, "SELECT count(*) FROM pg_tables WHERE tablename = 'chain_block'") != "0":
            raise SetupError("DATABASE_URL holds a site already: restore into an empty database")
        copy_objects(folder / "objects", home / "objects")
        for name in FILES:
            if name in manifest["sha256"]:
                _copy(folder / name, home / name)
        _say("restoring the database")
        _run(
            *("pg_restore", "--no-owner", "--exit-on-error", "--single-transaction"),
            *(f"--dbname={url}", str(folder / DUMP)),
        )
        _run("psql", "-q", "-c", "ANALYZE", url)
        tip = _ask(url, TIP)
    if tip != manifest["tip"]:
        raise SetupError(f"the database came back with tip {tip}, the backup was made of {manifest['tip']}")
    return tip


def check(folder: Path) -> dict[str, Any]:
    """The manifest of a whole backup, its files compared with it. Raises SetupError."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        raise SetupError(f"{folder} holds no whole backup: {MANIFEST} is missing") from None
    if manifest.get("format") != FORMAT:
        raise SetupError(f"{folder} was made by another version of this software (format {FORMAT} is ours)")
    for name, expected in manifest["sha256"].items():
        path = folder / name
        if not path.exists() or hash_file(path) != expected:
            raise SetupError(f"{path} is not as it was when the backup was made")
    found = sum(1 for _ in list_objects(folder / "objects"))
    if found < manifest["objects"]:
        raise SetupError(f"{folder / 'objects'} has {found} objects, the backup was made of more")
    return manifest


def copy_objects(source: Path, target: Path) -> int:
    """Copy the objects that are not there yet; returns how many there are. Half of one is never left."""
    paths = list(list_objects(source))
    said = time.monotonic()
    for number, path in enumerate(paths, start=1):
        place = target / path.relative_to(source)
        if not place.exists() or place.stat().st_size != path.stat().st_size:
            _copy(path, place)
        if time.monotonic() - said > SAY_SECONDS:
            said = time.monotonic()
            _say(f"object {number:,} of {len(paths):,}")
    return len(paths)


def list_objects(folder: Path) -> Iterator[Path]:
    """The files of an object store, those that are on their way in left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).parts[0] != INCOMING:
            yield path


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_dumped_tip(url: str, dump: Path) -> str:
    """Height and hash of the tip that a dump holds: the site has perhaps gone on since."""
    table = _run("pg_restore", "--data-only", "--table=chain_ledgertip", "--file=-", str(dump))
    found = re.search(r"\b[0-9a-f]{64}\b", table)
    if found is None:
        raise SetupError("the database holds no chain: there is nothing to back up")
    return _ask(url, f"SELECT height || ' ' || hash FROM chain_block WHERE hash = '{found[0]}'")  # noqa: S608


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copy2(source, unfinished)  # the mode too: keys stay closed to others
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _program(name: str) -> str:
    beside = find_binaries() / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SetupError(f"there is no {name} on the PATH: install PostgreSQL's client programs")
    return found


def _run(name: str, *arguments: str) -> str:
    done = subprocess.run([_program(name), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise SetupError(f"{name} failed: {lines[-1] if lines else f'status {done.returncode}'}")
    return done.stdout


def _ask(url: str, query: str) -> str:
    return _run("psql", "-q", "--tuples-only", "--no-align", "-c", query, url).strip()


def _say(text: str) -> None:
    print(f"coinai: {text}", flush=True)


def main() -> int:
    """Make a backup, or bring one back; one line says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m supervisor.backup", description=__doc__)
    parser.add_argument("action", choices=("make", "restore"))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    action = make if options.action == "make" else restore
    try:
        tip = action(read_configuration(), options.folder.expanduser().absolute())
    except SetupError as error:
        print(f"coinai: {error}", file=sys.stderr)
        return 1
    height, block = tip.split()
    if options.action == "make":
        _say(f"{options.folder} holds everything up to block {height} ({block})")
    else:
        _say(f"everything up to block {height} ({block}) is back; go on with `make run`")
    return 0


if __name__ == "__main__":
    sys.exit(main())
