"""A node in one process, for networks of many: `python -m tests.network.light PORT`.

It is the node's process as `manage.py node` runs it, which besides serves /ws/node/ from an event loop of
its own: no pages, no pool, no tasks, no workers. Models are scored with NumPy in it, as where no verifier
answers.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from typing import Any

from supervisor.configuration import ROOT
from supervisor.leash import leashed
from tests.network.nodes import START_SECONDS, FullNode
from tests.waiting import wait_until


class LightNode(FullNode):
    """One such process, with a database of its own; what `FullNode` asks over HTTP it reads from there."""

    def start(self, *programs: str) -> None:
        """Start it; `wait_until_ready` waits."""
        with (self.home / "node.log").open("ab") as log:
            self.running["node"] = subprocess.Popen(
                leashed([sys.executable, "-m", "tests.network.light", str(self.port)], signal=signal.SIGTERM),
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """It has beaten, and its port answers."""
        wait_until(
            lambda: self.query("SELECT count(*) FROM chain_nodeheartbeat")[0][0] or self._check_alive(),
            seconds=START_SECONDS,
            what=f"{self.name}: node",
        )

    def read_status(self) -> Any:
        """Height, tip and peers, as /api/v1/status says them."""
        rows = self.query(
            "SELECT block.height, block.hash, (SELECT count(DISTINCT node_key) FROM chain_peer "
            "WHERE seen_at > now() - interval '30 seconds') FROM chain_ledgertip "
            "JOIN chain_block block ON block.hash = block_id"
        )
        return {"height": rows[0][0], "tip": rows[0][1], "peers": rows[0][2]} if rows else None

    def read_memory(self) -> int:
        """Resident bytes of its process (and not of the leash that holds it)."""
        children = {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat") as file:
                    children[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
        family, waiting = set(), [self.running["node"].pid]
        while waiting:
            number = waiting.pop()
            family.add(number)
            waiting += [child for child, parent in children.items() if parent == number]
        return max((_read_resident(number) for number in family), default=0)


def _read_resident(number: int) -> int:
    try:
        with open(f"/proc/{number}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def main() -> None:
    """Run until SIGTERM."""
    import django

    django.setup()
    import uvicorn
    from channels.routing import ProtocolTypeRouter, URLRouter

    from apps.chain import scoring
    from apps.chain.management.commands.node import SWITCH_SECONDS
    from apps.chain.node import Node
    from apps.chain.peers.calling import Caller
    from apps.chain.routing import websocket_urlpatterns

    sys.setswitchinterval(SWITCH_SECONDS)
    # Nobody else scores here: looking for one takes half a second each time.
    scoring.workers.is_listening = lambda: False  # type: ignore[method-assign]
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    application: Any = ProtocolTypeRouter({"websocket": URLRouter(websocket_urlpatterns)})
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            port=int(sys.argv[1]),
            lifespan="off",
            log_level="warning",
            ws_max_size=4 * 2**20,
            timeout_graceful_shutdown=2,
        )
    )
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    with closing(Caller()) as caller:
        Node(on_start=caller.start).run(stopped.is_set)
    server.should_exit = True
    serving.join(timeout=5)


if __name__ == "__main__":
    main()
