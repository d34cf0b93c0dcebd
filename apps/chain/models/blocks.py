"""Blocks by hash, transactions, ledger entries."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Block(models.Model):
    """A block from its first header on, candidate or connected, keyed by hash and never deleted.

    ``canonical`` is flipped when a reorganisation takes the block out of the best chain or back into it.
    """

    class Status(models.TextChoices):
        """How far the node got with a block."""

        CANDIDATE = "candidate", "waits to be evaluated"
        VALID = "valid", "every check passed, the model was scored here"
        UNDECIDED = "undecided", "its model or data set is missing"
        REFUSED = "refused", "a check failed"

    hash = models.CharField(primary_key=True, max_length=64, db_collation="C")
    height = models.BigIntegerField()
    previous = models.CharField(max_length=64, db_collation="C", db_index=True)
    round = models.BigIntegerField()
    timestamp = models.BigIntegerField()
    threshold = models.BigIntegerField()
    problem = models.CharField(max_length=64)
    grammar = models.CharField(max_length=64)
    transactions_root = models.CharField(max_length=64)
    nonce = models.BigIntegerField()
    model = models.CharField(max_length=64, db_index=True)
    model_bytes = models.BigIntegerField()
    error = models.BigIntegerField()
    quality = models.BigIntegerField()
    state = models.CharField(max_length=64)
    seal = models.CharField(max_length=128)
    miner = models.CharField(max_length=90)
    raw = models.BinaryField()
    transaction_count = models.IntegerField()
    fees = models.BigIntegerField(default=0)
    reward = models.BigIntegerField(default=0)
    weight = models.BigIntegerField(default=0)
    work = models.BigIntegerField(default=0)
    late = models.BooleanField(default=False)
    received_at = models.DateTimeField(db_default=Now())
    evaluated_at = models.DateTimeField(null=True)
    connected_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.CANDIDATE)
    refused_code = models.IntegerField(null=True)
    canonical = models.BooleanField(default=False)
    # Below a pinned checkpoint: every check passed but the score of its model, which is taken from there.
    assumed = models.BooleanField(default=False, db_default=False)
    undo = models.JSONField(null=True)
    accumulator = models.BinaryField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["height"], condition=Q(canonical=True), name="chain_block_one_canonical_per_height"
            ),
            models.CheckConstraint(
                condition=Q(canonical=False) | Q(status="valid"), name="chain_block_canonical_is_valid"
            ),
            models.CheckConstraint(
                condition=Q(status="refused") ^ Q(refused_code=None), name="chain_block_refused_has_code"
            ),
        ]
        indexes = [
            models.Index(fields=["-height", "hash"], name="chain_block_height"),
            models.Index(fields=["miner", "-height"], name="chain_block_miner"),
            models.Index(fields=["problem", "-quality"], name="chain_block_quality"),
            models.Index(fields=["height"], condition=~Q(status="valid"), name="chain_block_open"),
        ]

    def __str__(self) -> str:
        return f"block {self.height} {self.hash[:12]}"


class Transaction(models.Model):
    """A transaction, once, however many blocks hold it.

    ``size`` (canonical bytes), ``rate`` (base units per 1000 bytes), ``effective``, ``queued_at`` and
    ``receivers`` are kept for the mempool; ``reason_code``, ``reason`` and ``rival`` say why it was dropped.
    """

    class Status(models.TextChoices):
        """Where a transaction stands in the best chain."""

        PENDING = "pending", "waits in the mempool"
        INCLUDED = "included", "in a block of the best chain"
        DROPPED = "dropped", "can no longer be included"

    txid = models.CharField(primary_key=True, max_length=64, db_collation="C")
    kind = models.CharField(max_length=20)
    sender = models.CharField(max_length=90)
    sequence = models.BigIntegerField()
    fee = models.BigIntegerField()
    amount = models.BigIntegerField()
    raw = models.BinaryField()
    first_seen = models.DateTimeField(db_default=Now())
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    size = models.IntegerField(db_default=0)
    rate = models.BigIntegerField(db_default=0)
    # The rate at which a block takes it, together with those of its sender around it; -1: it cannot follow.
    effective = models.BigIntegerField(db_default=-1)
    queued_at = models.DateTimeField(db_default=Now())  # never before that of the one before it
    receivers = ArrayField(models.CharField(max_length=90), null=True)
    reason_code = models.IntegerField(null=True)
    reason = models.CharField(max_length=300, db_default="")
    rival = models.CharField(max_length=64, db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sender", "sequence"],
                condition=Q(status="pending"),
                name="chain_transaction_one_pending",
            )
        ]
        indexes = [
            models.Index(
                fields=["-rate", "-fee", "txid"],
                condition=Q(status="pending"),
                name="chain_transaction_by_rate",
            ),
            models.Index(
                fields=["-effective", "queued_at", "sender", "sequence"],
                condition=Q(status="pending"),
                name="chain_transaction_in_order",
            ),
            models.Index(
                fields=["sender"],
                condition=Q(status="pending") & ~Q(kind="transfer"),
                name="chain_transaction_to_try",
            ),
            GinIndex(fields=["receivers"], condition=Q(status="pending"), name="chain_transaction_receivers"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.txid[:12]}"


class MempoolState(models.Model):
    """The one row that counts the mempool; written by whoever holds the ledger's row (store.lock_tip)."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    count = models.IntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    floor = models.BigIntegerField(default=0)  # base units per 1000 bytes at floor_at; it halves with time
    floor_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="chain_mempoolstate_one_row")]

    def __str__(self) -> str:
        return f"mempool of {self.count}"


class BlockTransaction(models.Model):
    """Which block holds which transaction, in order; written when the block is connected, kept for good."""

    block = models.ForeignKey(Block, on_delete=models.PROTECT, related_name="positions")
    position = models.IntegerField()
    transaction = models.ForeignKey(Transaction, on_delete=models.PROTECT, related_name="positions")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["block", "position"], name="chain_blocktransaction_position"),
        ]

    def __str__(self) -> str:
        return f"{self.transaction_id[:12]} in {self.block_id[:12]} at {self.position}"


class LedgerEntry(models.Model):
    """One entry of the ledger (docs/protocol.md §7.1)."""

    key = models.CharField(primary_key=True, max_length=200, db_collation="C")
    value = models.JSONField()

    def __str__(self) -> str:
        return self.key


class LedgerTip(models.Model):
    """The one row that says which block the ledger entries belong to; locked by whoever changes them."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    block = models.ForeignKey(Block, on_delete=models.PROTECT, related_name="+")
    accumulator = models.BinaryField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="chain_ledgertip_one_row")]

    def __str__(self) -> str:
        return f"ledger at {self.block_id[:12]}"


class NodeHeartbeat(models.Model):
    """The one row in which the node says every second that it is alive."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    pid = models.IntegerField()
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    message = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="chain_nodeheartbeat_one_row")]

    def __str__(self) -> str:
        return f"node {self.pid} at {self.beat_at:%H:%M:%S}"
