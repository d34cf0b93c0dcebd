"""Every reason for which something is refused: one class a reason, a stable code, typed attributes.

The codes are part of the protocol (docs/protocol.md §10): logs, API answers, peer messages and tests show the same ones.
A code is never re-used for another meaning.
"""

from typing import ClassVar

ERRORS: dict[int, type["ProtocolError"]] = {}


class ProtocolError(Exception):
    """Something was refused. Subclasses say what and why; ``detail`` is one full sentence for people."""

    code: ClassVar[int] = 0
    name: ClassVar[str] = "protocol_error"

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            return  # a family of errors that share a base class but have codes of their own
        if cls.code in ERRORS:
            raise TypeError(f"{cls.__name__} re-uses code {cls.code} of {ERRORS[cls.code].__name__}")
        ERRORS[cls.code] = cls

    @property
    def detail(self) -> str:
        """What was refused and why, as one sentence."""
        return str(self) or self.name
