"""Rows about workers that joined from elsewhere, each with a key of its own."""

from django.db import models


class EnrolledWorker(models.Model):
    """A machine that mines for a member. The wallet's statement on its token says whether it still may."""

    key = models.CharField(primary_key=True, max_length=64)  # public key that the worker made itself
    token_key = models.CharField(max_length=64, unique=True)  # of the join token, or its own
    member = models.ForeignKey("pool.Member", on_delete=models.PROTECT, related_name="enrolled")
    name = models.CharField(max_length=64)
    device = models.CharField(max_length=100)
    threads = models.PositiveIntegerField(default=1)
    version = models.CharField(max_length=50, default="")
    slots = models.PositiveSmallIntegerField(default=1)  # leases that it works on at once
    steps_per_second = models.FloatField(default=0.0)  # of the trial training that it measures itself by
    nonces = models.PositiveIntegerField(default=0)  # a lease of about half a minute; 0: not known yet
    share_threshold = models.BigIntegerField(null=True)  # millibits, of its newest lease …
    terms_at = models.DateTimeField(null=True)  # … and when that was chosen
    enrolled_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["member", "name"], name="pool_enrolled_name")]

    def __str__(self) -> str:
        return f"{self.name} ({self.key[:12]})"
