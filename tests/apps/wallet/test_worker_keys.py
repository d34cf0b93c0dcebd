"""Worker keys: registered by a wallet's statement, revoked by its session or its signature."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from apps.wallet import worker_keys
from apps.wallet.api import get_worker_key, worker_key_revoked
from apps.wallet.models import WorkerKey
from protocol.delegation import sign_revocation, sign_statement
from protocol.encoding import encode
from protocol.errors import ProtocolError
from tests.apps.wallet.browser import Browser
from tests.protocol.cast import ALICE, BOB, CHARLIE, DAVE, Person

pytestmark = pytest.mark.django_db
Open = Callable[..., Browser]
DAY = 24 * 3600


def delegate(owner: Person = ALICE, worker: Person = DAVE, **terms: Any) -> dict[str, Any]:
    """What a wallet posts to let a key mine for it."""
    now = int(time.time())
    fields: dict[str, Any] = {"network": "testing", "label": "Desk", "created": now, "expires": now + DAY}
    statement, signature = sign_statement(owner.secret, worker=worker.key, **(fields | terms))
    return {"statement": dict(statement.to_json()), "signature": signature}


def revoke(owner: Person = ALICE, worker: Person = DAVE, **terms: Any) -> dict[str, Any]:
    """What a wallet posts to take a key back."""
    fields: dict[str, Any] = {"network": "testing", "revoked": int(time.time())}
    statement, signature = sign_revocation(owner.secret, worker=worker.key, **(fields | terms))
    return {"statement": dict(statement.to_json()), "signature": signature}


def register(window: Browser, **terms: Any) -> Any:
    return window.send("wallet/worker-keys", delegate(**terms))


def name_refusal(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


def name_reason(worker: Person = DAVE, **terms: Any) -> str:
    with pytest.raises(ProtocolError) as caught:
        get_worker_key(worker.key, **terms)
    return caught.value.name


class TestRegistering:
    """A wallet lets a key mine for it."""

    def test_a_worker_key_mines_for_the_wallet(self, browser: Open) -> None:
        answer = register(browser())
        assert answer.status_code == 201
        assert (answer.json()["address"], answer.json()["status"]) == (ALICE.address, "active")
        assert get_worker_key(DAVE.key).address == ALICE.address

    def test_it_takes_canonical_text_as_well(self, browser: Open) -> None:
        body = delegate()
        text = encode(body["statement"]).decode()
        assert browser().send("wallet/worker-keys", body | {"statement": text}).status_code == 201
        spaced = browser().send("wallet/worker-keys", body | {"statement": text + " "})
        assert name_refusal(spaced) == (400, 107)

    def test_the_same_statement_again_changes_nothing(self, browser: Open) -> None:
        body = delegate()
        answers = [browser().send("wallet/worker-keys", body) for _ in range(2)]
        assert answers[0].json() == answers[1].json()
        assert WorkerKey.objects.count() == 1

    def test_a_newer_statement_replaces_an_older_one(self, browser: Open) -> None:
        now = int(time.time())
        window = browser()
        register(window, created=now - 10, label="Desk")
        assert register(window, created=now, label="Attic").json()["label"] == "Attic"
        assert name_refusal(register(window, created=now - 5, label="Cellar")) == (409, 1222)
        assert WorkerKey.objects.get().label == "Attic"

    def test_it_refuses_statements_that_do_not_hold(self, browser: Open) -> None:
        window = browser()
        now = int(time.time())
        assert name_refusal(register(window, network="devnet")) == (400, 302)
        assert name_refusal(register(window, created=now - 2 * DAY, expires=now - 1)) == (400, 1251)
        assert name_refusal(register(window, created=now + 3600)) == (400, 1252)
        forged = delegate() | {"signature": delegate(CHARLIE)["signature"]}
        assert name_refusal(window.send("wallet/worker-keys", forged)) == (400, 1253)
        assert WorkerKey.objects.count() == 0

    def test_nobody_takes_over_a_key_of_another_wallet(self, browser: Open) -> None:
        window = browser()
        register(window)
        assert name_refusal(register(window, owner=CHARLIE)) == (409, 1220)
        window.send(f"wallet/worker-keys/{DAVE.key}/revoke", revoke())
        assert name_refusal(register(window, owner=CHARLIE)) == (409, 1220)
        assert WorkerKey.objects.get().address == ALICE.address

    def test_a_wallet_has_so_many_at_once(self, browser: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(worker_keys, "MOST_KEYS", 1)
        window = browser()
        register(window)
        assert name_refusal(register(window, worker=BOB)) == (409, 1223)
        assert register(window, label="Again").status_code == 201
        window.send(f"wallet/worker-keys/{DAVE.key}/revoke", revoke())
        assert register(window, worker=BOB).status_code == 201

    def test_they_are_listed_with_their_proofs(self, browser: Open) -> None:
        window = browser()
        for worker in (DAVE, BOB):
            register(window, worker=worker)
        register(window, owner=BOB, worker=CHARLIE)
        page = window.get("/api/v1/wallet/worker-keys", {"address": ALICE.address, "limit": "1"}).json()
        rest = window.get(page["next"]).json()
        items = page["items"] + rest["items"]
        assert [item["worker"] for item in items] == sorted([DAVE.key, BOB.key])
        assert rest["next"] is None
        assert all(item["signature"] and '"expires":' in item["statement"] for item in items)
        assert name_refusal(window.get("/api/v1/wallet/worker-keys?address=cai1")) == (400, 203)


class TestRevoking:
    """A wallet takes a key back."""

    def test_by_its_session(self, browser: Open) -> None:
        window = browser()
        register(window)
        window.sign_in()
        for _ in range(2):
            answer = window.change("POST", f"wallet/worker-keys/{DAVE.key}/revoke")
            assert (answer.status_code, answer.json()["status"]) == (200, "revoked")
        assert name_reason() == "worker_key_revoked"

    def test_by_a_signed_statement(self, browser: Open) -> None:
        window = browser()
        register(window)
        answer = window.send(f"wallet/worker-keys/{DAVE.key}/revoke", revoke())
        assert (answer.status_code, answer.json()["status"]) == (200, "revoked")
        assert answer.json()["revocation_signature"]
        assert name_reason() == "worker_key_revoked"

    def test_nobody_else_does(self, browser: Open) -> None:
        window = browser()
        register(window)
        path = f"wallet/worker-keys/{DAVE.key}/revoke"
        assert name_refusal(window.change("POST", path)) == (401, 1200)
        assert name_refusal(window.send(path, revoke(CHARLIE))) == (404, 1224)
        forged = revoke() | {"signature": revoke(CHARLIE)["signature"]}
        assert name_refusal(window.send(path, forged)) == (400, 1253)
        assert name_refusal(window.send(path, revoke(network="devnet"))) == (400, 302)
        assert name_refusal(window.send(path, revoke(worker=BOB))) == (404, 1224)
        window.sign_in(CHARLIE)
        assert name_refusal(window.change("POST", path)) == (404, 1224)
        assert get_worker_key(DAVE.key).address == ALICE.address

    def test_a_revoked_statement_does_not_come_back(self, browser: Open) -> None:
        window = browser()
        body = delegate()
        window.send("wallet/worker-keys", body)
        window.send(f"wallet/worker-keys/{DAVE.key}/revoke", revoke())
        assert name_refusal(window.send("wallet/worker-keys", body)) == (403, 1221)

    def test_an_old_revocation_does_not_end_a_new_statement(self, browser: Open) -> None:
        window = browser()
        now = int(time.time())
        path = f"wallet/worker-keys/{DAVE.key}/revoke"
        old = revoke(revoked=now - 50)
        register(window, created=now - 100)
        assert window.send(path, old).status_code == 200
        WorkerKey.objects.update(revoked_at=now - 50)
        assert register(window, created=now).status_code == 201
        assert name_refusal(window.send(path, old)) == (409, 1222)
        assert get_worker_key(DAVE.key).address == ALICE.address

    def test_other_apps_hear_of_it(self, browser: Open) -> None:
        heard: list[str] = []

        def hear(worker_key: WorkerKey, **_kwargs: Any) -> None:
            heard.append(worker_key.worker)

        worker_key_revoked.connect(hear)
        try:
            window = browser()
            register(window)
            for _ in range(2):
                window.send(f"wallet/worker-keys/{DAVE.key}/revoke", revoke())
        finally:
            worker_key_revoked.disconnect(hear)
        assert heard == [DAVE.key]


def test_a_worker_key_ends_by_itself(browser: Open) -> None:
    register(browser())
    expires = WorkerKey.objects.get().expires
    assert get_worker_key(DAVE.key, now=expires - 1).worker == DAVE.key
    assert name_reason(now=expires) == "statement_expired"
    assert worker_keys.get_standing(WorkerKey.objects.get(), now=expires) == "expired"


def test_an_unknown_worker_key_mines_for_nobody() -> None:
    assert name_reason(BOB) == "unknown_worker_key"
