"""The node's health check and its metrics, both read from the database."""

from collections.abc import Iterable

from django.db import DatabaseError
from django.utils import timezone
from prometheus_client.core import REGISTRY, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.chain.models import LedgerTip, NodeHeartbeat
from apps.chain.peers.errors import ClockWrong
from apps.chain.peers.reading import check_clock
from apps.chain.peers.states import get_state
from apps.chain.selectors import count_mempool, get_supply
from apps.common.health import register_check

SILENT_SECONDS = 90  # longer than the longest evaluation of a candidate


def check_node() -> str | None:
    """Whether the node beat lately; None when all is well."""
    if not LedgerTip.objects.exists():
        return "There is no chain yet: run `manage.py init_chain`."
    beat = NodeHeartbeat.objects.filter(id=1).first()
    if beat is None:
        return "The node has never run: start `manage.py node`."
    age = (timezone.now() - beat.beat_at).total_seconds()
    if age > SILENT_SECONDS:
        return (
            f"The node (process {beat.pid}) has been silent for {int(age)} seconds: see its log, restart it."
        )
    return None


def check_clock_of_peers() -> str | None:
    """Whether this machine's clock and checkpoint agree with the other nodes; None when all is well."""
    try:
        check_clock()
    except ClockWrong as error:
        return error.detail
    return get_state().problem or None


class ChainCollector(Collector):
    """Reads the chain's state when Prometheus asks."""

    def describe(self) -> Iterable[Metric]:
        """Nothing ahead of time: registering must not read the database."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The gauges; none while there is no database or no chain."""
        try:
            tip = LedgerTip.objects.select_related("block").defer("block__raw", "block__undo").first()
            if tip is None:
                return
            beat = NodeHeartbeat.objects.filter(id=1).first()
            issued, burned = get_supply()
            values: list[tuple[str, str, float]] = [
                ("coinai_height", "Height of the best chain", tip.block.height),
                ("coinai_tip_timestamp_seconds", "Timestamp of the last block", tip.block.timestamp),
                ("coinai_tip_error_ppm", "Error of the last block's model", tip.block.error),
                ("coinai_tip_threshold_millibits", "Threshold that it had to reach", tip.block.threshold),
                ("coinai_work", "Sum of the weights of the best chain", tip.block.work),
                ("coinai_mempool_transactions", "Transactions that wait", count_mempool()),
                ("coinai_supply_base_units", "Coins issued and not burned", issued - burned),
            ]
            if beat is not None:
                age = (timezone.now() - beat.beat_at).total_seconds()
                values.append(("coinai_node_silence_seconds", "Seconds since the node's last beat", age))
        except DatabaseError:
            return
        for name, text, value in values:
            yield GaugeMetricFamily(name, text, value=value)


def register() -> None:
    """Called once, when the app is ready."""
    register_check("node", check_node)
    register_check("clock", check_clock_of_peers)
    REGISTRY.register(ChainCollector())
