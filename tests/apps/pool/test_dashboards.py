"""The pool's pages: what they show, what they teach while there is nothing, who is let in."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone

from apps.explorer import search
from apps.pool import accounts, dashboards, selectors, services
from apps.pool.errors import UnknownRun
from apps.pool.messages import Effort, RunReport
from apps.pool.models import EnrolledWorker, Lease, Member, Run
from protocol.shares import Line, is_in_receipt
from tests.apps.pool import money, world

pytestmark = pytest.mark.usefixtures("start")
CURVE = ((0.5, 10, 2.1, None), (1.0, 20, 1.4, 400_000), (1.5, 30, 1.0, 250_000))


def read(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.content[:500]
    text: str = answer.content.decode()
    assert len(re.findall("<h1[ >]", text)) == 1
    assert not re.search(r"<script(?![^>]*(src=|application/json))|<style|\sstyle=|\son\w+=", text)
    return text


def train(lease: world.TakenLease) -> str:
    """A training with a curve; returns its id."""
    nonce = lease.nonce()
    report = RunReport(nonce, "training", 30, 100, 250_000, CURVE)
    services.record_heartbeat(lease=lease.id, token=lease.token, effort=Effort(3, 2, 6.0), runs=[report])
    return Run.objects.get(nonce=nonce, lease=lease.row).id


def test_a_worker_page_shows_what_its_machine_does_and_what_is_unknown(client: Client) -> None:
    lease = world.taken_lease()
    path = f"/pool/workers/{lease.reload().worker}/"
    assert read(client, path).count("unknown") >= 5
    told = {"processor": 0.93, "memory": 2**30, "memory_total": 2**34, "gpu": 0.81, "watts": 251.7}
    told |= {"joules": 9000.0}
    services.record_heartbeat(lease=lease.id, token=lease.token, effort=Effort(1, 0, 0.5, told))
    text = " ".join(re.sub("<[^>]+>", " ", read(client, path)).split())
    for shown in (
        "93% of the machine busy",
        "of 16.0",
        "81% busy",
        "252 W",
        "GPU memory unknown",
    ):
        assert shown in text, shown
    effort = selectors.get_effort(3600)
    assert (effort["joules"], effort["metered"], effort["workers"]) == (9000.0, 1, 1)
    began, ended = (timezone.now() - timedelta(minutes=minutes) for minutes in (9, 5))
    Lease.objects.update(started_at=began, heartbeat_at=ended)
    text = read(client, path)
    assert "the worker is silent" in text
    assert "How busy the GPU was" in text
    assert set(filter(None, dashboards.list_gpu_load(lease.reload().worker)["y"])) == {81.0}


def enrol(address: str, key: str = "ab" * 32) -> EnrolledWorker:
    return EnrolledWorker.objects.create(
        key=key,
        token_key=key[::-1],
        member=services.ensure_member(address=address),
        name="tower",
        device="a graphics card",
        enrolled_at=timezone.now(),
    )


def test_an_idle_pool_teaches_how_to_begin(client: Client) -> None:
    text = read(client, "/pool/")
    for lesson in ("No worker is online", "No share yet", "No block yet", "Nothing paid yet", "/pool/join/"):
        assert lesson in text
    assert "1%" in text
    assert "2%" in text
    assert "8 blocks" in text


def test_the_pool_shows_its_best_its_workers_and_who_has_points(client: Client) -> None:
    money.begin_round()
    money.earn(money.ALICE, 700)
    money.earn(money.BOB, 100)
    train(money.lease_of(money.ALICE))
    text = read(client, "/pool/")
    assert re.search(r"Our best, 75\.0%, (wins in \d|is not yet)", text)
    assert "87.5%" in text
    assert "12.5%" in text
    assert f"/pool/members/{money.ALICE}/" in text
    assert "/pool/workers/alice/" in text


def test_a_receipt_brings_each_line_and_a_path_to_its_root(client: Client) -> None:
    money.begin_round()
    for member in (money.ALICE, money.BOB):
        money.earn(member, 700)
    block = money.mine(money.ALICE)
    services.settle_receipts()
    text = read(client, f"/pool/receipts/{block}/?address={money.BOB}")
    receipt = accounts.get_receipt(block)
    assert receipt.root in text
    assert f'value="{money.BOB}"' in text
    proof = client.get(f"/api/v1/pool/receipts/{block}/lines/{money.BOB}").json()
    line = Line(proof["address"], proof["points"], proof["amount"])
    path = [bytes.fromhex(node) for node in proof["path"]]
    root = bytes.fromhex(receipt.root)
    assert is_in_receipt(root, line, index=proof["position"], count=proof["count"], path=path)
    assert f"/pool/receipts/{block}/" in read(client, "/pool/")
    read(client, "/pool/receipts/nothing/", 404)
    read(client, f"/pool/receipts/{block}/?after=x", 400)


def test_a_member_sees_what_it_has_and_what_the_next_block_would_bring(client: Client) -> None:
    money.begin_round()
    money.earn(money.ALICE, 300)
    money.earn(money.BOB, 100)
    block = money.mine(money.BOB)
    services.settle_receipts()
    enrol(money.ALICE)
    text = read(client, f"/pool/members/{money.ALICE}/")
    assert "75.0%" in text
    assert f"/pool/receipts/{block}/?address={money.ALICE}" in text
    assert "tower" in text
    assert "silent" in text
    assert "Your settings" not in text
    series = dashboards.fill_days(accounts.describe_member(accounts.get_member(money.ALICE))["earnings"])
    assert (len(series["y"]), sum(amount > 0 for amount in series["y"])) == (30, 1)


def test_a_ban_is_shown_with_its_reason_and_its_end(client: Client) -> None:
    services.ensure_member(address=money.ALICE)
    until = timezone.now() + timedelta(hours=1)
    Member.objects.filter(address=money.ALICE).update(banned_until=until, ban_reason="3 false claims")
    text = read(client, f"/pool/members/{money.ALICE}/")
    assert "3 false claims" in text
    assert str(int(until.timestamp())) in text


def test_an_address_that_never_mined_here_is_told_how_to(client: Client) -> None:
    assert "/pool/" in read(client, f"/pool/members/{money.ALICE}/", 404)
    read(client, "/pool/members/nobody/", 400)


def test_a_worker_shows_its_trainings_its_load_and_what_was_refused(client: Client) -> None:
    lease = money.lease_of(money.ALICE)
    train(lease)
    services.verify_submission(submission=lease.hand_in(1, claimed_error=world.ERRORS[0]).id)
    text = read(client, "/pool/workers/alice/")
    assert "25.0%" in text
    assert "online" in text
    assert "False claim" in text
    assert client.get("/api/v1/pool/workers/alice/runs").json()["items"][0]["curve"][-1][3] == 250_000
    read(client, "/pool/workers/nobody/", 404)


def test_a_joined_worker_has_its_page_before_its_first_lease(client: Client) -> None:
    row = enrol(money.ALICE)
    text = read(client, f"/pool/workers/{row.key}/")
    assert "tower" in text
    assert "No lease yet" in text
    assert client.get(f"/api/v1/pool/workers/{row.key}/runs").json()["items"] == []


def test_a_lease_keeps_as_many_cores_busy_as_it_says() -> None:
    lease = money.lease_of(money.ALICE)
    end = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=1)
    Lease.objects.filter(id=lease.id).update(
        started_at=end - timedelta(minutes=2), heartbeat_at=end, cpu_seconds=240.0
    )
    load = dashboards.list_load("alice")["y"]
    assert load[-3:-1] == [2.0, 2.0]
    assert load[:-3] == [None] * 57


def test_trainings_are_laid_over_each_other(client: Client) -> None:
    ids = [train(money.lease_of(member)) for member in (money.ALICE, money.BOB)]
    assert all(name in read(client, "/pool/runs/") for name in ids)
    text = read(client, f"/pool/runs/?ids={','.join(ids)}")
    assert text.index(f'data-run="{ids[0]}"') < text.index(f'data-run="{ids[1]}"')
    assert read(client, f"/pool/runs/?ids={ids[0]}&ids={ids[1]}") == text
    read(client, "/pool/runs/?ids=nothing", UnknownRun.status)
    read(client, "/pool/runs/?ids=" + quote(",".join(map(str, range(9)))), 400)


def test_the_rate_counts_whole_minutes() -> None:
    run = train(money.lease_of(money.ALICE))
    now = timezone.now()
    Run.objects.filter(id=run).update(started_at=now - timedelta(minutes=3))
    series = dashboards.list_rates(now)
    assert (sum(series["y"]), len(series["x"])) == (1, 60)
    assert series["y"][-3] == 1 or series["y"][-4] == 1


def test_search_finds_members_by_the_beginning_of_their_address(client: Client) -> None:
    services.ensure_member(address=money.ALICE)
    hits: Any = search.search(money.ALICE[:12])
    assert [(hit.kind, hit.url) for hit in hits if hit.kind == "member"] == [
        ("member", f"/pool/members/{money.ALICE}/")
    ]
    only = search.get_only_hit(money.ALICE)
    assert only is not None
    assert only.kind == "address"
