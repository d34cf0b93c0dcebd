"""What governance's API takes and answers."""

from typing import Any
from uuid import UUID

from ninja import Field, Schema

from apps.governance.conversion.examples import Options
from apps.governance.models import Upload


class UploadIn(Schema):
    """A file to come."""

    filename: str = Field(min_length=1, max_length=200)
    bytes: int = Field(ge=1, le=2**53 - 1)


class ConversionIn(Schema):
    """What the proposer chooses; what is left out is found out."""

    label: str = Field("", max_length=200)
    validation_ppm: int = Field(250_000, ge=10_000, le=900_000)
    size: int = Field(0, ge=0, le=512)
    grey: bool = False

    def to_options(self) -> Options:
        """The options of the conversion."""
        return Options(label=self.label, validation_ppm=self.validation_ppm, size=self.size, grey=self.grey)


class Refusal(Schema):
    """Why an upload cannot be used."""

    code: int
    detail: str


class UploadOut(Schema):
    """Where an upload stands."""

    id: UUID
    filename: str
    bytes: int
    received: int
    state: str
    piece_bytes: int
    refused: Refusal | None
    data: str
    data_bytes: int
    shape: list[int]
    conversion: str
    report: dict[str, Any]


class UploadBegun(UploadOut):
    """A new upload; the token goes with every further request as `Authorization: Bearer`."""

    token: str


def show_upload(row: Upload, piece_bytes: int) -> dict[str, Any]:
    """The fields of UploadOut."""
    refused = None
    if row.refused_code is not None:
        refused = {"code": row.refused_code, "detail": row.refused_detail}
    fields = (
        "id",
        "filename",
        "bytes",
        "received",
        "state",
        "data",
        "data_bytes",
        "shape",
        "conversion",
        "report",
    )
    return {name: getattr(row, name) for name in fields} | {"piece_bytes": piece_bytes, "refused": refused}
