"""``python -m workers`` (``coinai-worker`` once installed): join a pool and mine for one's address."""

import argparse
import asyncio
import json
import logging
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

from workers import VERSION, logs
from workers.agent import Agent, Measured, RefusedError
from workers.identity import Identity, IdentityError, default_folder, load_or_create, parse_secret
from workers.joining import JoinRefusedError, enrol, find_enrolled, read_network

HELP = """Coin.AI workers: they train networks for a pool, and score models for a node.

Anywhere, for your own address (a token comes from the site's page /pool/join/):

  python -m workers join URL --token TOKEN     enrol once, then mine; later without the token

On the operator's machines, where the broker is (BROKER_URL):

  celery -A workers worker -Q mining,trials -c 1  trains; -c is the number of trainings at a time, one a core
  celery -A workers worker -Q verification -c 1   scores models exactly, for the node and the pool

Settings, all by environment:

  BROKER_URL           the broker, e.g. redis://127.0.0.1:6379/0
  COINAI_JOIN_TOKEN    the token, if it is not to be seen among the processes
  COINAI_WORKER_HOME   folder of a joined worker's key and downloads (else ~/.coinai-worker)
  COINAI_CACHE         folder of downloaded data sets (else COINAI_HOME/worker-cache, else var/worker-cache)
  COINAI_CACHE_BYTES   its size at most (else 4 GiB)
  COINAI_DEVICE        cpu, cuda or cuda:1 (else CUDA when there is one)
  COINAI_WORKER_NAME   how this machine is called on the pool's pages (else its host name)
"""
MEASURE_SECONDS = 180.0  # a cold disk imports torch slowly


def main() -> None:
    """Run one command; the exit status is 1 when the site refuses."""
    parser = argparse.ArgumentParser(
        prog="coinai-worker", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=VERSION)
    join = parser.add_subparsers(dest="command", metavar="COMMAND").add_parser("join", help="mine for a pool")
    join.add_argument("url", help="address of the site")
    join.add_argument("--token", default=os.environ.get("COINAI_JOIN_TOKEN", ""), help="from /pool/join/")
    join.add_argument("--name", default=os.environ.get("COINAI_WORKER_NAME") or platform.node() or "worker")
    join.add_argument("--processes", type=int, default=0, help="else one a core, or one for a GPU")
    join.add_argument("--key", type=Path, default=default_folder() / "key", help="file of the worker's key")
    arguments = parser.parse_args()
    if arguments.command is None:
        print(HELP, end="")  # noqa: T201 -- it is what was asked for
        return
    logs.set_up()
    try:
        run_join(arguments)
    except (IdentityError, JoinRefusedError, RefusedError) as refusal:
        sys.exit(f"coinai-worker: {refusal}")
    except (OSError, ValueError) as failure:
        sys.exit(f"coinai-worker: {arguments.url} could not be reached or understood: {failure}")


def run_join(arguments: argparse.Namespace) -> None:
    """Enrol if need be, then mine until SIGINT or SIGTERM."""
    site_url = arguments.url.rstrip("/")
    identity = load_or_create(arguments.key)
    os.environ.setdefault("COINAI_CACHE", str(arguments.key.parent / "cache"))
    measured = measure()
    shown = f"{measured.device}, {measured.steps_per_second:g} trial steps a second"
    logging.getLogger("coinai-worker").info("%s", shown)
    become_known(site_url, identity, arguments.token, arguments.name[:60], measured.device[:100])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes = arguments.processes or (1 if measured.kind == "cuda" else min(cores, 64))
    asyncio.run(mine(Agent(site_url, identity, read_network(site_url), measured, processes)))


def become_known(site_url: str, identity: Identity, token: str, name: str, device: str) -> None:
    """Enrol with the token, or find that it happened before. Raises JoinRefusedError."""
    known = find_enrolled(site_url, identity)
    if known is not None and known.state != "revoked":
        return
    if known is not None and token:
        raise JoinRefusedError("its wallet has taken this worker's key back; join with another file --key")
    secret = Identity(parse_secret(token, "The token")) if token else identity
    try:
        enrol(site_url, identity, secret, name=name, device=device)
    except JoinRefusedError as refusal:
        if token:
            raise
        raise JoinRefusedError(
            f"this worker has not joined yet. Get a token at {site_url}/pool/join/, or let your wallet"
            f" delegate to its key {identity.key} ({refusal})"
        ) from None


async def mine(agent: Agent) -> None:
    """Run the agent until a signal asks for its end."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, agent.stop)
    await agent.run()


def measure() -> Measured:
    """What workers.measure says, in a process of its own that gives its memory back. Raises OSError."""
    command = [sys.executable, "-m", "workers.measure"]
    try:
        found = subprocess.run(command, capture_output=True, check=True, timeout=MEASURE_SECONDS, text=True)
    except subprocess.SubprocessError as failure:
        raise IdentityError(f"this machine could not be measured: {failure}") from failure
    return Measured(**json.loads(found.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
