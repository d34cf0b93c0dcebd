"""Joining a chain that others run: the genesis document comes from them, and is checked."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from apps.chain.genesis import init_chain, make_genesis
from apps.chain.joining import join_chain
from apps.chain.models import Block
from apps.chain.peers.errors import CannotJoin
from protocol.blocks import genesis_block

pytestmark = pytest.mark.django_db

BEGAN = 1_650_000_000
Serve = Callable[[dict[str, Any]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A site that answers these paths with JSON."""
    servers: list[ThreadingHTTPServer] = []

    def make(answers: dict[str, Any]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = answers.get(self.path)
                self.send_response(404 if found is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(found).encode())

            def log_message(self, *_: Any) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def answers(*, began: int = BEGAN, **status: Any) -> dict[str, Any]:
    """What a site of a chain that began then says."""
    genesis = make_genesis(now=began)
    said = {"genesis": genesis_block(genesis).hash, **status}
    return {"/api/v1/genesis": genesis.to_json(), "/api/v1/status": said}


def test_it_begins_with_the_first_block_of_the_others(home: Path, serve: Serve) -> None:
    joined = join_chain([serve(answers())])
    block = init_chain()
    assert block.hash == genesis_block(joined).hash
    assert block.timestamp == BEGAN
    assert Block.objects.count() == 1


def test_a_node_that_does_not_answer_is_passed_over(home: Path, serve: Serve) -> None:
    assert join_chain(["http://127.0.0.1:1", serve(answers())]).timestamp == BEGAN


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"genesis": "00" * 32}, "its document gives"), ({}, "COINAI_GENESIS_HASH")],
)
def test_it_does_not_believe_a_document_that_is_not_the_chain_s(
    home: Path, serve: Serve, settings: Any, changed: dict[str, Any], reason: str
) -> None:
    settings.COINAI_GENESIS_HASH = "" if changed else "11" * 32
    with pytest.raises(CannotJoin, match=reason):
        join_chain([serve(answers(**changed))])
    assert not settings.COINAI_GENESIS.exists()


def test_nodes_on_two_chains_are_not_chosen_between(home: Path, serve: Serve) -> None:
    with pytest.raises(CannotJoin, match="different chains"):
        join_chain([serve(answers()), serve(answers(began=BEGAN + 1))])


def test_another_network_is_refused(home: Path, serve: Serve, settings: Any) -> None:
    site = serve(answers())
    settings.COINAI_NETWORK = "devnet"
    with pytest.raises(CannotJoin, match="COINAI_NETWORK is devnet"):
        join_chain([site])


def test_without_anybody_it_says_so(home: Path) -> None:
    with pytest.raises(CannotJoin, match="no node gave"):
        join_chain(["http://127.0.0.1:1"])
