"""What `/healthz` asks: each app registers checks that say in one sentence what is wrong."""

from collections.abc import Callable
from dataclasses import dataclass

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from redis.exceptions import RedisError

Check = Callable[[], str | None]
_checks: dict[str, Check] = {}


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check; ``problem`` is empty when all is well."""

    name: str
    problem: str

    @property
    def is_well(self) -> bool:
        """Whether the check found nothing wrong."""
        return not self.problem


def register_check(name: str, check: Check) -> None:
    """Add a check: it returns None when all is well, else one sentence that says what is wrong and what to
    do.
    """
    _checks[name] = check


def run_checks() -> list[Finding]:
    """Run every check; without a database, only the broker is asked besides."""
    database = check_database()
    findings = [Finding("database", database or ""), Finding("broker", check_broker() or "")]
    if database is None:
        findings += [Finding(name, check() or "") for name, check in _checks.items()]
    return findings


def check_database() -> str | None:
    """Whether the database answers a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError as error:
        return f"The database does not answer: {str(error).strip().splitlines()[0]}"
    return None


def check_broker() -> str | None:
    """Whether the channel layer's server answers."""
    try:
        client = redis.Redis.from_url(settings.CHANNEL_URL, socket_timeout=1, socket_connect_timeout=1)
        with client:
            client.ping()
    except (OSError, RedisError) as error:
        return f"The broker does not answer: {error}"
    return None
