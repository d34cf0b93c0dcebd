"""Members who earn: shares by hand, blocks by a finder, a pool that keeps its books."""

from typing import Any

from apps.chain import api as chain
from apps.pool import services
from apps.pool.messages import Worker
from apps.pool.models import Balance, Lease, Member, Share
from apps.pool.reconciling import Findings, reconcile
from protocol.crypto import address, public_key, sha3_256
from tests.apps.pool import world

ALICE_SECRET, BOB_SECRET = sha3_256(b"alice's wallet"), sha3_256(b"bob's wallet")
ALICE, BOB = address(public_key(ALICE_SECRET)), address(public_key(BOB_SECRET))
POOL = address(world.KEY)
ALICES_WORKER = Worker("alice", "cpu", 1, "1.0")


def lease_of(member: str, worker: Worker = ALICES_WORKER) -> world.TakenLease:
    """A lease that a worker of this member has taken."""
    epoch = world.open_template().epoch
    row = services.create_lease(epoch=epoch, member=services.ensure_member(address=member))
    assert row is not None
    token = services.mark_dispatched(lease=row.id)
    assert token is not None
    taken = world.TakenLease(Lease.objects.select_related("template").get(id=row.id), token)
    return world.take(taken, worker)


def earn(member: str, points: int) -> Share:
    """A share that counts so much."""
    lease = lease_of(member)
    Lease.objects.filter(id=lease.row.id).update(share_points=points)
    services.verify_submission(submission=lease.hand_in(1).id)
    return Share.objects.latest("id")


def begin_round() -> None:
    """Open a template on the tip."""
    services.void_epochs(**world.current_work())
    world.open_template()


def mine(finder: str = POOL, **shares: Any) -> str:
    """A block whose model ``finder`` made; returns its hash. The books have not seen it yet."""
    begin_round()
    lease = lease_of(finder)
    Lease.objects.filter(id=lease.row.id).update(share_points=0, **shares)
    services.verify_submission(submission=lease.hand_in(0).id)
    now = float(chain.get_tip().timestamp)
    while services.publish(secret=world.SECRET, key=world.KEY, now=now) is None:
        now += 1
    return world.end_round(chain.get_round(now).ends)


def keep_books() -> None:
    """What the coordinator does in every step."""
    services.settle_receipts()
    services.renew_payouts(secret=world.SECRET)
    services.prepare_payouts(secret=world.SECRET)
    services.follow_payouts()


def balance(member: str | None) -> tuple[int, int]:
    """(immature, spendable) of a member, or of the pool itself."""
    owner = None if member is None else Member.objects.filter(address=member).first()
    if member is not None and owner is None:
        return 0, 0
    row = Balance.objects.filter(member=owner).first()
    return (0, 0) if row is None else (row.immature, row.spendable)


def on_chain(member: str) -> int:
    """What the chain lets a member spend."""
    return int(chain.get_accounts([member]).get(member, {"balance": 0})["balance"])


def proven() -> Findings:
    """The books after a proof that they balance."""
    findings = reconcile()
    assert findings.differences == []
    return findings
