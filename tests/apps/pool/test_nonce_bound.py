"""With `nonces_per_transaction`, transactions open the nonces: all leased, the next one opens more."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.chain import api as chain
from apps.pool.coordinator import MOST_SLEEP, Coordinator
from apps.pool.models import Lease, Template
from protocol.params import PARAMETERS, TESTING
from tests.apps.pool import world
from tests.apps.pool.test_coordinator import FakeQueue
from tests.apps.pool.test_templates import send_a_transfer

EACH = 4


@pytest.fixture
def start(transactional_db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A chain on which every transaction opens four nonces."""
    few = replace(TESTING, nonces_per_transaction=EACH)
    monkeypatch.setattr("apps.chain.genesis.PARAMETERS", {**PARAMETERS, "testing": few})
    monkeypatch.setattr("apps.chain.scoring.workers.is_listening", lambda: False)
    return world.begin_chain(settings, tmp_path)


def make_coordinator() -> tuple[Coordinator, FakeQueue]:
    queue = FakeQueue()
    return Coordinator(secret=world.SECRET, key=world.KEY, queue=queue), queue  # type: ignore[arg-type]


@pytest.mark.usefixtures("start")
def test_the_template_has_as_many_nonces_as_its_transactions_open() -> None:
    coordinator, _ = make_coordinator()
    coordinator.step(float(chain.get_tip().timestamp))
    assert coordinator.template is not None
    assert coordinator.template.nonce_limit == EACH


@pytest.mark.usefixtures("start")
def test_used_up_nonces_wait_for_a_transaction_and_not_for_the_next_round(pool: Any) -> None:
    pool(nonces_per_lease=EACH, extra_leases=3)
    coordinator, queue = make_coordinator()
    now = float(chain.get_tip().timestamp)
    coordinator.step(now)
    coordinator.due.refresh = float("inf")  # a round that never ends
    assert [(lease.nonce_start, lease.nonce_end) for lease in Lease.objects.all()] == [(0, EACH)]
    coordinator.due.renewal = 0.0
    coordinator.step(now)
    assert (Template.objects.count(), len(queue.messages)) == (1, 1)

    send_a_transfer()
    coordinator.due.renewal = 0.0
    coordinator.step(now)
    coordinator.step(now)
    fresh = Template.objects.get(status="open")
    assert fresh.nonce_limit == 2 * EACH
    ranges = {(lease.nonce_start, lease.nonce_end) for lease in fresh.leases.all()}
    assert ranges == {(0, EACH), (EACH, 2 * EACH)}


@pytest.mark.usefixtures("start")
def test_it_looks_for_new_transactions_at_most_once_a_second(pool: Any) -> None:
    pool(nonces_per_lease=EACH)
    coordinator, _ = make_coordinator()
    coordinator.step(float(chain.get_tip().timestamp))
    coordinator.due.renewal = 0.0
    assert coordinator.is_used_up()
    assert not coordinator.is_used_up()
    assert MOST_SLEEP <= 1.0
