"""The loop: starts programs, passes on what they say, restarts what ends, and in the end stops everything.

One thread does all of it, on purpose: the leash of a child is held by the thread that started it.
"""

import ctypes
import os
import selectors
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from supervisor.child import Child, Program, Stage, describe_end
from supervisor.console import Console
from supervisor.processes import find_children, send
from supervisor.records import Recorded, Records

PR_SET_CHILD_SUBREAPER = 36
TICK_SECONDS = 0.25
GRACE_SECONDS = 8.0
SERVER_GRACE_SECONDS = 15.0
KILL_SECONDS = 5.0
# A second signal within this time is the same wish: a process group gets one directly and one from make.
HURRY_AFTER_SECONDS = 1.0
CHUNK = 65_536


class EndRequested(Exception):
    """A signal asked the supervisor to end."""


@dataclass(slots=True)
class Watch:
    """All children and their output."""

    console: Console
    records: Records
    children: dict[str, Child] = field(default_factory=dict)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    signals: int = 0
    hurried: bool = False  # asked a second time to end
    stopping_since: float | None = None  # monotonic time

    def install(self) -> None:
        """Takes over the signals of this process and becomes the parent of orphaned grandchildren."""
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        reading, writing = os.pipe()
        for descriptor in (reading, writing):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self.selector.register(reading, selectors.EVENT_READ, None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # not under nohup
                signal.signal(number, self._note_signal)
        # Only to be woken up: the loop looks at every child anyway.
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def _note_signal(self, _number: int, _frame: object) -> None:
        self.signals += 1
        if self.stopping_since is not None and time.monotonic() - self.stopping_since > HURRY_AFTER_SECONDS:
            self.hurried = True

    def start(self, program: Program) -> Child:
        """Starts a program that is to run until the end."""
        child = self.children.setdefault(program.name, Child(program))
        self._start(child)
        return child

    def _start(self, child: Child) -> None:
        descriptor = child.start()
        self.selector.register(descriptor, selectors.EVENT_READ, child)
        if child.process is not None:
            program = child.program
            self.records.add(
                Recorded(program.name, child.process, int(program.stop_signal), int(program.stage))
            )

    def run_step(self, program: Program) -> int:
        """Runs a program that is marked `once` to its end; returns its status. Raises EndRequested."""
        child = Child(program)
        self.children[program.name] = child
        self._start(child)
        popen = child.popen
        self.run_until(lambda: popen is None or popen.returncode is not None)
        del self.children[program.name]
        return popen.returncode if popen is not None else 0

    def run_until(self, done: Callable[[], bool], *, seconds: float | None = None) -> bool:
        """Runs the loop until `done()`, or for some seconds; returns what `done()` says then.

        Raises EndRequested on a signal to end, unless it is ending already.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while not done():
            if self.signals and self.stopping_since is None:
                raise EndRequested
            if deadline is not None and time.monotonic() >= deadline:
                return done()
            self._turn()
        return True

    def _turn(self) -> None:
        for key, _ in self.selector.select(TICK_SECONDS):
            self._read(key.fd, key.data)
        for child in list(self.children.values()):
            if child.popen is not None and child.popen.poll() is not None:
                self._end(child)
            elif child.restart_at is not None and child.restart_at <= time.monotonic():
                self.console.say(f"starting {child.name} again")
                self._start(child)

    def _read(self, descriptor: int, child: Child | None) -> bool:
        """Passes on what one descriptor has; False when there is nothing more."""
        try:
            data = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return False
        if child is None:
            return bool(data)  # the wake-up pipe of the signals
        for line in child.split_lines(data):
            self.console.line(child.name, line)
        if not data:
            self.selector.unregister(descriptor)
        return bool(data)

    def _end(self, child: Child) -> None:
        popen = child.popen
        if popen is None or popen.stdout is None:
            return
        descriptor = popen.stdout.fileno()
        while descriptor in self.selector.get_map() and self._read(descriptor, child):
            pass  # its last words
        if descriptor in self.selector.get_map():
            self.selector.unregister(descriptor)  # a grandchild holds the pipe open
        popen.stdout.close()
        self.records.remove(child.name)
        child.note_end()
        self._kill_orphans()
        if self.stopping_since is None and not child.program.once:
            delay = child.plan_restart()
            end = describe_end(popen.returncode)
            self.console.say(f"!! {child.name} {end}; starting it again in {delay:g} s", loud=True)
            self._kill_dependents(child)

    def _kill_dependents(self, ended: Child) -> None:
        for child in self.children.values():
            if ended.name in child.program.dies_with and child.process is not None:
                self.console.say(f"!! {child.name} goes with {ended.name}", loud=True)
                send(child.process, signal.SIGKILL)

    def _kill_orphans(self) -> None:
        """Kills what an ended child has left; the kernel has made us its parent."""
        ours = {child.process.pid for child in self.children.values() if child.process is not None}
        while orphans := [process for process in find_children(os.getpid()) if process.pid not in ours]:
            for orphan in orphans:
                send(orphan, signal.SIGKILL)
                os.waitpid(orphan.pid, 0)

    def stop(self) -> None:
        """Ends everything that was started: first the programs, then the servers that they write to."""
        self.stopping_since = time.monotonic()
        for stage in Stage:
            is_server = stage == Stage.SERVER
            grace = SERVER_GRACE_SECONDS if is_server else GRACE_SECONDS
            chosen = [child for child in self.children.values() if child.program.stage == stage]
            for child in chosen:
                child.restart_at = None
                if child.process is not None:
                    send(child.process, child.program.stop_signal)
            self._wait_for(chosen, grace, hurried=not is_server)
            for child in chosen:
                if child.process is not None:
                    self.console.say(f"{child.name} did not end in time and is killed", loud=True)
                    send(child.process, signal.SIGKILL)
            self._wait_for(chosen, KILL_SECONDS, hurried=False)
        self._kill_orphans()

    def _wait_for(self, chosen: list[Child], grace: float, *, hurried: bool) -> None:
        def done() -> bool:
            return (hurried and self.hurried) or not any(child.is_running for child in chosen)

        self.run_until(done, seconds=grace)
