"""The live page's topics: trainings with their curves, and the best model with the round it wins."""

import pytest

from apps.chain import api as chain
from apps.common.live import read_snapshot
from apps.pool import api, services
from apps.pool.live import read_pool_best
from apps.pool.messages import RunReport
from tests.apps.pool import world

pytestmark = pytest.mark.usefixtures("start")

RUN_FIELDS = {
    *("id", "worker", "nonce", "text", "layers", "parameters", "macs", "started", "state", "steps"),
    *("total_steps", "error", "curve"),
}


def test_the_snapshot_of_trainings_has_every_run_with_its_curve() -> None:
    lease = world.taken_lease()
    points = ((0.1, 1, 2.0, None), (0.2, 2, 1.5, 800_000))
    report = RunReport(lease.nonce(), "training", 2, 9, 800_000, points)
    services.record_heartbeat(lease=lease.id, token=lease.token, effort=world.NOTHING, runs=[report])
    found = read_snapshot("training")
    assert found is not None
    sequence, snapshot = found
    [run] = snapshot["runs"]
    assert sequence == 1
    assert set(run) >= RUN_FIELDS
    assert run["curve"] == [[0.1, 1, 2.0, None], [0.2, 2, 1.5, 800_000]]
    assert {layer["kind"] for layer in run["layers"]} >= {"output"}
    assert api.list_active_runs() == snapshot["runs"]


def test_the_best_model_says_which_round_it_wins_and_when() -> None:
    assert read_pool_best() == {}
    world.mine_block(3)
    services.void_epochs(**world.current_work())
    best = world.verified(2)
    tip = chain.get_tip()
    shown = read_pool_best()
    view = chain.get_round()
    wins = max(2, view.number)
    assert (shown["model"], shown["quality"], shown["round"]) == (best.model, 234, wins)
    assert shown["wins_at"] == tip.timestamp + wins + 1


def test_the_best_of_an_old_tip_is_not_shown() -> None:
    world.verified(1)
    world.mine_block(0)
    assert read_pool_best() == {}
