"""Metrics for Prometheus.

What is true of the whole site is read from the database or the broker when Prometheus asks, so that each of
several web processes gives the same answer. What only the web processes know (latencies, sockets, their pools
of connections) they count themselves; where several serve the site, `coinai_web/serve.py` has them count in
files that all of them read.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from django.db import DatabaseError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import REGISTRY, CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

Reader = Callable[[], Iterable[Metric]]
SHARED = "PROMETHEUS_MULTIPROC_DIR"

_readers: dict[str, Reader] = {}


def register_metrics(part: str, reader: Reader) -> None:
    """Have ``reader`` read metrics of a part of the site whenever Prometheus asks."""
    _readers[part] = reader


def gauge(name: str, text: str, value: float) -> Metric:
    """One number that goes up and down."""
    return GaugeMetricFamily(name, text, value=value)


def counter(name: str, text: str, value: float) -> Metric:
    """One number that only grows; its name is shown with ``_total``."""
    return CounterMetricFamily(name, text, value=value)


def gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    """A number for each value of a label."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


class SiteCollector(Collector):
    """Reads what is registered. A part that cannot be read is left out, and counted as such."""

    def describe(self) -> Iterable[Metric]:
        """Nothing ahead of time: registering must not read the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics of all parts; after one without a database the others are not asked."""
        unread: dict[str, float] = {}
        for part, reader in _readers.items():
            try:
                if any(unread.values()):
                    raise DatabaseError("as before")
                found = list(reader())
            except DatabaseError:
                unread[part] = 1
                continue
            unread[part] = 0
            yield from found
        yield gauges("coinai_unread", "Parts whose metrics could not be read just now", "part", unread)


def write_metrics() -> bytes:
    """Everything, in Prometheus' text format."""
    return generate_latest(_find_registry())


def _find_registry() -> CollectorRegistry:
    if not os.environ.get(SHARED):
        return REGISTRY
    _forget_dead(Path(os.environ[SHARED]))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    registry.register(_COLLECTOR)
    return registry


def _forget_dead(folder: Path) -> None:
    """What a web process that ended had open is open no more; what it had counted stays."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if not Path("/proc", pid).exists():
            mark_process_dead(pid, str(folder))


_COLLECTOR = SiteCollector()
REGISTRY.register(_COLLECTOR)
