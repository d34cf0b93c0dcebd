"""Books for the pool's pages: members with points, a receipt, a payout, refusals, silent workers.

Rows by hand, as the stage has no worker that trains; what divides and proves them is the pool's own code.
"""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.chain.models import Block
from apps.pool import alerts, services
from apps.pool.errors import LeaseVoid
from apps.pool.models import (
    EnrolledWorker,
    Member,
    Payout,
    PayoutLine,
    PayoutState,
    PointTable,
    Receipt,
    Refusal,
    Share,
    Template,
)
from protocol.crypto import sha3_256
from protocol.errors import FalseClaim

KEY = "5a" * 32
POINTS = (4000, 2500, 1000)


def fill_pool(block: Block, template: Template, members: tuple[str, str, str], txid: str) -> dict[str, Any]:
    """What the pages have to show; returns the names of it."""
    rows = [services.ensure_member(address=address) for address in members]
    table = PointTable.objects.create(
        problem=template.problem, grammar=template.grammar, base=1000, tried=[], passed=[], last_share=10**9
    )
    Template.objects.filter(epoch=template.epoch, point_table=None).update(point_table=table)
    last = [_earn(member, template, points) for member, points in zip(rows, POINTS, strict=True)][-1]
    Receipt.objects.create(
        block=block.hash,
        height=block.height,
        address=block.miner,
        reward=block.reward,
        finder=rows[0],
        is_solo=False,
        last_share=last.id,
    )
    services.settle_receipts()
    _pay(rows[0], block, txid)
    _watch(rows[0])
    return {"receipt": block.hash, "member": members[0], "joined": KEY}


def _earn(member: Member, template: Template, points: int) -> Share:
    work = sha3_256(f"{member.address} {points}".encode()).hex()
    return Share.objects.create(
        template=template,
        member=member,
        worker="tower",
        work=work,
        threshold=1000,
        quality=2000,
        points=points,
        created_at=timezone.now(),
    )


def _pay(member: Member, block: Block, txid: str) -> None:
    payout = Payout.objects.create(
        sender=block.miner,
        sequence=0,
        fee=600,
        amount=1_234_567_890,
        txid=txid,
        raw=b"",
        state=PayoutState.CONFIRMED,
        block=block.hash,
        height=block.height,
    )
    PayoutLine.objects.create(payout=payout, position=0, member=member, amount=1_234_567_890, fee=600)


def _watch(member: Member) -> None:
    now = timezone.now()
    EnrolledWorker.objects.create(
        key=KEY,
        token_key=KEY[::-1],
        member=member,
        name="tower",
        device="NVIDIA H100",
        threads=16,
        slots=4,
        steps_per_second=1234.0,
        enrolled_at=now - timedelta(days=1),
        seen_at=now - timedelta(minutes=20),
    )
    for code, count in ((LeaseVoid.code, 12), (FalseClaim.code, 1)):
        Refusal.objects.create(
            member=member, worker="tower", day=now.date(), code=code, count=count, last_at=now
        )
    row = alerts.save_settings(member=member, is_on=True, minutes=10, webhook="")
    row.changed_at = now - timedelta(hours=1)
    row.save()
    alerts.watch_workers()
