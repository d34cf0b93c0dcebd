"""How a candidate comes to twenty nodes over links that take 50 ms in each direction."""

import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.network.chains import make_genesis
from protocol.blocks import Block
from tests.network.desk import Desk
from tests.network.light import LightNode
from tests.network.nodes import Network, make_network, wait_for_tip
from tests.network.scripted import MinerPeer
from tests.waiting import wait_until

DELAY = 0.05
CALLS = 3
"""So many of those before it does each node call, the first ones fewer."""
ROUND_SECONDS = 6
CANDIDATES = 10
PATIENCE = 600.0
HEADER = ("what a node has", "median", "p95", "slowest node", "hops")


def measure(folder: Path, *, nodes: int) -> tuple[str, str, tuple[str, ...], list[list[object]]]:
    """The table: candidates announced at the first node, and when the others had them."""
    desk = Desk(make_genesis(age=60, round_seconds=ROUND_SECONDS))
    with make_network(folder, desk.genesis) as network:
        made, hops = _connect(network, nodes)
        heard: dict[str, list[float]] = {"header": [], "body": [], "evaluated": []}
        with MinerPeer(made[0].url, desk) as miner:
            for _ in range(CANDIDATES):
                block = desk.mine_now()
                began = time.time()
                miner.announce(block)
                _wait(made, block)
                for what, times in _read(made[1:], block, began).items():
                    heard[what] += times
    rows: list[list[object]] = [
        [what, *(f"{1000 * value:.0f} ms" for value in _summarise(times)), max(hops)]
        for what, times in heard.items()
    ]
    note = (
        f"{nodes} nodes, each calls {CALLS} of those before it through a link that delays each direction by "
        f"{1000 * DELAY:.0f} ms; {CANDIDATES} candidates announced at the first, {len(heard['header'])} "
        f"arrivals; {statistics.mean(hops):.1f} hops on the average. All nodes, the links and the database "
        "share this machine: without the links' share, times of bodies and evaluations are those of its "
        "processors, since every node evaluates every model."
    )
    return "Propagation", note, HEADER, rows


def _connect(network: Network, count: int) -> tuple[list[LightNode], list[int]]:
    """The nodes, running and connected, and how many links each is away from the first."""
    dice = random.Random(8)
    made: list[LightNode] = []
    hops = [0]
    for number in range(count):
        called = dice.sample(range(number), k=min(CALLS, number))
        links = [network.link(made[other], DELAY) for other in called]
        node = network.make(LightNode, f"node{number}", peers=[link.url for link in links])
        node.start()
        made.append(node)
        if called:
            hops.append(1 + min(hops[other] for other in called))
    for node in made:
        node.wait_until_ready()
    for number, node in enumerate(made):
        least = min(CALLS, number)
        wait_until(
            lambda node=node, least=least: node.read_status()["peers"] >= least,  # type: ignore[misc]
            seconds=PATIENCE,
            what=f"{node.name} to be connected",
        )
    return made, hops


def _wait(nodes: Sequence[LightNode], block: Block) -> None:
    wait_for_tip(nodes, block.hash, seconds=PATIENCE)


def _read(nodes: Sequence[LightNode], block: Block, began: float) -> dict[str, list[float]]:
    """Seconds from the announcement to header, body and verdict, by the clock that all of them share."""
    found: dict[str, list[float]] = {"header": [], "body": [], "evaluated": []}
    question = (
        "SELECT extract(epoch FROM chain_seenheader.received_at), extract(epoch FROM body_at), "
        "extract(epoch FROM evaluated_at) "
        f"FROM chain_seenheader JOIN chain_block USING (hash) WHERE hash = '{block.hash}'"
    )
    for node in nodes:
        for times in node.query(question):
            for what, moment in zip(found, times, strict=True):
                if moment is not None:
                    found[what].append(float(moment) - began)
    return found


def _summarise(values: list[float]) -> tuple[float, float, float]:
    ordered = sorted(values)
    return statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))], ordered[-1]
