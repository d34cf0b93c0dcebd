"""The exact commands of the system, and what each is told through its environment."""

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from supervisor.child import Program, Stage
from supervisor.configuration import Configuration
from supervisor.leash import leashed

# What a worker needs no key to: it may run on a machine that must not reach the database.
HIDDEN_FROM_WORKERS = ("DATABASE_URL", "COINAI_SECRET_KEY")
CELERY = "--without-gossip --without-mingle --prefetch-multiplier 1 --loglevel INFO"
# As root (a container, usually) Celery warns at length because of pickle, which is refused everywhere here.
NO_SERMON = "ignore:You're running the worker with superuser"
# Celery's cold shutdown. A warm one waits for the task at hand, which is a training; its lease is in the
# database, and goes to another worker.
COLD_SHUTDOWN = signal.SIGQUIT
# The longest message that anybody may send on a WebSocket; a node's are at most 2 MiB and a little.
MESSAGE_BYTES = 4 * 2**20
# Training takes every core it gets; the pages stay quick when it steps back.
POLITE = ("nice", "-n", "10")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers are, and the mark that everything of this run carries."""

    database_url: str
    broker_url: str
    mark: Mapping[str, str] = field(default_factory=dict)


def site_environment(configuration: Configuration, addresses: Addresses) -> dict[str, str]:
    """The environment of the programs that load the site's settings."""
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "coinai_web.settings",
        "DATABASE_URL": addresses.database_url,
        "BROKER_URL": addresses.broker_url,
        "COINAI_HOME": str(configuration.home),
        "COINAI_NETWORK": configuration.network,
        "COINAI_PORT": str(configuration.port),
        "COINAI_SITE_URL": os.environ.get("COINAI_SITE_URL", "") or configuration.site_url,
        **addresses.mark,
    }


def worker_environment(configuration: Configuration, addresses: Addresses) -> dict[str, str]:
    """The environment of the workers: the broker and the site's address, never the database."""
    environment = site_environment(configuration, addresses)
    environment.setdefault("COINAI_CACHE", str(configuration.home / "worker-cache"))
    for name in (*HIDDEN_FROM_WORKERS, "DJANGO_SETTINGS_MODULE"):
        environment.pop(name, None)
    return environment


def _python(*arguments: str) -> tuple[str, ...]:
    return tuple(leashed([sys.executable, *arguments], signal=signal.SIGTERM))


def _named(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of one process, which names it in its logs."""
    return {**environment, "COINAI_PROCESS": name}


def _site_program(name: str, environment: Mapping[str, str], *arguments: str, **terms: Any) -> Program:
    return Program(name, _python(*arguments), _named(name, environment), **terms)


def _celery(
    name: str,
    queue: str,
    environment: Mapping[str, str],
    *,
    application: str,
    processes: int = 1,
    polite: bool = False,
) -> Program:
    options = f"-Q {queue} -c {processes} -n {queue}@%h {CELERY}".split()
    command = [sys.executable, "-W", NO_SERMON, "-m", "celery", "-q", "-A", application, "worker", *options]
    if polite:
        command = [*POLITE, *command]
    return Program(
        name,
        tuple(leashed(command, signal=COLD_SHUTDOWN)),
        _named(name, environment),
        stop_signal=COLD_SHUTDOWN,
        stage=Stage.USER if polite else Stage.SERVICE,
        dies_with=("valkey",),
    )


def build_steps(configuration: Configuration, addresses: Addresses) -> list[Program]:
    """What runs once, in order, before the system starts."""
    environment = site_environment(configuration, addresses)
    return [
        _site_program("migrate", environment, "manage.py", "migrate", "--no-input", "-v", "1", once=True),
        _site_program("init_chain", environment, "manage.py", "init_chain", once=True),
    ]


def build_programs(configuration: Configuration, addresses: Addresses) -> list[Program]:
    """What runs until the end."""
    site = site_environment(configuration, addresses)
    worker = worker_environment(configuration, addresses)
    web = (
        *("-m", "uvicorn", "coinai_web.asgi:application", "--host", configuration.host),
        *("--port", str(configuration.port), "--lifespan", "off", "--no-access-log"),
        *("--timeout-graceful-shutdown", "3", "--ws-max-size", str(MESSAGE_BYTES)),
        # Compressing each message for each worker again costs far more than the bytes that it saves.
        *("--ws-per-message-deflate", "false"),
    )
    programs = [
        _site_program("web", site, *web, stage=Stage.SERVICE),
        _site_program("node", site, "manage.py", "node"),
        _site_program("coordinator", site, "manage.py", "coordinator"),
        _celery("site-tasks", "site", site, application="coinai_web"),
        _celery("verifier", "verification", worker, application="workers"),
    ]
    if configuration.keeper:
        programs.append(_site_program("keeper", site, "manage.py", "keeper"))
    if configuration.workers:
        mining = configuration.workers
        programs.append(
            _celery("miner", "mining,trials", worker, application="workers", processes=mining, polite=True)
        )
    return programs
