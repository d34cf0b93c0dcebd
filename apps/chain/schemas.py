"""The shapes of the API's answers and requests, for the OpenAPI document and for checking what comes in."""

from typing import Any

from ninja import Field, Schema

HEX64 = r"^[0-9a-f]{64}$"
ADDRESS = r"^[0-9a-z]{8,90}$"
"""What an address looks like; one that is none has no transactions."""


class Problem(Schema):
    """An error (RFC 9457) with the protocol's numeric code."""

    type: str
    title: str
    status: int
    detail: str
    code: int


class LayerOut(Schema):
    """One layer of a network; shapes are [channels, height, width]."""

    kind: str
    activation: str
    filters: int
    kernel: int
    mode: str
    input: list[int]
    output: list[int]
    parameters: int
    macs: int


class CandidateOut(Schema):
    """A block that may be connected when its round ends."""

    hash: str
    quality: int
    error: int
    round: int
    model: str
    miner: str
    status: str


class RoundOut(Schema):
    """The round that is running: Unix seconds, millibits, and the best candidate so far."""

    height: int
    number: int
    started: int
    ends: int
    threshold: int
    best: CandidateOut | None


class SyncOut(Schema):
    """How far the node has caught up: `assumed` scores models after the checkpoint alone, `full` all."""

    mode: str
    synchronised: bool
    best_height: int
    progress: float
    eta_seconds: float | None
    checkpoint: int | None
    assumed_blocks: int
    clock_offset_ms: int | None
    clock_right: bool


class StatusOut(Schema):
    """The node at a glance."""

    network: str
    genesis: str
    height: int
    tip: str
    work: int
    peers: int
    sync: SyncOut
    mempool: int
    supply: int
    round: RoundOut


class BlockOut(Schema):
    """A block in a list."""

    hash: str
    height: int
    timestamp: int
    round: int
    miner: str
    transactions: int
    error: int
    threshold: int
    problem: str
    model: str
    canonical: bool
    quality: int
    status: str
    text: str
    layers: list[LayerOut]
    parameters: int
    macs: int


class BlockDetailOut(BlockOut):
    """A block on its own."""

    header: dict[str, Any]
    txids: list[str]
    parent: str | None
    children: list[str]
    reward: int
    fees: int
    weight: int
    work: int
    late: bool
    confirmations: int
    refused_code: int | None
    nonce: int
    nonce_limit: int
    grammar: str
    model_bytes: int
    received: float
    evaluated: float | None
    connected: float | None


class BlockPage(Schema):
    """A page of blocks."""

    items: list[BlockOut]
    next: str | None


class DerivationOut(Schema):
    """From seed to network. `tree` is nested objects, or, for very deep ones, the flat list [depth, name,
    alternative].
    """

    seed: str
    choices: list[dict[str, Any]]
    tree: Any
    text: str
    layers: list[LayerOut]
    parameters: int
    macs: int


class DeriveOut(DerivationOut):
    """A derivation, and whether its network is within the bounds of the problem that is active."""

    minable: bool
    reason: str


class DeriveIn(Schema):
    """Either `grammar`, `previous`, `transactions` and `nonce`, or `grammar_text` and `seed`."""

    grammar: str | None = Field(None, pattern=HEX64)
    previous: str | None = Field(None, pattern=HEX64)
    transactions: str | None = Field(None, pattern=HEX64)
    nonce: int | None = Field(None, ge=0, lt=2**53)
    grammar_text: str | None = Field(None, max_length=65536)
    seed: str | None = Field(None, pattern=r"^[0-9a-f]{128}$")


class TransactionSummaryOut(Schema):
    """A transaction in a list; amounts in base units."""

    txid: str
    kind: str
    sender: str
    sequence: int
    fee: int
    fee_rate: int
    amount: int
    bytes: int
    status: str
    first_seen: float


class TransactionPage(Schema):
    """A page of transactions."""

    items: list[TransactionSummaryOut]
    next: str | None


class DropOut(Schema):
    """Why a transaction was dropped: an error's code, name and words, and the transaction in its place."""

    code: int
    name: str
    detail: str
    rival: str | None


class TransactionOut(Schema):
    """A transaction and where it stands; `fee_rate` in base units per 1000 bytes."""

    txid: str
    transaction: dict[str, Any]
    kind: str
    sender: str
    fee: int
    fee_rate: int
    bytes: int
    amount: int
    status: str
    reason: DropOut | None
    first_seen: float
    block: str | None
    height: int | None
    position: int | None
    confirmations: int


class FeeSuggestionOut(Schema):
    """A fee rate in base units per 1000 bytes, and within how many blocks it is likely to do."""

    name: str
    fee_per_kilobyte: int
    blocks: int


class FeesOut(Schema):
    """What this node relays at the least now, per 1000 bytes, and what gets into the next blocks."""

    minimum: int
    increment: int
    dust: int
    suggestions: list[FeeSuggestionOut]


class SubmittedOut(Schema):
    """A transaction that was taken."""

    txid: str
    status: str


class ProofOut(Schema):
    """An RFC 6962 inclusion proof of a transaction in its block's `transactions` root."""

    txid: str
    block: str
    root: str
    index: int
    count: int
    path: list[str]


class ChunkProofOut(Schema):
    """An RFC 6962 inclusion proof of one 1 KiB chunk in an object; `data` in base64."""

    object: str
    bytes: int
    chunk: int
    chunks: int
    data: str
    path: list[str]
