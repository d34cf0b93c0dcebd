"""Workers that join from elsewhere, honest and hostile: enrolled once, known by a key, fenced, revoked."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.pool import errors, services, worker_errors
from apps.pool.messages import Effort
from apps.pool.models import EnrolledWorker, Lease, LeaseState, Member, Template
from apps.pool.push import push_cancel, push_open
from apps.wallet.errors import UnknownWorkerKey, WorkerKeyRevoked
from protocol.errors import ProtocolError
from tests.apps.pool import world
from tests.apps.pool.joined import JoinedConnection, Joiner, call

pytestmark = pytest.mark.usefixtures("start")

ALICE, BOB = Joiner("alice"), Joiner("bob")
CHARLIE = Joiner("charlie", token=ALICE.token_name)  # has stolen Alice's join token


@pytest.fixture
async def connection() -> AsyncIterator[JoinedConnection]:
    opened = JoinedConnection()
    await opened.open()
    yield opened
    await opened.close()


async def begin(connection: JoinedConnection, joiner: Joiner = ALICE, **proof: Any) -> Any:
    """Delegate, enrol, prove and take a lease; returns the lease's message."""
    await call(joiner.join)
    await call(services.open_template, key=world.KEY)
    assert (await connection.prove(joiner, **proof))["type"] == "welcome"
    return await connection.want()


def beat(message: Any, **changes: Any) -> dict[str, Any]:
    fields = {"type": "heartbeat", "lease": message["lease"]["id"], "token": message["token"]}
    return {**fields, "tried": 1, "skipped": 0, "cpu_seconds": 0.5, "runs": [], **changes}


def enrol(body: dict[str, str]) -> Any:
    return Client().post("/api/v1/pool/workers", body, content_type="application/json")


def test_a_worker_enrols_once_and_mines_for_the_wallet_that_signed_its_token() -> None:
    ALICE.delegate()
    first, again = enrol(ALICE.body()), enrol(ALICE.body())
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["address"] == ALICE.address
    assert EnrolledWorker.objects.get().member == Member.objects.get(address=ALICE.address)
    shown = Client().get(f"/api/v1/pool/workers/{ALICE.token_key}").json()
    assert (shown["name"], shown["state"], shown["leases"]) == ("desk", "offline", 0)


def test_two_workers_of_one_name_are_told_apart() -> None:
    ALICE.join()
    other = Joiner("another", wallet=ALICE.wallet_name).join()
    assert other.name == "desk-2"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (lambda: BOB.body(), UnknownWorkerKey),
        (lambda: ALICE.body(signed_by="mallory"), worker_errors.WrongWorkerSignature),
        (lambda: {**ALICE.body(), "name": "other"}, worker_errors.WrongWorkerSignature),
        (lambda: {**ALICE.body(), "signature": "zz"}, worker_errors.WrongWorkerSignature),
        (lambda: {**ALICE.body(), "worker_key": "0" * 64}, worker_errors.BadEnrolment),
        (lambda: {**ALICE.body(), "name": "two\nlines"}, worker_errors.BadEnrolment),
        (lambda: {**ALICE.body(), "device": "x" * 101}, worker_errors.BadEnrolment),
    ],
)
def test_an_enrolment_that_is_not_right_is_refused(body: Any, error: type[ProtocolError]) -> None:
    ALICE.delegate()
    answer = enrol(body())
    assert (answer.status_code >= 400, answer.json()["code"]) == (True, error.code)
    assert not EnrolledWorker.objects.exists()


def test_a_token_that_was_used_is_worthless_to_a_thief() -> None:
    ALICE.join()
    assert enrol(CHARLIE.body()).json()["code"] == worker_errors.JoinTokenUsed.code


def test_a_worker_does_not_enrol_a_second_time_with_another_token() -> None:
    ALICE.join()
    twice = Joiner("alice", token="another token")
    twice.delegate()
    assert enrol(twice.body()).json()["code"] == worker_errors.WorkerKeyEnrolled.code


def test_a_revoked_token_enrols_nobody() -> None:
    ALICE.delegate()
    ALICE.revoke()
    with pytest.raises(WorkerKeyRevoked):
        ALICE.enrol()


async def test_a_proven_worker_gets_a_lease_that_runs_for_its_member(connection: JoinedConnection) -> None:
    message = await begin(connection)
    assert (message["type"], message["slot"]) == ("lease", 0)
    row = await call(Lease.objects.select_related("member").get)
    assert (row.state, row.worker, row.enrolled_id) == (LeaseState.RUNNING, "desk", ALICE.key)
    assert row.member is not None
    assert row.member.address == ALICE.address
    assert row.nonce_end - row.nonce_start == 4096
    assert (await connection.ask(beat(message)))["type"] == "ok"


async def test_after_the_end_of_a_lease_the_next_one_comes_by_itself(connection: JoinedConnection) -> None:
    first = await begin(connection)
    assert (await connection.ask(beat(first, type="finished", tried=4096)))["type"] == "ok"
    second = await connection.receive()
    assert (second["type"], second["slot"]) == ("lease", 0)
    # All of the first range was looked through, so that the next is twice as large.
    assert second["lease"]["nonce_start"] == first["lease"]["nonce_end"]
    assert second["lease"]["nonce_end"] - second["lease"]["nonce_start"] == 8192


async def test_at_a_new_tip_the_next_lease_comes_without_asking(connection: JoinedConnection) -> None:
    message = await begin(connection)
    await call(push_cancel, parent=message["lease"]["previous"], reason="new_tip")
    assert (await connection.receive())["reason"] == "new_tip"
    assert (await connection.receive())["type"] == "lease"


async def test_a_new_block_ends_a_lease_before_the_coordinator_has_seen_it(
    connection: JoinedConnection,
) -> None:
    message = await begin(connection)
    tip = await call(world.mine_block)  # nobody has voided anything yet, nor opened a template on the block
    cancel = {"type": "cancel", "lease": message["lease"]["id"], "reason": "new_tip"}
    assert await connection.receive() == cancel
    assert await call(lambda: Lease.objects.get(id=cancel["lease"]).state) == LeaseState.RUNNING
    assert await call(services.claim_leases, [services.Wish(ALICE.key, 0)]) == [None]
    template = await call(services.open_template, key=world.KEY)
    await call(push_open, parent=template.parent)
    following = await connection.receive()
    assert (following["type"], following["lease"]["previous"]) == ("lease", tip)


async def test_a_heartbeat_that_crosses_a_cancel_is_not_answered_by_another(
    connection: JoinedConnection,
) -> None:
    message = await begin(connection)
    await call(world.mine_block)
    assert (await connection.receive())["type"] == "cancel"
    await call(services.void_epochs, **await call(world.current_work))
    beat = {"type": "heartbeat", "lease": message["lease"]["id"], "token": message["token"], "runs": []}
    await connection.send({**beat, "tried": 1, "skipped": 0, "cpu_seconds": 0.5})
    answer = await connection.want(slot=99)  # messages are answered in order
    assert (answer["type"], answer["name"]) == ("refused", "too_many_slots")


async def test_a_lost_push_of_the_next_template_costs_no_more_than_a_look_later(
    connection: JoinedConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.pool.consumers.RETRY_SECONDS", 0.2)
    await begin(connection)
    await call(world.mine_block)
    assert (await connection.receive())["reason"] == "new_tip"
    await call(services.open_template, key=world.KEY)
    assert (await connection.receive())["type"] == "lease"


async def test_a_place_waits_for_nonces_until_there_are_some(connection: JoinedConnection) -> None:
    await call(ALICE.join)
    template = await call(services.open_template, key=world.KEY)
    await call(Template.objects.update, next_nonce=template.nonce_limit)
    await connection.prove(ALICE)
    await connection.send({"type": "want", "slot": 0})
    assert await connection.socket.receive_nothing(timeout=0.2)
    await call(Template.objects.update, next_nonce=0)
    await call(push_open, parent=template.parent)
    assert (await connection.receive())["type"] == "lease"


async def test_a_worker_resumes_its_lease_over_a_new_connection(connection: JoinedConnection) -> None:
    message = await begin(connection)
    again = JoinedConnection()
    await again.open()
    await again.prove(ALICE)
    resume = {"type": "resume", "slot": 0, "lease": message["lease"]["id"], "token": message["token"]}
    assert (await again.ask(resume))["type"] == "resumed"
    assert (await again.ask(beat(message)))["type"] == "ok"
    await again.close()


async def test_a_wrong_signature_is_refused(connection: JoinedConnection) -> None:
    await call(ALICE.join)
    answer = await connection.prove(ALICE, signed_by="mallory")
    assert answer["code"] == worker_errors.WrongWorkerSignature.code
    assert await connection.is_closed() == 4400


async def test_a_proof_for_another_site_is_refused(connection: JoinedConnection) -> None:
    await call(ALICE.join)
    assert (await connection.prove(ALICE, host="evil.example"))[
        "code"
    ] == worker_errors.WrongWorkerSignature.code


async def test_a_replayed_proof_is_refused(connection: JoinedConnection) -> None:
    await call(ALICE.join)
    proof = ALICE.prove(await connection.challenge(ALICE))
    assert (await connection.ask(proof))["type"] == "welcome"
    other = JoinedConnection()
    await other.open()
    await other.challenge(ALICE)
    assert (await other.ask(proof))["code"] == worker_errors.WrongWorkerSignature.code
    await other.close()
    assert (await connection.ask(proof))["code"] == worker_errors.WorkerNotProven.code


async def test_an_unknown_worker_is_refused(connection: JoinedConnection) -> None:
    assert (await connection.prove(BOB))["code"] == worker_errors.UnknownWorker.code


@pytest.mark.parametrize(
    "message",
    [
        {"type": "want", "slot": 0},
        {"type": "resume", "slot": 0, "lease": "L", "token": "T"},
        ALICE.prove("00" * 32),
    ],
)
async def test_nothing_is_given_before_the_proof(connection: JoinedConnection, message: Any) -> None:
    assert (await connection.ask(message))["code"] == worker_errors.WorkerNotProven.code


async def test_a_place_that_was_not_announced_is_refused(connection: JoinedConnection) -> None:
    await call(ALICE.join)
    await connection.prove(ALICE, slots=2)
    assert (await connection.want(2))["code"] == worker_errors.TooManySlots.code


async def test_a_stolen_lease_token_is_of_no_use_without_the_worker_s_key(
    connection: JoinedConnection,
) -> None:
    message = await begin(connection)
    await call(BOB.join)
    thief = JoinedConnection()
    await thief.open()
    await thief.prove(BOB)
    assert (await thief.ask(beat(message)))["reason"] == "stolen"
    resume = {"type": "resume", "slot": 0, "lease": message["lease"]["id"], "token": message["token"]}
    assert (await thief.ask(resume))["reason"] == "stolen"
    await thief.close()
    nobody = JoinedConnection()
    await nobody.open()
    worker = {"name": "desk", "device": "cpu", "threads": 1, "version": "1.0"}
    hello = {"type": "hello", "lease": message["lease"]["id"], "token": message["token"], "worker": worker}
    assert (await nobody.ask(hello))["code"] == errors.LeaseTaken.code
    await nobody.close()
    assert (await connection.ask(beat(message)))["type"] == "ok"


async def test_a_late_token_changes_nothing(connection: JoinedConnection, pool: Any) -> None:
    message = await begin(connection)
    await call(Lease.objects.update, expires_at=timezone.now())
    await call(services.expire_leases)
    assert (await connection.ask(beat(message, tried=9)))["reason"] == "expired"
    row = await call(Lease.objects.get, id=message["lease"]["id"])
    assert (row.state, row.tried) == (LeaseState.EXPIRED, 0)
    # The range goes to whoever asks next: here to the same worker, which has a free place again.
    again = await connection.receive()
    assert again["lease"]["nonce_start"] == message["lease"]["nonce_start"]


async def test_a_revoked_worker_loses_its_lease_and_its_connection_at_once(
    connection: JoinedConnection,
) -> None:
    await begin(connection)
    await call(ALICE.revoke)
    assert (await connection.receive())["code"] == worker_errors.WorkerRevoked.code
    states = await call(lambda: sorted(Lease.objects.values_list("state", flat=True)))
    assert states == [LeaseState.EXPIRED, LeaseState.OPEN]
    again = JoinedConnection()
    await again.open()
    assert (await again.prove(ALICE))["code"] == WorkerKeyRevoked.code
    await again.close()


async def test_a_banned_member_gets_nothing(connection: JoinedConnection) -> None:
    await call(ALICE.join)
    await call(
        Member.objects.update,
        banned_until=timezone.now() + timedelta(hours=1),
        ban_reason="false claims",
    )
    answer = await connection.prove(ALICE)
    assert answer["code"] == errors.MemberBanned.code
    assert "false claims" in answer["detail"]


async def test_a_flood_is_refused_but_a_beat_for_each_place_is_not(
    connection: JoinedConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await begin(connection, slots=4)
    monkeypatch.setattr("apps.pool.consumers.monotonic", lambda: 1e9)
    for _ in range(36):
        assert (await connection.ask(beat(message)))["type"] == "ok"
    assert (await connection.ask(beat(message)))["code"] == errors.TooManyPoolMessages.code


async def test_a_giant_message_is_refused(connection: JoinedConnection) -> None:
    await call(ALICE.join)
    await connection.prove(ALICE)
    answer = await connection.ask('{"type": "join", "worker": "' + "x" * 2**20 + '"}')
    assert answer["code"] == errors.PoolMessageTooLarge.code


def test_false_claims_of_a_joined_worker_get_its_member_banned(pool: Any) -> None:
    pool(false_claims=1)
    ALICE.join()
    services.open_template(key=world.KEY)
    offer = services.claim_leases([services.Wish(ALICE.key, 0)])[0]
    assert isinstance(offer, services.Offer)
    row = Lease.objects.select_related("template").get(id=str(offer.lease["id"]))
    lease = world.TakenLease(row, offer.token)
    handed_in = lease.hand_in(0, claimed_error=world.ERRORS[0] - 1)
    services.verify_submission(submission=handed_in.id)
    answer = services.claim_leases([services.Wish(ALICE.key, 0)])[0]
    assert isinstance(answer, errors.MemberBanned)


def test_many_claims_at_once_are_disjoint_and_only_bad_ones_are_refused() -> None:
    ALICE.join()
    BOB.join()
    services.open_template(key=world.KEY)
    wishes = [services.Wish(key, slot) for slot in range(20) for key in (ALICE.key, BOB.key, "00" * 32)]
    offers = services.claim_leases(wishes)
    assert sum(isinstance(offer, worker_errors.UnknownWorker) for offer in offers) == 20
    given = [offer.lease for offer in offers if isinstance(offer, services.Offer)]
    ranges = sorted((int(str(lease["nonce_start"])), int(str(lease["nonce_end"]))) for lease in given)
    assert ranges == [(4096 * number, 4096 * (number + 1)) for number in range(40)]


def test_one_bad_heartbeat_does_not_disturb_the_others() -> None:
    ALICE.join()
    services.open_template(key=world.KEY)
    offers = services.claim_leases([services.Wish(ALICE.key, slot) for slot in range(3)])
    given = [offer for offer in offers if isinstance(offer, services.Offer)]
    beats = [
        services.Beat(str(offer.lease["id"]), offer.token, Effort(7, 0, 0.0), (), ALICE.key)
        for offer in given
    ]
    stolen = services.Beat(beats[0].lease, beats[0].token, Effort(9, 9, 9.0), (), BOB.key)
    answers = services.record_heartbeats([beats[0], stolen, *beats[1:]])
    kinds = [type(answer) for answer in answers]
    assert kinds == [services.Renewal, errors.LeaseTaken, services.Renewal, services.Renewal]
    assert set(Lease.objects.values_list("tried", flat=True)) == {7}
