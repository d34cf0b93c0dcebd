"""Metrics that are nobody's in particular: health, database, queues, disk, live topics."""

import shutil
from collections.abc import Iterator

import redis
from django.conf import settings
from django.db import connection
from prometheus_client.core import Metric
from redis.exceptions import RedisError

from apps.common import health
from apps.common.metrics import counter, gauge, gauges, register_metrics
from apps.common.models import LiveTopic

QUEUES = ("site", "mining", "trials", "verification")
STATES = ("active", "idle", "idle in transaction", "idle in transaction (aborted)")
VALUES = {health.Status.OK: 1.0, health.Status.DEGRADED: 0.5, health.Status.FAILING: 0.0}

_CONNECTIONS = """
SELECT coalesce(state, 'other'), count(*), max(extract(epoch FROM now() - xact_start))
FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1
"""
_DATABASE = """
SELECT pg_database_size(current_database()), current_setting('max_connections')::int,
    xact_commit, xact_rollback, deadlocks FROM pg_stat_database WHERE datname = current_database()
"""


def read_health() -> Iterator[Metric]:
    """The parts of `/healthz`."""
    parts = {finding.name: VALUES[finding.status] for finding in health.run_checks()}
    yield gauges("coinai_health", "Parts of /healthz: 1 ok, 0.5 degraded, 0 failing", "part", parts)


def read_database() -> Iterator[Metric]:
    """Connections and transactions of all processes together, as PostgreSQL counts them."""
    with connection.cursor() as cursor:
        cursor.execute(_CONNECTIONS)
        rows = cursor.fetchall()
        cursor.execute(_DATABASE)
        size, limit, commits, rollbacks, deadlocks = cursor.fetchone()
    states = dict.fromkeys(STATES, 0.0) | {state: float(count) for state, count, _ in rows}
    yield gauges("coinai_database_connections", "Connections of this database, by state", "state", states)
    yield gauge("coinai_database_connections_limit", "Connections that the server allows", limit)
    oldest = max((float(age) for *_, age in rows if age is not None), default=0.0)
    yield gauge("coinai_database_oldest_transaction_seconds", "Age of the oldest transaction", oldest)
    yield gauge("coinai_database_bytes", "Size of the database", size)
    yield counter("coinai_database_commits", "Transactions that were committed", commits)
    yield counter("coinai_database_rollbacks", "Transactions that were rolled back", rollbacks)
    yield counter("coinai_database_deadlocks", "Deadlocks", deadlocks)


def read_broker() -> Iterator[Metric]:
    """Messages that wait in Celery's queues, and the broker's memory; nothing while it is away."""
    try:
        with redis.Redis.from_url(settings.CHANNEL_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            waiting = {queue: float(client.llen(queue)) for queue in QUEUES}
            memory = client.info("memory")["used_memory"]
    except (OSError, RedisError):
        return
    yield gauges("coinai_queue_messages", "Messages that wait in a Celery queue", "queue", waiting)
    yield gauge("coinai_broker_bytes", "Memory that the broker uses", memory)


def read_disk() -> Iterator[Metric]:
    """The disk of COINAI_HOME."""
    usage = shutil.disk_usage(settings.COINAI_HOME)
    yield gauge("coinai_disk_free_bytes", "Free on the disk of COINAI_HOME", usage.free)
    yield gauge("coinai_disk_bytes", "Size of the disk of COINAI_HOME", usage.total)


def read_live() -> Iterator[Metric]:
    """Messages of the live topics, numbered in the database."""
    sequences = dict(LiveTopic.objects.exclude(topic__contains=":").values_list("topic", "sequence"))
    yield gauges("coinai_live_sequence", "Last number of a live topic", "topic", sequences)
    yield gauge("coinai_live_topics", "Live topics that are kept", LiveTopic.objects.count())


def register() -> None:
    """Called once, when the app is ready."""
    register_metrics("database", read_database)
    register_metrics("broker", read_broker)
    register_metrics("disk", read_disk)
    register_metrics("live", read_live)
    register_metrics("health", read_health)
