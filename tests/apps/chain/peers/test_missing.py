"""What nobody has: asked for ever more rarely, shown with what to do, and taken when it comes."""

import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.chain.models import Block, SeenHeader, WantedObject
from apps.chain.peers import fetching, headers, limits
from apps.chain.peers.buckets import Absences
from apps.chain.peers.hub import Hub
from apps.chain.peers.monitoring import check_missing
from apps.chain.selectors import get_tip
from tests.apps.chain.peers.memory import MemoryPeer, wait_for_row
from tests.apps.chain.peers.test_hostile import run_node
from tests.network.desk import Desk

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_model_that_nobody_has_is_asked_for_ever_more_rarely_and_shown(
    hub: Hub, desk: Desk, call: Callable[..., Any], client: Client, tmp_path: Path
) -> None:
    block = desk.mine()
    model = desk.models.pop(block.header.model)
    peers: list[MemoryPeer] = [call() for _ in range(limits.MISSING_TRIES)]
    for peer in peers:
        await peer.dial()
        peer.announce(block)
    await run_node(hub, lambda: bool(check_missing()))
    for peer in peers:
        for _ in range(20):  # however often it says that it has the block
            peer.announce(block)
    await wait_for_row(lambda: Block.objects.filter(status="undecided").exists(), hub)
    asked = [sum(item.kind == "get_piece" for item in peer.said) for peer in peers]
    assert all(count <= 2 for count in asked)
    problem = await hub.threads.run(check_missing)
    assert problem is not None
    assert "put_object" in problem.remedy
    page = await hub.threads.run(lambda: client.get("/fragments/peers/").content.decode())
    assert block.header.model in page
    assert "Missing" in page
    file = tmp_path / "model"
    file.write_bytes(model)
    await hub.threads.run(call_command, "put_object", str(file), expected=block.header.model)
    await run_node(hub, lambda: get_tip().hash == block.hash)
    assert await hub.threads.run(check_missing) is None
    for peer in peers:
        await peer.hang_up()


def test_a_file_that_is_not_the_one_is_refused(genesis: Block, tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_bytes(b"something else")
    with pytest.raises(CommandError):
        call_command("put_object", str(file), expected="00" * 32)
    said = StringIO()
    call_command("put_object", str(file), stdout=said)
    assert "no block waits" in said.getvalue()


def test_what_a_refused_block_needed_is_not_asked_for_any_more(genesis: Block) -> None:
    WantedObject.objects.create(object_id="ab" * 32, kind="data set", block=genesis.hash, tries=9)
    WantedObject.objects.create(object_id="cd" * 32, kind="data set", block="ee" * 32, tries=9)
    fetching.want_missing()
    assert [row.object_id for row in WantedObject.objects.all()] == ["ab" * 32]


def test_absences_last_longer_each_time_and_are_forgiven_once() -> None:
    lacks = Absences(2, first=0.01, longest=3600)
    lacks.add("one")
    assert lacks.forgive("one")
    assert "one" not in lacks
    assert not lacks.forgive("one")
    lacks.add("two")
    assert "two" in lacks
    time.sleep(0.02)
    assert "two" not in lacks
    lacks.add("two")
    time.sleep(0.012)
    assert "two" in lacks
    lacks.add("three")
    assert len(lacks) == 2


def seen(name: str, previous: str, source: str, **fields: Any) -> SeenHeader:
    defaults = {"height": 1, "round": 3, "timestamp": 1, "threshold": 0, "problem": "", "quality": 0}
    defaults |= {"work": 5, "header": b"{}", "received_at": timezone.now(), "late": False}
    return SeenHeader(hash=name, previous=previous, source=source, **(defaults | fields))


def test_too_many_headers_of_peers_that_are_gone_are_forgotten_with_all_that_stands_on_them(
    genesis: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = timezone.now() - timedelta(hours=1)
    rows = [
        seen("gone", genesis.hash, "gone", received_at=old),
        seen("on it", "gone", "here"),
        seen("kept", genesis.hash, "gone"),
        seen("taken", genesis.hash, "gone", received_at=old, state="taken"),
    ]
    SeenHeader.objects.bulk_create(rows)
    headers.prune()
    assert SeenHeader.objects.count() == 4
    monkeypatch.setattr(limits, "OPEN_HEADERS", 2)
    headers.prune()
    assert set(SeenHeader.objects.values_list("hash", flat=True)) == {"kept", "taken"}
