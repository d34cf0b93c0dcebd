"""Five keepers, each a process with its own folder: whatever happens to them, no object is lost."""

import functools
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from apps.chain.api import count_mempool, get_entry, get_genesis, list_entries
from apps.chain.genesis import init_chain, make_genesis, write_genesis
from apps.common import object_store
from apps.common.object_folder import ObjectFolder
from apps.storage.models import Audit
from datasets import load_genesis_problem
from protocol.encoding import decode, encode
from protocol.params import CAI, TESTING
from protocol.problem import parse_problem
from protocol.transactions import Body, Output, Propose, SignedTransaction, Transfer, sign_transaction
from tests.apps.chain.conftest import GENESIS_TIME
from tests.apps.chain.miner import Miner
from tests.apps.chain.sending import send
from tests.apps.storage.keeping.programs import PATIENCE, Launcher, Program, Town
from tests.protocol.cast import ALICE, BOB, Person
from tests.waiting import wait_until

PARAMS = replace(TESTING, data_replicas=3, proposal_blocks=400)


@pytest.fixture
def town(transactional_db: None, home: Path, live_server: Any) -> Iterator[Town]:
    """A chain on which data sets have three replicas, and five keepers that begin with coins."""
    document = replace(make_genesis(now=GENESIS_TIME), parameters=PARAMS)
    write_genesis(encode(document.to_json()))
    init_chain()
    launcher = Launcher(home)
    try:
        sites = (live_server.url,)
        keepers = [Program(f"keeper-{number}", home / f"k{number}", sites, launcher) for number in range(5)]
        town = Town(Miner(), keepers)
        outputs = tuple(Output(keeper.address, CAI) for keeper in keepers)
        send(sign(ALICE, Transfer(outputs)))
        for keeper in keepers:
            keeper.start()
        town.mine()
        wait_until(lambda: count_mempool() == 5, seconds=PATIENCE, what="five registrations")
        town.mine()
        assert all(town.get_keeper(keeper) for keeper in keepers)
        yield town
    finally:
        launcher.stop()


def test_no_object_is_lost_while_one_good_replica_lives(town: Town) -> None:
    dead, wiped, flipped, full, slow = town.keepers
    data = propose_data()
    for _ in range(5):
        town.mine()
    objects = town.list_objects()
    assert len(objects) > 5
    town.mine_until_whole()
    assert len(list_entries(f"replica/{data}/")) == 3
    # From here on the site has none of them: repairs live on the other replicas alone.
    for object_id in objects:
        assert object_store.remove(object_id)

    dead.kill()
    full.fill_disk(is_full=True)
    stop_between_transactions(slow)
    for _ in range(2):
        town.mine(without=(dead, full, slow))
    slow.send(signal.SIGCONT)
    full.fill_disk(is_full=False)
    while not is_out(town, dead):
        town.mine(without=(dead,))
    town.mine_until_whole(without=(dead,))
    # Ejected for what it missed. Each miss burned coins, but for the first challenges of new replicas.
    missed = Audit.objects.filter(address=dead.address, outcome="missed")
    assert len(missed) >= PARAMS.max_misses
    assert all((audit.burned == 0) == audit.first for audit in missed)
    assert burned_so_far() >= sum(audit.burned for audit in missed)
    assert len(town.mined) < 80

    shutil.rmtree(wiped.home / "objects", ignore_errors=True)  # it may write there meanwhile
    wait_until(lambda: holds_all(wiped), seconds=PATIENCE, what="what was wiped to be fetched again")
    damaged = flip_bits(flipped.folder)
    wait_until(lambda: holds_all(flipped), seconds=PATIENCE, what="what was damaged to be fetched again")
    assert damaged
    town.mine_until_whole(without=(dead,))
    for object_id in objects:
        assert get_entry(f"object/{object_id}") is not None
    for keeper in town.keepers[1:]:
        assert "Traceback" not in keeper.log


def stop_between_transactions(keeper: Program) -> None:
    """Stop a keeper's process, but not while it holds the tip: then all others would wait for it."""
    older = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND xact_start < %s"
    )

    def is_free(since: datetime) -> bool:
        with connection.cursor() as cursor:
            return cursor.execute(older, [since]).fetchone() is None

    while True:
        keeper.send(signal.SIGSTOP)
        stopped = datetime.now(UTC)
        try:
            wait_until(functools.partial(is_free, stopped), seconds=5.0)
        except AssertionError:
            keeper.send(signal.SIGCONT)
            wait_until(functools.partial(is_free, stopped), seconds=PATIENCE)
        else:
            return


def propose_data() -> str:
    """A proposal whose data set the keepers are to hold."""
    manifest, _ = load_genesis_problem("testing")
    value: Any = decode(manifest)
    content = encode({**value, "title": "Digits for keepers"})
    send(sign(BOB, Propose("problem", content.decode())))
    return parse_problem(content, get_genesis().parameters).data


def sign(person: Person, body: Body) -> SignedTransaction:
    """The first transaction of somebody."""
    return sign_transaction(person.secret, network="testing", kind=body.kind, sequence=0, fee=0, body=body)


def burned_so_far() -> int:
    """Base units that are gone for good."""
    supply = get_entry("supply")
    assert supply is not None
    return int(supply["burned"])


def is_out(town: Town, keeper: Program) -> bool:
    """Whether a keeper was ejected, or is gone already."""
    entry = town.get_keeper(keeper)
    return entry is None or entry["leaving"] != 0


def holds_all(keeper: Program) -> bool:
    """Whether all that is assigned to a keeper is in its folder, intact."""
    assigned = [key.split("/")[1] for key, _ in list_entries("replica/") if key.endswith(keeper.address)]
    return all(keeper.holds(object_id) for object_id in assigned)


def flip_bits(folder: ObjectFolder) -> list[str]:
    """Flip one bit in every object of a folder."""
    names = [name for name, _ in folder.scan()]
    for name in names:
        with folder.path(name).open("r+b") as file:
            file.seek(len(name))
            byte = file.read(1)[0]
            file.seek(len(name))
            file.write(bytes([byte ^ 4]))
    return names
