"""Kills the process, as far as the database can tell, at every single write and at every commit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection

MOST_KILLS = 2_000  # of one action: more means that it makes no progress
WRITES = ("INSERT", "UPDATE", "DELETE")


class KilledError(BaseException):
    """Not an Exception: nothing may catch it and go on."""


@dataclass
class Fault:
    """Dies at the moment number ``at``: before a write, before a commit, or just after one."""

    at: int
    moments: int = 0
    is_dirty: bool = False  # something was written that is not committed yet
    after_commit: bool = False

    def reach(self, *, after_commit: bool = False) -> None:
        """One more moment has come."""
        self.moments += 1
        if self.moments == self.at:
            self.after_commit = after_commit and self.is_dirty
            raise KilledError


@contextmanager
def killing(at: int) -> Iterator[Fault]:
    """Inside, the process dies at the moment ``at``; what was not committed is gone."""
    fault = Fault(at)
    database: Any = connection
    commit = database._commit

    def execute(run: Callable[..., Any], sql: str, *rest: Any) -> Any:
        is_write = sql.lstrip().upper().startswith(WRITES)
        if is_write:
            fault.reach()
            fault.is_dirty = True
        answer = run(sql, *rest)
        if is_write and not connection.in_atomic_block:
            fault.reach(after_commit=True)
            fault.is_dirty = False
        return answer

    def commit_or_die() -> None:
        try:
            fault.reach()
        except KilledError:
            database._rollback()  # what the server does for a process that is gone
            raise
        commit()
        fault.reach(after_commit=True)
        fault.is_dirty = False

    database._commit = commit_or_die
    try:
        with connection.execute_wrapper(execute):
            yield fault
    finally:
        database._commit = commit


def run_with_kills(action: Callable[[], Any]) -> int:
    """Run ``action`` again and again, killed at every moment of it, until it ends; returns the kills.

    After a kill that left something committed the moments are counted anew: the rest of the action is then
    killed at every one of its own. An action that writes something each time it is run, even when there is
    nothing left to do, never ends here, and fails.
    """
    at, kills = 1, 0
    while True:
        try:
            with killing(at) as fault:
                action()
        except KilledError:
            kills += 1
            if kills > MOST_KILLS:
                raise AssertionError(f"still not done after {kills} kills") from None
            at = 1 if fault.after_commit else at + 1
            connection.close()  # as the server sees a process that is gone
        else:
            return kills
