"""Depth first through everything that may happen, each state once; every state is judged, every end is run out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest
import requests
from studyspot.gateways import wire
from studyspot.kit import cells, clock, connections, ids
from studyspot.kit.connections import Place

from tests.fulfilment.shop import Shop
from tests.model import deterministic, invariants
from tests.model.sandbox import Sandbox, SavedConnection
from tests.model.scenarios import Scenario
from tests.model.system import State, System


class Violated(AssertionError):
    """An invariant does not hold; the message tells the way there."""


@dataclass
class Report:
    """What was seen."""

    states: int = 0
    transitions: int = 0
    interleavings: int = 0
    ends: int = 0
    run_out: int = 0
    """States on the way from an end to rest."""
    deepest: int = 0
    seconds: float = 0.0
    outcomes: dict[str, int] = field(default_factory=dict)

    def line(self) -> str:
        return (
            f"{self.states:,} states, {self.transitions:,} transitions, {self.interleavings:,} interleavings, "
            f"{self.ends:,} ends run out through {self.run_out:,} states, at most {self.deepest} steps, "
            f"{self.seconds:.1f} s; ended as {dict(sorted(self.outcomes.items()))}"
        )


@dataclass
class Explorer:
    """`everywhere`: from every state, not only from the ends, all processes die and what works by itself goes on."""

    system: System
    everywhere: bool = False
    report: Report = field(default_factory=Report)
    seen: dict[str, int] = field(default_factory=dict)
    at_rest: set[str] = field(default_factory=set)
    way: list[str] = field(default_factory=list)

    def run(self) -> Report:
        started = time.perf_counter()
        with self.system.aside():
            self.report.interleavings = self._visit(self.system.begin())
        self.report.seconds = time.perf_counter() - started
        self.report.states = len(self.seen)
        return self.report

    def _visit(self, state: State) -> int:
        """How many ways lead from here to an end."""
        facts = self.system.facts()
        print_ = self.system.fingerprint(state, facts)
        if print_ in self.seen:
            return self.seen[print_]
        self._judge(invariants.always(facts, self.system.sandbox.complaints))
        moves = self.system.moves(state)
        ways = 0
        for move in moves:
            self.report.transitions += 1
            self.way.append(move.name)
            self.report.deepest = max(self.report.deepest, len(self.way))
            with self.system.aside():
                ways += self._visit(self._done(move.do, state))
            self.way.pop()
        if not moves:
            self.report.ends += 1
        if not moves or self.everywhere:
            self._run_out(state)
        self.seen[print_] = ways or 1
        return ways or 1

    def _run_out(self, state: State) -> None:
        on_the_way: list[str] = []
        depth = len(self.way)
        with self.system.aside():
            for later in self._steps(state):
                facts = self.system.facts()
                print_ = self.system.fingerprint(later, facts)
                if print_ in self.at_rest:
                    break
                on_the_way.append(print_)
                self.way.append("by itself")
                self._judge(invariants.always(facts, self.system.sandbox.complaints))
            else:
                facts = self.system.facts()
                self._judge(invariants.at_rest(facts))
                ended = "+".join(p["status"] for p in facts["cell"]["payments"]) or "nothing"
                self.report.outcomes[ended] = self.report.outcomes.get(ended, 0) + 1
        del self.way[depth:]
        self.at_rest.update(on_the_way)
        self.report.run_out += len(on_the_way)

    def _steps(self, state: State) -> Iterator[State]:
        try:
            yield from self.system.settle_down(state)
        except AssertionError as error:
            raise self._at(str(error)) from error

    def _done(self, do: Callable[[State], State], state: State) -> State:
        try:
            return do(state)
        except AssertionError as error:
            raise self._at(str(error)) from error

    def _judge(self, found: list[str]) -> None:
        if found:
            raise self._at("; ".join(found))

    def _at(self, what: str) -> Violated:
        return Violated(f"{what}\n  after\n    " + "\n    ".join(self.way))


@contextmanager
def explored(shop: Shop, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> Iterator[Sandbox]:
    """The product as it is, on databases that forget; nothing of it remains."""
    dsn = shop.world.postgres.dsn
    booked = cells.place_of(shop.tenant)
    connections.close_all()
    sandbox.serve = shop.simulators.front
    sandbox.moment = clock.now()
    for name in ("studyspot", "pool_1"):
        place = Place(booked.host, booked.port, name)
        sandbox.databases[name] = SavedConnection(sandbox, place, dsn(name))
    with monkeypatch.context() as patch:
        patch.setattr(connections, "to", sandbox.connection)
        patch.setattr(cells, "REMEMBERED_SECONDS", 10**9)
        patch.setattr(ids, "uuid7", sandbox.new_id)
        patch.setattr(requests.adapters.HTTPAdapter, "send", sandbox.call)
        patch.setattr(wire, "TRIES", 1)  # a call is a step, and a fault of it a move
        deterministic.random(patch, sandbox)
        try:
            yield sandbox
        finally:
            for database in sandbox.databases.values():
                database.end()
            sandbox.databases.clear()


def search(shop: Shop, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, scenario: Scenario) -> Report:
    """Everything that can happen in a scenario; Violated at the first state that must not be."""
    booking = UUID(shop.book())
    with explored(shop, monkeypatch, sandbox) as box:
        system = System(shop, box, booking, scenario.may, scenario.at_once, scenario.before)
        return Explorer(system, scenario.everywhere).run()
