"""The one table of the common app: how many messages each live topic has sent."""

from django.db import models


class LiveTopic(models.Model):
    """A live topic's last sequence number; in the database, so that no restart hides a gap."""

    topic = models.CharField(primary_key=True, max_length=120)
    sequence = models.BigIntegerField(default=0)

    class Meta:
        db_table = "common_live_topic"

    def __str__(self) -> str:
        return f"{self.topic} at {self.sequence}"
