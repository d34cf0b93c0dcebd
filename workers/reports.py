"""What a lease has to report: gathered by the mining loop, told once a second, forgotten once answered."""

import threading
from typing import Any

POINTS_A_HEARTBEAT = 500
RUNS_A_HEARTBEAT = 200


class Reports:
    """News of one lease's runs; used by two threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[int, dict[str, Any]] = {}
        self._changed: set[int] = set()
        self._points: list[tuple[int, list[float]]] = []
        self._work: dict[str, float] = {"tried": 0, "skipped": 0, "cpu_seconds": 0.0}

    def note_run(self, run: dict[str, Any], point: list[float] | None = None) -> None:
        """Note the state of a run (as in a heartbeat, without points), and a new point of its curve."""
        with self._lock:
            self._runs[run["nonce"]] = run
            self._changed.add(run["nonce"])
            if point is not None:
                self._points.append((run["nonce"], point))

    def note_work(self, tried: int, skipped: int, cpu_seconds: float) -> None:
        """Note the totals of the lease."""
        with self._lock:
            self._work = {"tried": tried, "skipped": skipped, "cpu_seconds": round(cpu_seconds, 3)}

    def get_work(self) -> dict[str, float]:
        """The totals of the lease."""
        with self._lock:
            return dict(self._work)

    def make(self) -> tuple[list[dict[str, Any]], list[tuple[int, list[float]]]]:
        """The runs of the next heartbeat, and the points in it: both are forgotten only by `forget`."""
        with self._lock:
            points = self._points[:POINTS_A_HEARTBEAT]
            nonces = sorted(self._changed | {nonce for nonce, _ in points})[:RUNS_A_HEARTBEAT]
            points = [item for item in points if item[0] in set(nonces)]
            runs = [
                {**self._runs[nonce], "points": [point for other, point in points if other == nonce]}
                for nonce in nonces
            ]
        return runs, points

    def forget(self, runs: list[dict[str, Any]], points: list[tuple[int, list[float]]]) -> None:
        """The site knows these now."""
        with self._lock:
            known = {id(point) for _, point in points}
            self._points = [item for item in self._points if id(item[1]) not in known]
            for run in runs:
                if self._runs[run["nonce"]] == {k: v for k, v in run.items() if k != "points"}:
                    self._changed.discard(run["nonce"])
        points.clear()
