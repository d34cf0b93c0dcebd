"""What is wrong with a typed address, and where (BIP 173): for people, not for the rules.

One or two wrong characters can be found from the checksum alone, since any two addresses differ in at least
five places. They are shown and never put right: a guess could pay a stranger. static/js/wallet/address.js
does the same.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from protocol import crypto

_START: Final = crypto.ADDRESS_PREFIX + "1"
_DATA: Final = 38  # 32 characters of the address and 6 of the checksum
LENGTH: Final = len(_START) + _DATA
"""Characters of an address."""

_BLANKS: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class AddressCheck:
    """What was found in a typed address."""

    reason: str | None
    """``empty``, ``mixed_case``, ``wrong_prefix``, ``bad_character``, ``too_short``, ``too_long``,
    ``checksum`` or ``upper_case``; None when it is right.
    """
    positions: tuple[int, ...] = ()
    """The wrong characters, counted from 0 in the text as typed, as far as they can be known."""

    @property
    def is_right(self) -> bool:
        """Whether it is an address."""
        return self.reason is None


def check_address(text: str) -> AddressCheck:
    """Say what is wrong with an address; blanks at its ends are not looked at."""
    typed = text.strip(_BLANKS)
    offset = text.index(typed) if typed else 0
    found = _find(typed)
    return AddressCheck(found.reason, tuple(position + offset for position in found.positions))


def _find(typed: str) -> AddressCheck:
    if not typed:
        return AddressCheck("empty")
    if re.search("[A-Z]", typed) and re.search("[a-z]", typed):
        return AddressCheck("mixed_case", _where(typed, lambda sign, _: "A" <= sign <= "Z"))
    small = re.sub("[A-Z]", lambda found: found[0].lower(), typed)
    prefix = small[: len(_START)]
    if not _START.startswith(prefix):
        return AddressCheck("wrong_prefix", _where(prefix, lambda sign, place: sign != _START[place]))
    bad = _where(small, lambda sign, place: place >= len(_START) and sign not in crypto.ADDRESS_SIGNS)
    if bad:
        return AddressCheck("bad_character", bad)
    if len(small) != LENGTH:
        return AddressCheck("too_short" if len(small) < LENGTH else "too_long")
    residue = crypto.compute_residue([crypto.ADDRESS_SIGNS.index(sign) for sign in small[len(_START) :]])
    if residue != 0:
        return AddressCheck("checksum", tuple(place + len(_START) for place in _locate(residue)))
    return AddressCheck(None if typed == small else "upper_case")


def _where(text: str, is_wrong: Callable[[str, int], bool]) -> tuple[int, ...]:
    return tuple(place for place, sign in enumerate(text) if is_wrong(sign, place))


def _locate(residue: int) -> tuple[int, ...]:
    explained = _explain_one()
    if residue in explained:
        return (explained[residue],)
    for other, place in explained.items():
        second = explained.get(residue ^ other)
        if second is not None and second != place:
            return tuple(sorted((place, second)))
    return ()


@lru_cache(maxsize=1)
def _explain_one() -> dict[int, int]:
    """Residue of one wrong character → its place. The checksum is linear: no other character matters."""
    right = crypto.compute_residue([0] * _DATA)
    places = {}
    for place in range(_DATA):
        for difference in range(1, 32):
            groups = [0] * _DATA
            groups[place] = difference
            places[crypto.compute_residue(groups) ^ right] = place
    return places
