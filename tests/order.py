"""In which order the processes of pytest-xdist take the tests, and which tests stay together.

The unit is a file, so that what its tests share is built once. The folder of the browser is one unit: its
site and Chromium are dear, and it takes longer than anything else, so it comes first. What takes
milliseconds a file comes last and fills up whoever is ready early (docs/decisions/0030).
"""

from xdist.scheduler import LoadScopeScheduling

TOGETHER = "tests/browser/"
QUICK = ("tests/protocol/",)


def find_unit(nodeid: str) -> str:
    """What a test stays together with: its file, or all that is done in a browser."""
    return TOGETHER if nodeid.startswith(TOGETHER) else nodeid.partition("::")[0]


def rank(nodeid: str) -> int:
    """When a test's turn comes: the smaller, the earlier."""
    if nodeid.startswith(TOGETHER):
        return 0
    return 2 if nodeid.startswith(QUICK) else 1


class Files(LoadScopeScheduling):
    """Hands out whole files, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return find_unit(nodeid)
