"""Taking a transaction from outside into the mempool, in the place of another one if it pays for that."""

from django.db import transaction as database

from apps.chain.errors import (
    Dust,
    FeeTooLow,
    MempoolFull,
    Replaced,
    SequenceFar,
    SequencePending,
    SequenceUsed,
)
from apps.chain.mempool.announcing import News, announce, to_news
from apps.chain.mempool.chains import NO_ACCOUNT, Chain, save_rates
from apps.chain.mempool.eviction import make_room
from apps.chain.mempool.limits import Limits, get_limits
from apps.chain.mempool.rows import (
    DROPPED,
    MEMPOOL_FIELDS,
    PENDING,
    Drop,
    drop,
    list_addresses,
    list_pending,
    to_row,
)
from apps.chain.mempool.state import compute_floor, count_in, count_out, get_state
from apps.chain.mempool.trials import find_failures, needs_trial
from apps.chain.models import MempoolState, Transaction
from apps.chain.rates import compute_least_fee, compute_replacement_fee
from apps.chain.selectors import get_entry, get_params
from apps.chain.store import lock_tip
from apps.common.notify import notify
from protocol.encoding import decode
from protocol.errors import Overdraft
from protocol.transactions import SignedTransaction, Transfer, check_transaction, parse_transaction

ROW_FIELDS = ("kind", "sender", "sequence", "fee", "amount", "raw", "status", *MEMPOOL_FIELDS)


def submit_transaction(raw: bytes) -> Transaction:
    """Take a signed transaction from outside into the mempool; the same one again changes nothing.

    Raises what decoding, parse_transaction and check_transaction raise, Dust, FeeTooLow, SequenceUsed,
    SequenceFar, Overdraft, what applying it in the next block raises, SequencePending, MempoolFull.
    """
    params = get_params()
    contents = parse_transaction(decode(raw, max_bytes=params.max_block_bytes))
    if isinstance(contents, SignedTransaction):
        known = _find_known(contents.txid)
        if known is not None:
            return known
    check_transaction(params, contents)
    signed = _signed(contents)
    limits = get_limits()
    _check_dust(signed, limits)
    with database.atomic():
        # Closes the races with a block that uses the same sequence, and between two of the same sender.
        lock_tip()
        return _find_known(signed.txid) or _keep(signed, limits)


def _signed(contents: object) -> SignedTransaction:
    if not isinstance(contents, SignedTransaction):
        raise TypeError("check_transaction lets only signed transactions pass")
    return contents


def _find_known(txid: str) -> Transaction | None:
    """The transaction, if it waits or a block has it: its id covers its signature, which was checked."""
    return Transaction.objects.filter(txid=txid).exclude(status=DROPPED).first()


def _check_dust(contents: SignedTransaction, limits: Limits) -> None:
    if isinstance(contents.body, Transfer):
        least = min(output.amount for output in contents.body.outputs)
        if least < limits.least_output:
            raise Dust(least, limits.least_output)


def _keep(contents: SignedTransaction, limits: Limits) -> Transaction:
    row = to_row(contents, PENDING)
    state = get_state()
    floor = compute_floor(state, limits)
    if row.rate < floor:
        raise FeeTooLow(row.fee, row.size, compute_least_fee(floor, fee=row.fee, size=row.size))
    chain = _load_chain(row, limits)
    drops = _put_in_place(chain, row, limits)
    drop(drops)
    row, _ = Transaction.objects.update_or_create(
        txid=row.txid, defaults={field: getattr(row, field) for field in ROW_FIELDS}
    )
    count_out(state, [item.row for item in drops])
    count_in(state, row)
    row.refresh_from_db(fields=["first_seen"])
    drops += _fit(chain, row, state, limits)
    state.save()
    news = [News(row, list_addresses(contents), "pending"), *map(to_news, drops)]
    announce(news, count=state.count)
    notify("coinai_transaction", row.txid)
    return row


def _load_chain(row: Transaction, limits: Limits) -> Chain:
    """What waits of the sender. Raises SequenceUsed, SequenceFar."""
    account = get_entry(f"account/{row.sender}") or NO_ACCOUNT
    expected = account["sequence"]
    if row.sequence < expected:
        raise SequenceUsed(row.sequence, expected)
    if row.sequence > expected + limits.most_ahead:
        raise SequenceFar(row.sequence, expected, limits.most_ahead)
    return Chain(row.sender, account, list(list_pending([row.sender])))


def _put_in_place(chain: Chain, row: Transaction, limits: Limits) -> list[Drop]:
    """Put the newcomer into its sender's chain; returns what gives way. Raises Overdraft, SequencePending,
    and what applying it raises.
    """
    rival = next((item for item in chain.rows if item.sequence == row.sequence), None)
    others = [item for item in chain.rows if item is not rival]
    chain.rows = sorted([*others, row], key=lambda item: item.sequence)
    place = chain.rows.index(row)
    number = chain.find_overdraft()
    if number is not None:
        is_newcomer = number <= place
        if is_newcomer or rival is None:  # what waits behind it already came first
            left = chain.count_left(place) - (0 if is_newcomer else sum(chain.costs[place + 1 :]))
            raise Overdraft(row.sender, max(0, left), chain.costs[place])
        chain.cut(number, chain.explain_overdraft(number))
    _try(chain, place)
    if rival is None:
        return chain.drops
    drops = [Drop(rival, Replaced(row.txid), row.txid), *chain.drops]
    needed = compute_replacement_fee(
        fee=sum(item.row.fee for item in drops),
        size=row.size,
        old_fee=rival.fee,
        old_size=rival.size,
        increment=limits.increment,
    )
    if row.fee < needed:
        raise SequencePending(row.sequence, rival.fee, needed)
    return drops


def _try(chain: Chain, place: int) -> None:
    """Try the newcomer and what follows it now; what fails behind it falls. Raises what it raises."""
    if not needs_trial(chain.ready[place:]):
        return
    failure = find_failures([chain])[0]
    if failure is not None:
        number, reason = failure
        if number <= place:
            raise reason
        chain.cut(number, reason)


def _fit(chain: Chain, row: Transaction, state: MempoolState, limits: Limits) -> list[Drop]:
    """Rate the chain anew and make room. Raises MempoolFull when the newcomer itself would have to go."""
    chain.rows = [row if item.txid == row.txid else item for item in chain.rows]
    save_rates(chain.rate())
    evicted = make_room(state, limits)
    if any(item.row.txid == row.txid for item in evicted):
        raise MempoolFull(limits.most, retry_after=get_params().round_seconds)
    return evicted
