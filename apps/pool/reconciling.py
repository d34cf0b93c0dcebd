"""Whether the pool's books balance against the chain, to the last base unit.

Everything is read in one snapshot of the database: the chain cannot move while it is looked at. What the
chain says is read from its ledger and its blocks, never from the rows that the books keep about it.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.models import F, Func, IntegerField, Q, Sum, Value

from apps.chain import api as chain
from apps.common.errors import NotFound
from apps.pool.models import (
    Balance,
    Booked,
    Entry,
    Payout,
    PayoutLine,
    PayoutState,
    Receipt,
    ReceiptLine,
    RewardState,
    Template,
)
from apps.pool.services.books import settle_receipts
from apps.pool.services.payouts import follow_payouts
from protocol.crypto import address, digest
from protocol.encoding import decode
from protocol.merkle import merkle_root
from protocol.shares import Line
from protocol.transactions import SignedTransaction, Transfer, compute_debit, parse_transaction

ATTEMPTS = 10

Sums = dict[str, int]


@dataclass(slots=True)
class Findings:
    """What was found: sums in base units, and every difference in words (none: the books balance)."""

    sums: Sums = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    def expect(self, what: str, books: int, chain_says: int) -> None:
        """Note a difference between the books and the chain."""
        if books != chain_says:
            self.differences.append(
                f"{what}: the books say {books}, the chain says {chain_says} ({books - chain_says:+})"
            )


def reconcile() -> Findings:
    """Let the books catch up with the chain, then compare everything."""
    for _ in range(ATTEMPTS):
        tip = chain.get_tip().hash
        settle_receipts()
        follow_payouts()
        findings = _compare(tip)
        if findings is not None:
            return findings
    return Findings(differences=[f"the chain moved {ATTEMPTS} times while it was looked at: run it again"])


def _compare(tip: str) -> Findings | None:
    """Compare as of one moment; None when a block came after the books had caught up."""
    with transaction.atomic():
        _take_snapshot()
        if chain.get_tip().hash != tip:
            return None
        findings = Findings()
        _check_receipts(findings)
        _check_entries(findings)
        _check_payouts(findings)
        _check_coins(findings, _list_addresses())
    return findings


def _take_snapshot() -> None:
    # Inside a transaction that is under way already, as in some tests, the level cannot be changed.
    with connection.cursor() as cursor:
        if len(connection.savepoint_ids) == 0:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _list_addresses() -> set[str]:
    """All addresses that the pool's blocks ever paid."""
    keys = Template.objects.values_list("key", flat=True).distinct()
    found = {address(bytes.fromhex(key)) for key in keys}
    return found | set(Receipt.objects.values_list("address", flat=True).distinct())


def _check_receipts(findings: Findings) -> None:
    """Each receipt says of its block what the chain says, and divides exactly the reward."""
    for row in Receipt.objects.order_by("id").iterator():
        try:
            block = chain.get_block(row.block)
        except NotFound:
            findings.differences.append(f"{row}: the chain does not know this block")
            continue
        entry = chain.get_entry(f"reward/{row.height}") if block.canonical else None
        is_locked = entry is not None and entry["address"] == row.address
        state = RewardState.LOCKED if is_locked or not block.canonical else row.reward_state
        if row.is_canonical != block.canonical or row.reward_state != state:
            findings.differences.append(f"{row}: noted as {row.reward_state}, canonical {row.is_canonical}")
        if is_locked and entry is not None:
            findings.expect(f"{row}: reward", row.reward, int(entry["amount"]))
        if block.canonical and not is_locked and row.reward_state == RewardState.LOCKED and row.reward:
            findings.differences.append(f"{row}: its reward is no longer locked, and nobody noted it")
        if row.is_divided:
            _check_division(findings, row)


def _check_division(findings: Findings, row: Receipt) -> None:
    lines = [
        Line(who, points, amount)
        for who, points, amount in ReceiptLine.objects.filter(receipt=row)
        .order_by("position")
        .values_list("member__address", "points", "amount")
    ]
    findings.expect(f"{row}: fee and lines", row.fee + sum(line.amount for line in lines), row.reward)
    if merkle_root([line.to_bytes() for line in lines]).hex() != row.root:
        findings.differences.append(f"{row}: the lines do not have the published root")
    entries = Entry.objects.filter(receipt=row).aggregate(
        sum_immature=Sum("immature", default=0), sum_spendable=Sum("spendable", default=0)
    )
    immature, spendable = entries["sum_immature"], entries["sum_spendable"]
    findings.expect(f"{row}: immature", immature, row.reward if row.booked == Booked.IMMATURE else 0)
    findings.expect(f"{row}: spendable", spendable, row.reward if row.booked == Booked.MATURE else 0)


def _check_entries(findings: Findings) -> None:
    """Every balance is the sum of its entries."""
    sums: dict[int | None, tuple[int, int]] = {
        member: (immature, spendable)
        for member, immature, spendable in Entry.objects.values_list("member")
        .annotate(sum_immature=Sum("immature"), sum_spendable=Sum("spendable"))
        .order_by("member")
    }
    for balance in Balance.objects.select_related("member"):
        expected = sums.pop(balance.member_id, (0, 0))
        owner = balance.member or "the pool"
        if (balance.immature, balance.spendable) != expected:
            findings.differences.append(f"balance of {owner}: its entries say {expected}")
    findings.differences += [f"no balance for member {member}: {amounts}" for member, amounts in sums.items()]


def _check_payouts(findings: Findings) -> None:
    """Each payout's bytes say what its rows say, its entries too, and no transaction pays it twice."""
    for row in Payout.objects.order_by("id").iterator():
        contents = parse_transaction(decode(bytes(row.raw)))
        lines = list(
            PayoutLine.objects.filter(payout=row)
            .order_by("position")
            .values_list("member__address", "amount", "fee")
        )
        if not isinstance(contents, SignedTransaction) or not isinstance(contents.body, Transfer):
            findings.differences.append(f"{row}: it is no transfer")
            continue
        outputs = [(output.to, output.amount) for output in contents.body.outputs]
        said = (digest("transaction", contents.to_json()), contents.sequence, contents.fee, outputs)
        if said != (row.txid, row.sequence, row.fee, [(to, amount) for to, amount, _ in lines]):
            findings.differences.append(f"{row}: its bytes are not what its rows say")
        entries = Entry.objects.filter(payout=row).aggregate(sum=Sum("spendable"))["sum"] or 0
        findings.expect(f"{row}: entries", -entries, row.amount + row.fee)
        findings.expect(f"{row}: fees of the lines", sum(fee for *_, fee in lines), row.fee)
        included = [txid for txid in (row.txid, *row.former) if chain.get_position(txid) is not None]
        expected = 1 if row.state == PayoutState.CONFIRMED else 0
        findings.expect(f"{row}: times included", expected, len(included))


def _check_coins(findings: Findings, addresses: set[str]) -> None:
    """The books' columns are the pool's locked rewards and its account; and the one line of all of it."""
    locked, others_locked = _sum_locked(addresses)
    accounts = chain.get_accounts(addresses)
    balance = sum(int(account["balance"]) for account in accounts.values())
    flows = _sum_flows(addresses)
    both = F("immature") + F("spendable")
    books = Balance.objects.aggregate(
        members=Sum(both, filter=Q(member__isnull=False), default=0),
        pool=Sum(both, filter=Q(member__isnull=True), default=0),
        sum_immature=Sum("immature", default=0),
        sum_spendable=Sum("spendable", default=0),
    )
    under_way = Payout.objects.exclude(state=PayoutState.CONFIRMED).aggregate(
        sum=Sum(F("amount") + F("fee"), default=0)
    )["sum"]
    other = flows["received"] + flows["unlisted"] - flows["withdrawn"]
    rewards = Receipt.objects.exclude(booked=Booked.NOTHING).aggregate(sum=Sum("reward", default=0))["sum"]
    totals = Payout.objects.aggregate(paid=Sum("amount", default=0), fees=Sum("fee", default=0))
    findings.expect("immature", books["sum_immature"], locked - others_locked)
    findings.expect("spendable", books["sum_spendable"] + under_way + other, balance)
    findings.expect(
        "members' unpaid + paid + the pool's own = rewards - fees",
        books["members"] + totals["paid"] + books["pool"],
        rewards - totals["fees"],
    )
    own = books["pool"] + other
    if own < 0:
        findings.differences.append(f"the pool's own account is overdrawn: {own}: members' coins are missing")
    findings.sums = {
        "rewards": rewards,
        "members_unpaid": books["members"],
        "paid": totals["paid"],
        "payout_fees": totals["fees"],
        "pool_own": own,
        "under_way": under_way,
        "chain_balance": balance,
        "chain_locked": locked,
        **flows,
    }


def _sum_locked(addresses: set[str]) -> tuple[int, int]:
    """(all locked rewards of the pool's addresses, those of blocks without a receipt)."""
    locked = sum(chain.list_locked(one).get("rewards", 0) for one in addresses)
    listed = 0
    for row in Receipt.objects.filter(is_canonical=True, reward_state=RewardState.LOCKED):
        entry = chain.get_entry(f"reward/{row.height}")
        listed += int(entry["amount"]) if entry is not None and entry["address"] == row.address else 0
    return locked, locked - listed


def _sum_flows(addresses: set[str]) -> Sums:
    """What came to the pool's addresses and left them besides rewards with receipts and payouts."""
    flows: Sums = defaultdict(int, received=0, withdrawn=0, unlisted=0)
    txids = set(Payout.objects.values_list("txid", flat=True))
    params = chain.get_params()
    for one in addresses:
        rows = chain.Transaction.objects.filter(status=chain.Transaction.Status.INCLUDED)
        named = rows.exclude(kind="reward").annotate(at=_Position(F("raw"), Value(one.encode())))
        for row in named.filter(Q(sender=one) | Q(at__gt=0)):
            contents = parse_transaction(decode(bytes(row.raw)))
            if not isinstance(contents, SignedTransaction):
                continue
            if contents.sender == one and row.txid not in txids:
                flows["withdrawn"] += compute_debit(contents.body, params) + contents.fee
            if isinstance(contents.body, Transfer):
                flows["received"] += sum(
                    output.amount for output in contents.body.outputs if output.to == one
                )
        flows["unlisted"] += _sum_unlisted(one)
    return dict(flows)


def _sum_unlisted(one: str) -> int:
    """Unlocked rewards of blocks that were sealed with the pool's key but not published by this pool."""
    listed = Receipt.objects.filter(address=one).values_list("block", flat=True)
    blocks = chain.Block.objects.filter(canonical=True, miner=one, reward__gt=0).exclude(hash__in=listed)
    return sum(
        reward
        for height, reward in blocks.values_list("height", "reward")
        if chain.get_entry(f"reward/{height}") is None
    )


class _Position(Func):
    """Where bytes occur in other bytes; 0 when they do not."""

    function = "position"
    template = "%(function)s(%(expressions)s)"
    arg_joiner = " IN "

    def __init__(self, whole: F, part: Value) -> None:
        super().__init__(part, whole, output_field=IntegerField())
