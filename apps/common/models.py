"""The tables of the common app: how many messages each live topic has sent, and the last few of them."""

from django.db import models
from django.db.models.functions import Now


class LiveTopic(models.Model):
    """A live topic's last sequence number; in the database, so that no restart hides a gap."""

    topic = models.CharField(primary_key=True, max_length=120)
    sequence = models.BigIntegerField(default=0)
    sent_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "common_live_topic"

    def __str__(self) -> str:
        return f"{self.topic} at {self.sequence}"


class LiveMessage(models.Model):
    """One of a topic's last deltas, in slot ``sequence`` modulo the length of the ring."""

    pk = models.CompositePrimaryKey("topic", "slot")
    topic = models.CharField(max_length=120)
    slot = models.SmallIntegerField()
    sequence = models.BigIntegerField()
    delta = models.TextField()
    """JSON, as it is sent."""

    class Meta:
        db_table = "common_live_message"

    def __str__(self) -> str:
        return f"{self.topic} {self.sequence}"
