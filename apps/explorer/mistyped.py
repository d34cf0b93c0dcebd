"""What is wrong with a text that should be an address, and where: for people who compare characters."""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.explorer.search import is_address
from protocol.crypto import ADDRESS_PREFIX

START = f"{ADDRESS_PREFIX}1"
LENGTH = 42
ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
LONGEST = 90
"""Longer texts are not searched for a typing error."""


@dataclass(frozen=True, slots=True)
class AddressFault:
    """Why a text is no address. ``position`` is that of the wrong character, from 1; None when it is not one.

    ``repaired`` is the address that was probably meant, when changing one character gives one.
    """

    reason: str
    before: str
    wrong: str
    after: str
    position: int | None
    repaired: str


def explain_address(text: str) -> AddressFault | None:
    """What is wrong with the text; None when it is an address."""
    if is_address(text):
        return None
    lower = text.lower()
    if lower != text and is_address(lower):
        return _fault(text, "Addresses are written in lower case.", None, lower)
    for position, (found, wanted) in enumerate(zip(lower, START, strict=False)):
        if found != wanted:
            return _fault(text, f"Addresses of this network begin with {START}.", position)
    foreign = next((i for i in range(len(START), len(text)) if lower[i] not in ALPHABET), None)
    if foreign is not None:
        reason = "This character does not occur in addresses: they use no 1, b, i or o after the beginning."
        return _fault(text, reason, foreign, _repair_at(lower, foreign))
    if len(text) != LENGTH:
        few = "few" if len(text) < LENGTH else "many"
        return _fault(text, f"It has {len(text)} characters, too {few}: addresses have {LENGTH}.", None)
    repair = _find_repair(lower)
    if repair is None:
        return _fault(text, "Its checksum is wrong: more than one character is not as it was.", None)
    return _fault(text, "The checksum says that this character is wrong.", *repair)


def _fault(text: str, reason: str, position: int | None, repaired: str = "") -> AddressFault:
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}…"
    if position is None or position >= LONGEST:
        return AddressFault(reason, text, "", "", None, repaired)
    return AddressFault(reason, text[:position], text[position], text[position + 1 :], position + 1, repaired)


def _find_repair(text: str) -> tuple[int, str] | None:
    """The one character that, changed, makes the text an address.

    There is at most one: addresses differ from each other in at least five characters.
    """
    for position in range(len(START), len(text)):
        repaired = _repair_at(text, position)
        if repaired:
            return position, repaired
    return None


def _repair_at(text: str, position: int) -> str:
    return next((one for one in _vary(text, position) if is_address(one)), "") if len(text) == LENGTH else ""


def _vary(text: str, position: int) -> Iterator[str]:
    for character in ALPHABET:
        yield text[:position] + character + text[position + 1 :]
