"""What is explored: one booking with people, gateways, queues and clocks around it, and what may happen next."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.kit import timers
from studyspot.kit.errors import Problem

from local.simulators import Refused
from tests.fulfilment.shop import Shop
from tests.model import fingerprint, reading
from tests.model.operations import Facts, Operations, Work
from tests.model.sandbox import FAULTS, Sandbox, Told, readable

Beginning = tuple[str, str, str, Work]
"""An operation's name, what it is about, its role and its work."""


@dataclass(frozen=True)
class Running:
    """An operation under way."""

    name: str
    key: str
    """Of a webhook or a command: what is being handled."""
    role: str
    work: Work = field(compare=False)
    log: tuple[Told, ...] = field(default=(), compare=False)
    next: str = ""


@dataclass(frozen=True)
class State:
    """What is not in a database."""

    left: Mapping[str, int]
    """How often each thing may still happen."""
    moment: datetime
    serial: int
    running: tuple[Running, ...] = ()
    shown: tuple[str, ...] = ()
    """Orders that payers were handed over to."""
    callbacks: tuple[tuple[str, str], ...] = ()
    """(order, what the page handed back) of payers that are back."""
    ended: tuple[str, ...] = ()


@dataclass(frozen=True)
class Move:
    """One thing that may happen next."""

    name: str
    do: Callable[[State], State]


@dataclass
class System:
    """See the module. `budget` bounds what may happen, `at_once` how many operations are under way together."""

    shop: Shop
    sandbox: Sandbox
    booking: UUID
    budget: Mapping[str, int]
    at_once: int = 2
    before: Sequence[str] = ()
    """What has happened already when the exploring begins."""

    def __post_init__(self) -> None:
        self.operations = Operations(self.shop, self.booking)
        self.store = self.shop.simulators._store

    def begin(self) -> State:
        state = State(dict.fromkeys(self.before, 1), self.sandbox.moment, self.sandbox.serial)
        for name in self.before:
            state = self._now(state, name)
        return replace(state, left=dict(self.budget), ended=())

    def _now(self, state: State, name: str) -> State:
        """That, from its beginning to its end."""
        state = next(move for move in self.moves(state) if move.name.startswith(name)).do(state)
        while state.running:
            state = self._go(state, 0)
        return state

    # -- what may happen ------------------------------------------------------------------------------------------

    def moves(self, state: State) -> list[Move]:
        """Everything that may happen next, in an order that is always the same."""
        found = [Move(f"{each.name} {each.key}: goes on", self._goer(n)) for n, each in enumerate(state.running)]
        if state.left.get("fault"):
            calls = [(n, each) for n, each in enumerate(state.running) if each.next.startswith("call")]
            found += [
                Move(f"{each.name}: {each.next} is {fault}", self._goer(n, fault))
                for n, each in calls
                for fault in FAULTS
            ]
        if len(state.running) < self.at_once:
            found += [
                Move(f"{name} {key}", self._starter(name, key, role, work))
                for name, key, role, work in self._new(state)
            ]
        return found + list(self._payers(state)) + list(self._clock(state))

    def _new(self, state: State) -> Iterator[Beginning]:
        """Operations that may begin."""
        may, of = state.left, self.operations
        if may.get("create"):
            yield "create", "", "app", of.create
        if may.get("verify"):
            for order, told in state.callbacks:
                yield "verify", order, "app", of.verify(order, json.loads(told))
        for payment, status in self._payments():
            yield from self._of_payment(may, payment, status)
        yield from self._arriving(state)

    def _of_payment(self, may: Mapping[str, int], payment: str, status: str) -> Iterator[Beginning]:
        if may.get("cancel") and status in ("created", "pending"):
            yield "cancel", payment, "app", self.operations.cancel(payment)
        if may.get("retry") and status in ("failed", "expired"):
            yield "retry", payment, "app", self.operations.retry(payment)
        if may.get("sync"):
            yield "sync", payment, "app", self.operations.sync(payment)
        for size in ("refund_part", "refund_all"):
            if may.get(size) and status in ("captured", "partially_refunded"):
                yield size, payment, "app", self.operations.refund(size, payment, may[size])

    def _arriving(self, state: State) -> Iterator[Beginning]:
        """Webhooks and commands, those that are being handled only where they may come twice."""
        busy = set() if state.left.get("twice") else {each.key for each in state.running}
        if state.left.get("webhook"):
            for row in self.shop.simulators.pending_deliveries():
                if row["id"] not in busy:
                    yield "webhook", row["id"], "app", self.operations.webhook(row)
        if state.left.get("command"):
            for message in reading.commands(self.sandbox, self.shop):
                if message["outboxId"] not in busy:
                    yield "command", message["outboxId"], "worker", self.operations.command(message)

    def _payers(self, state: State) -> Iterator[Move]:
        for outcome, word in (("pay", "success"), ("decline", "failure")):
            if state.left.get(outcome):
                for order in state.shown:
                    yield Move(f"{outcome} {order}", self._payer(outcome, order, word))

    def _clock(self, state: State) -> Iterator[Move]:
        if state.left.get("tick") and self._due() is not None:
            yield Move("tick", lambda s: self._ticked(s, "tick"))
        if state.left.get("expiry"):
            yield Move("expiry", lambda s: self._ticked(s, "expiry"))
        if state.left.get("lose") and self.shop.simulators.pending_deliveries():
            yield Move("lose", self._lost)

    # -- one step -------------------------------------------------------------------------------------------------

    def _starter(self, name: str, key: str, role: str, work: Work) -> Callable[[State], State]:
        def start(state: State) -> State:
            begun = replace(
                state, left=_less(state.left, name), running=(*state.running, Running(name, key, role, work))
            )
            return self._go(begun, len(state.running))

        return start

    def _goer(self, number: int, fault: str | None = None) -> Callable[[State], State]:
        return lambda state: self._go(
            replace(state, left=_less(state.left, "fault")) if fault else state, number, fault
        )

    def _go(self, state: State, number: int, fault: str | None = None) -> State:
        self.sandbox.moment, self.sandbox.serial = state.moment, state.serial
        each = state.running[number]
        how, told, log = self.sandbox.operate(each.role, each.work, each.log, fault=fault)
        others = state.running[:number], state.running[number + 1 :]
        if how == "paused":
            going = replace(each, log=log, next=told)
            return replace(state, serial=self.sandbox.serial, running=(*others[0], going, *others[1]))
        state = replace(state, serial=self.sandbox.serial, running=others[0] + others[1])
        return self._ended(state, each, how, told)

    def _ended(self, state: State, each: Running, how: str, told: Any) -> State:
        if how == "failed" and not isinstance(told, Problem):
            raise AssertionError(f"{each.name} failed: {told!r}") from told
        if each.name == "webhook":
            self.store.drop("delivery", each.key)
        if each.name in ("create", "retry") and how == "done" and told.gateway_order_id not in state.shown:
            state = replace(state, shown=(*state.shown, told.gateway_order_id))
        if each.name in ("webhook", "command"):
            return state
        came_to = told.code if how == "failed" else str(getattr(told, "status", ""))
        return replace(state, ended=(*state.ended, f"{each.name}={came_to}"))

    def _payer(self, name: str, order: str, outcome: str) -> Callable[[State], State]:
        def pay(state: State) -> State:
            self.sandbox.moment, self.sandbox.serial = state.moment, state.serial
            left = _less(state.left, name)
            try:
                callback = self.shop.simulators.pay(order, outcome)
            except Refused:
                return replace(state, left=left)
            back = (*state.callbacks, (order, json.dumps(callback)))
            return replace(state, left=left, callbacks=back, serial=self.sandbox.serial)

        return pay

    def _ticked(self, state: State, name: str) -> State:
        """Time passes until the next timer, or past the end of the payment; what is due fires."""
        due = self._due()
        moment = state.moment + timedelta(minutes=16)
        if name == "tick" and due:
            moment = max(state.moment, due + timedelta(milliseconds=5))
        return self._fired(replace(state, left=_less(state.left, name), moment=moment))

    def _fired(self, state: State) -> State:
        from studyspot.bookings import service as bookings

        self.sandbox.moment, self.sandbox.serial = state.moment, state.serial
        at_once = {"booking_release": bookings.release_unpaid, "sms_release": lambda *_: None}
        how, told, _ = self.sandbox.operate("worker", lambda: timers.fire_due(at_once), whole=True)
        assert how == "done", told
        return replace(state, serial=self.sandbox.serial)

    def _lost(self, state: State) -> State:
        self.store.drop("delivery")
        return replace(state, left=_less(state.left, "lose"))

    # -- looking --------------------------------------------------------------------------------------------------

    def facts(self) -> Facts:
        """What the databases and the gateways' books say."""
        return reading.facts(self.sandbox, self.shop, self.booking)

    def _payments(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = reading.payments(self.sandbox, self.shop)
        return found

    def _due(self) -> datetime | None:
        return reading.next_due(self.sandbox, self.shop)

    def fingerprint(self, state: State, facts: Facts) -> str:
        """Two states with the same one have the same future: names are by first mention, noise is left out."""
        return fingerprint.of(
            facts, [sorted(state.left.items()), state.shown, state.callbacks, state.ended, _under_way(state)]
        )

    # -- going back, and going on to the end ----------------------------------------------------------------------

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Whatever happens inside has not happened afterwards."""
        depth = self.sandbox.depth = self.sandbox.depth + 1
        databases = self.sandbox.databases.values()
        kept = self.store._db.execute("SELECT place, kind, id, parent, body FROM documents").fetchall()
        for database in databases:
            database.save(depth)
        try:
            yield
        finally:
            for database in databases:
                database.back(depth)
            with self.store.change():
                self.store._db.execute("DELETE FROM documents")
                self.store._db.executemany("INSERT INTO documents VALUES (?, ?, ?, ?, ?)", kept)
            self.sandbox.depth -= 1

    def settle_down(self, state: State) -> Iterator[State]:
        """Whoever was under way is dead; couriers, queues, machines and timers do the rest. Each state on the way."""
        state = replace(state, running=(), left={})
        for _ in range(400):
            step = self._next_by_itself(state)
            if step is None:
                return
            state = step(state)
            yield state
        raise AssertionError("it never comes to rest")

    def _next_by_itself(self, state: State) -> Callable[[State], State] | None:
        for row in self.shop.simulators.pending_deliveries():
            return lambda s, row=row: self._whole(s, "webhook", row["id"], "app", self.operations.webhook(row))
        for message in reading.commands(self.sandbox, self.shop):
            return lambda s, m=message: self._whole(s, "command", m["outboxId"], "worker", self.operations.command(m))
        due = self._due()
        if due is None:
            return None
        return lambda s: self._fired(replace(s, moment=max(s.moment, due + timedelta(milliseconds=5))))

    def _whole(self, state: State, name: str, key: str, role: str, work: Work) -> State:
        self.sandbox.moment, self.sandbox.serial = state.moment, state.serial
        how, told, _ = self.sandbox.operate(role, work, whole=True)
        assert not (isinstance(told, dict) and told.get("batchItemFailures")), f"{name} {key} cannot be worked off"
        return self._ended(replace(state, serial=self.sandbox.serial), Running(name, key, role, work), how, told)


def _less(left: Mapping[str, int], name: str) -> dict[str, int]:
    return {each: number - (each == name) for each, number in left.items()}


def _under_way(state: State) -> list[Any]:
    return [
        [each.name, each.key, each.next, [(t.kind, readable(t.value), repr(t.error)) for t in each.log]]
        for each in state.running
    ]
