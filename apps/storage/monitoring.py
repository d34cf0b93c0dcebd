"""Health checks and metrics of storage: of the network, and of the keepers that run beside this node."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.utils import timezone
from prometheus_client.core import Metric

from apps.chain import api as chain
from apps.common.errors import NotReady
from apps.common.health import Problem, Status, register_check
from apps.common.metrics import gauge, gauges, register_metrics
from apps.storage import audits, health, keepers
from apps.storage.keeping.reporting import list_problems, name_faucet, read_report
from apps.storage.models import KeeperBeat, KeeperSummary

SILENT_SECONDS: Final = 90.0
"""A keeper beats every ten seconds, unless it waits for the database or reads a large object."""

# What a row says of a keeper, and how its metric is called: the name behind coinai_keeper_, and a text.
_NUMBERS: Final = {
    "held": ("objects", "Objects in a keeper's folder"),
    "assigned": ("objects_assigned", "Objects that the chain assigned to a keeper"),
    "missing": ("objects_missing", "Of those, objects that are not in its folder"),
    "unavailable": ("objects_unavailable", "Of those, objects that nobody gives"),
    "stored_bytes": ("stored_bytes", "Bytes in a keeper's folder"),
    "quota": ("quota_bytes", "Bytes that a keeper's folder may take"),
    "disk_free": ("disk_free_bytes", "Free on a keeper's disk"),
    "bond": ("bond_base_units", "A keeper's bond"),
    "misses": ("misses_in_a_row", "Audits that a keeper missed since its last answer"),
    "open_challenges": ("audits_due", "Audits that wait for a keeper's answer"),
    "fetched": ("fetched", "Objects that a keeper fetched since it started"),
    "fetch_failures": ("fetch_failures", "Downloads of a keeper that failed since it started"),
    "proofs_sent": ("proofs_sent", "Answers that a keeper sent since it started"),
    "lies": ("sources_lied", "Wrong answers of sources since a keeper started"),
}


def check_keepers() -> Problem | None:
    """Whether the keepers beside this node run, and what is wrong with the first that is not well."""
    try:
        max_misses = chain.get_params().max_misses
    except NotReady:
        return None  # the node's check says so
    beats = list(KeeperBeat.objects.order_by("address"))
    if not beats and settings.COINAI_KEEPER:
        return Problem(
            "COINAI_KEEPER asks for a keeper, and none has run yet.",
            "Nothing is stored for the network here, and nothing earned.",
            "Wait a minute after the start; then see the keeper's log.",
            Status.DEGRADED,
        )
    found = [problem for beat in beats for problem in judge_beat(beat, max_misses)]
    if not found:
        return None
    more = f" {len(found) - 1} more on the keeper's page." if len(found) > 1 else ""
    return Problem(found[0].detail + more, found[0].meaning, found[0].remedy, Status.DEGRADED)


def judge_beat(beat: KeeperBeat, max_misses: int) -> list[Problem]:
    """What is wrong with a keeper beside this node; one that is silent and owes nothing is not missed."""
    silence = compute_silence(beat)
    if silence <= SILENT_SECONDS:
        return list(list_problems(read_report(beat, max_misses), name_faucet(beat.address)).values())
    entry = chain.get_entry(f"keeper/{beat.address}")
    if (entry is None or entry["leaving"]) and not settings.COINAI_KEEPER:
        return []
    return [
        Problem(
            f"The keeper {beat.address} has been silent for {int(silence)} seconds.",
            "It answers no audits: each miss costs a part of its bond, and some in a row eject it.",
            "Start it again, or see its log. If it is to stop for good: `manage.py keeper --leave`.",
            Status.DEGRADED,
        )
    ]


@dataclass(frozen=True, slots=True)
class Program:
    """The program of a keeper that runs beside this node, for its page."""

    beat: KeeperBeat
    is_silent: bool
    problems: Sequence[Problem]


def find_program(address: str) -> Program | None:
    """The program of a keeper; None when it does not run beside this node."""
    beat = KeeperBeat.objects.filter(address=address).first()
    if beat is None:
        return None
    problems = judge_beat(beat, chain.get_params().max_misses)
    return Program(beat, compute_silence(beat) > SILENT_SECONDS, problems)


def compute_silence(beat: KeeperBeat) -> float:
    """Seconds since a keeper's last beat."""
    return (timezone.now() - beat.beat_at).total_seconds()


def read_network() -> Iterator[Metric]:
    """How well the network stores; nothing before there is a chain."""
    try:
        now = health.read_health()
    except NotReady:
        return
    states = {name: float(count) for name, count in keepers.count_states(now.keepers).items()}
    yield gauges("coinai_storage_keepers", "Keepers of the ledger, by state", "state", states)
    held = {"at": now.at, "above": now.above, "below": now.below, "none": now.bare}
    held["unplaceable"] = now.unplaceable
    text = "Objects by their replicas; none and unplaceable are among those below their factor"
    yield gauges("coinai_storage_objects", text, "replicas", held)
    yield gauge("coinai_storage_replicas", "Replicas of all objects", now.replicas)
    yield gauge("coinai_storage_replicas_proven", "Of those, replicas that are proven", now.proven)
    yield gauge("coinai_storage_capacity_bytes", "Bytes that keepers offer", now.capacity)
    yield gauge("coinai_storage_used_bytes", "Of those, bytes of replicas", now.used)
    yield gauge("coinai_storage_pool_base_units", "Coins in the keeper pool", now.pool)
    totals = keepers.sum_up()
    ended = {"answered": totals["passed"], "missed": totals["missed"], "open": audits.count_open()}
    yield gauges("coinai_storage_audits", "Audits of the best chain, by outcome", "outcome", ended)


def read_keepers() -> Iterator[Metric]:
    """The keepers beside this node."""
    beats = list(KeeperBeat.objects.order_by("address"))
    for field, (name, text) in _NUMBERS.items():
        values = {beat.address: float(getattr(beat, field)) for beat in beats}
        yield gauges(f"coinai_keeper_{name}", text, "address", values)
    silence = {beat.address: compute_silence(beat) for beat in beats}
    yield gauges("coinai_keeper_silence_seconds", "Seconds since a keeper's last beat", "address", silence)
    rows = KeeperSummary.objects.filter(address__in=silence)
    sums = {row.address: row for row in rows}
    for field, text in (("passed", "answered"), ("missed", "missed")):
        values = {address: float(getattr(sums.get(address), field, 0)) for address in silence}
        yield gauges(f"coinai_keeper_audits_{field}", f"Audits that a keeper {text}", "address", values)


def register() -> None:
    """Called once, when the app is ready."""
    register_check("keeper", check_keepers, about="holds objects for the network, answers audits")
    register_metrics("storage", read_network)
    register_metrics("keepers", read_keepers)
