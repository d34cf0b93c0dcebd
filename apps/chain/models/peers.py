"""What the node knows of other nodes: connections, addresses, scores and bans, headers and objects to come.

All processes of one node share these rows: inbound connections live in the web processes, outbound ones in
the node's.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Peer(models.Model):
    """A connection that is open now; its process refreshes the row, so an old one is a connection lost."""

    class Direction(models.TextChoices):
        """Who opened the connection."""

        INBOUND = "inbound", "the other node called"
        OUTBOUND = "outbound", "this node called"

    id = models.CharField(primary_key=True, max_length=32)
    process = models.CharField(max_length=40)
    direction = models.CharField(max_length=8, choices=Direction)
    node_key = models.CharField(max_length=64, db_index=True)
    address = models.CharField(max_length=64)
    url = models.CharField(max_length=256, blank=True)
    agent = models.CharField(max_length=64, blank=True)
    version = models.IntegerField(default=1)
    height = models.BigIntegerField(default=0)
    tip = models.CharField(max_length=64, blank=True)
    work = models.BigIntegerField(default=0)
    latency_ms = models.FloatField(null=True)
    clock_ms = models.FloatField(null=True)  # theirs less ours
    bytes_in = models.BigIntegerField(default=0)
    bytes_out = models.BigIntegerField(default=0)
    messages_in = models.BigIntegerField(default=0)
    messages_out = models.BigIntegerField(default=0)
    headers_done = models.BooleanField(default=False)  # it has told all its headers
    connected_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.direction} {self.node_key[:12]} at {self.address}"


class PeerAddress(models.Model):
    """Where another node says that it can be reached; learned, tried, or named by the operator."""

    url = models.CharField(primary_key=True, max_length=256)
    group = models.CharField(max_length=64)  # of networks, so that one owner does not fill the book
    source_group = models.CharField(max_length=64, blank=True)
    node_key = models.CharField(max_length=64, blank=True)
    is_configured = models.BooleanField(default=False)
    learned_at = models.DateTimeField(db_default=Now())
    tried_at = models.DateTimeField(null=True)
    succeeded_at = models.DateTimeField(null=True)
    failures = models.IntegerField(default=0)
    reason = models.CharField(max_length=200, blank=True)  # of the last failure

    class Meta:
        indexes = [models.Index(fields=["group"], name="chain_peeraddress_group")]

    def __str__(self) -> str:
        return self.url


class PeerScore(models.Model):
    """Points of misbehaviour of a node key or of a network address; they halve with time."""

    subject = models.CharField(primary_key=True, max_length=80)  # key:HEX or address:TEXT
    points = models.FloatField(default=0)
    updated_at = models.DateTimeField(db_default=Now())
    code = models.IntegerField(default=0)
    detail = models.CharField(max_length=300, blank=True)
    bans = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.subject}: {self.points:.0f}"


class PeerBan(models.Model):
    """A node key or network address that is not spoken to until the ban ends."""

    subject = models.CharField(max_length=80, db_index=True)
    code = models.IntegerField()
    reason = models.CharField(max_length=300)
    banned_at = models.DateTimeField(db_default=Now())
    until = models.DateTimeField()
    is_manual = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.subject} until {self.until:%Y-%m-%d %H:%M}"


class SeenHeader(models.Model):
    """A header from another node: when it was first seen, and its body's way into the chain's rows."""

    class State(models.TextChoices):
        """How far its body has come."""

        KNOWN = "known", "its body is not asked for: it could not win"
        WANTED = "wanted", "its body is asked for"
        INBOX = "inbox", "its body is here and waits for its parent"
        TAKEN = "taken", "its block is among the chain's"
        REFUSED = "refused", "its body or that of an ancestor was refused"

    hash = models.CharField(primary_key=True, max_length=64, db_collation="C")
    height = models.BigIntegerField()
    previous = models.CharField(max_length=64, db_collation="C", db_index=True)
    round = models.BigIntegerField()
    timestamp = models.BigIntegerField()
    threshold = models.BigIntegerField()
    problem = models.CharField(max_length=64)
    quality = models.BigIntegerField()
    work = models.BigIntegerField(null=True)  # of its chain, none of it late; None: its parent is unknown
    header = models.BinaryField()  # canonical JSON
    proof = models.JSONField(null=True)  # reward, path, count of an announced candidate
    received_at = models.DateTimeField()
    late = models.BooleanField()
    source = models.CharField(max_length=64)  # node key that told it first
    state = models.CharField(max_length=7, choices=State, default=State.KNOWN)
    refused_code = models.IntegerField(null=True)
    body = models.BinaryField(null=True)
    body_at = models.DateTimeField(null=True)
    body_from = models.CharField(max_length=64, blank=True)
    claimed_by = models.CharField(max_length=32, blank=True)
    claimed_until = models.DateTimeField(null=True)
    tries = models.IntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["height", "hash"], name="chain_seenheader_height"),
            models.Index(
                fields=["height"],
                condition=Q(state__in=["wanted", "inbox"]),
                name="chain_seenheader_open",
            ),
            models.Index(fields=["source", "state"], name="chain_seenheader_source"),
        ]

    def __str__(self) -> str:
        return f"header {self.height} {self.hash[:12]}"


class WantedObject(models.Model):
    """A model, data set, manifest or grammar that a block is about and that is not here yet."""

    object_id = models.CharField(primary_key=True, max_length=64)
    bytes = models.BigIntegerField(default=0)  # 0: not known beforehand
    kind = models.CharField(max_length=10)
    block = models.CharField(max_length=64, blank=True)
    height = models.BigIntegerField(default=0, db_index=True)
    wanted_at = models.DateTimeField(db_default=Now())
    claimed_by = models.CharField(max_length=32, blank=True)
    claimed_until = models.DateTimeField(null=True)
    tries = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id[:12]}"


class SyncState(models.Model):
    """The one row in which the node says how far it has caught up, and what its clock is worth."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    mode = models.CharField(max_length=7, default="assumed")
    is_synchronised = models.BooleanField(default=True)
    alone_since = models.DateTimeField(null=True)
    started_at = models.DateTimeField(db_default=Now())
    start_height = models.BigIntegerField(default=0)
    best_height = models.BigIntegerField(default=0)
    blocks_per_second = models.FloatField(default=0)
    eta_seconds = models.FloatField(null=True)
    checkpoint_height = models.BigIntegerField(null=True)
    checkpoint_hash = models.CharField(max_length=64, blank=True)
    clock_offset_ms = models.FloatField(null=True)  # the median of the others' clocks less this one
    clock_peers = models.IntegerField(default=0)
    is_clock_right = models.BooleanField(default=True)
    problem = models.CharField(max_length=300, blank=True, default="")
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="chain_syncstate_one_row")]

    def __str__(self) -> str:
        return "synchronised" if self.is_synchronised else f"catching up to {self.best_height}"
