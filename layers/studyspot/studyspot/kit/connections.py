"""Connections of this process: one a database it has met, opened late, renewed when stale, never shared."""

from __future__ import annotations

import random
import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from studyspot.kit import pipeline, settings, tally
from studyspot.kit.errors import Unavailable
from studyspot.kit.pipeline import Outcome, RowMaker, Rows, Statement

T = TypeVar("T")

STALE_SECONDS = 20
"""The database closes idle sessions at 30 s; renewing earlier avoids finding out the hard way."""
KEPT = 3
ROOM = {"worker": 4}
ROOM_OF_REQUESTS = 10
"""Idle connections a role may have in a database with a limit (20, of which 16 may be in use): those of many functions
that each keep one would fill it. Whoever comes in ends the longest idle beyond that; its owner connects anew."""
MAKE_ROOM = """
    SELECT count(pg_terminate_backend(idle.pid)) FROM (
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND usename = current_user AND state = 'idle' AND pid <> pg_backend_pid()
        ORDER BY state_change DESC OFFSET %(kept)s) idle
    WHERE EXISTS (SELECT 1 FROM pg_database WHERE datname = current_database() AND datconnlimit > 0)"""
ATTEMPTS, LONGEST_PAUSE = 8, 0.5
"""A crowd at a small database is over within a second or two; after that it is full indeed."""
RENEWALS = 3
"""In a crowd a connection may have to give way more than once before it was ever used."""


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

    def trip(self, *segments: Sequence[Statement]) -> list[list[Outcome]]:
        """One round trip (`pipeline.exchange`)."""
        self.used = time.monotonic()
        started = time.perf_counter()
        tally.current.trips += 1
        try:
            return pipeline.exchange(self.pg, segments)
        except psycopg.Error:
            tally.current.database_errors += 1
            raise
        finally:
            tally.current.database_seconds += time.perf_counter() - started

    def first_trip(self, *segments: Sequence[Statement]) -> list[list[Outcome]]:
        """The trip that begins a request. Nothing of it can have lasted but one count of the gate -
        a write's COMMIT comes with a later trip - so it is repeated when the connection turns out to have died."""
        for _ in range(RENEWALS):
            try:
                return self.trip(*segments)
            except psycopg.OperationalError:
                self.pg.close()
                self.pg = _connect(self.place)
        return self.trip(*segments)

    def ended(self) -> bool:
        """Closed here or by the server: between two requests nothing but an end can be there to read."""
        if self.pg.closed:
            return True
        idle = self.pg.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        waiting = select.poll()
        waiting.register(self.pg.fileno(), select.POLLIN)
        return idle and bool(waiting.poll(0))

    def rows(self, outcome: Outcome, make: RowMaker[T]) -> Rows[T]:
        return pipeline.rows(self.pg, outcome, make)

    def ask(self, make: RowMaker[T], query: str, params: dict[str, Any]) -> Rows[T]:
        """One statement in whatever transaction is open."""
        return self.rows(self.trip([(query, params)])[0][0], make)

    def rollback(self) -> None:
        """Leave whatever transaction is open on the server; a broken connection has none."""
        if self.pg.closed or self.pg.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            return
        try:
            self.trip([("ROLLBACK", {})])
        except psycopg.OperationalError:
            self.pg.close()


_open: dict[Place, Connection] = {}


def to(place: Place) -> Connection:
    """This process's connection there."""
    connection = _open.pop(place, None)
    if connection and (time.monotonic() - connection.used > STALE_SECONDS or connection.ended()):
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


def close_all() -> None:
    """Before a process forks or a test ends."""
    while _open:
        _open.popitem()[1].pg.close()


def _connect(place: Place) -> psycopg.Connection[tuple[Any, ...]]:
    """Refused connections (a full database) are tried again with jitter, then it is 503."""
    s = settings.get()
    for attempt in range(ATTEMPTS):
        try:
            made = psycopg.connect(
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
            made.execute(MAKE_ROOM, {"kept": ROOM.get(s.core_db_user, ROOM_OF_REQUESTS)})
            return made
        except psycopg.OperationalError as refused:
            if attempt == ATTEMPTS - 1:
                raise Unavailable("the database does not answer", headers={"Retry-After": "2"}) from refused
            time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.1 * 2**attempt)))  # noqa: S311 - jitter is no secret
    raise AssertionError("unreachable: the last attempt returns or raises")
