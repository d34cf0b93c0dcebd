"""How thorough the random tests are: TESTS_THOROUGH=5 makes five times as many examples of the dear ones."""

import os

_FACTOR = max(1, int(os.environ.get("TESTS_THOROUGH", "1")))


def often(count: int) -> int:
    """So many examples as CI takes, or more for who has the time: `make test-thorough`."""
    return count * _FACTOR
