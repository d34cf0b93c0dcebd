"""Rows of the wallet app: sign-in challenges, sessions, worker keys, what the faucet gave. No secret of a
wallet is ever among them.
"""

import uuid

from django.db import models
from django.db.models import F, Q


class SignInChallenge(models.Model):
    """A message that a wallet may sign to sign in, once, before it expires."""

    nonce_hash = models.CharField(primary_key=True, max_length=64)  # SHA3-256; the nonce is in the message
    browser_hash = models.CharField(max_length=64)  # SHA3-256 of the cookie of the browser that asked
    message_hash = models.CharField(max_length=64)  # SHA3-256
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="wallet_challenge_expires")]

    def __str__(self) -> str:
        return f"challenge of {self.created_at:%H:%M:%S}"


class WalletSession(models.Model):
    """One browser in which an address is signed in; the row decides, the cookie's session only names it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    address = models.CharField(max_length=90)
    key = models.CharField(max_length=64)  # public
    device = models.CharField(max_length=80)  # browser and system, such as "Firefox on Linux"
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["address", "-seen_at"], condition=Q(ended_at=None), name="wallet_session_open"
            ),
            models.Index(fields=["expires_at"], name="wallet_session_expires"),
        ]

    def __str__(self) -> str:
        return f"{self.address} in {self.device}"


class WorkerKey(models.Model):
    """A key that may mine for an address and nothing else, as the wallet's statement says."""

    worker = models.CharField(primary_key=True, max_length=64)  # public key
    key = models.CharField(max_length=64)  # public key of the wallet
    address = models.CharField(max_length=90, db_index=True)
    label = models.CharField(max_length=64)
    created = models.BigIntegerField()  # unix seconds, as signed
    expires = models.BigIntegerField()  # unix seconds, as signed
    statement = models.TextField()  # canonical JSON
    signature = models.CharField(max_length=128)
    registered_at = models.DateTimeField()
    revoked_at = models.BigIntegerField(null=True)  # unix seconds
    revocation = models.TextField(default="")  # the signed statement; empty when a session revoked it
    revocation_signature = models.CharField(max_length=128, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(expires__gt=F("created")), name="wallet_workerkey_times")
        ]

    def __str__(self) -> str:
        return f"worker key {self.worker[:12]} of {self.address}"


class FaucetTransfer(models.Model):
    """A transfer of the faucet, written before it is sent: what is lost on the way is sent again."""

    class State(models.TextChoices):
        """Where a transfer of the faucet stands."""

        SENT = "sent", "signed; in the mempool, or soon"
        CONFIRMED = "confirmed", "in a block of the best chain"
        LOST = "lost", "its sequence was used by another transaction, for good"

    txid = models.CharField(primary_key=True, max_length=64)
    sequence = models.BigIntegerField()
    raw = models.BinaryField()
    state = models.CharField(max_length=9, choices=State, default=State.SENT)
    height = models.BigIntegerField(null=True)  # of the block that holds it
    missed_at = models.BigIntegerField(null=True)  # height at which the ledger had passed its sequence
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["state", "sequence"], name="wallet_transfer_state")]

    def __str__(self) -> str:
        return f"faucet transfer {self.txid[:12]} ({self.state})"


class FaucetGrant(models.Model):
    """Coins that the faucet owes or gave to an address; the row comes before the transfer."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    address = models.CharField(max_length=90)
    amount = models.BigIntegerField()  # base units
    client = models.CharField(max_length=64)  # keyed hash of the network address; empty when it is exempt
    transfer = models.ForeignKey(FaucetTransfer, null=True, on_delete=models.PROTECT, related_name="grants")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="wallet_grant_amount")]
        indexes = [
            models.Index(fields=["address", "-created_at"], name="wallet_grant_address"),
            models.Index(fields=["client", "-created_at"], name="wallet_grant_client"),
            models.Index(fields=["-created_at"], name="wallet_grant_recent"),
            models.Index(fields=["created_at"], condition=Q(transfer=None), name="wallet_grant_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} to {self.address}"
