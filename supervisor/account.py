"""Under which account PostgreSQL runs: it refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

from supervisor.errors import SetupError
from supervisor.leash import leashed

# As root, a user namespace in which this same process is "nobody": nothing on the system changes, and
# outside the namespace the files still belong to root.
NAMESPACE = ("unshare", "-U", "--map-user=65534", "--map-group=65534")
# Where namespaces are forbidden (some containers), an account that exists anyway.
FALLBACK_USERS = ("postgres", "nobody", "daemon")


@dataclass(frozen=True, slots=True)
class Account:
    """How to start a program that must not be root: a command prefix, or another user, or neither."""

    prefix: tuple[str, ...] = ()
    user: str = ""

    def command(self, command: Sequence[str], *, signal: Signals = Signals.SIGKILL) -> list[str]:
        """`command` under this account, ending with the calling process."""
        return leashed(command, signal=signal, user=self.user, prefix=self.prefix)

    def own(self, folder: Path) -> None:
        """Gives `folder` and all in it to this account, if it is another one than ours."""
        if not self.user:
            return
        account = pwd.getpwnam(self.user)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def can_map_users() -> bool:
    """Whether this machine lets us start a program in a user namespace of its own."""
    if shutil.which(NAMESPACE[0]) is None:
        return False
    return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


def _exists(user: str) -> bool:
    try:
        return pwd.getpwnam(user).pw_uid != 0
    except KeyError:
        return False


def find_account() -> Account:
    """The account for PostgreSQL: ours, unless we are root.

    Raises SetupError when we are root and there is no other way to run.
    """
    if os.getuid() != 0:
        return Account()
    if can_map_users():
        return Account(prefix=NAMESPACE)
    for user in FALLBACK_USERS:
        if _exists(user):
            return Account(user=user)
    raise SetupError(
        "PostgreSQL does not run as root, and this machine has neither user namespaces nor an unprivileged"
        " account: run this as an ordinary user, or set DATABASE_URL to a running PostgreSQL."
    )
