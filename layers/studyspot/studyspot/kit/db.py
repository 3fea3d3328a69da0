"""A tenant as a handle: every statement runs as that tenant, and the gate rides with the first.

A request's trips: a read is one; a write is two - the statement with the gate, then COMMIT with all that waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import psycopg
from pydantic import BaseModel

from studyspot.kit import clock
from studyspot.kit.errors import NotFound
from studyspot.kit.gate import Bucket, Gate, Moved, Verdict
from studyspot.kit.pipeline import Outcome, RowMaker, Rows, Statement
from studyspot.kit.raised import of_world

if TYPE_CHECKING:
    from studyspot.kit.auth import Actor
    from studyspot.kit.connections import Connection

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

BEGIN: Statement = ("BEGIN", {})
COMMIT: Statement = ("COMMIT", {})
SET_TENANT = "SELECT set_config('app.tenant', %(tenant)s, true)"
SET_BOUND = """
    SELECT set_config('app.tenant', %(tenant)s, true), set_config('app.libraries', %(libraries)s, true),
           set_config('app.actor', %(actor)s, true)"""
CLAIM = "SELECT claim_key(%(principal)s, %(route)s, %(key)s, %(fingerprint)s, %(now)s)"
LEASE = """
    INSERT INTO idempotency_keys (principal, route, key, fingerprint, leased_until, created_at)
    VALUES (%(principal)s, %(route)s, %(key)s, %(fingerprint)s, %(now)s + interval '60 seconds', %(now)s)
    ON CONFLICT (tenant_id, principal, route, key) DO UPDATE
        SET leased_until = EXCLUDED.leased_until, created_at = EXCLUDED.created_at,
            fingerprint = EXCLUDED.fingerprint, status = NULL"""


@dataclass(frozen=True)
class Claim:
    """An Idempotency-Key and what it was sent with."""

    principal: str
    route: str
    key: str
    fingerprint: str

    def params(self) -> dict[str, Any]:
        return {**self.__dict__, "now": clock.now()}


@dataclass(frozen=True)
class Origin:
    """Where a change comes from: for the audit trail, and `device` and `country` for judging payments."""

    request_id: str = ""
    ip_address: str | None = None
    user_agent: str | None = None
    device: str | None = None
    country: str | None = None


@dataclass
class Db:
    """One tenant's rows on one connection, for the length of one request or message."""

    connection: Connection
    tenant: UUID
    actor: Actor | None = None
    origin: Origin = field(default_factory=Origin)
    gate: Gate | None = None
    keeper: Db | None = None
    """The handle whose gate has to be passed before anything is asked of this one."""
    claim: Claim | None = None
    waiting: list[Statement] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    """Outbox rows of this request that should be handed on right after the commit."""
    noted: bool = False
    _open: bool = False
    _claimed: bool = False
    _leased: bool = False
    _depth: int = 0

    def one(self, model: type[M], query: str, **params: Any) -> M:
        """The row, or NotFound."""
        row = self.maybe(model, query, **params)
        if row is None:
            raise NotFound
        return row

    def maybe(self, model: type[M], query: str, **params: Any) -> M | None:
        """The row, if there is one."""
        return self._run(model_maker(model), query, params).first()

    def all(self, model: type[M], query: str, **params: Any) -> list[M]:
        """Every row."""
        return self._run(model_maker(model), query, params).rows

    def value(self, query: str, **params: Any) -> Any:
        """The first column of the first row, or None."""
        return self._run(_scalar_maker, query, params).first()

    def run(self, query: str, **params: Any) -> int:
        """How many rows it touched."""
        return self._run(dict_maker, query, params).count

    def dicts(self, query: str, **params: Any) -> list[dict[str, Any]]:
        """Every row by column name, for the kernel and for reports without a model."""
        return self._run(dict_maker, query, params).rows

    @contextmanager
    def copying(self, statement: str) -> Iterator[psycopg.Copy]:
        """COPY ... FROM STDIN inside a transaction (into a temporary table: row security refuses COPY elsewhere)."""
        if not self._depth:
            raise RuntimeError("copying needs a transaction")
        if not self._open:
            self._run(_scalar_maker, "SELECT 1", {})
        with self.connection.pg.cursor().copy(statement) as copy:
            yield copy

    def later(self, query: str, **params: Any) -> None:
        """Goes out together with COMMIT: for rows nobody reads before that."""
        self.waiting.append((query, params))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. The outermost one is committed together with the answer, or by `commit()`."""
        if not self._depth and self._open and not self.claim:
            self.commit()
        self._depth += 1
        try:
            yield
        except BaseException:
            self.rollback()
            raise
        finally:
            self._depth -= 1

    def commit(self) -> None:
        """Make it last now: before a third party is called, or between two transactions of one request."""
        if self.claim and not self._leased:
            self._leased = True
            self.later(LEASE, **self.claim.params())
        self.finish()

    def finish(self, *last: Statement) -> None:
        """Send what waits together with COMMIT, in one round trip."""
        statements = [*self.waiting, *last]
        self.waiting = []
        if not self._open and not statements:
            return
        if self.keeper:
            self.keeper.admit()
        ahead = [] if self._open else [BEGIN, self._set_tenant()]
        self._open = True
        try:
            for outcome in self.connection.trip([*ahead, *statements, COMMIT])[0]:
                if outcome.error:
                    raise outcome.error
        except psycopg.Error as error:
            self.rollback()
            raise self._told(error) from error
        except BaseException:
            self.rollback()
            raise
        self._open = False

    def rollback(self) -> None:
        """Forget what was not committed."""
        self.waiting.clear()
        self.commands.clear()
        if self._open:
            self._open = False
            self.connection.rollback()

    def admit(self) -> None:
        """Ask the gate alone, when no statement took it along."""
        if self.gate:
            gate, self.gate = self.gate, None
            self._judge(gate, self.connection.first_trip(gate.questions())[0])

    def _judge(self, gate: Gate, outcomes: Sequence[Outcome]) -> None:
        verdict = self.connection.rows(outcomes[0], model_maker(Verdict)).first()
        assert verdict is not None, "the gate always answers one row"
        special = self.connection.rows(outcomes[1], model_maker(Bucket)).first() if outcomes[1:] else None
        gate.admit(verdict, special)

    def _told(self, error: psycopg.Error) -> BaseException:
        """What the database says about the state of the world, as that state."""
        return Moved.away(self.tenant) if error.sqlstate == "SK503" else of_world(error)

    def _set_tenant(self) -> Statement:
        """Whose rows there are; for staff bound to libraries, only what is of these libraries."""
        if self.actor is None or self.actor.library_ids is None:
            return SET_TENANT, {"tenant": str(self.tenant)}
        libraries = ",".join(sorted(map(str, self.actor.library_ids)))
        return SET_BOUND, {"tenant": str(self.tenant), "libraries": f"{{{libraries}}}", "actor": str(self.actor.id)}

    def _run(self, make: RowMaker[T], query: str, params: dict[str, Any]) -> Rows[T]:
        """One round trip: the gate if it still waits, the tenant if no transaction is open, the statement."""
        if self.keeper:
            self.keeper.admit()
        if self._open:
            try:
                return self.connection.ask(make, query, params)
            except psycopg.Error as error:
                self.rollback()
                raise self._told(error) from error
        gate, self.gate = self.gate, None
        segment = [self._set_tenant(), (query, params)]
        keep = bool(self._depth or self.claim)
        if keep:
            claim = [(CLAIM, self.claim.params())] if self.claim and not self._claimed else []
            segment = [BEGIN, self._set_tenant(), *claim, (query, params)]
        return self.connection.rows(self._first_of_transaction(gate, segment, keep)[-1], make)

    def side_by_side(self, statements: Sequence[Statement]) -> Sequence[Outcome]:
        """Reads that need nothing of each other, in one round trip (`kit.together`); outside of any transaction."""
        if self._open or self._depth or self.claim:
            raise RuntimeError("a transaction reads one after the other")
        if self.keeper:
            self.keeper.admit()
        gate, self.gate = self.gate, None
        return self._first_of_transaction(gate, [self._set_tenant(), *statements], keep=False)[1:]

    def _first_of_transaction(self, gate: Gate | None, segment: list[Statement], keep: bool) -> Sequence[Outcome]:
        """The verdict outranks whatever became of the statement; a refused read discards its row."""
        self._open = keep
        try:
            outcomes = self.connection.first_trip(*([gate.questions()] if gate else []), segment)
            if gate:
                self._judge(gate, outcomes[0])
            for outcome in outcomes[-1]:
                if outcome.error:
                    raise outcome.error
        except psycopg.Error as error:
            self.rollback()
            raise self._told(error) from error
        except BaseException:
            self.rollback()
            raise
        self._claimed = self._claimed or bool(self.claim)
        return outcomes[-1]


@cache
def model_maker(model: type[M]) -> RowMaker[M]:
    def of_columns(names: list[str]) -> Callable[[Sequence[Any]], M]:
        def make(values: Sequence[Any]) -> M:
            return model(**dict(zip(names, values, strict=True)))

        return make

    return of_columns


def _scalar_maker(_: list[str]) -> Callable[[Sequence[Any]], Any]:
    return itemgetter(0)


def dict_maker(names: list[str]) -> Callable[[Sequence[Any]], dict[str, Any]]:
    return lambda values: dict(zip(names, values, strict=True))
