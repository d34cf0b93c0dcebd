"""Rows of the work: block templates, leases of nonces, trainings, models handed in, blocks published."""

import uuid

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q


class TemplateStatus(models.TextChoices):
    """Where a template stands."""

    OPEN = "open"  # new leases are cut from it
    REPLACED = "replaced"  # same parent, other transactions: its leases and models stay good
    VOID = "void"  # its parent is no longer the tip


class LeaseState(models.TextChoices):
    """Where a lease stands; the last three are final."""

    OPEN = "open"  # a row, not yet sent
    DISPATCHED = "dispatched"  # sent to the queue, no worker has said hello
    RUNNING = "running"
    FINISHED = "finished"
    EXPIRED = "expired"  # its worker fell silent; the range may be leased again
    VOID = "void"  # a new tip made it worthless


class RunState(models.TextChoices):
    """Where the training of one network stands."""

    TRAINING = "training"
    SCORING = "scoring"
    SUBMITTED = "submitted"
    FINISHED = "finished"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"


class SubmissionState(models.TextChoices):
    """Where a model that was handed in stands."""

    RECEIVED = "received"
    VERIFIED = "verified"
    REFUSED = "refused"


class PublicationState(models.TextChoices):
    """Where a sealed block stands; `prepared` ones are sent again after a crash."""

    PREPARED = "prepared"
    SUBMITTED = "submitted"
    REFUSED = "refused"
    LAPSED = "lapsed"  # its round was over before it could be sent


ACTIVE_LEASE_STATES = (LeaseState.OPEN, LeaseState.DISPATCHED, LeaseState.RUNNING)
ACTIVE_RUN_STATES = (RunState.TRAINING, RunState.SCORING)


class Int8Range(Func):
    """The PostgreSQL range of two bigint columns, without its end."""

    function = "int8range"
    output_field = BigIntegerRangeField()


class Template(models.Model):
    """A block waiting for a model: everything of it but nonce, model, error, round and seal."""

    epoch = models.BigAutoField(primary_key=True)
    parent = models.CharField(max_length=64)
    height = models.BigIntegerField()
    key = models.CharField(max_length=64)  # the pool's public key, which seals the block
    transactions_root = models.CharField(max_length=64)
    body = models.BinaryField()  # canonical JSON of the list of transactions
    state = models.CharField(max_length=64)
    problem = models.CharField(max_length=64)
    grammar = models.CharField(max_length=64)
    nonce_limit = models.BigIntegerField()
    next_nonce = models.BigIntegerField(default=0)  # where the next lease starts
    target_error = models.BigIntegerField()  # only models below this can become the block
    point_table = models.ForeignKey(  # what its shares count; null: none are taken
        "pool.PointTable", on_delete=models.PROTECT, null=True, related_name="templates"
    )
    status = models.CharField(max_length=10, choices=TemplateStatus.choices, default=TemplateStatus.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # The same work is never opened twice: after a reorg and back, nonces go on where they stopped.
            models.UniqueConstraint(
                fields=["parent", "transactions_root", "state"], name="pool_template_unique"
            ),
            models.UniqueConstraint(
                fields=["status"], condition=Q(status="open"), name="pool_template_one_open"
            ),
            models.CheckConstraint(
                condition=Q(next_nonce__gte=0, next_nonce__lte=F("nonce_limit")), name="pool_template_nonces"
            ),
        ]

    def __str__(self) -> str:
        return f"epoch {self.epoch} (height {self.height})"


class Lease(models.Model):
    """The right to train the networks of one nonce range: the only truth about who works on what."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="leases")
    nonce_start = models.BigIntegerField()
    nonce_end = models.BigIntegerField()  # exclusive
    token_hash = models.CharField(
        max_length=64, default=""
    )  # SHA3-256; the token travels in the message only
    state = models.CharField(max_length=10, choices=LeaseState.choices, default=LeaseState.OPEN)
    attempt = models.PositiveSmallIntegerField(default=1)
    member = models.ForeignKey("pool.Member", on_delete=models.PROTECT, null=True, related_name="leases")
    is_solo = models.BooleanField(default=False)  # the member's mode when the lease was taken
    share_threshold = models.BigIntegerField(null=True)  # millibits, fixed when the lease is taken
    share_points = models.BigIntegerField(default=0)  # what a share of it counts
    enrolled = models.ForeignKey(  # null: a worker of the operator, over Celery
        "pool.EnrolledWorker", on_delete=models.PROTECT, null=True, related_name="leases"
    )
    slot = models.PositiveSmallIntegerField(default=0)  # which of the worker's places
    worker = models.CharField(max_length=100, default="")
    device = models.CharField(max_length=100, default="")
    threads = models.PositiveIntegerField(default=0)
    version = models.CharField(max_length=50, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    dispatched_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    tried = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0)
    cpu_seconds = models.FloatField(default=0.0)
    load = models.JSONField(null=True)  # the machine at the last heartbeat, as far as the worker tells
    joules = models.FloatField(null=True)  # energy of the lease; null: not measured

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(nonce_start__gte=0, nonce_end__gt=F("nonce_start")), name="pool_lease_range"
            ),
            # No nonce of a template is leased twice, unless the first lease has expired.
            ExclusionConstraint(
                name="pool_lease_disjoint",
                expressions=[
                    (F("template"), RangeOperators.EQUAL),
                    (
                        Int8Range("nonce_start", "nonce_end", RangeBoundary(inclusive_upper=False)),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=~Q(state="expired"),
            ),
        ]
        indexes = [
            models.Index(
                fields=["state", "expires_at"],
                condition=Q(state__in=["open", "dispatched", "running"]),
                name="pool_lease_active",
            ),
            models.Index(fields=["heartbeat_at"], name="pool_lease_heartbeat"),
        ]

    def __str__(self) -> str:
        return f"{self.id} [{self.nonce_start}, {self.nonce_end})"


class Run(models.Model):
    """One network in training, with its curve as the worker reports it."""

    id = models.CharField(primary_key=True, max_length=60)  # LEASE:NONCE
    lease = models.ForeignKey(Lease, on_delete=models.PROTECT, related_name="runs")
    nonce = models.BigIntegerField()
    text = models.TextField()
    layers = models.JSONField()
    parameters = models.BigIntegerField()
    macs = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=RunState.choices)
    started_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    steps = models.BigIntegerField(default=0)
    total_steps = models.BigIntegerField(default=0)
    error = models.BigIntegerField(null=True)  # the best so far, parts per million
    curve = models.JSONField(default=list)  # [[seconds since the start, step, loss, error or null], …]
    block = models.CharField(max_length=64, null=True, db_index=True)  # noqa: DJ001  null: it became no block

    class Meta:
        indexes = [models.Index(fields=["-updated_at"], name="pool_run_updated")]

    def __str__(self) -> str:
        return self.id


class Submission(models.Model):
    """A model that a worker handed in, and what the pool found when it scored it itself."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="submissions")
    lease = models.ForeignKey(Lease, on_delete=models.PROTECT, related_name="submissions")
    nonce = models.BigIntegerField()
    model = models.CharField(max_length=64)  # object id
    bytes = models.BigIntegerField()
    claimed_error = models.BigIntegerField()
    error = models.BigIntegerField(null=True)
    state = models.CharField(max_length=10, choices=SubmissionState.choices, default=SubmissionState.RECEIVED)
    refused_code = models.PositiveIntegerField(null=True)
    is_late = models.BooleanField(default=False)  # came just after the tip that voided its lease
    scorings = models.PositiveSmallIntegerField(default=0)
    pruned = models.BooleanField(default=False)  # the bytes are gone
    received_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["template", "nonce", "model"], name="pool_submission_unique")
        ]
        indexes = [
            models.Index(
                fields=["claimed_error"], condition=Q(state="received"), name="pool_submission_waiting"
            ),
            models.Index(
                fields=["template", "error", "received_at"],
                condition=Q(state="verified"),
                name="pool_submission_best",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model[:12]} ({self.claimed_error} ppm)"


class Publication(models.Model):
    """A block that the pool has sealed: written before it is sent, so that after a crash it is sent again."""

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="publications")
    parent = models.CharField(max_length=64)
    round = models.BigIntegerField()
    block = models.CharField(max_length=64, unique=True)
    raw = models.BinaryField()
    state = models.CharField(
        max_length=10, choices=PublicationState.choices, default=PublicationState.PREPARED
    )
    refused_code = models.PositiveIntegerField(null=True)
    connected = models.BooleanField(default=False)  # part of the canonical chain
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # docs/protocol.md §3: one candidate per round and parent
            models.UniqueConstraint(fields=["parent", "round"], name="pool_publication_unique")
        ]

    def __str__(self) -> str:
        return f"{self.block[:12]} (round {self.round})"
