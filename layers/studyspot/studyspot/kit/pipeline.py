"""Several statements to PostgreSQL in one packet and one round trip, in segments that commit apart.

psycopg's own pipeline block sends every statement by itself and cannot end a segment without waiting for it; that
costs more than the rest of a request together (docs/decisions/0002-one-round-trip.md). This module uses the
same building blocks below that block; psycopg is pinned, and `tests/kit/test_pipeline.py` holds what is relied upon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import psycopg
from psycopg import errors, waiting
from psycopg._queries import PostgresQuery
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.generators import fetch_many, send
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

T = TypeVar("T")
RowMaker = Callable[[list[str]], Callable[[Sequence[Any]], T]]
"""Given the column names, what turns a row of values into a T."""
Statement = tuple[str, dict[str, Any]]
POLL_SECONDS = 0.1
"""How long to sleep for an answer before looking at signals; zero would spin."""
BROKEN = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)


@dataclass(frozen=True)
class Outcome:
    """What one statement came to: a result, an error, or nothing because one before it failed."""

    result: PGresult | None = None
    error: psycopg.Error | None = None


@dataclass(frozen=True)
class Rows(Generic[T]):
    """A statement's rows, and how many it touched."""

    rows: list[T]
    count: int

    def first(self) -> T | None:
        return self.rows[0] if self.rows else None


def exchange(conn: psycopg.Connection[Any], segments: Sequence[Sequence[Statement]]) -> list[list[Outcome]]:
    """Send all segments, read all outcomes. A segment without BEGIN is a transaction of its own; an error skips the
    rest of its segment only. Raises OperationalError when the connection breaks."""
    pgconn = conn.pgconn
    pgconn.enter_pipeline_mode()
    try:
        for segment in segments:
            for query, params in segment:
                _send(conn, query, params)
            pgconn.pipeline_sync()
        found = waiting.wait(_outcomes(conn, [len(s) for s in segments]), pgconn.socket, interval=POLL_SECONDS)
    except BaseException:
        # Whatever interrupted the reading, answers are still under way: this connection cannot be trusted again.
        conn.close()
        raise
    pgconn.exit_pipeline_mode()
    return found


def rows(conn: psycopg.Connection[Any], outcome: Outcome, make: RowMaker[T]) -> Rows[T]:
    """The outcome's rows, or its error raised."""
    if outcome.error:
        raise outcome.error
    result = outcome.result
    if result is None:
        raise psycopg.OperationalError("skipped: a statement before it failed")
    count = result.command_tuples or 0
    if result.status != ExecStatus.TUPLES_OK:
        return Rows([], count)
    encoding = conn.info.encoding
    names = [(result.fname(i) or b"").decode(encoding) for i in range(result.nfields)]
    loader = Transformer(conn)
    loader.set_pgresult(result)
    return Rows(loader.load_rows(0, result.ntuples, make(names)), count)


def _send(conn: psycopg.Connection[Any], query: str, params: dict[str, Any]) -> None:
    bound = PostgresQuery(Transformer(conn))
    bound.convert(query, params or None)
    if bound.params is None:
        conn.pgconn.send_query_params(bound.query, None)
        return
    conn.pgconn.send_query_params(
        bound.query, bound.params, param_types=bound.types, param_formats=bound.formats, result_format=Format.TEXT
    )


def _outcomes(conn: psycopg.Connection[Any], lengths: list[int]) -> PQGen[list[list[Outcome]]]:
    if conn.pgconn.flush():  # not everything fitted into the socket at once
        yield from send(conn.pgconn)
    segments: list[list[Outcome]] = []
    for length in lengths:
        segment = []
        for _ in range(length):
            results = yield from fetch_many(conn.pgconn)
            segment.append(_outcome(conn, results[-1]))
        segments.append(segment)
        while (end := (yield from fetch_many(conn.pgconn))) and end[-1].status != ExecStatus.PIPELINE_SYNC:
            # a segment without BEGIN commits at its end: a deferred constraint speaks up only here
            segment[-1] = _outcome(conn, end[-1])
    return segments


def _outcome(conn: psycopg.Connection[Any], result: PGresult) -> Outcome:
    if result.status in BROKEN:
        return Outcome(error=errors.error_from_result(result, encoding=conn.info.encoding))
    if result.status == ExecStatus.PIPELINE_ABORTED:
        return Outcome()
    return Outcome(result=result)
