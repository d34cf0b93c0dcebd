"""What the explorer keeps beside the chain, so that no page counts or searches the whole of it.

All rows but the reports are projections of the best chain: written when a block is connected, taken back when
it is disconnected, and made again from the blocks by `manage.py rebuild_explorer`.
"""

from django.db import models
from django.db.models import Q

SIZE_CLASSES = 24
"""Networks are sorted into classes by the bit length of their number of parameters; the last is open."""


class AddressEntry(models.Model):
    """What one transaction of the best chain did to one address: an address's history, newest first."""

    class Kind(models.TextChoices):
        """What the transaction was for this address."""

        SENT = "sent", "sent"
        RECEIVED = "received", "received"
        MINED = "mined", "mined"
        SELF = "self", "to itself"
        RETURNED = (
            "returned",
            "came back",
        )  # a stake, deposit, bond or pay that no transaction of its own moved

    pk = models.CompositePrimaryKey("address", "height", "position")
    address = models.CharField(max_length=90, db_collation="C")
    height = models.BigIntegerField()
    position = models.IntegerField()
    # What came back is listed under the block's reward: it was the block that brought it.
    # The row can be made again from the blocks, so the database need not check it with each of millions.
    transaction = models.ForeignKey(
        "chain.Transaction", models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=8, choices=Kind)
    change = models.BigIntegerField()
    """Base units that it gained or, if negative, lost, its fee included; rewards count before they ripen."""
    fee = models.BigIntegerField()
    """The part of it that the address paid as a fee."""

    class Meta:
        indexes = [
            models.Index(
                fields=["address", "height"], condition=Q(kind="mined"), name="explorer_addressentry_mined"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.kind} at {self.height}/{self.position}"


class AddressSummary(models.Model):
    """An address of the best chain in numbers; amounts in base units."""

    address = models.CharField(primary_key=True, max_length=90, db_collation="C")
    first_height = models.BigIntegerField()
    last_height = models.BigIntegerField()
    transactions = models.BigIntegerField()
    received = models.BigIntegerField()
    """The sum of its entries that gave something, and of what genesis allocated."""
    sent = models.BigIntegerField()
    """The sum of its entries that took something, fees included."""
    mined = models.BigIntegerField()
    last_mined = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return self.address


class ModelRecord(models.Model):
    """The model of a block of the best chain, with all that lists of models sort and choose by."""

    height = models.BigIntegerField(primary_key=True)
    block = models.CharField(max_length=64, db_collation="C")
    model = models.CharField(max_length=64, db_collation="C")
    timestamp = models.BigIntegerField()
    seconds = models.BigIntegerField()
    """Since the parent block."""
    round = models.BigIntegerField()
    threshold = models.BigIntegerField()
    problem = models.CharField(max_length=64, db_collation="C")
    grammar = models.CharField(max_length=64, db_collation="C")
    error = models.BigIntegerField()
    quality = models.BigIntegerField()
    text = models.TextField()
    """The architecture as the grammar derived it."""
    layers = models.IntegerField()
    parameters = models.BigIntegerField()
    size_class = models.SmallIntegerField()
    """The bit length of ``parameters``, at most SIZE_CLASSES - 1."""
    macs = models.BigIntegerField()
    model_bytes = models.BigIntegerField()
    miner = models.CharField(max_length=90, db_collation="C")
    transactions = models.IntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["model"], name="explorer_model_id"),
            models.Index(fields=["timestamp"], name="explorer_model_time"),
            models.Index(fields=["problem", "-height"], name="explorer_model_problem"),
            models.Index(fields=["grammar", "-height"], name="explorer_model_grammar"),
            models.Index(fields=["problem", "error", "height"], name="explorer_model_best"),
            # Small networks are worse than large ones: an order by error alone would be searched to its end.
            # What is included is looked at without reading the rows.
            models.Index(
                fields=["problem", "size_class", "error", "height"],
                include=["parameters"],
                name="explorer_model_best_of_size",
            ),
            models.Index(
                fields=["problem", "layers", "size_class", "error", "height"],
                include=["parameters"],
                name="explorer_model_best_of_layers",
            ),
            models.Index(
                fields=["miner", "problem", "error", "height"],
                include=["layers", "parameters"],
                name="explorer_model_best_of_miner",
            ),
        ]

    def __str__(self) -> str:
        return f"model {self.model[:12]} of block {self.height}"


class Bucket(models.Model):
    """Statistics of 10^level neighbouring blocks, of one problem or of all (``problem`` is then empty)."""

    pk = models.CompositePrimaryKey("level", "number", "problem")
    problem = models.CharField(max_length=64, db_collation="C", blank=True)
    level = models.SmallIntegerField()
    number = models.BigIntegerField()
    """Holds the blocks from number · 10^level on; the genesis block counts nowhere."""
    blocks = models.BigIntegerField()
    first_height = models.BigIntegerField()
    last_height = models.BigIntegerField()
    first_timestamp = models.BigIntegerField()
    last_timestamp = models.BigIntegerField()
    seconds = models.BigIntegerField()
    rounds = models.BigIntegerField()
    """Rounds that the blocks took, the winning ones included."""
    transactions = models.BigIntegerField()
    min_error = models.BigIntegerField()
    max_error = models.BigIntegerField()
    sum_error = models.BigIntegerField()
    min_quality = models.BigIntegerField()
    max_quality = models.BigIntegerField()
    sum_quality = models.BigIntegerField()
    min_threshold = models.BigIntegerField()
    max_threshold = models.BigIntegerField()
    sum_threshold = models.BigIntegerField()
    best_height = models.BigIntegerField()
    best_model = models.CharField(max_length=64, db_collation="C")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(level__gte=1, level__lte=6), name="explorer_bucket_level"),
        ]

    def __str__(self) -> str:
        return f"blocks {self.first_height} to {self.last_height}"


class ContentSummary(models.Model):
    """A problem or a grammar that blocks of the best chain are about."""

    class Subject(models.TextChoices):
        """What the content is."""

        PROBLEM = "problem", "problem"
        GRAMMAR = "grammar", "grammar"

    id = models.CharField(primary_key=True, max_length=64, db_collation="C")
    subject = models.CharField(max_length=7, choices=Subject)
    title = models.CharField(max_length=120, blank=True)
    blocks = models.BigIntegerField(default=0)
    first_height = models.BigIntegerField()
    last_height = models.BigIntegerField()
    best_error = models.BigIntegerField(null=True)
    best_height = models.BigIntegerField(null=True)
    best_model = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["subject", "-last_height", "id"], name="explorer_content_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.title or self.id[:12]}"


class Totals(models.Model):
    """The one row that says up to which block the projections are made, and what they add up to."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    height = models.BigIntegerField(default=-1)
    """The last block that is in the projections; -1 before genesis."""
    blocks = models.BigIntegerField(default=0)
    """Blocks after genesis."""
    transactions = models.BigIntegerField(default=0)
    """Their transactions, rewards included."""

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="explorer_totals_one_row")]

    def __str__(self) -> str:
        return f"projected to block {self.height}"


class ModelReport(models.Model):
    """What a model answers to the validation set of its problem: computed once, exactly, and kept."""

    model = models.CharField(max_length=64, db_collation="C")
    problem = models.CharField(max_length=64, db_collation="C")
    error = models.BigIntegerField()
    """As computed; it equals what the block claims, or the block would not be valid."""
    confusion = models.JSONField(null=True)
    """[class][answer]: examples; None for very many classes."""
    per_class = models.JSONField()
    """[[examples, wrong ones]…] of each class."""
    confused = models.JSONField()
    """[[class, answer, examples]…]: the most frequent mistakes first."""
    examples = models.JSONField()
    """[[number in the validation set, class, answer, margin]…]: some right ones, then some wrong ones."""
    seconds = models.FloatField()
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "problem"], name="explorer_report_once")]

    def __str__(self) -> str:
        return f"report on model {self.model[:12]}"
