"""What /healthz and a keeper's page say of keepers that run beside the node: what is wrong, what to do."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.storage.keeping.reporting import Report, forget_beat, list_problems, write_beat
from apps.storage.models import KeeperBeat
from apps.storage.monitoring import check_keepers
from tests.apps.storage.keepers import ALICE, BOB, CHARLIE
from tests.apps.storage.shared import home, kept
from tests.protocol.cast import DAVE

__all__ = ["home", "kept"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept")]

MIB = 2**20
WELL = Report(
    address=ALICE.address,
    state="serving",
    capacity=100 * MIB,
    quota=112 * MIB,
    stored_bytes=10 * MIB,
    disk_free=10**10,
    held=7,
    assigned=7,
    missing=0,
    missing_bytes=0,
    unavailable=0,
    full="",
    bond=10**8,
    least_bond=10**8,
    lacking=0,
    misses=0,
    max_misses=3,
    open_challenges=2,
    fetched=7,
    fetch_failures=1,
    proofs_sent=9,
    lies=0,
    careful=False,
)


def beat(report: Report) -> None:
    write_beat(report, pid=7, started_at=timezone.now())


@pytest.mark.parametrize(
    ("changes", "about", "detail", "remedy"),
    [
        ({"state": "ejected"}, "ejected", "was ejected", "registers again by itself"),
        (
            {"lacking": 10**6, "state": "not registered"},
            "coins",
            "lacks 0.01 CAI",
            f"to {ALICE.address}, or ask",
        ),
        ({"disk_free": 10**6}, "room", "disk is nearly full", "Free some space"),
        ({"full": "disk"}, "room", "disk takes nothing", "COINAI_KEEPER_HOME"),
        ({"full": "quota"}, "room", "reached its quota", "COINAI_KEEPER_QUOTA"),
        ({"missing_bytes": 110 * MIB}, "room", "110\u202fMiB are yet to come", "COINAI_KEEPER_QUOTA"),
        ({"misses": 2}, "misses", "missed 2 audits in a row", "any audit|Any audit"),
        ({"unavailable": 2}, "objects", "Nobody gives 2 objects", "others can be reached"),
        ({"bond": 10**7}, "bond", "Misses have left 0.1 CAI", "COINAI_KEEPER_BOND=100000000"),
    ],
)
def test_it_names_what_is_wrong_and_the_way_out(
    changes: dict[str, Any], about: str, detail: str, remedy: str
) -> None:
    found = list_problems(replace(WELL, **changes), "http://site.example/faucet/")
    assert list(found) == [about]
    assert detail in found[about].detail
    assert any(words in found[about].remedy for words in remedy.split("|"))


def test_a_keeper_that_is_well_is_no_problem() -> None:
    assert list_problems(WELL) == {}
    beat(WELL)
    assert check_keepers() is None


def test_the_site_says_it_too(client: Client) -> None:
    beat(replace(WELL, unavailable=1, misses=1))
    answer = client.get("/healthz").json()
    part = next(part for part in answer["parts"] if part["name"] == "keeper")
    assert part["status"] == "degraded"
    assert part["detail"].startswith("The keeper missed 1 audit in a row. 1 more on")
    page = client.get(f"/keepers/{ALICE.address}/").content.decode()
    assert "Its program" in page
    assert "Nobody gives 1 object that" in page
    assert "Its program" not in client.get(f"/keepers/{BOB.address}/").content.decode()


def test_a_silent_keeper_is_missed_while_it_owes_answers(settings: Any) -> None:
    settings.COINAI_KEEPER = 0
    for person in (ALICE, CHARLIE, DAVE):  # serves, leaves, never was one
        beat(replace(WELL, address=person.address))
    KeeperBeat.objects.update(beat_at=timezone.now() - timedelta(minutes=5))
    problem: Any = check_keepers()
    assert problem.detail == f"The keeper {ALICE.address} has been silent for 300 seconds."
    forget_beat(ALICE.address)
    assert check_keepers() is None


def test_a_keeper_that_was_asked_for_and_never_ran_is_missed(settings: Any) -> None:
    settings.COINAI_KEEPER = 0
    assert check_keepers() is None
    settings.COINAI_KEEPER = 2**30
    problem: Any = check_keepers()
    assert "none has run yet" in problem.detail
