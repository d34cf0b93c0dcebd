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
    name = "file_too_large"
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
    line: int | None = None
    """The line of a text file, from 1: its header and blank lines count."""

    @property
    def detail(self) -> str:
        place = "" if self.line is None else f" (line {self.line} of the file)"
        return f"Row {self.row}, column {shown(self.column)}: {self.reason}{place}."


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


@dataclass(eq=False)
class UploadUnknown(ProtocolError):
    """An upload that is not here, or a token that is not its own."""

    code = 1310
    name = "upload_unknown"
    status = 404

    @property
    def detail(self) -> str:
        return (
            "There is no such upload, or the token is not its own. "
            "Uploads are dropped after a day: begin anew."
        )


@dataclass(eq=False)
class WrongOffset(ProtocolError):
    """A piece that does not follow what is here."""

    code = 1311
    name = "wrong_offset"
    status = 409
    offset: int
    received: int

    @property
    def detail(self) -> str:
        return f"The piece begins at byte {self.offset}, the next one is {self.received}: go on from there."


@dataclass(eq=False)
class WrongUploadState(ProtocolError):
    """A step that an upload is not ready for."""

    code = 1312
    name = "wrong_upload_state"
    status = 409
    state: str
    wanted: str

    @property
    def detail(self) -> str:
        return f"The upload is {self.state}; this needs it to be {self.wanted}."


@dataclass(eq=False)
class TooManyUploads(ProtocolError):
    """More uploads than one sender, or all together, may have waiting."""

    code = 1313
    name = "too_many_uploads"
    status = 429
    reason: str
    retry_after: int = 600

    @property
    def detail(self) -> str:
        return f"{self.reason}. Delete one that you no longer need, or try again later."


@dataclass(eq=False)
class PieceCutShort(ProtocolError):
    """A piece whose end did not arrive."""

    code = 1314
    name = "piece_cut_short"
    received: int
    announced: int

    @property
    def detail(self) -> str:
        return f"{self.received} of {self.announced} bytes of the piece arrived; send it again."


@dataclass(eq=False)
class NoWorker(ProtocolError):
    """A dry run that nobody can be asked for."""

    code = 1315
    name = "no_worker"
    status = 503
    retry_after = 30

    @property
    def detail(self) -> str:
        return "No worker can be reached for the dry run at the moment; try again in half a minute."


@dataclass(eq=False)
class BadReport(ProtocolError):
    """A worker's report of a dry run that makes no sense."""

    code = 1316
    name = "bad_report"
    reason: str

    @property
    def detail(self) -> str:
        return f"The report cannot be kept: {self.reason}."
