"""Errors of the explorer (codes 1140 to 1149)."""

from dataclasses import dataclass

from protocol.errors import ProtocolError


@dataclass(eq=False)
class PictureUnreadable(ProtocolError):
    """Bytes that are no picture that we read."""

    code = 1140
    name = "picture_unreadable"
    reason: str

    @property
    def detail(self) -> str:
        return f"The picture cannot be read: {self.reason}. Send a PNG or JPEG file."


@dataclass(eq=False)
class InputTooLarge(ProtocolError):
    """More than a trial may send."""

    code = 1141
    name = "input_too_large"
    status = 413
    what: str
    limit: int

    @property
    def detail(self) -> str:
        return f"At most {self.limit} {self.what} are read; make it smaller."


@dataclass(eq=False)
class NoPictures(ProtocolError):
    """A picture for a model that does not look at pictures."""

    code = 1142
    name = "no_pictures"
    count: int

    @property
    def detail(self) -> str:
        return (
            f'The inputs of this problem are not pictures; send {{"values": […]}} with {self.count} numbers.'
        )


@dataclass(eq=False)
class WrongValues(ProtocolError):
    """A row of values that does not fit the model's input."""

    code = 1143
    name = "wrong_values"
    count: int

    @property
    def detail(self) -> str:
        return (
            f"The field `values` must be {self.count} whole numbers from 0 to 255, in the order channel, "
            "row, column."
        )


@dataclass(eq=False)
class NotExportable(ProtocolError):
    """A network that the format cannot say exactly."""

    code = 1144
    name = "not_exportable"
    reason: str

    @property
    def detail(self) -> str:
        return f"This network cannot be exported exactly: {self.reason}. Take the submitted file instead."
