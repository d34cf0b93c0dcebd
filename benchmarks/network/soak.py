"""Nodes that are killed, cut off and joined again while two miners compete: memory flat, no divergence."""

import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.network.chains import make_genesis
from protocol.crypto import sha3_256
from tests.network.desk import Desk
from tests.network.light import LightNode
from tests.network.nodes import Link, Network, make_network
from tests.network.scripted import MinerPeer

NODES = 5
PATIENCE = 600.0
AGREE_SECONDS = 15.0
CHURN_SECONDS = (3.0, 8.0)
SAMPLE_SECONDS = 1.0
SETTLED_SECONDS = 20.0
HEADER = (
    "node",
    "lives",
    "longest life",
    "memory, begin → end of it",
    "reorganised",
    "height",
    "commitments",
)


@dataclass(slots=True)
class Soak:
    """What happened."""

    network: Network
    nodes: list[LightNode] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    kills: int = 0
    cuts: int = 0
    memory: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    """By life of a process: (age in seconds, resident bytes)."""
    lives: dict[str, int] = field(default_factory=dict)
    born: dict[str, float] = field(default_factory=dict)

    def connect(self, count: int) -> None:
        """Each calls the two before it, through links that can be cut."""
        for number in range(count):
            called = [self.network.link(node) for node in self.nodes[-2:]]
            self.links += called
            node = self.network.make(LightNode, f"soak{number}", peers=[link.url for link in called])
            self.nodes.append(node)
            self.start(node)
        for node in self.nodes:
            node.wait_until_ready()

    def start(self, node: LightNode) -> None:
        """Begin a life."""
        node.start()
        self.lives[node.name] = self.lives.get(node.name, 0) + 1
        self.born[node.name] = time.monotonic()

    def churn(self, dice: random.Random) -> None:
        """Kill one and start it again, or cut a link or heal all; never the first, where the miner is."""
        choice = dice.random()
        if choice < 0.4:
            node = dice.choice(self.nodes[1:])
            node.kill("node")
            self.kills += 1
            self.start(node)
        elif choice < 0.7:
            dice.choice(self.links).cut()
            self.cuts += 1
        else:
            self.heal()

    def heal(self) -> None:
        """All links carry again."""
        for link in self.links:
            link.heal()

    def sample(self) -> None:
        """Note the memory of all processes."""
        for node in self.nodes:
            size = node.read_memory()
            if size:
                key = f"{node.name}.{self.lives[node.name]}"
                age = time.monotonic() - self.born[node.name]
                self.memory.setdefault(key, []).append((age, size))


def measure(
    folder: Path, *, seconds: float, nodes: int = NODES
) -> tuple[str, str, tuple[str, ...], list[list[object]]]:
    """The table; raises AssertionError when nodes end on different chains."""
    desk = Desk(make_genesis(age=60, round_seconds=2, late_seconds=2))
    with make_network(folder, desk.genesis) as network:
        soak = Soak(network)
        soak.connect(nodes)
        began = time.monotonic()
        _run(soak, desk, seconds)
        spent = time.monotonic() - began
        height = _check(soak)
        rows = [_describe_node(soak, node, height) for node in soak.nodes]
    first, last = find_growth(soak.memory)
    note = (
        f"{nodes} nodes, of which each calls two, {spent:.0f} seconds, {height} blocks. Every "
        f"{CHURN_SECONDS[0]:.0f} to {CHURN_SECONDS[1]:.0f} seconds one is killed (-9) and started again, or "
        f"a link is cut, or all are healed: {soak.kills} kills, {soak.cuts} cuts. Two miners announce at "
        "different nodes, one of them on blocks of its own. Memory: resident, medians of the first and last "
        f"third of a life once it is {SETTLED_SECONDS:.0f} s old; the median of all lives "
        f"{first / 2**20:.1f} → {last / 2**20:.1f} MiB."
    )
    return "Soak with churn", note, HEADER, rows


def _describe_node(soak: Soak, node: LightNode, height: int) -> list[object]:
    """A row of the table: of the longest life of a node, how its memory went."""
    lives = {key: found for key, found in soak.memory.items() if key.startswith(f"{node.name}.")}
    longest = max(lives, key=lambda key: lives[key][-1][0], default="")
    samples = lives.get(longest, [(0.0, 0)])
    first, last = find_growth({longest: samples})
    question = "SELECT count(*) FROM chain_block WHERE NOT canonical AND connected_at IS NOT NULL"
    return [
        node.name,
        soak.lives[node.name],
        f"{samples[-1][0]:.0f} s",
        f"{first / 2**20:.1f} → {last / 2**20:.1f} MiB" if last else "too short",
        node.query(question)[0][0],
        height,
        f"equal at all {height + 1} heights",
    ]


def _run(soak: Soak, desk: Desk, seconds: float) -> None:
    dice, rival_desk = random.Random(11), desk.fork(sha3_256(b"rival"))
    until = time.monotonic() + seconds
    churn_at = time.monotonic() + dice.uniform(*CHURN_SECONDS)
    sample_at = 0.0
    while time.monotonic() < until:
        with MinerPeer(soak.nodes[0].url, desk) as miner:
            while miner.is_open and time.monotonic() < until:
                miner.announce(desk.mine_now())
                miner.tell_tip()
                if time.monotonic() > sample_at:
                    sample_at = time.monotonic() + SAMPLE_SECONDS
                    soak.sample()
                if time.monotonic() > churn_at:
                    churn_at = time.monotonic() + dice.uniform(*CHURN_SECONDS)
                    soak.churn(dice)
                    rival_desk = _compete(soak, desk, rival_desk, dice)
                _pause(desk)
    soak.heal()
    with MinerPeer(soak.nodes[0].url, desk) as miner:
        deadline = time.monotonic() + PATIENCE
        while not _agree(soak.nodes, desk.tip.hash):
            assert time.monotonic() < deadline, _describe(soak.nodes)
            # What came late weighs 1 until three blocks in time stand on it.
            miner.announce(desk.mine_now())
            miner.tell_tip()
            _pause(desk)


def _agree(nodes: Sequence[LightNode], tip: str) -> bool:
    """Whether all have this tip within a while: they have to be told, to evaluate, and to connect."""
    deadline = time.monotonic() + AGREE_SECONDS
    while {node.tip for node in nodes} != {tip}:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _compete(soak: Soak, desk: Desk, rival: Desk, dice: random.Random) -> Desk:
    """Another miner announces a block of its own at another node, beside what the first one makes."""
    rival = desk.fork(rival.secret)
    rival.blocks.pop()
    node = dice.choice(soak.nodes[1:])
    try:
        with MinerPeer(node.url, desk.fork(rival.secret)) as miner:
            miner.announce(miner.desk.mine_now())
            time.sleep(0.5)
    except (OSError, AssertionError) as error:
        print(f"no rival at {node.name}: {error}", file=sys.stderr, flush=True)
    return rival


def _pause(desk: Desk) -> None:
    """Until the round of the last block ends: the next one stands on it."""
    time.sleep(max(0.0, desk.tip.timestamp - time.time()))


def _check(soak: Soak) -> int:
    """The height; all chains are one, with one commitment at every height."""
    first = soak.nodes[0].list_commitments()
    for node in soak.nodes[1:]:
        assert node.list_commitments() == first, _describe(soak.nodes)
    return first[-1][0]


def find_growth(memory: Mapping[str, Sequence[tuple[float, int]]]) -> tuple[float, float]:
    """Medians of the first and last third, once a process has settled, of the lives long enough."""
    first: list[float] = []
    last: list[float] = []
    for samples in memory.values():
        sizes = [size for age, size in samples if age > SETTLED_SECONDS]
        if len(sizes) >= 6:
            first.append(statistics.median(sizes[: len(sizes) // 3]))
            last.append(statistics.median(sizes[-(len(sizes) // 3) :]))
    return (statistics.median(first), statistics.median(last)) if first else (0.0, 0.0)


def _describe(nodes: Sequence[LightNode]) -> str:
    return "the nodes differ: " + ", ".join(f"{node.name} {node.read_status()}" for node in nodes)
