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
