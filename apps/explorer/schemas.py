"""The shapes of the explorer's answers and requests, for the OpenAPI document."""

from typing import Any

from ninja import Field, Schema

from apps.chain.api import LayerOut
from apps.explorer.statistics import Point

HEX64 = r"^[0-9a-f]{64}$"


class ModelItem(Schema):
    """The model of a block; `layer_count` includes the last layer, `size` is in parameters."""

    model: str
    block: str
    height: int
    timestamp: int
    round: int
    miner: str
    problem: str
    grammar: str
    error: int
    quality: int
    text: str
    layer_count: int
    parameters: int
    macs: int
    model_bytes: int


class ModelPage(Schema):
    """Models of one problem, the lowest error first."""

    items: list[ModelItem]
    next: str | None


class ModelBlock(Schema):
    """A block that carries a model."""

    hash: str
    height: int
    timestamp: int
    round: int
    miner: str


class ClassOut(Schema):
    """What a model makes of one class of the validation set; `error` in ppm, null for a class without any."""

    number: int
    examples: int
    wrong: int
    error: int | None


class ConfusedOut(Schema):
    """A frequent mistake: so many examples of a class were taken for another."""

    number: int
    answer: int
    examples: int


class ExampleOut(Schema):
    """An example of the validation set, by its number, and the model's answer; `margin` is in its logits."""

    index: int
    number: int
    answer: int
    margin: int


class ReportOut(Schema):
    """The exact evaluation on the validation set; `confusion` [class][answer] is null for many classes."""

    error: int
    classes: list[ClassOut]
    confusion: list[list[int]] | None
    confused: list[ConfusedOut]
    examples: list[ExampleOut]
    seconds: float
    made: float


class FilesOut(Schema):
    """Where the model's files are."""

    submitted: str
    float: str
    onnx: str


class ModelOut(ModelItem):
    """A model on its own; `report` is null until it was computed, ask again in a few seconds then.

    `canonical` is false when its blocks lie beside the best chain.
    """

    canonical: bool
    blocks: list[ModelBlock]
    layers: list[LayerOut]
    report: ReportOut | None
    files: FilesOut
    loader: str


class PredictIn(Schema):
    """An input as numbers, in the order channel, row, column."""

    values: list[int] = Field(description="whole numbers from 0 to 255, as many as the input has")


class PredictOut(Schema):
    """The exact logits of one input, and the input as the model saw it: [channel][row][column]."""

    model: str
    problem: str
    logits: list[int]
    answer: int
    input: list[list[list[int]]]


class BestOut(Schema):
    """The best model so far."""

    model: str
    height: int
    error: int


class ProblemOut(Schema):
    """A problem that blocks are about; `manifest` is null while this node has no copy."""

    id: str
    title: str
    active: bool
    blocks: int
    first_height: int
    last_height: int
    best: BestOut | None
    manifest: dict[str, Any] | None
    proposal: str = Field("", description="the proposal that brought it; empty for the genesis document's")
    status: str = Field("", description="of that proposal: open, pending, active, or how it ended")
    stake: int = 0
    odds_ppm: int | None = None


class ProblemPage(Schema):
    """Problems, the last used first."""

    items: list[ProblemOut]
    next: str | None


class GrammarItem(Schema):
    """A grammar that blocks are about."""

    id: str
    active: bool
    blocks: int
    first_height: int
    last_height: int
    proposal: str = Field("", description="the proposal that brought it; empty for the genesis document's")
    status: str = Field("", description="of that proposal: open, pending, active, or how it ended")
    stake: int = 0
    odds_ppm: int | None = None


class GrammarPage(Schema):
    """Grammars, the last used first."""

    items: list[GrammarItem]
    next: str | None


class GrammarOut(GrammarItem):
    """A grammar with its text; null while this node has no copy."""

    text: str | None


class LockedOut(Schema):
    """Coins that an address cannot spend now, in base units."""

    rewards: int
    stakes: int
    deposits: int
    bond: int


class PendingOut(Schema):
    """What waits of an address and for it, in base units, and the first sequence that is free."""

    incoming: int
    outgoing: int
    next_sequence: int


class AddressOut(Schema):
    """What an address has, in base units, and what it did in the best chain.

    `locked` is the sum of `locked_for`; `received` and `sent` add up its transactions, fees included.
    """

    address: str
    balance: int
    locked: int
    locked_for: LockedOut
    sequence: int
    pending: PendingOut
    mined: int
    transactions: int
    received: int
    sent: int
    first_height: int | None
    last_height: int | None


class HistoryItem(Schema):
    """A transaction in an address's history.

    `role` is sent, received, mined, self or returned; `change` what the address gained or, if negative, lost,
    its fee included. What came back in a block (stakes, deposits, bonds) is listed under its reward.
    """

    txid: str
    kind: str
    sender: str
    sequence: int
    fee: int
    amount: int
    bytes: int
    status: str
    first_seen: float
    block: str
    height: int
    position: int
    timestamp: int
    role: str
    change: int


class HistoryPage(Schema):
    """A page of an address's history."""

    items: list[HistoryItem]
    next: str | None


class HitOut(Schema):
    """Something found; `kind` is block, transaction, address, member, keeper, model, problem or grammar."""

    kind: str
    id: str
    label: str
    detail: str
    url: str


class SearchOut(Schema):
    """What a text may mean, the likeliest first."""

    items: list[HitOut]


class StatisticsOut(Schema):
    """A series over heights `first` to `last`; each point stands for at most `blocks` blocks."""

    first: int
    last: int
    blocks: int
    points: list[Point]
