"""Two processes on connections of their own, each let go one statement at a time, in every order there is.

A process stands still before each trip to a database and before each call of a gateway. One that waits for a lock of
the other is seen to wait (`pg_blocking_pids`) and can be chosen again when it no longer does. Every choice between two
processes that could both go on is one place where an order branches; all branches up to a number of preemptions -
times that somebody who could have gone on did not - are walked, each from a tenant of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import psycopg
import pytest
import requests
from studyspot.kit import connections, ids
from studyspot.kit.connections import Connection, Place

from tests.model.operations import Work
from tests.model.sandbox import Sandbox

PATIENCE = 20.0
BLOCKED = "SELECT coalesce(bool_or(cardinality(pg_blocking_pids(pid)) > 0), false) FROM unnest(%s::int[]) pid"


class Walker(threading.Thread):
    """One process: its work, its connections, and whether it may take its next step."""

    def __init__(self, name: str, work: Work, own: dict[str, Connection]) -> None:
        super().__init__(name=name, daemon=True)
        self.work, self.own = work, own
        self.may_go, self.stands = threading.Semaphore(0), threading.Event()
        self.over = self.waits = False
        self.result: Any = None
        self.error: Exception | None = None
        self.steps = 0

    def run(self) -> None:
        self.pause()
        try:
            self.result = self.work()
        except Exception as error:  # noqa: BLE001 - how it ended is judged by the test
            self.error = error
        self.over = True
        self.stands.set()

    def pause(self) -> None:
        self.stands.set()
        self.may_go.acquire()

    @property
    def pids(self) -> list[int]:
        return [each.pg.info.backend_pid for each in self.own.values()]


@dataclass
class Walk:
    """One order, walked to the end."""

    walkers: Sequence[Walker]
    owner: psycopg.Connection[Any]
    trace: list[tuple[tuple[int, ...], int]] = field(default_factory=list)
    """At each step: who could go, who went."""
    waited: int = 0

    def through(self, prefix: Sequence[int]) -> Walk:
        for walker in self.walkers:
            walker.start()
            self._settle(walker)
        last = 0
        while able := tuple(n for n, w in enumerate(self.walkers) if not w.over and not w.waits):
            turn = len(self.trace)
            last = prefix[turn] if turn < len(prefix) else last if last in able else able[0]
            self.trace.append((able, last))
            self._go(self.walkers[last])
        assert all(walker.over for walker in self.walkers), "both wait for each other"
        return self

    def _go(self, walker: Walker) -> None:
        walker.stands.clear()
        walker.steps += 1
        walker.may_go.release()
        self._settle(walker)
        for other in self.walkers:
            if other.waits:
                self._settle(other)

    def _settle(self, walker: Walker) -> None:
        """Until it stands before its next step, is over, or waits for the other's lock."""
        for _ in range(int(PATIENCE / 0.004)):
            if walker.stands.wait(0.004):
                walker.waits = False
                return
            if self._blocked(walker):
                self.waited += not walker.waits
                walker.waits = True
                return
        raise AssertionError(f"{walker.name} neither goes on nor waits")

    def _blocked(self, walker: Walker) -> bool:
        row = self.owner.execute(BLOCKED, (walker.pids,)).fetchone()
        return bool(row and row[0])


def preemptions(trace: Sequence[tuple[tuple[int, ...], int]]) -> int:
    """How often somebody who could have gone on did not."""
    return sum(before[1] != after[1] and before[1] in after[0] for before, after in pairwise(trace))


def orders(walk: Callable[[Sequence[int]], Walk], most_preemptions: int) -> Iterator[Walk]:
    """Every order with at most so many preemptions, each once."""
    waiting: list[tuple[int, ...]] = [()]
    while waiting:
        prefix = waiting.pop()
        walked = walk(prefix)
        yield walked
        for turn in range(len(prefix), len(walked.trace)):
            able, went = walked.trace[turn]
            done = walked.trace[:turn]
            others = [other for other in able if other != went]
            allowed = [other for other in others if preemptions([*done, (able, other)]) <= most_preemptions]
            waiting += [(*(each[1] for each in done), other) for other in allowed]


def pacing(patch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """Walkers stop before each statement and call; whoever else asks is not stopped."""
    trip, to = Connection.trip, connections.to

    def paced_trip(connection: Connection, *segments: Any) -> Any:
        walker = threading.current_thread()
        if isinstance(walker, Walker):
            walker.pause()
        return trip(connection, *segments)

    def own(place: Place) -> Connection:
        walker = threading.current_thread()
        return walker.own[place.dbname] if isinstance(walker, Walker) else to(place)

    def paced_call(_: Any, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        walker = threading.current_thread()
        if isinstance(walker, Walker):
            walker.pause()
        return sandbox.call(request, **options)

    patch.setattr(Connection, "trip", paced_trip)
    patch.setattr(connections, "to", own)
    patch.setattr(requests.adapters.HTTPAdapter, "send", paced_call)
    patch.setattr(ids, "uuid7", sandbox.new_id)
