"""Who gave wrong bytes is remembered, longer each time, across restarts; who was away is soon asked again."""

from pathlib import Path

import pytest

from apps.storage.errors import SourceTampered, SourceUnreachable
from apps.storage.keeping.blame import FORGIVEN_SECONDS, LONGEST_SECONDS, Blame

LIAR, AWAY = "https://liar.example", "https://away.example"
LIE = SourceTampered(LIAR, "ab" * 32, 0)


class Clock:
    """Time as the test has it."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_each_lie_doubles_the_time_up_to_a_day(clock: Clock, tmp_path: Path) -> None:
    blame = Blame(tmp_path / "liars.json", clock=clock)
    times = []
    for _ in range(10):
        blame.note(LIAR, LIE)
        began = clock.now
        while blame.is_blamed(LIAR):
            clock.now += 60
        times.append(clock.now - began)
    assert times[:4] == [600, 1200, 2400, 4800]
    assert times[-1] == LONGEST_SECONDS
    assert blame.count_lies(LIAR) == blame.count == 10


def test_a_lie_is_remembered_by_the_next_start_and_forgiven_in_the_end(clock: Clock, tmp_path: Path) -> None:
    Blame(tmp_path / "liars.json", clock=clock).note(LIAR, LIE)
    blame = Blame(tmp_path / "liars.json", clock=clock)
    assert blame.is_blamed(LIAR)
    assert [(name, one.lies, one.code) for name, one in blame.list_liars()] == [(LIAR, 1, LIE.code)]
    clock.now += 601
    assert not blame.is_blamed(LIAR)
    assert blame.count_lies(LIAR) == 1  # it may be asked again, after all others
    clock.now += FORGIVEN_SECONDS
    assert blame.count_lies(LIAR) == 0
    blame.note(LIAR, LIE)
    assert blame.count_lies(LIAR) == 1


def test_who_was_away_is_asked_again_soon_and_is_no_liar(clock: Clock, tmp_path: Path) -> None:
    blame = Blame(tmp_path / "liars.json", clock=clock)
    for _ in range(5):
        blame.note(AWAY, SourceUnreachable(AWAY, "no route"))
    assert blame.is_blamed(AWAY)
    clock.now += 6
    assert not blame.is_blamed(AWAY)
    assert (blame.count_lies(AWAY), blame.list_liars()) == (0, [])
    assert not (tmp_path / "liars.json").exists()


def test_being_away_does_not_shorten_what_a_lie_cost(clock: Clock) -> None:
    blame = Blame(clock=clock)
    blame.note(LIAR, LIE)
    blame.note(LIAR, SourceUnreachable(LIAR, "no route"))
    clock.now += 599
    assert blame.is_blamed(LIAR)
    assert blame.count_lies(LIAR) == 1


def test_the_time_of_the_operators_own_site_does_not_grow(clock: Clock) -> None:
    blame = Blame(clock=clock)
    for _ in range(5):
        blame.note(LIAR, LIE, is_own=True)
    clock.now += 601
    assert not blame.is_blamed(LIAR)


def test_a_file_that_was_damaged_is_as_none(clock: Clock, tmp_path: Path) -> None:
    for text in ("", "[]", '{"a": 5}', '{"a": {"until": 1}}'):
        (tmp_path / "liars.json").write_text(text)
        blame = Blame(tmp_path / "liars.json", clock=clock)
        assert not blame.is_blamed("a")
        blame.note(LIAR, LIE)
        assert Blame(tmp_path / "liars.json", clock=clock).is_blamed(LIAR)
