"""Errors of the site's governance: uploads and their conversion (codes 1300 to 1319)."""

from dataclasses import dataclass

from protocol.errors import ProtocolError
from protocol.errors.base import shown


@dataclass(eq=False)
class UnknownFormat(ProtocolError):
    """An upload in a format that is not read."""

    code = 1300
    name = "unknown_format"
    reason: str

    @property
    def detail(self) -> str:
        return (
            f"The file cannot be used: {self.reason}. Send a CSV or Parquet table, an NPZ file of arrays, "
            "a zip with one folder of pictures per class, or a zip of the four IDX files."
        )


@dataclass(eq=False)
class UploadTooLarge(ProtocolError):
    """An upload, or what it unpacks to, above a limit."""

    code = 1301
    name = "upload_too_large"
    status = 413
    what: str
    found: int
    limit: int

    @property
    def detail(self) -> str:
        return f"{self.what}: {self.found:,} is more than the {self.limit:,} that are read here."


@dataclass(eq=False)
class UnsafeArchive(ProtocolError):
    """An archive with an entry that no honest one has."""

    code = 1302
    name = "unsafe_archive"
    entry: str
    reason: str

    @property
    def detail(self) -> str:
        return f"The archive is refused because of its entry {shown(self.entry)}: {self.reason}."


@dataclass(eq=False)
class BadCell(ProtocolError):
    """A value of a table or an array that cannot be used."""

    code = 1303
    name = "bad_cell"
    row: int
    """The first row of data is 1."""
    column: str
    reason: str

    @property
    def detail(self) -> str:
        return f"Row {self.row}, column {shown(self.column)}: {self.reason}."


@dataclass(eq=False)
class BadTable(ProtocolError):
    """A table whose form is wrong."""

    code = 1304
    name = "bad_table"
    reason: str
    line: int | None = None
    """The line of the file, from 1."""

    @property
    def detail(self) -> str:
        place = "" if self.line is None else f" in line {self.line}"
        return f"The table cannot be read{place}: {self.reason}."


@dataclass(eq=False)
class BadLabels(ProtocolError):
    """Labels that make no classification problem."""

    code = 1305
    name = "bad_labels"
    reason: str

    @property
    def detail(self) -> str:
        return f"The labels cannot be used: {self.reason}."


@dataclass(eq=False)
class BadPicture(ProtocolError):
    """A picture that cannot be read."""

    code = 1306
    name = "bad_picture"
    entry: str
    reason: str

    @property
    def detail(self) -> str:
        return f"The picture {shown(self.entry)} cannot be used: {self.reason}."


@dataclass(eq=False)
class BadArray(ProtocolError):
    """An array whose type or shape is wrong."""

    code = 1307
    name = "bad_array"
    array: str
    reason: str

    @property
    def detail(self) -> str:
        return f"The array {shown(self.array)} cannot be used: {self.reason}."


@dataclass(eq=False)
class NothingToLearn(ProtocolError):
    """Data in which no network could find anything."""

    code = 1308
    name = "nothing_to_learn"
    reason: str

    @property
    def detail(self) -> str:
        return f"There is nothing to learn from this data: {self.reason}."
