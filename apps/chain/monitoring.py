"""The node's health checks and the metrics of chain and mempool, all read from the database."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone
from prometheus_client.core import Metric

from apps.chain.contents import get_data_set_id
from apps.chain.models import Block, LedgerTip, MempoolState, NodeHeartbeat
from apps.chain.selectors import count_mempool, get_genesis, get_params, get_supply
from apps.common import object_store
from apps.common.errors import NotReady
from apps.common.health import Problem, Status, register_check
from apps.common.metrics import gauge, gauges, register_metrics
from protocol.errors import ProtocolError

SILENT_SECONDS = 90  # longer than the longest evaluation of a candidate
OLD_ROUNDS = 60
"""Rounds after which a chain without a new block is worth a look: some twenty times the usual."""
LEAST_OLD_SECONDS = 600
RECENT = 1000
"""Blocks below the tip whose rivals are counted."""


def check_node() -> Problem | None:
    """Whether the node beat lately; None when all is well."""
    if not LedgerTip.objects.exists():
        return Problem(
            "There is no chain yet.", "No page has anything to show.", "Run `manage.py init_chain`."
        )
    beat = NodeHeartbeat.objects.filter(id=1).first()
    meaning = "No block is evaluated or connected: the chain stands still here."
    if beat is None:
        return Problem("The node has never run.", meaning, "Start `manage.py node`.")
    age = (timezone.now() - beat.beat_at).total_seconds()
    if age > SILENT_SECONDS:
        detail = f"The node (process {beat.pid}) has been silent for {int(age)} seconds."
        return Problem(detail, meaning, "See its log, and restart it.")
    return None


def check_tip() -> Problem | None:
    """Whether a block came lately."""
    tip = LedgerTip.objects.select_related("block").defer("block__raw", "block__undo").first()
    if tip is None:
        return None  # the node's check says so
    seconds = get_params().round_seconds
    age = timezone.now().timestamp() - tip.block.timestamp
    if age < -seconds:
        return Problem(
            f"The last block is {int(-age)} seconds in the future.",
            "This machine's clock is behind: the node connects nothing until it has caught up.",
            "Let NTP set the clock (`timedatectl`).",
        )
    if age <= max(LEAST_OLD_SECONDS, OLD_ROUNDS * seconds):
        return None
    return Problem(
        f"The last block came {int(age // seconds):,} rounds ago.",
        "Nobody mines, or the blocks of others do not reach this node.",
        "See whether workers train on /pool/, and whether there are peers.",
        Status.DEGRADED,
    )


def check_objects() -> Problem | None:
    """Whether the files without which the node decides nothing are in the object store."""
    try:
        genesis = get_genesis()
        wanted = [genesis.problem, genesis.grammar]
        missing = [name for name in wanted if not object_store.exists(name)]
        if not missing and not object_store.exists(get_data_set_id(genesis.problem)):
            missing = [get_data_set_id(genesis.problem)]
    except NotReady:
        return None  # the node's check says so
    except (OSError, ProtocolError) as error:
        return Problem(f"The object store cannot be read: {error}", remedy="See COINAI_HOME/objects.")
    if not missing:
        return None
    return Problem(
        f"Object {missing[0]} of the genesis document is missing.",
        "Blocks stay undecided without it.",
        "Run `manage.py init_chain`, which stores it again.",
    )


def read_chain() -> Iterator[Metric]:
    """The chain; nothing before there is one."""
    tip = LedgerTip.objects.select_related("block").defer("block__raw", "block__undo").first()
    if tip is None:
        return
    issued, burned = get_supply()
    block = tip.block
    yield gauge("coinai_height", "Height of the best chain", block.height)
    yield gauge("coinai_tip_timestamp_seconds", "Timestamp of the last block", block.timestamp)
    yield gauge("coinai_tip_error_ppm", "Error of the last block's model", block.error)
    yield gauge("coinai_tip_threshold_millibits", "Threshold that it had to reach", block.threshold)
    yield gauge("coinai_tip_round", "Round in which it was mined", block.round)
    yield gauge("coinai_tip_transactions", "Transactions in it, the reward included", block.transaction_count)
    yield gauge("coinai_work", "Sum of the weights of the best chain", block.work)
    yield gauge("coinai_supply_base_units", "Coins issued and not burned", issued - burned)
    yield gauge("coinai_round_seconds", "How long a round takes", get_params().round_seconds)
    beat = NodeHeartbeat.objects.filter(id=1).first()
    if beat is not None:
        age = (timezone.now() - beat.beat_at).total_seconds()
        yield gauge("coinai_node_silence_seconds", "Seconds since the node's last beat", age)
        yield gauge("coinai_node_started_timestamp_seconds", "When it started", beat.started_at.timestamp())
    yield gauges(
        "coinai_rival_blocks",
        f"Blocks beside the best chain, of the last {RECENT} heights, by what became of them",
        "status",
        _count_rivals(block.height),
    )


def _count_rivals(height: int) -> dict[str, float]:
    rows = Block.objects.filter(canonical=False, height__gt=height - RECENT)
    found: dict[str, Any] = rows.aggregate(
        stale=Count("hash", filter=Q(connected_at__isnull=False)),
        not_chosen=Count("hash", filter=Q(status=Block.Status.VALID, connected_at=None)),
        candidate=Count("hash", filter=Q(status=Block.Status.CANDIDATE)),
        undecided=Count("hash", filter=Q(status=Block.Status.UNDECIDED)),
        refused=Count("hash", filter=Q(status=Block.Status.REFUSED)),
    )
    return found


def read_mempool() -> Iterator[Metric]:
    """The mempool."""
    state = MempoolState.objects.filter(id=1).first() or MempoolState(count=0, bytes=0, floor=0)
    yield gauge("coinai_mempool_transactions", "Transactions that wait", count_mempool())
    yield gauge("coinai_mempool_bytes", "Their bytes", state.bytes)
    yield gauge(
        "coinai_mempool_floor", "Base units per 1000 bytes that a full mempool asked for last", state.floor
    )


def register() -> None:
    """Called once, when the app is ready."""
    register_check("node", check_node, about="evaluates and connects blocks")
    register_check("tip", check_tip, about="age of the last block")
    register_check("objects", check_objects, about="files that the chain is about", fresh_seconds=15)
    register_metrics("chain", read_chain)
    register_metrics("mempool", read_mempool)
