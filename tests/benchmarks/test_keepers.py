"""The simulation of many keepers: its files are real ones, and its books add up."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.keepers.census import compute_gini
from benchmarks.keepers.drawing import Panel, Series, draw_panels
from benchmarks.keepers.files import UniformFile
from benchmarks.keepers.play import play
from benchmarks.keepers.scenario import CALM, Churn, Scenario
from protocol.merkle import CHUNK_BYTES, chunk_path, object_id

PEACE = Churn(name="peace", deaths=0, leaves=0, outages=0, outage_hours=1, rots=0)
SCENARIO = Scenario(churn=PEACE, blocks=90, keepers=20, slow_share=0.0, data_sets=800)


@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 2048, 5000, 7 * 1024, 8 * 1024 + 1])
def test_a_uniform_file_has_the_ids_and_the_paths_of_any_file(size: int) -> None:
    file = UniformFile("a", size)
    data = b"".join(file.read_chunk(number) for number in range(file.chunks))
    assert len(data) == size
    assert file.id == object_id(data)
    for number in range(-(-size // CHUNK_BYTES)):
        assert file.make_path(number) == tuple(node.hex() for node in chunk_path(data, number))


def test_in_peace_everything_is_answered_and_nothing_is_lost() -> None:
    results = play(SCENARIO)
    events = results["events"]
    assert events["audits"] > 500
    assert events["audits answered"] >= events["audits"] - 3 * SCENARIO.params.audits_per_block
    assert not {"lost", "ejected", "audits missed", "first challenges missed"} & set(events)
    assert results["below_factor_share"]["models"] == 0.0
    assert results["totals"]["burned"] == 0


def test_the_dead_are_ejected_and_what_they_held_is_restored() -> None:
    churn = replace(CALM, deaths=600.0, leaves=0.0)
    results = play(replace(SCENARIO, churn=churn, blocks=150, keepers=30))
    assert results["events"]["died"] > 5
    assert results["events"]["ejected"] > 3
    assert results["events"]["repair placements"] > 10
    assert results["bytes_moved"]["repair"] > 0
    assert results["totals"]["burned"] > 0


def test_the_same_seed_gives_the_same_run() -> None:
    first, second = (play(replace(SCENARIO, churn=CALM, blocks=40)) for _ in range(2))
    assert {**first, "cpu_seconds": 0} == {**second, "cpu_seconds": 0}


def test_gini_knows_equal_and_unequal() -> None:
    assert compute_gini([2, 2, 2, 2]) == 0
    assert compute_gini([0, 0, 0, 8]) == 0.75


def test_a_plot_names_its_lines() -> None:
    drawn = draw_panels([Panel("Copies", "days", "", [Series("five & more", [(0, 1), (2, 3)])])])
    assert drawn.startswith("<svg ")
    assert "five &amp; more" in drawn


def test_a_run_that_was_broken_off_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = replace(SCENARIO, churn=CALM, blocks=40)
    whole = play(scenario)
    checkpoint = tmp_path / "run.checkpoint"

    class BrokenOff(Exception):
        """Somebody pressed Ctrl-C."""

    def break_off(_results: object) -> None:
        if checkpoint.exists():
            raise BrokenOff

    monkeypatch.setattr("benchmarks.keepers.play.TELL_EVERY", 12)
    with pytest.raises(BrokenOff):
        play(scenario, save=break_off, checkpoint=checkpoint)
    assert {**play(scenario, checkpoint=checkpoint), "cpu_seconds": 0} == {**whole, "cpu_seconds": 0}
