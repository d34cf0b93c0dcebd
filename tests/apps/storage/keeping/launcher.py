"""Starts keepers as processes of their own, forked from one that has loaded the site already.

Reads a line of JSON, `{"arguments": […], "log": PATH}`, and answers with a process id. When
its input ends, as when the tests are killed, so do the keepers.
"""

import json
import os
import signal
import sys
from typing import Any


def main() -> None:
    """Serve until the input ends."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "coinai_web.settings"
    import django

    django.setup()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: they vanish when they end
    started = []
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            run(json.loads(line))
        started.append(pid)
        print(pid, flush=True)
    for pid in started:
        for number in (signal.SIGCONT, signal.SIGKILL):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                break


def run(order: dict[str, Any]) -> None:
    """Be a keeper; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    from django.core.management import execute_from_command_line

    status = 1
    try:
        execute_from_command_line(["manage.py", "keeper", *order["arguments"]])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
