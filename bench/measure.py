"""Timing in interleaved blocks, and the table of budgets."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """What is timed, and what has to be so before a block of it (not timed)."""

    call: Callable[[], object]
    before: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Finding:
    """One budget, and what was found. `limit` None marks a figure that is told, not judged."""

    row: str
    what: str
    found: float
    limit: float | None
    at_least: bool = False
    told: str = ""

    @property
    def kept(self) -> bool:
        if self.limit is None:
            return True
        return self.found >= self.limit if self.at_least else self.found <= self.limit


@dataclass(frozen=True)
class Missing:
    """A budget that could not be measured here, and why."""

    row: str
    what: str
    why: str


Result = Finding | Missing


def interleaved(
    works: Mapping[str, Work | Callable[[], object]], rounds: int, calls: int, warm: int = 50
) -> dict[str, float]:
    """The median time of each work in microseconds; blocks alternate, so that all meet the same weather."""
    known = {name: work if isinstance(work, Work) else Work(work) for name, work in works.items()}
    times: dict[str, list[float]] = {name: [] for name in known}
    for work in known.values():
        work.before()
        for _ in range(warm):
            work.call()
    for turn in range(rounds):
        order = list(known) if turn % 2 else list(known)[::-1]
        for name in order:
            work, spent = known[name], times[name]
            work.before()
            for _ in range(calls):
                began = time.perf_counter()
                work.call()
                spent.append(time.perf_counter() - began)
    return {name: statistics.median(spent) * 1e6 for name, spent in times.items()}


def table(results: Sequence[Result]) -> str:
    """One line a budget."""
    lines = [f"{'row':<4} {'budget':<64} {'found':>8} {'owed':>8}  "]
    for result in results:
        if isinstance(result, Missing):
            lines.append(f"{result.row:<4} {result.what:<64} {'-':>8} {'-':>8}  not measured: {result.why}")
            continue
        owed = "-" if result.limit is None else f"{'>=' if result.at_least else '<='} {result.limit:g}"
        verdict = "     " if result.limit is None else "pass " if result.kept else "FAIL "
        lines.append(f"{result.row:<4} {result.what:<64} {result.found:>8.2f} {owed:>8}  {verdict} {result.told}")
    return "\n".join(line.rstrip() for line in lines)
