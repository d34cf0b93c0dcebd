"""Where and in which numbers a worker computes, and why.

Training may use any floating point that learns well: nothing of it reaches the chain. Scoring must give the
integers of docs/protocol.md §6.3, so it uses only operations whose sums are exact (see scoring.py) and never
these shortcuts: TF32 keeps 10 bits of a factor, Winograd and FFT convolutions round their transforms.
"""

import os
from dataclasses import dataclass

import torch

# Networks of this size lose more at OpenMP barriers than a second thread brings (measured: 1.4 to 1.9 times
# slower with two); one process a core is the way to use more cores.
THREADS = 1


@dataclass(frozen=True, slots=True)
class Device:
    """A place to train. ``name`` is what the pool's pages show."""

    torch: torch.device
    name: str
    threads: int
    gpu: str | None = None
    """The GPU's uuid; None on processors."""


def choose_device() -> Device:
    """Set the process up for training and exact scoring; return CUDA when there is one, else the CPU.

    ``COINAI_DEVICE`` (``cpu``, ``cuda``, ``cuda:1``) overrides the choice.
    """
    torch.set_num_threads(THREADS)
    torch.set_float32_matmul_precision("highest")  # no TF32 and no bfloat16 passes in matrix products
    torch.backends.cudnn.allow_tf32 = False
    wanted = os.environ.get("COINAI_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(wanted)
    if device.type == "cuda":
        uuid = str(getattr(torch.cuda.get_device_properties(device), "uuid", ""))
        return Device(device, torch.cuda.get_device_name(device), THREADS, uuid)
    return Device(device, f"CPU, {THREADS} thread", THREADS)
