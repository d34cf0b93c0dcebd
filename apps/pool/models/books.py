"""Rows of the pool's money: shares, receipts of blocks, the entries of the books, payouts.

Constraints make every effect happen once: a training counts one share, a step of a receipt is booked once,
an output of a payout once, and no two payouts use one sequence of the pool's account.
"""

from django.db import models
from django.db.models import Q

from apps.pool.models.leases import Submission, Template
from apps.pool.models.members import Member


class PointTable(models.Model):
    """What a share counts at each threshold, as published; a new one follows from it and newer shares."""

    problem = models.CharField(max_length=64)
    grammar = models.CharField(max_length=64)
    base = models.BigIntegerField()  # millibits
    tried = models.JSONField()
    passed = models.JSONField()
    last_share = models.BigIntegerField(default=0)  # the newest share that it has learnt from
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["problem", "grammar", "last_share"], name="pool_points_unique")
        ]

    def __str__(self) -> str:
        return f"points {self.pk}"


class Share(models.Model):
    """A verified model at or above the threshold that its lease was given: one for each training."""

    submission = models.OneToOneField(Submission, on_delete=models.SET_NULL, null=True, related_name="share")
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="shares")
    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="shares")
    worker = models.CharField(max_length=100)
    work = models.CharField(max_length=64)  # digest of parent, transactions and nonce: the training
    threshold = models.BigIntegerField()  # millibits
    quality = models.BigIntegerField()
    points = models.BigIntegerField()
    is_late = models.BooleanField(default=False)  # came after the tip, and counts a part
    is_solo = models.BooleanField(default=False)  # as the lease was taken; counts in no window
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["work"], name="pool_share_unique_work"),
            models.CheckConstraint(condition=Q(points__gte=0), name="pool_share_points"),
        ]
        indexes = [
            models.Index(fields=["member", "-id"], name="pool_share_member"),
            models.Index(fields=["member", "worker", "created_at"], name="pool_share_worker"),
        ]

    def __str__(self) -> str:
        return f"{self.points} points of {self.worker}"


class RewardState(models.TextChoices):
    """Where the chain has the reward of one of the pool's blocks."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    BURNT = "burnt"


class Booked(models.TextChoices):
    """What the books say of it; they follow the chain a moment later."""

    NOTHING = "nothing"
    IMMATURE = "immature"
    MATURE = "mature"


class Receipt(models.Model):
    """One of the pool's blocks: what the chain says of it, how it was divided, and what is booked."""

    block = models.CharField(max_length=64, unique=True, db_collation="C")
    height = models.BigIntegerField()
    address = models.CharField(max_length=90)  # the pool's own, which the chain pays
    reward = models.BigIntegerField()
    finder = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="found")
    is_solo = models.BooleanField()
    last_share = models.BigIntegerField()  # the newest share when the block was connected first
    # What the chain says, written inside its transactions:
    is_canonical = models.BooleanField(default=True)
    reward_state = models.CharField(max_length=8, choices=RewardState.choices, default=RewardState.LOCKED)
    # What the books say; `steps` counts the changes, each of which is booked once.
    booked = models.CharField(max_length=8, choices=Booked.choices, default=Booked.NOTHING)
    steps = models.PositiveIntegerField(default=0)
    # How the reward is divided, computed once:
    is_divided = models.BooleanField(default=False)
    fee = models.BigIntegerField(default=0)
    bonus = models.BigIntegerField(default=0)
    window = models.BigIntegerField(default=0)  # points that the window has room for
    points = models.BigIntegerField(default=0)  # … and holds
    round_points = models.BigIntegerField(default=0)  # of all shares since the pool's block before
    first_share = models.BigIntegerField(default=0)  # the oldest one in the window
    root = models.CharField(max_length=64, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["height"], condition=Q(is_canonical=True), name="pool_receipt_one_canonical"
            ),
            models.CheckConstraint(
                condition=Q(booked="nothing") | Q(is_divided=True), name="pool_receipt_booked_is_divided"
            ),
        ]
        indexes = [
            # What the books have not followed yet, or may still have to.
            models.Index(fields=["height"], condition=~Q(booked="mature"), name="pool_receipt_open"),
        ]

    def __str__(self) -> str:
        return f"receipt of block {self.height} {self.block[:12]}"


class ReceiptLine(models.Model):
    """What one member gets of a block: a leaf of the receipt's Merkle tree."""

    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="lines")
    points = models.BigIntegerField()
    amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["receipt", "position"], name="pool_line_position"),
            models.UniqueConstraint(fields=["receipt", "member"], name="pool_line_member"),
        ]

    def __str__(self) -> str:
        return f"line {self.position} of receipt {self.receipt_id}"


class PayoutState(models.TextChoices):
    """Where a payout stands. A reorganisation may make a confirmed one a sent one again."""

    PREPARED = "prepared"  # booked and signed; perhaps nobody has heard of it
    SENT = "sent"  # the node has it
    CONFIRMED = "confirmed"  # in a block of the best chain


class Payout(models.Model):
    """One transfer that pays members: booked before it is sent, the same bytes however often it is sent."""

    sender = models.CharField(max_length=90)  # the pool's address
    sequence = models.BigIntegerField()
    fee = models.BigIntegerField()
    amount = models.BigIntegerField()  # of all outputs
    txid = models.CharField(max_length=64, unique=True, db_collation="C")
    raw = models.BinaryField()
    state = models.CharField(max_length=9, choices=PayoutState.choices, default=PayoutState.PREPARED)
    block = models.CharField(max_length=64, default="", blank=True)
    height = models.BigIntegerField(null=True)
    refused_code = models.PositiveIntegerField(null=True)  # why the node would not have it when last asked
    former = models.JSONField(default=list)  # txids that can no longer be included
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sender", "sequence"], name="pool_payout_sequence"),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(height__isnull=False), name="pool_payout_has_height"
            ),
        ]
        indexes = [
            models.Index(fields=["sequence"], condition=~Q(state="confirmed"), name="pool_payout_open"),
        ]

    def __str__(self) -> str:
        return f"payout {self.txid[:12]}"


class PayoutLine(models.Model):
    """One output of a payout."""

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="payouts")
    amount = models.BigIntegerField()  # what arrives
    fee = models.BigIntegerField()  # its part of the transaction's fee

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["payout", "position"], name="pool_payoutline_position"),
            models.UniqueConstraint(fields=["payout", "member"], name="pool_payoutline_member"),
        ]

    def __str__(self) -> str:
        return f"output {self.position} of payout {self.payout_id}"


class EntryKind(models.TextChoices):
    """Why coins moved in the books."""

    CREDIT = "credit"  # a part of a block's reward
    BONUS = "bonus"  # the finder's extra part
    FEE = "fee"  # the pool's part of it
    MATURITY = "maturity"  # the chain has unlocked it
    IMMATURITY = "immaturity"  # a reorganisation has locked it again
    REVERSAL = "reversal"  # a reorganisation has taken the block, or the reward was burnt
    PAYOUT = "payout"
    PAYOUT_FEE = "payout_fee"


class Entry(models.Model):
    """One line of the books: never changed, never deleted. A balance is a sum of these.

    ``member`` null is the pool's own account. ``immature`` and ``spendable`` are added to its two columns.
    """

    member = models.ForeignKey(Member, on_delete=models.PROTECT, null=True, related_name="entries")
    kind = models.CharField(max_length=10, choices=EntryKind.choices)
    immature = models.BigIntegerField(default=0)
    spendable = models.BigIntegerField(default=0)
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, null=True, related_name="entries")
    step = models.PositiveIntegerField(default=0)  # which change of the receipt
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, null=True, related_name="entries")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["receipt", "step", "kind", "member"],
                condition=Q(receipt__isnull=False),
                nulls_distinct=False,
                name="pool_entry_once_a_receipt_step",
            ),
            models.UniqueConstraint(
                fields=["payout", "kind", "member"],
                condition=Q(payout__isnull=False),
                nulls_distinct=False,
                name="pool_entry_once_a_payout",
            ),
            models.CheckConstraint(
                condition=Q(receipt__isnull=True) ^ Q(payout__isnull=True), name="pool_entry_has_one_reason"
            ),
        ]
        indexes = [models.Index(fields=["member", "-id"], name="pool_entry_member")]

    def __str__(self) -> str:
        return f"{self.kind} {self.immature:+} {self.spendable:+}"


class Balance(models.Model):
    """The sums of an account's entries, kept with every one of them; `reconcile` proves that they are."""

    member = models.OneToOneField(Member, on_delete=models.PROTECT, null=True, related_name="balance")
    immature = models.BigIntegerField(default=0)
    spendable = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member"], nulls_distinct=False, name="pool_balance_unique"),
        ]
        indexes = [models.Index(fields=["-spendable"], name="pool_balance_spendable")]

    def __str__(self) -> str:
        return f"{self.immature} immature, {self.spendable} spendable"
