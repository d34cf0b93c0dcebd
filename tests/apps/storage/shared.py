"""One kept chain for all the tests of a module that only read: blocks cost more than anything else here.

A module imports both fixtures; the first takes the place of the folder that each test has of its own.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings

from apps.chain import scoring
from apps.chain.contents import clear_caches
from apps.chain.genesis import init_chain
from apps.chain.selectors import clear_genesis
from tests.apps.chain.conftest import GENESIS_TIME
from tests.apps.chain.miner import Miner
from tests.apps.storage.keepers import ALICE, BOB, CHARLIE, KeptChain

__all__ = ["home", "kept"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state folder of the module."""
    folder = tmp_path_factory.mktemp("home")
    with (
        pytest.MonkeyPatch.context() as patch,
        override_settings(COINAI_HOME=folder, COINAI_GENESIS=folder / "genesis.json"),
    ):
        patch.setattr(scoring.workers, "is_listening", lambda: False)
        clear_genesis()
        clear_caches()
        yield folder
    clear_genesis()
    clear_caches()


@pytest.fixture(scope="module")
def kept(home: Path, django_db_setup: None, django_db_blocker: Any) -> Iterator[KeptChain]:
    """Alice keeps well, Bob has stopped answering, Charlie is leaving; it stays until the module ends."""
    with django_db_blocker.unblock():
        init_chain(now=GENESIS_TIME)
        chain = KeptChain(Miner())
        chain.register(ALICE, BOB, CHARLIE)
        chain.steps(2, ALICE, BOB, CHARLIE)
        chain.leave(CHARLIE)
        chain.steps(4, ALICE)
    yield chain
    with django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False, allow_cascade=True)
