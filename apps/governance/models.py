"""Rows of governance: uploads on their way to a proposal."""

import uuid

from django.db import models
from django.db.models import F, Q


class UploadState(models.TextChoices):
    """Where an upload stands."""

    RECEIVING = "receiving"
    QUEUED = "queued"  # complete; a conversion was asked for
    CONVERTING = "converting"
    READY = "ready"  # converted: the data set is in the object store
    REFUSED = "refused"  # it cannot be used; the file is gone


class Upload(models.Model):
    """A file that somebody sends in pieces, and what its conversion found."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    token_hash = models.CharField(max_length=64)  # SHA3-256; the token is its sender's alone
    client = models.CharField(max_length=64)  # network address, for the quota of one sender
    filename = models.CharField(max_length=200)
    bytes = models.BigIntegerField()
    received = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=UploadState.choices, default=UploadState.RECEIVING)
    options = models.JSONField(default=dict)
    refused_code = models.PositiveIntegerField(null=True)
    refused_detail = models.TextField(default="")
    data = models.CharField(max_length=64, default="")  # object id of the data set
    data_bytes = models.BigIntegerField(default=0)
    shape = models.JSONField(default=list)
    conversion = models.TextField(default="")
    report = models.JSONField(default=dict)
    manifest = models.TextField(default="")  # the one that the trials were trained under, canonical JSON
    trial_token_hash = models.CharField(max_length=64, default="")  # lets the worker of a dry run report
    trials_asked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(received__gte=0, received__lte=F("bytes")), name="governance_upload_received"
            )
        ]
        indexes = [
            models.Index(fields=["changed_at"], name="governance_upload_changed"),
            models.Index(fields=["client"], name="governance_upload_client"),
        ]

    def __str__(self) -> str:
        return f"{self.filename} ({self.state})"

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are here."""
        return self.received == self.bytes


class Trial(models.Model):
    """One network that a dry run trains on an upload."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="trials")
    number = models.PositiveSmallIntegerField()
    text = models.TextField()
    layers = models.JSONField()
    parameters = models.BigIntegerField()
    macs = models.BigIntegerField()
    state = models.CharField(max_length=10)  # as the states of a pool's run
    error = models.BigIntegerField(null=True)  # parts per million
    curve = models.JSONField(default=list)  # [[seconds, step, loss, error], …]
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["upload", "number"], name="governance_trial_unique")]

    def __str__(self) -> str:
        return f"{self.upload_id}:{self.number} ({self.state})"


class Ending(models.TextChoices):
    """How a proposal that is gone has ended."""

    REPLACED = "replaced"  # it was active until another was
    LAPSED = "lapsed"  # nobody could mine it: the chain went back to its genesis content
    EXPIRED = "expired"  # never drawn in time


class Proposal(models.Model):
    """A proposal of the best chain, kept when the ledger forgets it. What is open stands in the ledger."""

    txid = models.CharField(max_length=64, primary_key=True)
    subject = models.CharField(max_length=7)
    content = models.CharField(max_length=64)  # object id
    title = models.CharField(max_length=120)
    proposer = models.CharField(max_length=90)
    deposit = models.BigIntegerField()
    data = models.CharField(max_length=64, default="")
    data_bytes = models.BigIntegerField(default=0)
    height = models.BigIntegerField()  # of the block that holds it
    drawn_height = models.BigIntegerField(null=True)  # the draw that it won
    active_height = models.BigIntegerField(null=True)  # the first block under it
    ended_height = models.BigIntegerField(null=True)
    ending = models.CharField(max_length=8, choices=Ending.choices, default="")

    class Meta:
        indexes = [
            models.Index(fields=["subject", "-height", "txid"], name="governance_proposal_list"),
            models.Index(fields=["content"], name="governance_proposal_content"),
            models.Index(fields=["data"], name="governance_proposal_data"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.txid[:12]})"


class Outcome(models.TextChoices):
    """What came of a draw."""

    SWITCHED = "switched"  # the winner will be active
    NO_BALLOTS = "no_ballots"  # nothing was proposed that stakes count on
    NO_QUORUM = "no_quorum"
    PENDING = "pending"  # an earlier winner still waited
    TOO_EARLY = "too_early"  # the active content's time was not over
    NOT_STORED = "not_stored"  # the winner's data was not held by enough keepers
    NOT_MINABLE = "not_minable"  # the winner gave too few networks


class Draw(models.Model):
    """A draw of the best chain, with all that is needed to draw it again."""

    height = models.BigIntegerField()
    subject = models.CharField(max_length=7)
    block = models.CharField(max_length=64)
    randomness = models.CharField(max_length=80)  # hex: the beacon, then the height
    selection = models.CharField(max_length=12)
    ballots = models.JSONField()  # [[txid, base units], …] in ascending order
    total = models.BigIntegerField()
    circulating = models.BigIntegerField()
    chosen = models.CharField(max_length=64, default="")  # also when the switch was refused
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    switch_height = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["height", "subject"], name="governance_draw_unique")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.height}: {self.outcome}"
