"""What all tests share: the servers of the Django tests, started only when one of them is run."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# As the site has it, before anything imports NumPy (docs/decisions/0036).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import django
import hypothesis
import pytest

from tests.order import Files, rank
from tests.servers import Servers, make_servers

# How long an example takes says how busy the machine is, and nothing of the code.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")

TESTS = Path(__file__).resolve().parent
# Folders whose tests are about the site; running only others loads no settings and starts no server.
WITH_DJANGO = {"", "apps", "browser"}
# Tells the processes of pytest-xdist, which do not see the command line, what the first process decided.
DECISION = "TESTS_WITH_DJANGO"


def _room(path: Path) -> str:
    """The folder of tests/ that a path lies in; empty for tests/ itself and for anything outside."""
    resolved = path.resolve()
    inside = resolved.relative_to(TESTS).parts if resolved.is_relative_to(TESTS) else ()
    return inside[0] if inside else ""


def _needs_django() -> bool:
    if DECISION not in os.environ:
        paths = [Path(argument.split("::")[0]) for argument in sys.argv[1:] if not argument.startswith("-")]
        chosen = {_room(path) for path in paths if path.exists()} or {""}
        os.environ[DECISION] = "yes" if chosen & WITH_DJANGO else "no"
    return os.environ[DECISION] == "yes"


def _load_site() -> Servers:
    """Decides where the servers will be, then loads Django's settings, which read that."""
    servers = make_servers()
    servers.set_environment()
    os.environ["DJANGO_SETTINGS_MODULE"] = "coinai_web.settings"
    django.setup()
    return servers


# At import, not in a fixture: conftest files and tests further down import models at their top.
SERVERS = _load_site() if _needs_django() else None


def pytest_configure(config: pytest.Config) -> None:
    """Lets each process of pytest-xdist load the settings itself, for servers of its own."""
    if config.getoption("numprocesses", None):
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_unconfigure() -> None:
    """Leaves no server and no file behind, also after an interruption."""
    if SERVERS is not None:
        SERVERS.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the site get the servers without asking; the longest come first, the shortest last."""
    for item in items:
        if isinstance(item, pytest.Function) and _room(item.path) in WITH_DJANGO:
            item.fixturenames.insert(0, "servers")
    items.sort(key=lambda item: rank(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files:
    """Several processes share out files, not single tests."""
    # Else the files with the most tests would come first, which are the quickest.
    config.option.loadscopereorder = False
    return Files(config, log)


@pytest.fixture(scope="session")
def servers() -> Servers:
    """PostgreSQL and Valkey, running; DATABASE_URL and BROKER_URL point at them."""
    if SERVERS is None:
        pytest.fail("tests that need the servers of the site belong in tests/apps or tests/browser")
    SERVERS.start()
    return SERVERS


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    servers: Servers, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """Has the database server running before pytest-django creates the test database."""


@pytest.fixture(scope="session", autouse=True)
def _quick_emptying() -> Iterator[None]:
    """Tests that commit leave an empty database, within milliseconds."""
    if SERVERS is None:
        yield
        return
    from django.test import TransactionTestCase

    from tests.emptying import empty_database

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: empty_database())
        yield
