"""What the machine of a worker is doing: processors, memory, GPU, power. What cannot be read is left out.

A GPU is read through NVML where its driver is; the energy of processors through RAPL, which Linux shows to
root alone. A worker without either says nothing about energy, and the site shows "unknown".
"""

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

RAPL = Path("/sys/class/powercap")
READ_SECONDS = 0.9
"""Between two looks: whoever asks sooner gets the last answer."""


class ProcessorMeter:
    """Joules that the processors have taken, from RAPL's counters, which begin again at their range's end."""

    def __init__(self, folder: Path | None = None) -> None:
        """Raises OSError when nothing can be read."""
        folder = folder or RAPL
        self._packages = [path for path in sorted(folder.glob("intel-rapl:*")) if path.name.count(":") == 1]
        if not self._packages:
            raise FileNotFoundError(f"{folder} has no counters")
        self._ranges = [_read_number(path / "max_energy_range_uj") for path in self._packages]
        self._last = self._read()

    def take(self) -> float:
        """Joules since the last time. Raises OSError."""
        now, last = self._read(), self._last
        self._last = now
        spans = zip(now, last, self._ranges, strict=True)
        return sum((new - old) % (most + 1) for new, old, most in spans) / 10**6

    def _read(self) -> Sequence[int]:
        return [_read_number(path / "energy_uj") for path in self._packages]


class GpuMeter:
    """One NVIDIA GPU through NVML. Raises OSError, everywhere, when there is none or it does not answer."""

    def __init__(self, uuid: str = "") -> None:
        """``uuid`` as PyTorch tells it; without one, the first."""
        try:
            import pynvml
        except ImportError:
            raise FileNotFoundError("nvidia-ml-py is not installed") from None
        self._nvml: Any = pynvml
        with self._failing_as_os_error():
            pynvml.nvmlInit()
            self._handle = (
                pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid.removeprefix('GPU-')}")
                if uuid
                else pynvml.nvmlDeviceGetHandleByIndex(0)
            )
        self._last: float | None = None
        self._read_at = time.monotonic()

    def read(self) -> dict[str, float]:
        """Utilisation (0 to 1), bytes and watts, as far as this GPU tells them."""
        found: dict[str, float] = {}
        with contextlib.suppress(OSError), self._failing_as_os_error():
            found["gpu"] = self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu / 100
        with contextlib.suppress(OSError), self._failing_as_os_error():
            memory = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
            found |= {"gpu_memory": int(memory.used), "gpu_memory_total": int(memory.total)}
        with contextlib.suppress(OSError), self._failing_as_os_error():
            found["watts"] = self._nvml.nvmlDeviceGetPowerUsage(self._handle) / 1000
        return found

    def take(self) -> float:
        """Joules since the last time: from its counter, or from its power now where it has none."""
        now = time.monotonic()
        seconds, self._read_at = now - self._read_at, now
        with contextlib.suppress(OSError), self._failing_as_os_error():
            total = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1000
            last, self._last = self._last, total
            return 0.0 if last is None else max(0.0, total - last)
        with self._failing_as_os_error():
            return float(self._nvml.nvmlDeviceGetPowerUsage(self._handle) / 1000 * seconds)

    @contextlib.contextmanager
    def _failing_as_os_error(self) -> Iterator[None]:
        try:
            yield
        except self._nvml.NVMLError as error:
            raise OSError(str(error)) from error


class Meter:
    """The whole machine; ``places`` leases at once share it, and what it takes. Used by several threads."""

    def __init__(self, *, places: int = 1, gpu: str | None = None) -> None:
        """``gpu``: None for a worker that trains on processors, else the GPU's uuid or an empty text."""
        self._lock = threading.Lock()
        self._places = max(1, places)
        self._gpu = None if gpu is None else _or_none(GpuMeter, gpu)
        meters = [self._gpu, _or_none(ProcessorMeter)]
        self._meters = [meter for meter in meters if meter is not None]
        self._joules = 0.0
        self._read_at = 0.0
        self._last: dict[str, float] = {}
        psutil.cpu_percent()  # its next answer is about the time since now

    def read(self) -> dict[str, float]:
        """Shares from 0 to 1, bytes, watts; ``joules`` that one place has taken since this meter began."""
        with self._lock:
            if time.monotonic() >= self._read_at + READ_SECONDS:
                self._read()
            return dict(self._last)

    def _read(self) -> None:
        seconds, self._read_at = time.monotonic() - self._read_at, time.monotonic()
        memory = psutil.virtual_memory()
        found = {
            "processor": min(1.0, psutil.cpu_percent() / 100),
            "memory": memory.total - memory.available,
            "memory_total": memory.total,
        }
        if self._gpu is not None:
            found |= self._gpu.read()
        if self._meters:
            with contextlib.suppress(OSError):
                taken = sum(meter.take() for meter in self._meters)
                self._joules += taken
                if self._last:
                    found["watts"] = taken / seconds
            found["joules"] = self._joules / self._places
        self._last = {name: round(value, 3) for name, value in found.items()}


class LeaseMeter:
    """What one lease reports: the machine as it is now, and the energy since the lease began."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._began = meter.read().get("joules")

    def read(self) -> dict[str, float]:
        """As `Meter.read`, with ``joules`` of this lease."""
        found = self._meter.read()
        if self._began is not None and "joules" in found:
            found["joules"] = round(max(0.0, found["joules"] - self._began), 3)
        return found


def count_places() -> int:
    """How many leases at once this machine works on, as its main process has noted it."""
    with contextlib.suppress(ValueError):
        return max(1, int(os.environ.get("COINAI_WORKER_PLACES", "1")))
    return 1


def _or_none(make: Any, *arguments: Any) -> Any:
    try:
        return make(*arguments)
    except OSError:
        return None


def _read_number(path: Path) -> int:
    try:
        return int(path.read_text())
    except ValueError as error:
        raise OSError(f"{path} holds no number") from error
