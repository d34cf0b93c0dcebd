"""Amounts as people type and read them: CAI with up to eight decimals; 10^8 base units are a CAI
(docs/protocol.md §1). static/js/wallet/amount.js does the same.
"""

import re
from typing import Final

from protocol.encoding import MAX_INTEGER
from protocol.errors import InvalidAmount

DECIMALS: Final = 8
UNITS_PER_COIN: Final = 10**DECIMALS

_BLANK: Final = "[ \u00a0\u2009\u202f]"
_FORM: Final = re.compile(rf"([0-9]+|[0-9]{{1,3}}(?:{_BLANK}[0-9]{{3}})+)(?:\.([0-9]+))?")


def parse_amount(text: str) -> int:
    """Return base units: ``12.5`` is 1250000000. Blanks may group the digits before the point in threes.

    Raises: InvalidAmount.
    """
    typed = text.strip(" \t\r\n")
    if "," in typed:
        raise InvalidAmount("write the decimals behind a point, and group digits with blanks or not at all")
    found = _FORM.fullmatch(typed)
    if found is None:
        raise InvalidAmount("it must be digits, with a point before the decimals, as in 12.5")
    decimals = found[2] or ""
    if len(decimals) > DECIMALS:
        raise InvalidAmount(f"CAI have at most {DECIMALS} decimals")
    whole = re.sub(_BLANK, "", found[1])
    units = int(whole) * UNITS_PER_COIN + int(decimals.ljust(DECIMALS, "0")) if len(whole) <= 16 else None
    if units is None or units > MAX_INTEGER:
        raise InvalidAmount("that is more than there can ever be")
    return units


def format_amount(units: int) -> str:
    """Return the shortest text that `parse_amount` reads as so many base units."""
    whole, rest = divmod(units, UNITS_PER_COIN)
    return f"{whole}.{rest:0{DECIMALS}d}".rstrip("0") if rest else str(whole)
