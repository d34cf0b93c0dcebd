"""Payouts: what members are owed becomes one transfer with many outputs, booked before anybody hears of it.

A payout is one signed transaction with one sequence of the pool's account, and the same bytes whenever it
is sent. It is signed anew, with another sequence, only when the first can never be included any more.
"""

from collections.abc import Sequence

import structlog
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from apps.chain import api as chain
from apps.common.errors import NotFound
from apps.pool.conf import get_pool_settings
from apps.pool.models import Balance, EntryKind, Member, Payout, PayoutLine, PayoutState
from apps.pool.services.books import Posting, post
from protocol.crypto import address, public_key
from protocol.encoding import encode
from protocol.errors import ProtocolError
from protocol.shares import split_amount
from protocol.transactions import Output, SignedTransaction, Transfer, sign_transaction

LOCK = 0x636F696E_70617973  # "coinpays": one process prepares payouts at a time

logger = structlog.get_logger(__name__)


def prepare_payouts(*, secret: bytes) -> list[Payout]:
    """Book and sign a transfer to everybody whose balance is large enough; several when there are many.

    Nothing is sent here. Run again at once it does nothing: the balances are gone from the books.
    """
    numbers, params = get_pool_settings(), chain.get_params()
    sender = address(public_key(secret))
    with transaction.atomic():
        _lock()
        due = _list_due(sender)
        room = numbers.most_open_payouts - _open_payouts(sender).count()
        funds = _count_funds(sender)
        prepared: list[Payout] = []
        for start in range(0, len(due), params.max_outputs):
            batch = due[start : start + params.max_outputs]
            total = sum(spendable for _, spendable in batch)
            # A reorganisation may have taken coins that the books had as spendable: then some wait.
            if len(prepared) >= room or total > funds:
                break
            fee = compute_fee(batch)
            if 10**6 * fee > numbers.payout_fee_most_ppm * total:
                logger.info("payout_waits_for_lower_fees", fee=fee, amount=total)
                break
            funds -= total
            prepared.append(_prepare(secret, sender, batch, fee))
    for row in prepared:
        logger.info("payout_prepared", txid=row.txid[:12], sequence=row.sequence, amount=row.amount)
    return prepared


def follow_payouts() -> list[Payout]:
    """Send what is not in the best chain, note what is; returns the payouts whose state has changed."""
    tip = chain.get_tip().height
    unsettled = ~Q(state=PayoutState.CONFIRMED) | Q(height__gt=tip - chain.get_params().max_reorg)
    changed = []
    for row in Payout.objects.filter(unsettled).order_by("sequence"):
        before = (row.state, row.block, row.refused_code)
        _follow(row)
        if (row.state, row.block, row.refused_code) != before:
            changed.append(row)
            logger.info("payout", txid=row.txid[:12], state=row.state, code=row.refused_code)
    return changed


def renew_payouts(*, secret: bytes) -> list[Payout]:
    """Sign payouts anew whose sequence another transaction of the pool's key has taken for good.

    For good: in a block too deep for any reorganisation. Before that the first one might still be included.
    """
    sender = address(public_key(secret))
    renewed = []
    for row in _open_payouts(sender).filter(refused_code__isnull=False).order_by("sequence"):
        if _is_taken_for_good(row):
            with transaction.atomic():
                _lock()
                _sign(row, secret)
                row.save(update_fields=["sequence", "txid", "raw", "former", "state", "refused_code"])
            renewed.append(row)
            logger.warning("payout_renewed", txid=row.txid[:12], former=row.former[-1][:12])
    return renewed


def _list_due(sender: str) -> Sequence[tuple[Member, int]]:
    """Whom to pay how much, by address. The pool's own address is not paid: it has its coins already."""
    numbers = get_pool_settings()
    minimum = Greatest(Coalesce(F("payout_minimum"), numbers.payout_minimum), numbers.payout_least)
    due = Member.objects.filter(balance__spendable__gte=minimum).exclude(address=sender)
    # Locked: what is read here is what is booked below.
    locked = Balance.objects.select_for_update(of=("self",)).filter(member__in=due)
    spendable = dict(locked.order_by("member_id").values_list("member_id", "spendable"))
    return [(member, spendable[member.id]) for member in due.order_by("address") if member.id in spendable]


def _open_payouts(sender: str) -> QuerySet[Payout]:
    return Payout.objects.filter(sender=sender).exclude(state=PayoutState.CONFIRMED)


def _count_funds(sender: str) -> int:
    """What the chain lets the pool spend, without what is on its way already."""
    account = chain.get_accounts([sender]).get(sender, {"balance": 0})
    open_ones = _open_payouts(sender).values_list("amount", "fee")
    return int(account["balance"]) - sum(amount + fee for amount, fee in open_ones)


def compute_fee(batch: Sequence[tuple[Member, int]]) -> int:
    """What a payout to these costs: the pool's own tariff, or more when the mempool asks for more."""
    numbers = get_pool_settings()
    outputs = [Output(member.address, spendable) for member, spendable in batch]
    tariff = numbers.payout_fee + numbers.payout_fee_per_output * len(batch)
    return max(tariff, chain.compute_transfer_fee(outputs, least_rate=0))


def _prepare(secret: bytes, sender: str, batch: Sequence[tuple[Member, int]], fee: int) -> Payout:
    fees = split_amount(fee, {member.address: spendable for member, spendable in batch})
    lines = [
        PayoutLine(
            position=position,
            member=member,
            amount=spendable - fees.get(member.address, 0),
            fee=fees.get(member.address, 0),
        )
        for position, (member, spendable) in enumerate(batch)
    ]
    row = Payout(sender=sender, sequence=-1, fee=fee, amount=sum(line.amount for line in lines))
    _sign(row, secret, lines)
    row.save()
    for line in lines:
        line.payout = row
    PayoutLine.objects.bulk_create(lines)
    post(
        [Posting(line.member_id, EntryKind.PAYOUT, spendable=-line.amount) for line in lines]
        + [Posting(line.member_id, EntryKind.PAYOUT_FEE, spendable=-line.fee) for line in lines],
        payout=row,
    )
    return row


def _sign(row: Payout, secret: bytes, lines: Sequence[PayoutLine] | None = None) -> None:
    """Give a payout its sequence and bytes: the same rows always make the same bytes."""
    if lines is None:
        lines = list(row.lines.select_related("member").order_by("position"))
        row.former = [*row.former, row.txid]
        row.state, row.refused_code = PayoutState.PREPARED, None
    row.sequence = _find_sequence(row.sender)
    signed = sign_payout(secret, sequence=row.sequence, fee=row.fee, lines=lines)
    row.txid, row.raw = signed.txid, encode(signed.to_json())


def sign_payout(secret: bytes, *, sequence: int, fee: int, lines: Sequence[PayoutLine]) -> SignedTransaction:
    """The transaction of a payout with these lines."""
    return sign_transaction(
        secret,
        network=chain.get_params().network,
        kind=Transfer.kind,
        sequence=sequence,
        fee=fee,
        body=Transfer(tuple(Output(line.member.address, line.amount) for line in lines)),
    )


def _find_sequence(sender: str) -> int:
    """The first sequence of the pool's account that neither the chain nor anything under way uses."""
    account = chain.get_accounts([sender]).get(sender, {"sequence": 0})
    taken = set(_open_payouts(sender).values_list("sequence", flat=True))
    pending = chain.Transaction.objects.filter(sender=sender, status=chain.Transaction.Status.PENDING)
    taken |= set(pending.values_list("sequence", flat=True))
    # A payout that a reorganisation has just taken out is not open yet, but will be.
    taken |= set(
        Payout.objects.filter(sender=sender, sequence__gte=account["sequence"]).values_list(
            "sequence", flat=True
        )
    )
    sequence = int(account["sequence"])
    while sequence in taken:
        sequence += 1
    return sequence


def _follow(row: Payout) -> None:
    position = chain.get_position(row.txid)
    if position is not None:
        if (row.state, row.block) != (PayoutState.CONFIRMED, position.block_id):
            row.confirmed_at = timezone.now()
            row.state, row.refused_code = PayoutState.CONFIRMED, None
            row.block, row.height = position.block_id, position.block.height
            _save(row)
        return
    code = None
    if not _is_pending(row.txid):
        try:
            # Outside any transaction of ours; a crash after it is made good by asking again.
            chain.submit_transaction(bytes(row.raw))
        except ProtocolError as error:
            code = error.code
    state = PayoutState.SENT if code is None else PayoutState.PREPARED
    if (row.state, row.refused_code) != (state, code):
        row.state, row.refused_code, row.block, row.height, row.confirmed_at = state, code, "", None, None
        _save(row)


def _save(row: Payout) -> None:
    row.save(update_fields=["state", "refused_code", "block", "height", "confirmed_at"])


def _is_pending(txid: str) -> bool:
    try:
        return chain.get_transaction(txid).status == chain.Transaction.Status.PENDING
    except NotFound:
        return False


def _is_taken_for_good(row: Payout) -> bool:
    others = chain.Transaction.objects.filter(
        sender=row.sender, sequence=row.sequence, status=chain.Transaction.Status.INCLUDED
    )
    for other in others.exclude(txid=row.txid).exclude(kind="reward"):
        position = chain.get_position(other.txid)
        if position is not None:
            depth = chain.get_tip().height - position.block.height
            return bool(depth >= chain.get_params().max_reorg)
    return False


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
