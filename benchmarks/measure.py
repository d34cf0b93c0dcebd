"""Timing and tables, shared by the benchmarks."""

import statistics
import time
from collections.abc import Callable, Sequence


def measure(function: Callable[[], object], seconds: float) -> float:
    """CPU seconds of one call: the median over about ``seconds`` of calls, after one that does not count."""
    function()
    taken: list[float] = []
    until = time.monotonic() + seconds
    while len(taken) < 3 or time.monotonic() < until:
        taken.append(time_call(function))
    return statistics.median(taken)


def time_call(function: Callable[[], object]) -> float:
    """CPU seconds of one call, those of all threads together."""
    start = time.process_time()
    function()
    return time.process_time() - start


def interleave(functions: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """CPU seconds of each function in each round; they take turns, so that a busy machine harms all alike."""
    for function in functions:
        function()
    taken: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for times, function in zip(taken, functions, strict=True):
            times.append(time_call(function))
    return taken


def print_table(title: str, note: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A Markdown table under a heading."""
    print(f"\n### {title}\n\n{note}\n", flush=True)
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def show_rate(seconds: float) -> str:
    """Calls a second, to three digits: 1 234 567 → 1 230 000."""
    rate = 1.0 / seconds
    digits = max(0, 2 - len(str(int(rate))) + 1)
    rounded = round(rate, digits) if rate < 100 else int(float(f"{rate:.3g}"))
    return f"{rounded:,}".replace(",", " ")  # a thin no-break space between thousands
