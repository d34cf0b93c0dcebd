"""`python -m supervisor`: starts everything, prints the address, stops everything at Ctrl-C or SIGTERM."""

import os
import sys
import time

from supervisor.configuration import Configuration, read_configuration
from supervisor.console import Console
from supervisor.errors import SetupError
from supervisor.health import watch_for_answer
from supervisor.preflight import check_disk, check_port, describe_shortage, make_home, take_lock
from supervisor.programs import Addresses, build_programs, build_steps
from supervisor.records import MARK, Records, stop_stale
from supervisor.servers import Server, prepare_broker, prepare_postgres, remove_socket_folder
from supervisor.watch import EndRequested, Watch

SERVER_START_SECONDS = 60.0
ANSWER_SECONDS = 120.0
LOOK_AT_DISK_SECONDS = 60.0


def start_servers(configuration: Configuration, watch: Watch, servers: list[Server]) -> Addresses:
    """Starts the database and the broker unless the environment names others; waits until they answer."""
    mark = {MARK: watch.records.mark}
    environment = {**os.environ, **mark}
    if not configuration.database_url:
        servers.append(prepare_postgres(configuration, environment, watch.console.say))
    if not configuration.broker_url:
        servers.append(prepare_broker(configuration, environment))
    for server in servers:
        watch.console.say(f"starting {server.program.name}")
        watch.start(server.program)
    for server in servers:
        if not watch.run_until(server.is_ready, seconds=SERVER_START_SECONDS):
            raise SetupError(
                f"{server.program.name} does not answer: see {watch.console.folder / server.program.name}.log"
            )
    found = {server.program.name: server.url for server in servers}
    return Addresses(
        database_url=configuration.database_url or found["postgres"],
        broker_url=configuration.broker_url or found["valkey"],
        mark=mark,
    )


def run_steps(configuration: Configuration, watch: Watch, addresses: Addresses) -> None:
    """Brings the database and the chain up to date. Raises SetupError when a step fails."""
    for step in build_steps(configuration, addresses):
        watch.console.say(f"running {step.name}")
        status = watch.run_step(step)
        if status != 0:
            raise SetupError(
                f"{step.name} failed (status {status}): its last lines are above, all of them in"
                f" {watch.console.folder / step.name}.log"
            )


def run_programs(configuration: Configuration, watch: Watch, addresses: Addresses) -> None:
    """Starts the system and keeps it running until a signal ends it (EndRequested)."""
    started = time.monotonic()
    for program in build_programs(configuration, addresses):
        watch.console.say(f"starting {program.name}")
        watch.start(program)
    answered = watch_for_answer(configuration.site_url)
    if watch.run_until(answered.is_set, seconds=ANSWER_SECONDS):
        seconds = time.monotonic() - started
        watch.console.say(
            f"the site answered after {seconds:.0f} s; the {configuration.network} mines from now on"
        )
        watch.console.say(
            f"open {configuration.site_url}  (Ctrl-C ends; state and logs in {configuration.home})"
        )
    else:
        watch.console.say("!! the site does not answer yet; the lines of `web` say why", loud=True)
    while not watch.run_until(lambda: False, seconds=LOOK_AT_DISK_SECONDS):
        shortage = describe_shortage(configuration.home)
        if shortage:
            watch.console.say(f"!! {shortage}", loud=True)


def run(configuration: Configuration, watch: Watch) -> None:
    """One run from the first server to the last stop. Raises SetupError or EndRequested."""
    servers: list[Server] = []
    try:
        watch.install()
        addresses = start_servers(configuration, watch, servers)
        run_steps(configuration, watch, addresses)
        run_programs(configuration, watch, addresses)
    finally:
        watch.console.say("stopping")
        watch.stop()
        for server in servers:
            remove_socket_folder(server, configuration.home)


def main() -> int:
    """Checks that a run can work, runs it, and returns the exit status."""
    try:
        configuration = read_configuration()
        make_home(configuration.home)
        lock = take_lock(configuration.home)
    except SetupError as error:
        print(f"coinai: {error}", file=sys.stderr)
        return 1
    os.chdir(configuration.root)
    console = Console(configuration.home / "logs")
    records = Records(configuration.home / "processes.json")
    try:
        stop_stale(records.path, console.say)
        check_disk(configuration.home)
        check_port(configuration.host, configuration.port)
        run(configuration, Watch(console, records))
    except SetupError as error:
        console.say(f"!! {error}", loud=True)
        return 1
    except (EndRequested, KeyboardInterrupt):
        console.say("everything has ended")
    finally:
        console.close()
        os.close(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
