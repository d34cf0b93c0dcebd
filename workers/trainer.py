"""The training child: ``python -m workers.trainer PARENT``, driven by workers/training_process.py over its
standard streams.

In: ``{"command": "train", "job": TrainingJob}``, ``{"command": "cancel", "run": …}``. Out: ``ready``,
``point``, ``scoring`` and ``finished`` events, the last with the model as a binary frame. It ends when its
input ends, that is, with its parent.
"""

import ctypes
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch

from protocol.architecture import parse_architecture
from protocol.errors import ProtocolError
from protocol.model_file import read_model, wiring_mask, write_model
from workers.data_set import DataSet, read_data_set
from workers.device import Device, choose_device
from workers.messages import Message, read_message, write_message
from workers.network import Network, prepare_inputs
from workers.quantize import CALIBRATION_EXAMPLES, quantize
from workers.scoring import ScoringCancelledError, evaluate_exact
from workers.training import Examples, Point, TrainingPlan, train
from workers.training_process import TrainingJob, TrainingResult

NICENESS = 10  # whoever sits at the machine comes first
PR_SET_PDEATHSIG = 1


class Trainer:
    """State of the child between jobs: the device, and the last data set, ready to train on."""

    def __init__(
        self, device: Device, output: IO[bytes], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.device = device
        self.output = output
        self.clock = clock
        self.cancelled: set[str] = set()
        self._loaded: tuple[str, Examples, DataSet] | None = None

    def send(self, event: str, frame: bytes = b"", **fields: Any) -> None:
        """Report an event, with the CPU time that this process has used so far."""
        write_message(self.output, {"event": event, "cpu_seconds": time.process_time(), **fields}, frame)

    def run(self, job: TrainingJob) -> None:
        """Do one job and report its end, whatever it is."""
        try:
            result = self._train(job)
        except ScoringCancelledError:
            result = TrainingResult("cancelled")
        except (ProtocolError, RuntimeError, OSError) as error:  # torch reports a full memory as RuntimeError
            result = TrainingResult("failed", detail=f"{type(error).__name__}: {error}")
        self.send(
            "finished",
            result.model,
            run=job.run,
            state=result.state,
            error=result.error,
            detail=result.detail,
        )
        self.cancelled.discard(job.run)

    def _train(self, job: TrainingJob) -> TrainingResult:
        examples, data = self._load(job)
        architecture = parse_architecture(job.text, job.shape, job.classes)
        seed = bytes.fromhex(job.seed)
        masks = [torch.from_numpy(wiring_mask(seed, tensor)) for tensor in architecture.tensors]
        number = int.from_bytes(seed[:7], "big")
        network = Network(architecture, masks, number).to(self.device.torch)

        def is_cancelled() -> bool:
            return job.run in self.cancelled

        def report(point: Point, total_steps: int) -> None:
            row = [round(point.seconds, 3), point.step, round(point.loss, 5), point.error]
            self.send("point", run=job.run, point=row, total_steps=total_steps)

        plan = TrainingPlan(
            seconds=job.seconds,
            target_error=job.target_error,
            max_epochs=job.max_epochs,
            batch=job.batch,
            peak_rate=job.peak_rate,
        )
        outcome = train(
            network,
            examples,
            plan,
            seed=number,
            is_cancelled=is_cancelled,
            report=report,
            clock=self.clock,
        )
        if outcome.state != "finished":
            return TrainingResult(outcome.state)
        self.send("scoring", run=job.run, steps=outcome.steps)
        submitted = write_model(architecture, quantize(network, examples.train_x[:CALIBRATION_EXAMPLES]))
        model = read_model(submitted, architecture, seed)
        error = evaluate_exact(
            model, data.validation_x, data.validation_y, metric=job.metric, is_cancelled=is_cancelled
        )
        return TrainingResult("finished", error, submitted)

    def _load(self, job: TrainingJob) -> tuple[Examples, DataSet]:
        """The data set of a job (whoever wrote the path verified its bytes), kept for the next one."""
        if self._loaded is None or self._loaded[0] != job.data:
            self._loaded = None  # frees the old one first
            data = read_data_set(Path(job.data).read_bytes())
            self._loaded = (job.data, make_resident(data, self.device.torch), data)
        return self._loaded[1:]


def make_resident(data: DataSet, device: torch.device) -> Examples:
    """The whole data set on the device, ready to train on."""
    return Examples(
        prepare_inputs(torch.from_numpy(data.train_x), device),
        torch.from_numpy(data.train_y).to(device),
        prepare_inputs(torch.from_numpy(data.validation_x), device),
        torch.from_numpy(data.validation_y).to(device),
    )


def die_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when its parent ends, even by ``kill -9``; elsewhere the closed input
    must do.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the parent was gone before the training child began")


def read_commands(source: IO[bytes], trainer: Trainer, jobs: "queue.Queue[TrainingJob]") -> None:
    """Body of the reading thread. A job's cancel always comes after the job, so nothing gets lost."""
    try:
        while (received := read_message(source)) is not None:
            message: Message = received[0]
            if message["command"] == "cancel":
                trainer.cancelled.add(message["run"])
            else:
                jobs.put(TrainingJob(**{**message["job"], "shape": tuple(message["job"]["shape"])}))
    finally:
        os._exit(0)  # the parent is gone: nobody wants the step that is being computed


def main() -> None:
    die_with_parent(int(sys.argv[1]))
    # Ctrl-C reaches every process of the terminal; the parent says when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(max(0, NICENESS - os.nice(0)))  # its parent may be polite already
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a library prints must not get between the messages.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    trainer = Trainer(choose_device(), output)
    jobs: queue.Queue[TrainingJob] = queue.Queue()
    threading.Thread(target=read_commands, args=(sys.stdin.buffer, trainer, jobs), daemon=True).start()
    device = trainer.device
    trainer.send("ready", device=device.name, threads=device.threads, gpu=device.gpu)
    while True:
        trainer.run(jobs.get())


if __name__ == "__main__":
    main()
