"""What nobody needs goes after a while; what anybody needs never does."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.chain.api import get_block, get_genesis, get_params, get_problem
from apps.chain.candidates import refuse_block
from apps.chain.models import Block, LedgerEntry
from apps.common import object_store
from apps.common.references import find_needed, needed_asked
from apps.governance.models import Proposal, Upload, UploadState
from apps.storage import collecting
from apps.storage.services.garbage import LEAST_AGE, collect_garbage
from datasets import load_genesis_problem
from protocol.encoding import decode, encode
from protocol.transactions import Propose, sign_transaction
from tests.apps.chain.miner import Miner
from tests.apps.chain.sending import send
from tests.protocol.cast import BOB

pytestmark = pytest.mark.django_db

DAY = 86_400.0


def put(data: bytes, *, age: float = 2 * DAY) -> str:
    """An object that came so many seconds ago."""
    name = object_store.put(data)
    make_old([name], age)
    return name


def make_old(names: Any, age: float = 2 * DAY) -> None:
    """Have objects come so many seconds ago."""
    moment = time.time() - age
    for name in names:
        os.utime(object_store.path(name), (moment, moment))


def list_all() -> set[str]:
    """Everything that is in the store."""
    return {name for name, _ in object_store.scan()}


def test_what_nobody_names_goes_after_the_grace_period(genesis: Block) -> None:
    old, young = put(b"old"), put(b"young", age=DAY / 2)
    found = collect_garbage()
    assert [item.object_id for item in found.dropped] == [old]
    assert found.freed == 3
    assert list_all() >= {young}
    assert old not in list_all()


def test_a_dry_run_drops_nothing_and_lists_what_would_go(genesis: Block) -> None:
    old = put(b"old")
    said = StringIO()
    call_command("collect_garbage", "--dry-run", stdout=said)
    assert old in said.getvalue()
    assert "1 would be dropped (3" in said.getvalue()
    assert old in list_all()
    call_command("collect_garbage", stdout=said)
    assert old not in list_all()


def test_genesis_and_the_models_of_the_best_chain_stay(miner: Miner) -> None:
    before = list_all()
    blocks = miner.extend_by(3)
    make_old(list_all())
    assert collect_garbage().dropped == []
    assert list_all() == before | {block.model for block in blocks}


def test_a_waiting_candidate_keeps_its_model_and_a_refused_or_stale_one_does_not(miner: Miner) -> None:
    waiting = miner.submit()
    refused = miner.submit(start=waiting.nonce + 1)
    make_old(list_all())
    refuse_block(block_hash=refused.hash, code=400)
    collect_garbage()
    assert waiting.model in list_all()
    assert refused.model not in list_all()
    miner.extend(start=refused.nonce + 1)
    Block.objects.filter(canonical=True, height=1).update(height=get_params().max_reorg + 1)
    assert get_block(waiting.hash).canonical is False
    collect_garbage()
    assert waiting.model not in list_all()


def propose() -> tuple[Propose, str]:
    """A problem with a data set of its own, and that."""
    manifest, _ = load_genesis_problem("testing")
    value: Any = decode(manifest)
    data = put(bytes(value["data_bytes"]))
    content = {**value, "title": "Another", "data": data}
    return Propose("problem", encode(content).decode()), data


def test_what_a_waiting_or_open_proposal_names_stays_and_what_an_ended_one_named_goes(miner: Miner) -> None:
    body, data = propose()
    signed = sign_transaction(BOB.secret, network="testing", kind=body.kind, sequence=0, fee=0, body=body)
    send(signed)
    collect_garbage()
    assert data in list_all()
    miner.extend(signed=[signed])
    make_old(list_all())
    collect_garbage()
    assert {data, body.content_id} <= list_all()
    LedgerEntry.objects.filter(key__startswith="proposal/").delete()
    LedgerEntry.objects.filter(key=f"object/{data}").delete()
    Proposal.objects.update(ended_height=1)
    collect_garbage()
    assert data not in list_all()
    assert body.content_id in list_all()  # the chain holds the proposal, whose page shows it


def test_every_object_of_the_ledger_stays(genesis: Block) -> None:
    kept = put(b"held by keepers")
    LedgerEntry.objects.create(key=f"object/{kept}", value={"bytes": 15, "model": 1, "proposals": 0})
    collect_garbage()
    assert kept in list_all()


def test_an_upload_keeps_its_data_set_for_a_day(genesis: Block) -> None:
    data = put(b"converted")
    row = Upload.objects.create(
        token_hash="ab" * 32, client="x", filename="f", bytes=9, state=UploadState.READY, data=data
    )
    collect_garbage()
    assert data in list_all()
    Upload.objects.filter(id=row.id).update(changed_at=timezone.now() - timedelta(days=2))
    collect_garbage()
    assert data not in list_all()


def test_a_flood_is_held_within_the_quota_the_oldest_first(genesis: Block, settings: Any) -> None:
    settings.COINAI_GARBAGE_QUOTA = 50_000
    needed = list_all()
    make_old(needed)
    names = [put(bytes([number]) * 10_000, age=LEAST_AGE + 100 - number) for number in range(20)]
    fresh = [put(bytes([100 + number]) * 10_000, age=0) for number in range(2)]
    collect_garbage()
    assert list_all() == needed | set(names[-3:]) | set(fresh)


def test_what_is_put_again_while_it_is_collected_stays(
    genesis: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = put(b"wanted again")
    original: Callable[[str, float], bool] = object_store.remove_if_older

    def put_first(object_id: str, moment: float) -> bool:
        object_store.put(b"wanted again")
        return original(object_id, moment)

    monkeypatch.setattr(object_store, "remove_if_older", put_first)
    assert collect_garbage().dropped == []
    assert name in list_all()


def test_nothing_goes_when_an_app_cannot_say_what_it_needs(genesis: Block) -> None:
    name = put(b"perhaps needed")

    def fail(**_kwargs: Any) -> None:
        raise RuntimeError("no answer")

    needed_asked.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            collect_garbage()
    finally:
        needed_asked.disconnect(fail)
    assert name in list_all()


def test_what_a_crash_left_half_written_goes(genesis: Block) -> None:
    part = object_store.get_folder().root / "incoming" / "stream.1.ab"
    part.write_bytes(b"half")
    os.utime(part, (1000, 1000))
    collect_garbage()
    assert not part.exists()


def test_the_site_collects_once_an_hour(genesis: Block, settings: Any) -> None:
    assert collecting.is_due()
    collecting.note_done()
    assert not collecting.is_due()
    stamp = collecting._stamp("done")
    os.utime(stamp, (time.time() - 2 * 3600, time.time() - 2 * 3600))
    assert collecting.is_due()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_only_what_nobody_needs_goes(seed: int, miner: Miner) -> None:
    chance = random.Random(seed)
    blocks = list(miner.extend_by(2))
    candidates = [miner.submit(start=chance.randrange(50) + 200 * number) for number in range(2)]
    for candidate in candidates:
        if chance.random() < 0.5:
            refuse_block(block_hash=candidate.hash, code=400)
    loose = {put(chance.randbytes(chance.randrange(1, 3000))) for _ in range(30)}
    held = set(chance.sample(sorted(loose), 8))
    for name in held:
        entry = {"bytes": 1, "model": chance.randrange(2), "proposals": 1}
        LedgerEntry.objects.create(key=f"object/{name}", value=entry)
    make_old(list_all() - set(chance.sample(sorted(loose), 5)))
    before, ages = list_all(), {name: status.st_mtime for name, status in object_store.scan()}
    genesis_problem = get_genesis().problem
    must_stay = held | {genesis_problem, get_genesis().grammar, get_problem(genesis_problem).data}
    must_stay |= {block.model for block in blocks}
    waiting = Block.objects.exclude(status="refused").values_list("model", flat=True)
    must_stay |= set(waiting) & before
    needed = find_needed(before)
    dropped = {item.object_id for item in collect_garbage().dropped}
    assert must_stay <= list_all()
    assert dropped == {name for name in before - needed if ages[name] < time.time() - DAY}
    assert list_all() == before - dropped
    assert replace(collect_garbage()).dropped == []
