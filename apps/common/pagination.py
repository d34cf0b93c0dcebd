"""Pages of long lists by keyset: "what comes before this key", which stays right while rows are added."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.http import HttpRequest

from apps.common.errors import BadParameter

MAX_LIMIT = 100
DEFAULT_LIMIT = 50

Row = TypeVar("Row")


def check_limit(limit: int) -> int:
    """A page's length, 1 to 100. Raises BadParameter."""
    if not 1 <= limit <= MAX_LIMIT:
        raise BadParameter("limit", f"a whole number from 1 to {MAX_LIMIT}")
    return limit


def build_page(
    request: HttpRequest,
    rows: Sequence[Row],
    *,
    limit: int,
    to_json: Callable[[Row], Any],
    key: Callable[[Row], str | int],
    parameter: str = "before",
) -> dict[str, Any]:
    """The JSON of one page: ``rows`` holds up to limit + 1 rows, the surplus one only says that there is a
    next page.

    ``key`` gives the value that the next page's ``parameter`` starts after.
    """
    shown = rows[:limit]
    address = None
    if len(rows) > limit:
        query = request.GET.copy()
        query[parameter] = str(key(shown[-1]))
        address = f"{request.path}?{urlencode(list(query.items()))}"
    return {"items": [to_json(row) for row in shown], "next": address}
