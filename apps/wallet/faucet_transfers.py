"""How granted coins reach the chain: transfers of many outputs, each a row before it is sent.

`tend_faucet` does all that is due and may run at any time, in any process, any number of times: one lock
orders them. Sequences come from the ledger and the mempool under that lock. The faucet's key is public by
design, so somebody else may use a sequence first; a transfer that lost its sequence is given up only when the
block that took it is buried, and its grants then go into the next one.
"""

from collections.abc import Sequence

import structlog
from django.db import connection
from django.db import transaction as database
from django.db.models import QuerySet
from django.utils import timezone

from apps.chain import api as chain
from apps.wallet.conf import get_faucet_address, get_faucet_secret, is_faucet_on
from apps.wallet.models import FaucetGrant, FaucetTransfer
from protocol.encoding import encode
from protocol.errors import ProtocolError
from protocol.transactions import Output, SignedTransaction, Transfer, sign_transaction

LOCK_KEY = 0x666175636574  # the letters "faucet"
MOST_PENDING = 8
"""Transfers on the way at once; further grants wait and share the next one."""
BURIED = 6
"""Blocks on the one that took a transfer's sequence until the transfer is given up."""
FEE_PER_KILOBYTE = 10_000
"""Base units for 1000 bytes of canonical transaction, or more where that would wait."""

log = structlog.get_logger(__name__)


def lock_faucet() -> None:
    """Wait for the faucet's lock and hold it until the database transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY])


def has_work() -> bool:
    """Whether grants wait, or transfers are not settled yet."""
    waits = FaucetGrant.objects.filter(transfer=None).exists()
    return waits or FaucetTransfer.objects.filter(state=FaucetTransfer.State.SENT).exists()


def is_final(depth: int) -> bool:
    """Whether no reorganisation can undo a block with ``depth`` blocks on it."""
    return depth >= chain.get_params().max_reorg


def tend_faucet() -> None:
    """Follow what was sent, send again what was lost, and send what waits."""
    if not is_faucet_on():
        return
    with database.atomic():
        lock_faucet()
        for transfer in FaucetTransfer.objects.filter(state=FaucetTransfer.State.SENT).order_by("sequence"):
            _follow(transfer)
    while _send_waiting():
        pass


def _follow(transfer: FaucetTransfer) -> None:
    """Bring a transfer's row up to date with the chain, and the mempool with the row."""
    position = chain.get_position(transfer.txid)
    tip = chain.get_tip().height
    if position is not None:
        is_settled = is_final(tip - position.block.height)
        state = FaucetTransfer.State.CONFIRMED if is_settled else FaucetTransfer.State.SENT
        _update(transfer, state=state, height=position.block.height, missed_at=None)
        return
    if transfer.sequence >= _read_sequence():
        _update(transfer, height=None, missed_at=None)
        if not _is_pending(transfer.txid):
            _submit(bytes(transfer.raw))
        return
    missed_at = tip if transfer.missed_at is None else min(transfer.missed_at, tip)
    _update(transfer, height=None, missed_at=missed_at)
    if tip - missed_at >= BURIED:
        # Its grants wait again. Before, a reorganisation could still bring it back beside its successor.
        _update(transfer, state=FaucetTransfer.State.LOST)
        FaucetGrant.objects.filter(transfer=transfer).update(transfer=None)
        log.warning("faucet_transfer_lost", txid=transfer.txid, sequence=transfer.sequence)


def _send_waiting() -> bool:
    """Make one transfer of the grants that wait longest, and send it; whether more of them may follow."""
    most = chain.get_params().max_outputs
    with database.atomic():
        lock_faucet()
        grants = list(FaucetGrant.objects.filter(transfer=None).order_by("created_at", "id")[:most])
        if not grants or _count_pending() >= MOST_PENDING:
            return False
        signed = _sign(grants, sequence=find_free_sequence())
        raw = encode(signed.to_json())
        with database.atomic():
            # After a reorganisation it may be one that was given up, made again byte for byte.
            transfer, _ = FaucetTransfer.objects.update_or_create(
                txid=signed.txid,
                defaults={
                    "sequence": signed.sequence,
                    "raw": raw,
                    "state": FaucetTransfer.State.SENT,
                    "height": None,
                    "missed_at": None,
                    "created_at": timezone.now(),
                },
            )
            FaucetGrant.objects.filter(id__in=[grant.id for grant in grants]).update(transfer=transfer)
        return _submit(raw) and len(grants) == most


def _sign(grants: Sequence[FaucetGrant], *, sequence: int) -> SignedTransaction:
    outputs = tuple(Output(to=grant.address, amount=grant.amount) for grant in grants)
    return sign_transaction(
        get_faucet_secret(),
        network=chain.get_params().network,
        kind="transfer",
        sequence=sequence,
        fee=chain.compute_transfer_fee(outputs, least_rate=FEE_PER_KILOBYTE),
        body=Transfer(outputs=outputs),
    )


def _submit(raw: bytes) -> bool:
    """Bring a transfer into the mempool. What is refused now is sent again later: its row says so."""
    try:
        with database.atomic():
            chain.submit_transaction(raw)
    except ProtocolError as error:
        log.warning("faucet_transfer_waits", code=error.code, reason=error.detail)
        return False
    return True


def find_free_sequence() -> int:
    """The first sequence of the faucet's account that neither the ledger nor anything on the way uses."""
    start = _read_sequence()
    used = set(_list_pending().values_list("sequence", flat=True))
    sent = FaucetTransfer.objects.filter(state=FaucetTransfer.State.SENT, sequence__gte=start)
    used |= set(sent.values_list("sequence", flat=True))
    return next(number for number in range(start, start + len(used) + 1) if number not in used)


def _count_pending() -> int:
    return FaucetTransfer.objects.filter(state=FaucetTransfer.State.SENT, height=None, missed_at=None).count()


def _read_sequence() -> int:
    address = get_faucet_address()
    return int(chain.get_accounts([address]).get(address, {"sequence": 0})["sequence"])


def _list_pending() -> QuerySet[chain.Transaction]:
    return chain.Transaction.objects.filter(
        sender=get_faucet_address(), status=chain.Transaction.Status.PENDING
    )


def _is_pending(txid: str) -> bool:
    return bool(_list_pending().filter(txid=txid).exists())


def _update(transfer: FaucetTransfer, **fields: object) -> None:
    """Write the fields that changed."""
    changed = {name: value for name, value in fields.items() if getattr(transfer, name) != value}
    if changed:
        FaucetTransfer.objects.filter(txid=transfer.txid).update(**changed)
        for name, value in changed.items():
            setattr(transfer, name, value)
