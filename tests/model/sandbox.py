"""Real code on a real PostgreSQL, stopped after every transaction and taken back at will.

Two things make a search over interleavings possible without touching the code that is searched:

- Each database is one connection in one transaction that never ends. What the code believes to be its transactions
  are savepoints in it, under the role (and so the row security) it would have; a state is a savepoint too, and going
  back to it is ROLLBACK TO. Transactions run here one after the other, which is what a step is; what happens between
  the statements of two open ones is `tests/model/test_statements.py`'s subject.
- An operation is a function and what it has been told so far: every answer of a database or a gateway, every moment
  and every new id. To go on it is begun again and told the same; where it was is where it is told something new. It is
  stopped, as a killed process is, when it asks for another thing after having done one.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import requests
from studyspot.kit import pipeline
from studyspot.kit.connections import Connection, Place
from studyspot.kit.db import BEGIN, COMMIT
from studyspot.kit.pipeline import Outcome, Statement

NOBODY = "SELECT set_config('app.tenant', '', true), set_config('app.libraries', '', true)"
SERIES = count(1)
"""No two sandboxes of a test run make the same id."""
FAULTS = ("down", "silent", "lost")
"""A gateway that refuses with 503, does not hear, or hears and is not heard."""


class Paused(BaseException):
    """One step is done; `next` is what would be asked for now."""

    def __init__(self, next_: str) -> None:
        self.next = next_
        super().__init__(next_)


@dataclass(frozen=True)
class Told:
    """One thing an operation learnt."""

    kind: str
    value: Any = None
    error: Exception | None = None


@dataclass
class Run:
    """An operation on its way through what it knows, and one step further."""

    role: str
    log: list[Told]
    whole: bool
    fault: str | None = None
    at: int = 0
    stepped: bool = False
    inside: bool = False


@dataclass
class Sandbox:
    """The databases by name, the clock, the source of ids, and the operation that runs."""

    databases: dict[str, SavedConnection] = field(default_factory=dict)
    serve: Callable[..., Any] = None  # type: ignore[assignment]  # the simulators' ASGI application
    moment: datetime = datetime(2026, 12, 1, 4, 30, tzinfo=UTC)
    serial: int = field(default_factory=lambda: next(SERIES) << 40)
    run: Run | None = None
    complaints: list[str] = field(default_factory=list)
    depth: int = 0

    def connection(self, place: Place) -> SavedConnection:
        return self.databases[place.dbname]

    def operate(
        self,
        role: str,
        work: Callable[[], Any],
        log: Sequence[Told] = (),
        whole: bool = False,
        fault: str | None = None,
    ) -> tuple[str, Any, tuple[Told, ...]]:
        """One step further, or to the end: how it went, what is next, the result or the error, and what it knows."""
        run = self.run = Run(role, list(log), whole, fault)
        try:
            return "done", work(), tuple(run.log)
        except Paused as paused:
            return "paused", paused.next, tuple(run.log)
        except Exception as error:  # noqa: BLE001 - how it ended is what the search wants to know
            return "failed", error, tuple(run.log)
        finally:
            self.run = None
            for database in self.databases.values():
                database.rollback()

    def told(self, kind: str, live: Callable[[], Any]) -> Any:
        """What the operation was told when it asked this before, or what it is told now."""
        run = self.run
        if run is None or run.inside:
            return live()
        if run.at < len(run.log):
            known = run.log[run.at]
            run.at += 1
            assert known.kind == kind, f"an operation went another way: {known.kind} before, {kind} now"
            if known.error:
                raise known.error.with_traceback(None)
            return known.value
        run.inside = True
        try:
            value = live()
        except Exception as error:
            run.log.append(Told(kind, error=error))
            raise
        else:
            run.log.append(Told(kind, value))
            return value
        finally:
            run.at = len(run.log)
            run.inside = False
            if kind.startswith(("trip", "call")):
                self.stepped()

    def pause(self, next_: str) -> None:
        """Before something that others can see: the operation ends here if it has had its step."""
        run = self.run
        if run and run.at == len(run.log) and run.stepped and not run.whole and not self.open:
            raise Paused(next_)

    def stepped(self) -> None:
        if self.run and not self.open:
            self.run.stepped = True

    @property
    def open(self) -> bool:
        return any(database.open for database in self.databases.values())

    def now(self) -> datetime:
        moment: datetime = self.told("moment", lambda: self.moment)
        return moment

    def new_id(self) -> UUID:
        """Version 7 by shape; in the order in which they are made."""

        def live() -> UUID:
            self.serial += 1
            millis = int(self.moment.timestamp() * 1000)
            return UUID(int=(millis << 80) | (0x7 << 76) | (0b10 << 62) | self.serial)

        made: UUID = self.told("id", live)
        return made

    def call(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """In place of `HTTPAdapter.send`: the simulators answer in this thread, or act out a fault."""
        vendor = urlsplit(request.url or "").path.split("/")[2]
        self.pause(f"call {request.method} {vendor}")

        def live() -> requests.Response:
            run = self.run
            if self.open:
                self.complaints.append(f"{vendor} was called inside a transaction")
            fault = run.fault if run else None
            if run:
                run.fault = None
            if fault == "down":
                return _response(request, 503, b"<h1>503</h1>", {})
            answer = None if fault == "silent" else self._served(request)
            if fault in ("silent", "lost"):
                raise requests.ReadTimeout("no answer", request=request)
            assert answer is not None
            return answer

        response: requests.Response = self.told(f"call {vendor}", live)
        # its body is read each time it is told
        return _response(request, response.status_code, response.told, dict(response.headers))  # type: ignore[attr-defined]

    def _served(self, request: requests.PreparedRequest) -> requests.Response:
        parts = urlsplit(request.url or "")
        body = request.body or b""
        sent: list[Mapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body if isinstance(body, bytes) else body.encode()}

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": request.method, "path": parts.path, "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(k.lower().encode(), str(v).encode()) for k, v in request.headers.items()],
        }  # fmt: skip
        with contextlib.suppress(StopIteration):
            self.serve(scope, receive, send).send(None)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return _response(request, sent[0]["status"], sent[1]["body"], headers)


def _response(
    request: requests.PreparedRequest, status: int, body: bytes, headers: Mapping[str, str]
) -> requests.Response:
    made = requests.Response()
    made.status_code, made.request, made.url = status, request, request.url or ""
    made.headers.update(headers)
    made.raw = io.BytesIO(body)
    made.told = body  # type: ignore[attr-defined]
    return made


class SavedConnection(Connection):
    """A connection of the product, whose transactions are savepoints of one that does not end."""

    def __init__(self, sandbox: Sandbox, place: Place, dsn: str) -> None:
        self.sandbox, self.place, self.used = sandbox, place, 0.0
        self.pg = psycopg.connect(dsn, autocommit=True)
        self.pg.prepare_threshold = None
        self.pg.execute("SET idle_session_timeout = 0")
        self.pg.execute("SET idle_in_transaction_session_timeout = 0")
        self.pg.execute("BEGIN")
        self.open = False

    def trip(self, *segments: Sequence[Statement]) -> list[list[Outcome]]:
        self.sandbox.pause("trip")
        asked = "trip " + " | ".join(query.split(None, 1)[0] for segment in segments for query, _ in segment)
        found: list[list[Outcome]] = self.sandbox.told(asked, lambda: [self._segment(each) for each in segments])
        return found

    first_trip = trip

    def _segment(self, segment: Sequence[Statement]) -> list[Outcome]:
        begins = not self.open
        run = self.sandbox.run
        role = run.role if run else "worker"
        ahead: list[Statement] = []
        if begins:
            ahead = [("SAVEPOINT unit", {}), (f"SET LOCAL SESSION AUTHORIZATION {role}", {}), (NOBODY, {})]
        ends = COMMIT in segment or (begins and BEGIN not in segment)
        told = [s for s in segment if s not in (BEGIN, COMMIT)]
        outcomes = pipeline.exchange(self.pg, [[*ahead, *told, *([("RELEASE SAVEPOINT unit", {})] if ends else [])]])[0]
        failed = any(outcome.error for outcome in outcomes)
        self.open = failed or not ends
        if failed and BEGIN not in segment and begins:
            self._undo()
        of_statement = iter(outcomes[len(ahead) :])
        return [outcomes[0] if s == BEGIN else next(of_statement) for s in segment]

    def rollback(self) -> None:
        if self.open:
            self._undo()
            self.sandbox.stepped()

    def _undo(self) -> None:
        self.pg.execute("ROLLBACK TO SAVEPOINT unit")
        self.pg.execute("RELEASE SAVEPOINT unit")
        self.open = False

    def ended(self) -> bool:
        return False

    def ask_as_owner(self, query: str, params: Mapping[str, Any]) -> Any:
        """What is really there, whoever may see it."""
        self.pg.execute("SET LOCAL SESSION AUTHORIZATION DEFAULT")
        row = self.pg.execute(query, params).fetchone()
        assert row
        return row[0]

    def save(self, depth: int) -> None:
        self.pg.execute(f"SAVEPOINT s{depth}")

    def back(self, depth: int) -> None:
        self.pg.execute(f"ROLLBACK TO SAVEPOINT s{depth}")

    def end(self) -> None:
        self.pg.close()


def readable(outcomes: Any) -> str:
    """What an operation was told, as text: two that were told the same go on alike."""
    if isinstance(outcomes, list):
        return "".join(map(readable, outcomes))
    if isinstance(outcomes, Outcome):
        result = outcomes.result
        if result is None:
            return f"!{outcomes.error and outcomes.error.sqlstate}"
        return ";".join(
            ",".join(str(result.get_value(row, column)) for column in range(result.nfields))
            for row in range(result.ntuples)
        ) + f"/{result.command_tuples}"  # fmt: skip
    if isinstance(outcomes, requests.Response):
        return f"{outcomes.status_code}{outcomes.told!r}"  # type: ignore[attr-defined]
    return json.dumps(outcomes, default=str)
