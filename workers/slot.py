"""``python -m workers.slot SITE_URL``: one mining process of a joined worker, driven by workers/agent.py over
its standard streams, so that every core works on a lease of its own and a crash costs one lease.

In, one JSON object a line: ``{"command": "lease", "token", "lease"}``, ``{"command": "cancel", "lease"}``,
``{"command": "target", "lease", "target_error"}``. Out: ``ready``, ``run``, ``work`` and ``finished`` events.
It hands models in itself, and ends when its input ends, that is, with the agent.
"""

import logging
import os
import queue
import signal
import sys
import threading
import time
from typing import IO, Any

from protocol.errors import ProtocolError
from workers import runtime
from workers.handing_in import Model, put_model
from workers.messages import Message, read_message, write_message
from workers.mining import Lease, Miner, Run
from workers.objects import ObjectError
from workers.training_process import TrainerDiedError

log = logging.getLogger(__name__)


class Output:
    """The events to the agent; used by two threads."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def send(self, event: str, **fields: Any) -> None:
        """Report an event. Raises OSError when the agent is gone."""
        with self._lock:
            write_message(self._pipe, {"event": event, **fields})


class PipedLease:
    """A lease in progress: the Coordinator port of workers.mining, over the pipes."""

    def __init__(self, site_url: str, lease: Lease, token: str, output: Output) -> None:
        self.lease, self.target_error = lease, lease.target_error
        self.over = threading.Event()
        self._site_url, self._token, self._output = site_url, token, output

    def is_cancelled(self) -> bool:
        """Whether the agent has said that the lease is over."""
        return self.over.is_set()

    def report_run(self, run: Run, point: list[float] | None = None) -> None:
        """Tell the agent, which coalesces."""
        self._output.send("run", lease=self.lease.id, run=run.to_json(), point=point)

    def report_work(self, tried: int, skipped: int, cpu_seconds: float) -> None:
        """Tell the agent."""
        self._output.send("work", lease=self.lease.id, work=[tried, skipped, cpu_seconds])

    def submit(self, nonce: int, error: int, model: bytes) -> bool:
        """Hand a model in; False if it was not taken."""
        handed_in = Model(self.lease.id, self._token, nonce, error, model)
        return put_model(self._site_url, handed_in, self._is_over_within)

    def _is_over_within(self, seconds: float) -> bool:
        return self.over.wait(seconds)


class Slot:
    """The process: one lease after the other."""

    def __init__(self, site_url: str, output: Output) -> None:
        self.site_url, self.output = site_url, output
        self.leases: queue.Queue[PipedLease] = queue.Queue()
        self.known: dict[str, PipedLease] = {}

    def obey(self, message: Message) -> None:
        """Take a command of the agent."""
        name = message["command"]
        if name == "lease":
            lease = PipedLease(
                self.site_url, Lease.from_json(message["lease"]), message["token"], self.output
            )
            self.known = {lease.lease.id: lease}
            self.leases.put(lease)
        elif (known := self.known.get(message["lease"])) is not None:
            if name == "cancel":
                known.over.set()
            elif name == "target":
                known.target_error = int(message["target_error"])

    def read_commands(self, source: IO[bytes]) -> None:
        """Body of the reading thread."""
        try:
            while (received := read_message(source)) is not None:
                self.obey(received[0])
        finally:
            runtime.get_trainer().stop()
            os._exit(0)  # the agent is gone: nobody wants what is being computed

    def work(self) -> None:
        """Mine until the agent ends."""
        trainer = runtime.get_trainer()
        trainer.wait_ready()
        self.output.send("ready", device=trainer.device, threads=trainer.threads)
        while True:
            lease = self.leases.get()
            began = time.monotonic()
            detail = ""
            try:
                objects = runtime.get_objects(self.site_url)
                Miner(lease, trainer, objects, runtime.get_forecasts()).mine()
            except (ObjectError, ProtocolError, TrainerDiedError, OSError, ValueError) as error:
                detail = f"{type(error).__name__}: {error}"
                log.warning("lease %s ended early: %s", lease.lease.id, detail)
            seconds = time.monotonic() - began
            self.output.send("finished", lease=lease.lease.id, detail=detail, seconds=seconds)


def main() -> None:
    # Ctrl-C reaches every process of the terminal; the agent says when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    slot = Slot(sys.argv[1].rstrip("/"), Output(output))
    threading.Thread(target=slot.read_commands, args=(sys.stdin.buffer,), daemon=True).start()
    slot.work()


if __name__ == "__main__":
    main()
