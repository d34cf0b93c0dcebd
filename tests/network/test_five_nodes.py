"""Five full nodes with databases of their own: they catch up, are torn apart, mine on, and agree again.

The tests are one story and run in order. Two links can be cut: between them and nobody else the network
falls into {amber, birch, cedar} and {dune, ember}. Blocks come from peers by script who mine on a desk.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from datasets import GENESIS_PROBLEMS, load_problem
from protocol.blocks import Genesis
from protocol.crypto import address, public_key, sha3_256, sign
from protocol.encoding import encode
from protocol.grammar import shipped_grammar
from protocol.merkle import object_id
from protocol.params import PARAMETERS
from protocol.transactions import SignedTransaction, parse_transaction
from tests.network.desk import Desk
from tests.network.nodes import FullNode, Link, Network, make_network, wait_for_tip
from tests.network.scripted import MinerPeer
from tests.waiting import wait_until

pytestmark = pytest.mark.network

ALICE = sha3_256(b"coinai/testing/alice")
PAST_SECONDS = 150
PATIENCE = 180.0


@dataclass(slots=True)
class Story:
    """What the tests share."""

    network: Network
    desk: Desk
    links: list[Link]
    lost: SignedTransaction | None = None
    west: Desk | None = None
    east: Desk | None = None

    @property
    def nodes(self) -> list[FullNode]:
        """All five."""
        return self.network.nodes


def make_genesis() -> Genesis:
    """The testing network, but with time for a machine that does other things besides."""
    return Genesis(
        network="testing",
        parameters=replace(PARAMETERS["testing"], late_seconds=3, stall_rounds=600),
        timestamp=int(time.time()) - PAST_SECONDS,
        allocations={address(public_key(ALICE)): 10**14},
        problem=object_id(load_problem(*GENESIS_PROBLEMS["testing"])),
        grammar=object_id(shipped_grammar("default")),
    )


def pay(desk: Desk, sequence: int) -> SignedTransaction:
    """Alice pays herself."""
    content: dict[str, Any] = {
        "network": desk.genesis.network,
        "kind": "transfer",
        "key": public_key(ALICE).hex(),
        "sequence": sequence,
        "fee": 1000,
        "body": {"outputs": [{"to": address(public_key(ALICE)), "amount": 5}]},
    }
    signature = sign(ALICE, b"coinai/1/sign\n" + encode(content)).hex()
    signed = parse_transaction({**content, "signature": signature})
    assert isinstance(signed, SignedTransaction)
    return signed


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Four nodes that know block 0, and one that asks for it; all of them running."""
    folder: Path = tmp_path_factory.mktemp("nodes")
    genesis = make_genesis()
    with make_network(folder, genesis) as network:
        amber = network.add("amber")
        amber.start()
        birch = network.add("birch", peers=[amber.url])
        network.add("cedar", peers=[amber.url, birch.url])
        links = [network.link(amber), network.link(birch)]
        dune = network.add("dune", peers=[links[0].url])
        for node in network.nodes[1:]:
            node.start()
        amber.wait_until_ready()
        ember = network.add("ember", peers=[dune.url, links[1].url], joins=True)
        ember.start()
        for node in network.nodes:
            node.wait_until_ready()
        yield Story(network, Desk(genesis), links)


def read_peers(node: FullNode) -> int:
    """How many nodes it is connected with."""
    status = node.read_status()
    return -1 if status is None else int(status["peers"])


def check_agreement(nodes: list[FullNode]) -> None:
    """The same blocks, and the same commitment to the ledger, at every height."""
    first = nodes[0].list_commitments()
    for node in nodes[1:]:
        assert node.list_commitments() == first, node.name


def test_all_take_the_chain_from_the_one_that_has_it(story: Story) -> None:
    desk = story.desk
    desk.mine_until(time.time())
    with MinerPeer(story.nodes[0].url, desk):
        wait_for_tip(story.nodes, desk.tip.hash, seconds=PATIENCE)
    check_agreement(story.nodes)
    assert desk.tip.height >= 5
    for node in story.nodes:
        wait_until(partial(_is_synchronised, node), seconds=90, what=node.name)


def test_torn_apart_each_side_follows_its_own_miner(story: Story) -> None:
    amber, birch, cedar, dune, ember = story.nodes
    cedar.kill("node")  # and it stays away until all is over
    for link in story.links:
        link.cut()
    wait_until(lambda: read_peers(dune) == read_peers(ember) == 1, seconds=60, what="the network to be torn")
    story.west, story.east = story.desk.fork(sha3_256(b"west")), story.desk.fork(sha3_256(b"east"))
    story.lost = pay(story.desk, 0)
    ember.post("transactions", encode(story.lost.to_json()))
    wait_until(lambda: dune.get_json("status")["mempool"] == 1, seconds=30, what="the transaction at dune")
    with MinerPeer(amber.url, story.west) as western, MinerPeer(dune.url, story.east) as eastern:
        for number in range(4):
            western.announce(story.west.mine_now())
            if number < 2:
                signed = [story.lost] if number == 0 else []
                eastern.announce(story.east.mine_now(signed=signed))
            if number == 1:  # the others mine on while one is killed and comes back
                for program in tuple(birch.running):
                    birch.kill(program)
                birch.start()
            wait_for_tip([amber], story.west.tip.hash, seconds=60)
        wait_for_tip([amber, birch], story.west.tip.hash, seconds=PATIENCE)
        wait_for_tip([dune, ember], story.east.tip.hash, seconds=60)
    assert story.west.work > story.east.work
    assert dune.get_json(f"transactions/{story.lost.txid}")["status"] == "included"


def test_joined_again_they_agree_on_the_better_chain(story: Story) -> None:
    amber, _, cedar, dune, _ = story.nodes
    west, east = story.west, story.east
    assert west is not None
    assert east is not None
    for link in story.links:
        link.heal()
    cedar.start("node")
    wait_until(lambda: read_peers(dune) >= 2, seconds=90, what="the network to be whole")
    with MinerPeer(amber.url, west) as western:
        # What came late weighs 1 at dune and ember until three blocks in time stand on it.
        for _ in range(12):
            western.announce(west.mine_now())
            wait_for_tip([amber], west.tip.hash, seconds=60)
            if dune.tip == west.tip.hash:
                break
        wait_for_tip(story.nodes, west.tip.hash, seconds=PATIENCE)
    check_agreement(story.nodes)
    late = dune.query("SELECT count(*) FROM chain_block WHERE canonical AND late")[0][0]
    assert late >= 1, "the western blocks came in time, so the network was not torn for long enough"
    assert dune.query(f"SELECT canonical FROM chain_block WHERE hash = '{east.tip.hash}'") == [(False,)]


def test_what_the_lost_blocks_held_waits_everywhere(story: Story) -> None:
    lost = story.lost
    assert lost is not None
    for node in story.nodes:
        wait_until(partial(_is_pending, node, lost.txid), seconds=60, what=f"it at {node.name}")


def _is_synchronised(node: FullNode) -> bool:
    status = node.read_status()
    return status is not None and bool(status["sync"]["synchronised"])


def _is_pending(node: FullNode, txid: str) -> bool:
    try:
        return bool(node.get_json(f"transactions/{txid}")["status"] == "pending")
    except (OSError, json.JSONDecodeError):
        return False
