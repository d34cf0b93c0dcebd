"""What the ledger forgets of storage: audits and how they ended, replicas that came and went, keepers' lives.

All rows but the last kind are projections of the best chain: written when a block is connected, taken back
exactly when it is disconnected, made again from the blocks by `manage.py rebuild_storage`. What is (capacity,
used bytes, bond, replicas) stands in the ledger and is read there. `KeeperBeat` is what keepers that run
beside this node say of themselves.
"""

from django.db import models
from django.db.models import Q


class Outcome(models.TextChoices):
    """What became of a challenge."""

    OPEN = "open"  # its time is not over
    ANSWERED = "answered"
    MISSED = "missed"  # its time went by
    VOID = "void"  # it went with its replica or its keeper before its time was over


class Audit(models.Model):
    """A challenge of the best chain: prove that you hold this chunk (docs/protocol.md §9)."""

    pk = models.CompositePrimaryKey("height", "number")
    height = models.BigIntegerField()  # of the block that issued it
    number = models.IntegerField()
    object = models.CharField(max_length=64, db_collation="C")
    object_bytes = models.BigIntegerField()
    address = models.CharField(max_length=90, db_collation="C")
    chunk = models.BigIntegerField()
    pay = models.BigIntegerField()  # base units for the answer
    first = models.BooleanField()  # the first of a new replica: unpaid, and a miss burns nothing
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.OPEN)
    ended_height = models.BigIntegerField(null=True)
    txid = models.CharField(max_length=64, default="", blank=True)  # of the answer
    burned = models.BigIntegerField(default=0)  # base units of the bond that the miss cost

    class Meta:
        indexes = [
            models.Index(fields=["address", "-height", "-number"], name="storage_audit_keeper"),
            models.Index(fields=["object", "-height", "-number"], name="storage_audit_object"),
            models.Index(fields=["outcome", "-height", "-number"], name="storage_audit_outcome"),
            models.Index(fields=["ended_height"], name="storage_audit_ended"),
        ]

    def __str__(self) -> str:
        return f"audit {self.height}/{self.number}: {self.outcome}"

    @property
    def chunks(self) -> int:
        """How many chunks the object has."""
        return -(-self.object_bytes // 1024)


class Ending(models.TextChoices):
    """Why a replica is no more."""

    MISSED = "missed"  # a challenge was not answered
    LEFT = "left"  # its keeper left
    EJECTED = "ejected"  # its keeper was ejected
    FORGOTTEN = "forgotten"  # nothing of the chain names the object any more


class Replica(models.Model):
    """A replica from the block that placed it to the one that dropped it."""

    pk = models.CompositePrimaryKey("object", "address", "height")
    object = models.CharField(max_length=64, db_collation="C")
    address = models.CharField(max_length=90, db_collation="C")
    height = models.BigIntegerField()  # of the block that placed it
    bytes = models.BigIntegerField()
    proven_height = models.BigIntegerField(null=True)  # its first answer
    ended_height = models.BigIntegerField(null=True)
    ending = models.CharField(max_length=9, choices=Ending.choices, default="", blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["address", "-height", "object"], name="storage_replica_keeper"),
            models.Index(fields=["height"], name="storage_replica_placed"),
            models.Index(fields=["proven_height"], name="storage_replica_proven"),
            models.Index(fields=["ended_height"], name="storage_replica_ended"),
        ]

    def __str__(self) -> str:
        return f"replica of {self.object[:12]} at {self.address[:12]}"


class KeeperEvent(models.Model):
    """A turn in a keeper's life, in the order of its block."""

    class Kind(models.TextChoices):
        """What happened."""

        REGISTERED = "registered"
        UPDATED = "updated"
        LEFT = "left"
        EJECTED = "ejected"
        RETURNED = "returned"  # the bond came back, and the keeper is gone

    pk = models.CompositePrimaryKey("height", "position")
    height = models.BigIntegerField()
    position = models.IntegerField()
    address = models.CharField(max_length=90, db_collation="C")
    kind = models.CharField(max_length=10, choices=Kind)
    capacity = models.BigIntegerField(default=0)  # as set by the two first kinds
    endpoint = models.CharField(max_length=256, default="", blank=True)
    bond = models.BigIntegerField(default=0)  # locked afterwards; what came back, when it did
    txid = models.CharField(max_length=64, default="", blank=True)

    class Meta:
        indexes = [models.Index(fields=["address", "-height", "-position"], name="storage_event_keeper")]

    def __str__(self) -> str:
        return f"{self.address} {self.kind} at {self.height}"


class KeeperSummary(models.Model):
    """An address that was ever a keeper of the best chain, in numbers; amounts in base units."""

    address = models.CharField(primary_key=True, max_length=90, db_collation="C")
    first_height = models.BigIntegerField()  # of its first registration
    passed = models.BigIntegerField(default=0)
    missed = models.BigIntegerField(default=0)
    earned = models.BigIntegerField(default=0)
    slashed = models.BigIntegerField(default=0)
    placed = models.BigIntegerField(default=0)  # replicas, ever
    lost = models.BigIntegerField(default=0)  # of those, how many a miss or an ejection cost

    def __str__(self) -> str:
        return self.address


class Progress(models.Model):
    """The one row that says up to which block the projections are made."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    height = models.BigIntegerField(default=0)  # nothing is stored in block 0

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="storage_progress_one_row")]

    def __str__(self) -> str:
        return f"projected to block {self.height}"


class KeeperBeat(models.Model):
    """What a keeper beside this node said of itself last (`apps.storage.keeping.reporting.Report`)."""

    address = models.CharField(primary_key=True, max_length=90, db_collation="C")
    pid = models.IntegerField()
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    state = models.CharField(max_length=16)
    capacity = models.BigIntegerField()  # bytes that it is to offer
    quota = models.BigIntegerField()  # bytes that its folder may take
    stored_bytes = models.BigIntegerField()
    disk_free = models.BigIntegerField()
    held = models.BigIntegerField()  # objects in its folder
    assigned = models.BigIntegerField()
    missing = models.BigIntegerField()  # of those, how many are not in its folder
    missing_bytes = models.BigIntegerField()
    unavailable = models.BigIntegerField()  # of those, how many nobody has given for a while
    full = models.CharField(max_length=5, blank=True)  # what a download found no room in: "disk" or "quota"
    bond = models.BigIntegerField()  # base units
    least_bond = models.BigIntegerField()  # that the rule asks for what it offers
    lacking = models.BigIntegerField()  # base units that its account lacks for the bond
    misses = models.BigIntegerField()  # in a row
    open_challenges = models.BigIntegerField()
    fetched = models.BigIntegerField()  # objects, since it started; so are the next three
    fetch_failures = models.BigIntegerField()
    proofs_sent = models.BigIntegerField()
    lies = models.BigIntegerField()  # wrong answers of sources
    careful = models.BooleanField()  # it takes nothing new, so as not to be ejected for what nobody has

    def __str__(self) -> str:
        return f"keeper {self.address} at {self.beat_at:%H:%M:%S}"
