"""Connections of this process: one a database it has met, opened late, renewed when stale, never shared."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.rows import BaseRowFactory, tuple_row

from studyspot.kit import settings
from studyspot.kit.errors import Unavailable

if TYPE_CHECKING:
    from studyspot.kit.db import Statement
    from studyspot.kit.gate import Gate

T = TypeVar("T")

STALE_SECONDS = 20
"""The database closes idle sessions at 30 s; renewing earlier avoids finding out the hard way."""
KEPT = 3
ATTEMPTS = 4


@dataclass(frozen=True)
class Place:
    """Where a database is."""

    host: str
    port: int
    dbname: str


class Connection:
    """One psycopg connection, with the round trips of this product spelled out."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.pg = _connect(place)
        self.used = time.monotonic()
        self.trips = 0

    def cursor(self, factory: BaseRowFactory[T], query: str, params: dict[str, Any]) -> psycopg.Cursor[T]:
        """One statement inside the open transaction."""
        self._count()
        return self.pg.cursor(row_factory=factory).execute(query, params)

    def exchange(self, statements: Sequence[Statement], read: BaseRowFactory[T] | None = None) -> list[T]:
        """Several statements in one trip; `read` says how to read the one that answers rows."""
        self._count()
        with self.pg.pipeline():
            cursors = [self.pg.cursor(row_factory=read or tuple_row).execute(q, p or None) for q, p in statements]
        return [row for cursor in cursors if read and cursor.description for row in cursor.fetchall()]

    def pipelined(
        self,
        gate: Gate | None,
        ahead: Sequence[Statement],
        main: tuple[BaseRowFactory[T], str, dict[str, Any]],
        behind: Sequence[Statement],
    ) -> psycopg.Cursor[T]:
        """Gate, tenant and statement in one trip. The verdict outranks whatever became of the statement."""
        try:
            return self._pipelined(gate, ahead, main, behind)
        except psycopg.OperationalError:
            # Nothing of this trip can have lasted but one count of the gate: the statement's COMMIT comes with a
            # later trip, or it was a read. So a connection that died while idle is renewed and the trip repeated.
            if not self.pg.closed:
                raise
            self.pg = _connect(self.place)
            return self._pipelined(gate, ahead, main, behind)

    def _pipelined(
        self,
        gate: Gate | None,
        ahead: Sequence[Statement],
        main: tuple[BaseRowFactory[T], str, dict[str, Any]],
        behind: Sequence[Statement],
    ) -> psycopg.Cursor[T]:
        self._count()
        factory, query, params = main
        cursor = self.pg.cursor(row_factory=factory)
        asked = [self.pg.cursor(row_factory=gate.row) for _ in gate.statements()] if gate else []
        try:
            with self.pg.pipeline():
                for slot, (text, values) in zip(asked, gate.statements() if gate else (), strict=True):
                    slot.execute(text, values or None)
                for text, values in ahead:
                    self.pg.execute(text, values or None)
                cursor.execute(query, params)
                for text, values in behind:
                    self.pg.execute(text, values or None)
        except psycopg.Error:
            if gate and asked[1].description:
                gate.admit(asked[1].fetchall()[0])
            raise
        if gate:
            gate.admit(asked[1].fetchall()[0])
        return cursor

    def rollback(self) -> None:
        """Leave whatever transaction is open on the server; a broken connection has none."""
        if self.pg.closed:
            return
        try:
            if self.pg.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                self._count()
                self.pg.execute("ROLLBACK")
        except psycopg.OperationalError:
            self.pg.close()

    def _count(self) -> None:
        self.trips += 1
        self.used = time.monotonic()


_open: dict[Place, Connection] = {}


def to(place: Place) -> Connection:
    """This process's connection there."""
    connection = _open.pop(place, None)
    if connection and (connection.pg.closed or time.monotonic() - connection.used > STALE_SECONDS):
        connection.pg.close()
        connection = None
    connection = connection or Connection(place)
    _open[place] = connection
    while len(_open) > KEPT:
        _open.pop(next(iter(_open))).pg.close()
    return connection


def settle() -> None:
    """Between two requests: no transaction of an interrupted one stays open."""
    for connection in _open.values():
        connection.rollback()


def trips() -> int:
    """Round trips of this process so far, for the log line and the tests that count them."""
    return sum(connection.trips for connection in _open.values())


def close_all() -> None:
    """Before a process forks or a test ends."""
    while _open:
        _open.popitem()[1].pg.close()


def _connect(place: Place) -> psycopg.Connection[tuple[Any, ...]]:
    """Refused connections (a full database) are tried again with jitter, then it is 503."""
    s = settings.get()
    for attempt in range(ATTEMPTS):
        try:
            return psycopg.connect(
                host=place.host,
                port=place.port,
                dbname=place.dbname,
                user=s.core_db_user,
                password=s.core_db_password.get_secret_value(),
                sslmode=s.core_db_sslmode,
                application_name="studyspot",
                connect_timeout=5,
                autocommit=True,
                prepare_threshold=None,
            )
        except psycopg.OperationalError as refused:
            if attempt == ATTEMPTS - 1:
                raise Unavailable("the database does not answer", headers={"Retry-After": "2"}) from refused
            time.sleep(random.uniform(0, 0.1 * 2**attempt))
    raise AssertionError("unreachable: the last attempt returns or raises")
