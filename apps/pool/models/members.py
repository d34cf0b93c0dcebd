"""Rows about who mines with the pool: members, and what was refused of them."""

from django.db import models
from django.db.models import Q


class MemberMode(models.TextChoices):
    """How a member is paid."""

    PPLNS = "pplns"  # by its points among the newest ones, whoever finds the block
    SOLO = "solo"  # the whole reward of its own blocks, less the fee


class Member(models.Model):
    """An address that mines with the pool. It is never deleted: the books name it."""

    address = models.CharField(max_length=90, unique=True, db_collation="C")
    mode = models.CharField(max_length=5, choices=MemberMode.choices, default=MemberMode.PPLNS)
    payout_minimum = models.BigIntegerField(null=True)  # base units; null: the pool's
    created_at = models.DateTimeField(auto_now_add=True)
    banned_until = models.DateTimeField(null=True)
    ban_reason = models.CharField(max_length=200, default="", blank=True)
    bans = models.PositiveIntegerField(default=0)  # so far; each lasts longer than the one before

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(payout_minimum=None) | Q(payout_minimum__gte=1), name="pool_member_minimum"
            ),
            models.CheckConstraint(
                condition=Q(banned_until=None) | ~Q(ban_reason=""), name="pool_member_ban_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return self.address


class Refusal(models.Model):
    """How often something of a member's worker was refused with a code, day by day."""

    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="refusals")
    worker = models.CharField(max_length=100)
    day = models.DateField()
    code = models.PositiveIntegerField()
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member", "day", "worker", "code"], name="pool_refusal_unique")
        ]

    def __str__(self) -> str:
        return f"{self.count} × {self.code}"
