"""One system for all tests of this folder: they tell one story, in order."""

from collections.abc import Iterator

import pytest

from tests.network.running import RunningSystem


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system on a fresh folder, not started yet."""
    running = RunningSystem(tmp_path_factory.mktemp("system") / "home")
    yield running
    running.clean_up()
