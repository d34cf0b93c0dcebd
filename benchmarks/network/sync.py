"""Blocks synchronised a second: headers only, assumed (no models), and full (every model evaluated)."""

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.network.chains import make_genesis
from supervisor.configuration import ROOT
from tests.network.desk import Desk
from tests.network.light import LightNode
from tests.network.nodes import Network, make_network, wait_for_tip
from tests.network.scripted import MinerPeer
from tests.waiting import wait_until

PATIENCE = 3600.0
ROUND = 3
HEADER = ("mode", "blocks", "seconds", "blocks a second", "memory at most")


def measure(folder: Path, *, blocks: int) -> tuple[str, str, tuple[str, ...], list[list[object]]]:
    """The table: a chain is made on the desk, one node takes it, and others take it from that one."""
    desk = Desk(make_genesis(age=(blocks + 50) * (ROUND + 1)))
    began = time.monotonic()
    for _ in range(blocks):
        desk.mine(round=ROUND)
    print(f"{blocks} blocks mined in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    with make_network(folder, desk.genesis) as network:
        source = network.make(LightNode, "source")
        source.start()
        source.wait_until_ready()
        with MinerPeer(source.url, desk):
            wait_for_tip([source], desk.tip.hash, seconds=PATIENCE)
        pinned = f"{blocks}:{desk.tip.hash}"
        beyond = f"{blocks + 1000}:{'ab' * 32}"
        rows = [
            _run(network, source, desk, "headers only", COINAI_CHECKPOINT=beyond),
            _run(network, source, desk, "assumed", COINAI_CHECKPOINT=pinned, COINAI_SYNC="assumed"),
            _run(network, source, desk, "full", COINAI_SYNC="full"),
            _verify(source, blocks),
            _verify(source, blocks, "--headers-only"),
        ]
    note = (
        "From one other node over loopback, from the handshake to the last header, or block connected. "
        "Headers only: a checkpoint that the chain does not reach, so that no body is asked for. Assumed: "
        "the last block is the checkpoint; of the models one in 64 is fetched and evaluated. The models are "
        "those of the tests (8 × 8 digits, up to 60 000 multiply-accumulates), evaluated with NumPy by the "
        "node's own process. `verifychain` checks the same chain again in one process, its start (some "
        "seconds) left out."
    )
    return "Synchronisation", note, HEADER, rows


def _run(network: Network, source: LightNode, desk: Desk, mode: str, **extra: str) -> list[object]:
    node = network.make(LightNode, mode.replace(" ", "_"), peers=[source.url], extra=extra)
    node.start()
    height = desk.tip.height
    if mode == "headers only":
        question = "SELECT count(*) FROM chain_seenheader"
        wait_until(lambda: node.query(question)[0][0] == height, seconds=PATIENCE, what="all headers")
        end = time.time()
    else:
        wait_for_tip([node], desk.tip.hash, seconds=PATIENCE)
        end = float(node.query("SELECT extract(epoch FROM max(connected_at)) FROM chain_block")[0][0])
    begin = float(node.query("SELECT extract(epoch FROM min(connected_at)) FROM chain_peer")[0][0])
    memory = node.read_memory()
    node.stop()
    return [mode, height, f"{end - begin:.2f}", f"{height / (end - begin):,.0f}", f"{memory / 2**20:.0f} MiB"]


def _verify(node: LightNode, blocks: int, *options: str) -> list[object]:
    start, _ = _run_command(node, "check", "--database", "default")
    seconds, memory = _run_command(node, "verifychain", *options)
    seconds = max(0.01, seconds - start)
    mode = " ".join(("verifychain", *options))
    return [mode, blocks, f"{seconds:.2f}", f"{blocks / seconds:,.0f}", f"{memory / 2**20:.0f} MiB"]


def _run_command(node: LightNode, *arguments: str) -> tuple[float, int]:
    """Seconds and most resident bytes of a command of manage.py, what it says shown."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=node.environment(), stdout=sys.stderr
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return time.monotonic() - began, usage.ru_maxrss * 1024
