"""What a worker tells of its machine: processors and memory really, energy and a GPU where they are read."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from workers import load
from workers.load import GpuMeter, LeaseMeter, Meter, ProcessorMeter

MOST = 1_000_000


@pytest.fixture
def counters(tmp_path: Path) -> Path:
    """Two packages and a part of one, as Linux shows them."""
    for name, energy in (("intel-rapl:0", 900_000), ("intel-rapl:1", 0), ("intel-rapl:0:0", 77)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{energy}\n")
        (tmp_path / name / "max_energy_range_uj").write_text(f"{MOST - 1}\n")
    return tmp_path


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A library that answers as NVML does; no test machine has such a GPU."""

    class NVMLError(Exception):
        pass

    library: Any = ModuleType("pynvml")
    state = SimpleNamespace(millijoules=5_000, milliwatts=250_000, asked=None, has_counter=True)

    def energy(_: object) -> int:
        if not state.has_counter:
            raise NVMLError("not supported")
        return int(state.millijoules)

    def find(uuid: str) -> str:
        state.asked = uuid
        return uuid

    library.NVMLError, library.nvmlInit = NVMLError, lambda: None
    library.nvmlDeviceGetHandleByUUID, library.nvmlDeviceGetHandleByIndex = find, lambda index: index
    library.nvmlDeviceGetUtilizationRates = lambda _: SimpleNamespace(gpu=80)
    library.nvmlDeviceGetMemoryInfo = lambda _: SimpleNamespace(used=2**30, total=2**34)
    library.nvmlDeviceGetPowerUsage = lambda _: state.milliwatts
    library.nvmlDeviceGetTotalEnergyConsumption = energy
    monkeypatch.setitem(sys.modules, "pynvml", library)
    return state


@pytest.fixture(autouse=True)
def _no_counters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(load, "RAPL", tmp_path / "none")


def test_without_meters_it_tells_processors_and_memory_and_nothing_of_energy() -> None:
    told = LeaseMeter(Meter()).read()
    assert set(told) == {"processor", "memory", "memory_total"}
    assert 0.0 <= told["processor"] <= 1.0
    assert 0 < told["memory"] < told["memory_total"]


def test_the_energy_of_processors_is_counted_over_the_end_of_a_counter(counters: Path) -> None:
    meter = ProcessorMeter(counters)
    (counters / "intel-rapl:0" / "energy_uj").write_text("100000")
    (counters / "intel-rapl:1" / "energy_uj").write_text("300000")
    assert meter.take() == pytest.approx(0.5)
    assert meter.take() == 0.0


def test_counters_that_nobody_may_read_are_as_good_as_none(counters: Path) -> None:
    for path in counters.glob("*/energy_uj"):
        path.unlink()
    with pytest.raises(OSError, match="energy_uj"):
        ProcessorMeter(counters)


def test_a_lease_takes_its_places_part_of_the_energy_since_it_began(
    gpu: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "READ_SECONDS", 0.0)
    meter = Meter(places=2, gpu="abc")
    lease = LeaseMeter(meter)
    gpu.millijoules += 40_000
    told = lease.read()
    assert gpu.asked == "GPU-abc"
    assert (told["gpu"], told["gpu_memory"], told["gpu_memory_total"]) == (0.8, 2**30, 2**34)
    assert told["joules"] == pytest.approx(20.0)
    assert LeaseMeter(meter).read()["joules"] == 0.0


def test_a_gpu_without_a_counter_is_measured_by_its_power(gpu: Any) -> None:
    gpu.has_counter = False
    meter = GpuMeter()
    meter._read_at -= 2.0
    assert meter.take() == pytest.approx(500.0, rel=0.5)


def test_a_gpu_that_cannot_be_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert set(Meter(gpu="").read()) == {"processor", "memory", "memory_total"}
