"""The checks that are nobody's in particular: database, migrations, broker, disk, clock, the site's tasks."""

import shutil
import time

import redis
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.common.health import Problem, Status, register_check

LEAST_FREE = 10**9
"""Bytes on the disk of COINAI_HOME below which the site ends rather than let PostgreSQL run out."""
LITTLE_FREE = 5 * 10**9
MOST_SKEW = 2.0
"""Seconds that the clocks of site and database may differ; as much as a block may be late."""
QUEUE_SECONDS = 15.0
INSPECT_SECONDS = 0.5


def check_database() -> Problem | None:
    """Whether the database answers a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Problem(
            f"The database does not answer: {line}",
            "Nothing works without it; all processes wait and go on by themselves.",
            "Start PostgreSQL, or see DATABASE_URL and its log.",
        )
    return None


def check_migrations() -> Problem | None:
    """Whether the tables are those that this version needs."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return None
    return Problem(
        f"{len(plan)} migrations are missing, first {plan[0][0]}.",
        "The software is newer than the tables: pages and processes fail here and there.",
        "Run `manage.py migrate`, then restart all processes.",
    )


def check_broker() -> Problem | None:
    """Whether the channel layer's server answers."""
    try:
        client = redis.Redis.from_url(settings.CHANNEL_URL, socket_timeout=1, socket_connect_timeout=1)
        with client:
            client.ping()
    except (OSError, RedisError) as error:
        return Problem(
            f"The broker does not answer: {error}",
            "The chain goes on; leases and live updates wait, pages update more slowly.",
            "Start Valkey, or see BROKER_URL.",
        )
    return None


def check_disk() -> Problem | None:
    """Whether there is room for blocks, models and the database."""
    usage = shutil.disk_usage(settings.COINAI_HOME)
    if usage.free >= LITTLE_FREE:
        return None
    detail = f"{usage.free / 10**9:.1f} GB are free on the disk of COINAI_HOME."
    remedy = "Free some space, or move COINAI_HOME to a larger disk."
    if usage.free < LEAST_FREE:
        return Problem(detail, "PostgreSQL must not run out of space: it stops, and so does all.", remedy)
    return Problem(detail, "Models and data sets will soon have no room.", remedy, Status.DEGRADED)


def check_clock() -> Problem | None:
    """Whether this machine and the database agree on the time."""
    with connection.cursor() as cursor:
        before = time.time()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        there = float(cursor.fetchone()[0])
        after = time.time()
    skew = there - (before + after) / 2
    if abs(skew) <= MOST_SKEW + (after - before):
        return None
    return Problem(
        f"The clock of the database is {skew:+.1f} s from this machine's.",
        "Blocks are taken as late or as from the future; the node may lose its rounds.",
        "Let NTP set both clocks (`timedatectl`).",
        Status.DEGRADED,
    )


def list_served_queues() -> set[str] | None:
    """The Celery queues that somebody takes messages from; None when the broker does not say."""
    try:
        found = current_app.control.inspect(timeout=INSPECT_SECONDS).active_queues() or {}
    except (OperationalError, RedisError, OSError):
        return None
    return {str(queue.get("name")) for queues in found.values() for queue in queues}


def check_queues() -> Problem | None:
    """Whether somebody does the site's own tasks, and scores models."""
    served = list_served_queues()
    if served is None:
        return None  # the broker's check says so
    if "site" not in served:
        return Problem(
            "Nobody takes the site's tasks: conversions, reports, alerts and the faucet wait.",
            "The chain goes on; what people asked for in the background is not done.",
            "Start `celery -A coinai_web worker -Q site` and see its log.",
            Status.DEGRADED,
        )
    if "verification" not in served:
        return Problem(
            "No verifier listens: the node scores models by itself, with NumPy.",
            "Verdicts take several times as long; on a large problem candidates may come too late.",
            "Start `celery -A workers worker -Q verification` and see its log.",
            Status.DEGRADED,
        )
    return None


def register() -> None:
    """Called once, when the app is ready."""
    register_check("database", check_database, about="PostgreSQL, which keeps everything")
    register_check("broker", check_broker, about="carries tasks and live updates", needs_database=False)
    register_check(
        "migrations", check_migrations, about="tables as this version needs them", fresh_seconds=60
    )
    register_check("disk", check_disk, about="room under COINAI_HOME", needs_database=False)
    register_check("clock", check_clock, about="time of this machine and of the database")
    register_check(
        "tasks",
        check_queues,
        about="site tasks and the verifier of models",
        needs_database=False,
        fresh_seconds=QUEUE_SECONDS,
    )
