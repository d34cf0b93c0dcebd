"""The base of all refusals, and their registry by code."""

from typing import Any, ClassVar

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
        return Exception.__str__(self) or self.name

    def __str__(self) -> str:
        return self.detail

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions made with keywords cannot be copied between processes otherwise.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[ProtocolError], args: tuple[Any, ...], state: dict[str, Any]) -> ProtocolError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def shown(text: str) -> str:
    """Quote text from outside: cut, and in ASCII, so that it can do no harm in a log or a terminal."""
    return ascii(text if len(text) <= 64 else text[:63] + "…")
