"""Runs a command that ends when the process that started it ends, even by `kill -9`.

Usage: `python -S -E leash.py PARENT SIGNAL USER COMMAND…` – PARENT is the process id of the starter, SIGNAL
what the kernel sends when the starter is gone, USER an account to become, or an empty string.

A program of its own instead of a hook between fork and exec, because such hooks can deadlock in a
process with threads. It replaces itself by the command, so the process id stays the same.
"""

import ctypes
import os
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path
from signal import Signals

PR_SET_PDEATHSIG = 1


def leashed(
    command: Sequence[str], *, signal: Signals, user: str = "", prefix: Sequence[str] = ()
) -> list[str]:
    """The command line that runs `command` on a leash held by the calling process.

    `prefix` (for instance `unshare …`) is put in front of everything, because a change of user
    takes the leash off.
    """
    leash = [sys.executable, "-S", "-E", str(Path(__file__).resolve())]
    return [*prefix, *leash, str(os.getpid()), str(int(signal)), user, *command]


def _become(user: str) -> None:
    account = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def main(parent: int, signal: int, user: str, command: list[str]) -> None:
    """Takes the leash and becomes the command; returns only when the starter is already gone."""
    if user:
        _become(user)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:
        # The starter died before the leash was taken, so its signal will never come.
        return
    os.execvp(command[0], command)  # noqa: S606 - replacing this process is the purpose


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
