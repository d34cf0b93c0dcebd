"""What governance's API takes and answers."""

from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from ninja import Field, Schema

from apps.governance.conversion.examples import Options
from apps.governance.manifests import Terms
from apps.governance.models import Trial, Upload
from apps.governance.services import TrialReport

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
"""What the database's texts can hold, and no name has to have."""


class UploadIn(Schema):
    """A file to come."""

    filename: str = Field(min_length=1, max_length=200, pattern=PRINTABLE)
    bytes: int = Field(ge=1, le=2**53 - 1)


class ConversionIn(Schema):
    """What the proposer chooses; what is left out is found out."""

    label: str = Field("", max_length=200, pattern=PRINTABLE)
    validation_ppm: int = Field(250_000, ge=10_000, le=900_000)
    size: int = Field(0, ge=0, le=512)
    grey: bool = False

    def to_options(self) -> Options:
        """The options of the conversion."""
        return Options(label=self.label, validation_ppm=self.validation_ppm, size=self.size, grey=self.grey)


class TermsIn(Schema):
    """What a proposer writes and chooses; the numbers as in a problem's manifest."""

    title: str = Field(min_length=1, max_length=120)
    summary: str = Field(max_length=2000)
    licence: str = Field(max_length=200)
    source: str = Field(max_length=500)
    metric: Literal["accuracy", "balanced_accuracy"] = "accuracy"
    floor_error: int = Field(ge=1, le=1_000_000)
    min_macs: int = Field(ge=1, le=2**53 - 1)
    max_macs: int = Field(ge=1, le=2**53 - 1)
    max_parameters: int = Field(ge=1, le=2**53 - 1)
    min_active_blocks: int = Field(ge=1, le=2**53 - 1)

    def to_terms(self) -> Terms:
        """The terms of a manifest."""
        return Terms(**self.dict())


class ManifestOut(Schema):
    """A problem's manifest as a proposal holds it."""

    content: str = Field(description="canonical JSON; the `content` of the proposal that is signed")
    id: str = Field(description="its object id, the problem's name")
    deposit: int = Field(description="base units that proposing it locks")


class UploadExampleOut(Schema):
    """An example to learn from, as the bytes that a network sees."""

    label: int = Field(description="number of its class")
    number: int = Field(description="in the part to learn from")
    values: list[int]


class UploadExamplesOut(Schema):
    """A few examples of each class."""

    items: list[UploadExampleOut]


class TrialIn(Schema):
    """A worker's report on one network of a dry run."""

    number: int
    text: str = Field(max_length=65_536, pattern=PRINTABLE)
    layers: list[Any] = Field(max_length=1000)
    parameters: int = Field(ge=0, le=2**53 - 1)
    macs: int = Field(ge=0, le=2**53 - 1)
    state: str = Field(max_length=10)
    error: int | None = Field(None, ge=0, le=1_000_000)
    curve: list[list[float]] = Field(max_length=100_000)

    def to_report(self) -> TrialReport:
        """The report, not yet checked."""
        return TrialReport(**self.dict())


class TrialOut(Schema):
    """A network of a dry run."""

    number: int
    text: str
    layers: list[Any]
    parameters: int
    macs: int
    state: str
    error: int | None
    curve: list[list[float]]


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
    trials: list[TrialOut]
    trials_wanted: int = Field(description="networks that a dry run trains, if the grammar gives so many")


class UploadBegun(UploadOut):
    """A new upload; the token goes with every further request as `Authorization: Bearer`."""

    token: str


class ProposalOut(Schema):
    """A proposal: heights are blocks, amounts base units."""

    txid: str
    subject: Literal["problem", "grammar"]
    title: str
    content: str = Field(description="object id of the manifest or grammar")
    proposer: str
    deposit: int
    data: str
    data_bytes: int
    height: int
    drawn_height: int | None
    active_height: int | None
    ended_height: int | None
    status: Literal["open", "pending", "active", "replaced", "lapsed", "expired"]
    stake: int
    counted: int = Field(description="of the stake, what counts in the next draw")
    supporters: int
    odds_ppm: int | None
    expires: int | None = Field(description="height at which it ends if it is not drawn before")


class StakeOut(Schema):
    """Coins locked on a proposal."""

    txid: str
    address: str
    amount: int
    height: int
    counts: bool


class ProposalDetail(ProposalOut):
    """A proposal with every stake on it, the largest first."""

    stakes: list[StakeOut]


class ProposalPage(Schema):
    """A page of proposals."""

    items: list[ProposalOut]
    next: str | None


class BallotOut(Schema):
    """A proposal in a draw, with the stake that counted."""

    txid: str
    stake: int


class DrawOut(Schema):
    """A draw, with all that is needed to draw again."""

    height: int
    subject: Literal["problem", "grammar"]
    block: str
    beacon: str
    selection: str
    quorum_ppm: int
    circulating: int
    total: int
    proposals: list[BallotOut]
    x: int | None
    winner: str
    outcome: str
    switch_height: int | None


class NextDrawOut(Schema):
    """When a subject is drawn next, as far as the present state tells."""

    subject: Literal["problem", "grammar"]
    height: int
    closes: int = Field(description="last height at which a stake can be locked that counts")
    seconds: int
    total: int
    quorum: int
    has_quorum: bool
    pending: str
    pending_height: int | None


class DrawPage(Schema):
    """A page of draws, and the next ones."""

    items: list[DrawOut]
    next: str | None
    coming: list[NextDrawOut]


class DrawDetail(Schema):
    """The draws of a block, with the hashes that make its beacon, the newest first."""

    height: int
    hashes: list[str]
    draws: list[DrawOut]


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
    shown = {name: getattr(row, name) for name in fields}
    trials = [show_trial(trial) for trial in row.trials.order_by("number")]
    wanted = settings.COINAI_DRY_RUN_NETWORKS
    return shown | {"piece_bytes": piece_bytes, "refused": refused, "trials": trials, "trials_wanted": wanted}


def show_trial(trial: Trial) -> dict[str, Any]:
    """The fields of TrialOut."""
    return {name: getattr(trial, name) for name in TrialOut.model_fields}
