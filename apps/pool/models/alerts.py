"""Rows about silent workers: what a member wants to be told, what it was told, and whether that arrived."""

from django.db import models
from django.db.models import Q

from apps.pool.models.members import Member


class AlertSettings(models.Model):
    """When and where a member is told that a worker has fallen silent."""

    member = models.OneToOneField(Member, on_delete=models.PROTECT, related_name="alert_settings")
    minutes = models.PositiveIntegerField(default=10)  # of silence
    webhook = models.CharField(max_length=500, default="", blank=True)  # https; empty: in the page only
    secret = models.CharField(max_length=64)  # hex; signs what is sent, known to the member
    is_on = models.BooleanField(default=True)
    changed_at = models.DateTimeField()  # silence that began before this is not told

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(minutes__gte=1), name="pool_alertsettings_minutes"),
        ]

    def __str__(self) -> str:
        return f"alerts after {self.minutes} min"


class AlertKind(models.TextChoices):
    """What a member is told."""

    SILENT = "silent"
    BACK = "back"


class Delivery(models.TextChoices):
    """Where the message to the webhook stands."""

    NONE = "none"  # there is no webhook: the page is all
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up


class Alert(models.Model):
    """A worker fell silent, or is back: written once for each silence, then told."""

    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="alerts")
    worker = models.CharField(max_length=100)  # as its page is named: a key, or an operator's worker's name
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=6, choices=AlertKind.choices)
    seen_at = models.DateTimeField()  # silent: when it was heard of last; back: when again
    created_at = models.DateTimeField()
    delivery = models.CharField(max_length=9, choices=Delivery.choices)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)  # of the next attempt
    problem = models.CharField(max_length=200, default="", blank=True)  # of the last one

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "worker", "kind", "seen_at"], name="pool_alert_once_a_silence"
            ),
            models.CheckConstraint(
                condition=~Q(delivery="waiting") | Q(next_at__isnull=False), name="pool_alert_has_next"
            ),
        ]
        indexes = [
            models.Index(fields=["member", "-id"], name="pool_alert_member"),
            models.Index(fields=["next_at"], condition=Q(delivery="waiting"), name="pool_alert_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.name} is {self.kind}"
