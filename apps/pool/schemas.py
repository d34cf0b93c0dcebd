"""The shapes of the pool's answers, for the OpenAPI document: base units, Unix seconds, millibits."""

from typing import Any

from ninja import Schema


class TemplateOut(Schema):
    """What the pool's workers work on."""

    epoch: int
    height: int
    parent: str
    transactions: str
    problem: str
    title: str
    next_nonce: int
    target_error: int


class WorkerOut(Schema):
    """A worker heard of lately."""

    name: str
    device: str
    threads: int
    version: str
    lease: str
    state: str
    heartbeat: float | None
    load: dict[str, float] | None


class PoolOut(Schema):
    """The pool at a glance; `best` is the best model and the round that it wins unless beaten."""

    workers_online: int
    runs_per_minute: int
    leases_running: int
    leases_waiting: int
    nonces_tried: int
    nonces_skipped: int
    cpu_seconds: float
    models_verified: int
    models_refused: int
    blocks_found: int
    best: dict[str, Any] | None
    workers: list[WorkerOut]
    template: TemplateOut | None
    address: str | None
    members: int
    fee_ppm: int
    bonus_ppm: int
    payout_minimum: int
    window: int
    window_points: int
    luck_percent: int | None


class PointsOut(Schema):
    """What a share counts at each threshold: `points` by quality in millibits."""

    problem: str
    grammar: str
    created: float
    points: list[tuple[int, int]]
    tried: list[int]
    passed: list[int]


class DayOut(Schema):
    """What a member earned on one day (UTC), reversals taken off."""

    day: str
    amount: int


class RefusalOut(Schema):
    """How often a worker was refused with a code on one day."""

    worker: str
    day: str
    code: int
    count: int


class MemberOut(Schema):
    """A member: how it is paid, what it has in the window, what it is owed."""

    address: str
    mode: str
    payout_minimum: int
    since: float
    banned_until: float | None
    ban_reason: str
    points: int
    window_points: int
    next_share_ppm: int
    immature: int
    spendable: int
    paid: int
    blocks_found: int
    earnings: list[DayOut]
    refusals: list[RefusalOut]


class ShareOut(Schema):
    """One share."""

    id: int
    member: str
    worker: str
    height: int
    nonce: int | None
    model: str | None
    threshold: int
    quality: int
    points: int
    late: bool
    solo: bool
    time: float


class SharePage(Schema):
    """A page of shares."""

    items: list[ShareOut]
    next: str | None


class PayoutOutputOut(Schema):
    """One receiver of a payout."""

    address: str
    amount: int
    fee: int


class PayoutOut(Schema):
    """One payout."""

    id: int
    txid: str
    state: str
    sequence: int
    amount: int
    fee: int
    block: str | None
    height: int | None
    outputs: list[PayoutOutputOut]
    time: float


class PayoutPage(Schema):
    """A page of payouts."""

    items: list[PayoutOut]
    next: str | None


class ReceiptOut(Schema):
    """How one of the pool's blocks was divided. `root` is the Merkle root over the lines."""

    block: str
    height: int
    state: str
    reward: int
    fee: int
    bonus: int
    finder: str
    solo: bool
    window: int
    points: int
    round_points: int
    first_share: int
    last_share: int
    lines: int
    root: str


class ReceiptPage(Schema):
    """A page of receipts."""

    items: list[ReceiptOut]
    next: str | None


class LineOut(Schema):
    """One leaf of a receipt: SHA3-256(00 ‖ canonical JSON of address, amount, points)."""

    position: int
    address: str
    points: int
    amount: int


class LinePage(Schema):
    """A page of a receipt's lines."""

    items: list[LineOut]
    next: str | None


class LineProofOut(LineOut):
    """A line with its path to the receipt's root (RFC 6962)."""

    block: str
    root: str
    count: int
    path: list[str]
