#!/usr/bin/env python3
"""Installs what `make run`, `make test` and `make bench` need into .venv, and does nothing when it is there
already.

Usage: `python3.11 install.py run` (or `test`, or `bench`). Standard library only: this is the first program
that runs on a bare machine. Every failure ends with one line that says what to do.
"""

import sys

if sys.version_info[:2] != (3, 11):
    sys.exit(
        f"install: Coin.AI is pinned to Python 3.11 and this is {sys.version.split()[0]}: install 3.11"
        " (Debian: apt install python3.11 python3.11-venv) or name it: make run PYTHON=/usr/bin/python3.11"
    )

import errno
import hashlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CONSTRAINTS = ROOT / "constraints.txt"
REQUIREMENTS = {
    "run": ("site.txt", "embedded.txt", "worker.txt"),
    "bench": ("site.txt", "embedded.txt", "worker.txt", "benchmarks.txt"),
    "test": ("test.txt",),
}
CHROMIUM = Path("/usr/bin/chromium")  # where tests/browser looks for it
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
# What an installation takes, with room to spare: with the CPU build of torch, and with the CUDA build.
NEEDED_BYTES = {"cpu": 3 * 10**9, "cuda": 12 * 10**9}
# What nothing here imports, more than a third: parts of torch that only torch.compile needs, and tests that
# packages bring along. Python compiles it when it is imported after all.
SELDOM = r"/site-packages/(.*/)?(tests|sympy|mpmath|networkx|pip|setuptools|torch/(_dynamo|_inductor))/"
# pip writes a line a file to the terminal; these are the ones that show that it goes on.
PROGRESS = re.compile(r"^\s*(Downloading|Installing|Successfully installed|Prepared|Installed|Resolved)")

# What an installer says when it fails, and what to do about it. The first that fits is shown.
REASONS = (
    (r"No space left on device|Errno 28", "the disk is full: free some gigabytes and run it again"),
    (
        r"Read-only file system|Permission denied|Errno 13|Errno 30",
        f"{VENV} cannot be written: give yourself the right to, or clone to another folder",
    ),
    (
        r"NewConnectionError|Temporary failure in name resolution|Name or service not known"
        r"|Network is unreachable|Connection refused|timed out|ConnectTimeout|dns error|error sending request"
        r"|CERTIFICATE_VERIFY_FAILED|ProxyError|tunnel|Could not fetch URL|Failed to fetch|Connection reset",
        "the package registry cannot be reached: check the network, or point PIP_INDEX_URL (a mirror) or"
        " PIP_FIND_LINKS (a folder of wheels) at one that can, and run it again",
    ),
    (
        r"No matching distribution|Could not find a version|no version of|no wheels with|unsatisfiable",
        "the registry has no ready-made package for this machine and Python (nothing is compiled here): use"
        " Linux on x86_64 or arm64 with CPython 3.11, or add a folder of wheels with PIP_FIND_LINKS",
    ),
    (
        r"Failed building wheel|command '.*cc' failed|unable to execute|No such file or directory: '.*cc'",
        "a package had to be compiled and there is no working compiler: install one (Debian: apt install"
        " build-essential python3.11-dev) and run it again",
    ),
)


class InstallError(Exception):
    """One line that says what is wrong and what to do."""


def say(text: str) -> None:
    """Prints one line of progress at once."""
    print(f"install: {text}", flush=True)


def has_gpu() -> bool:
    """Whether this machine has an NVIDIA driver, so that PyTorch's CUDA build is the right one."""
    return NVIDIA_DRIVER.exists()


def compute_fingerprint(group: str) -> str:
    """A hash of all that decides what gets installed: when it is unchanged there is nothing to do."""
    digest = hashlib.sha256(f"{sys.version} {has_gpu()} {group}".encode())
    for path in (CONSTRAINTS, *sorted((ROOT / "requirements").glob("*.txt"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_working(python: Path) -> bool:
    """Whether a virtual environment's Python starts; it does not after the folder or its base has moved."""
    try:
        code = "import sys; sys.exit(sys.prefix == sys.base_prefix)"
        return subprocess.run([str(python), "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def check_disk() -> None:
    """Raises InstallError when the disk has too little room for what is about to be downloaded."""
    needed = NEEDED_BYTES["cuda" if has_gpu() else "cpu"]
    free = shutil.disk_usage(ROOT).free
    if free < needed:
        raise InstallError(
            f"{ROOT} has {free / 10**9:.1f} GB free and the packages need up to {needed / 10**9:.0f} GB:"
            " free some space and run it again"
        )


def make_environment(uv: str | None) -> None:
    """Makes .venv when it is missing or does not work."""
    if is_working(PYTHON):
        return
    if VENV.exists() and not (VENV / "pyvenv.cfg").exists() and any(VENV.iterdir()):
        raise InstallError(f"{VENV} is not a virtual environment: move it away and run it again")
    check_disk()
    say("making the virtual environment in .venv")
    shutil.rmtree(VENV, ignore_errors=True)
    if uv:
        command = [uv, "venv", "-q", "--seed", "--python", sys.executable, str(VENV)]
    else:
        command = [sys.executable, "-m", "venv", str(VENV)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    said = done.stdout + done.stderr
    if "ensurepip" in said or "No module named venv" in said:
        raise InstallError(
            "this Python cannot make virtual environments: install its venv part (Debian: apt install"
            " python3.11-venv) and run it again"
        )
    raise InstallError(explain(said))


def explain(said: str) -> str:
    """One line for the output of an installer that failed."""
    for pattern, advice in REASONS:
        if re.search(pattern, said, re.IGNORECASE):
            return advice
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"the packages could not be installed: {lines[-1] if lines else 'no reason was given'}"


def install_command(group: str, uv: str | None) -> list[str]:
    """The command that installs the pinned packages of a group; wheels only, so no compiler is needed."""
    wanted = [part for name in REQUIREMENTS[group] for part in ("-r", str(ROOT / "requirements" / name))]
    if has_gpu():
        # A folder of wheels may offer a CPU build under a local version (2.13.0+cpu), which the plain pin
        # would prefer; triple equality takes exactly the default build, which is the CUDA one.
        pinned = re.search(r"^torch==(\S+)$", CONSTRAINTS.read_text(), re.MULTILINE)
        wanted += [f"torch==={pinned.group(1)}"] if pinned else []
    # Without a GPU the same pin is met by a CPU build where the registry or PIP_FIND_LINKS offers one;
    # PyPI itself has only the CUDA build for Linux, several gigabytes larger, which also works without a GPU.
    if uv:
        return [uv, "pip", "install", "--python", str(PYTHON), "--no-build", "-c", str(CONSTRAINTS), *wanted]
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    quick = ["--no-compile", "--progress-bar", "off", "--only-binary", ":all:"]
    return [*pip, *quick, "-c", str(CONSTRAINTS), *wanted]


def install(group: str, uv: str | None) -> None:
    """Installs a group, showing what is downloaded. Raises InstallError with a reason and an advice."""
    environment = dict(os.environ, PYTHONUNBUFFERED="1")
    if "PIP_FIND_LINKS" in environment:
        environment.setdefault("UV_FIND_LINKS", environment["PIP_FIND_LINKS"])
    process = subprocess.Popen(
        install_command(group, uv),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
    )
    said = []
    for line in process.stdout or ():
        said.append(line)
        if PROGRESS.match(line):
            say("  " + line.strip()[:100])
    if process.wait() != 0:
        raise InstallError(explain("".join(said)))


def compile_bytecode() -> None:
    """Compiles what was installed once, on all cores; importing torch uncompiled takes twice as long."""
    say("compiling")
    command = [str(PYTHON), "-m", "compileall", "-qq", "-j", "0", "-x", SELDOM, str(VENV / "lib")]
    # The exit status says nothing: some packages ship templates that are not meant to compile.
    subprocess.run(command, capture_output=True, check=False)


def install_chromium() -> None:
    """Installs Debian's Chromium for the browser tests. Raises InstallError when we are not root."""
    if CHROMIUM.exists():
        return
    apt = shutil.which("apt-get")
    if apt is None or os.getuid() != 0:
        raise InstallError(
            "the browser tests need Chromium, which is missing: install it (Debian: sudo apt install"
            " chromium) and run it again"
        )
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        say(f"apt-get {' '.join(arguments)}")
        done = subprocess.run(
            [apt, "-q", *arguments], capture_output=True, text=True, env=environment, check=False
        )
        if done.returncode != 0:
            raise InstallError(f"apt-get could not install Chromium: {explain(done.stdout + done.stderr)}")


def main(group: str) -> None:
    """Installs one group unless the stamp in .venv says that this very state is installed."""
    if sys.platform != "linux":
        raise InstallError("Coin.AI runs on Linux: use a Linux machine or container (compose.yaml)")
    stamp = VENV / f".installed-{group}"
    fingerprint = compute_fingerprint(group)
    if not (is_working(PYTHON) and stamp.exists() and stamp.read_text() == fingerprint):
        uv = shutil.which("uv")
        started = time.monotonic()
        make_environment(uv)
        check_disk()
        say(f"installing the pinned packages with {'uv' if uv else 'pip'}, which takes a minute or more")
        install(group, uv)
        compile_bytecode()
        stamp.write_text(fingerprint)
        say(f"done in {time.monotonic() - started:.0f} s")
    if group == "test":
        install_chromium()


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in REQUIREMENTS:
        sys.exit(f"usage: install.py {'|'.join(REQUIREMENTS)}")
    try:
        main(sys.argv[1])
    except InstallError as error:
        sys.exit(f"install: {error}")
    except KeyboardInterrupt:
        sys.exit("install: interrupted; run it again to go on")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS):
            raise
        sys.exit(f"install: {explain(str(error))}")
