"""The floor: the product's own SQL with its tenant set, in one pipelined round trip, by bare psycopg."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from studyspot.kit import pipeline
from studyspot.kit.pipeline import Outcome, Statement

SET_TENANT = "SELECT set_config('app.tenant', %(tenant)s, true)"
KERNEL = ("FROM gate(", "set_config(", "claim_key(", "idempotency_keys", "audit_logs", "outbox", "timers",
          "JOIN cells")  # fmt: skip
"""What the product adds to a statement of a domain."""


@contextmanager
def recorded() -> Iterator[list[list[Statement]]]:
    """Every round trip made inside, as the statements it carried."""
    trips: list[list[Statement]] = []
    genuine = pipeline.exchange

    def exchange(conn: psycopg.Connection[Any], segments: Sequence[Sequence[Statement]]) -> list[list[Outcome]]:
        trips.append([statement for segment in segments for statement in segment])
        return genuine(conn, segments)

    pipeline.exchange = exchange
    try:
        yield trips
    finally:
        pipeline.exchange = genuine


def of_domain(trips: list[list[Statement]]) -> list[Statement]:
    """What remains of a request's statements without the kernel's."""
    plain = ("BEGIN", "COMMIT", "ROLLBACK")
    statements = [statement for trip in trips for statement in trip if statement[0] not in plain]
    return [(text, params) for text, params in statements if not any(mark in text for mark in KERNEL)]


class Floor:
    """One connection that does nothing but the statements."""

    def __init__(self, dsn: str, tenant: UUID) -> None:
        # No named statements, as in the product: they would pin a proxy's connection.
        self.conn = psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
        self.tenant = {"tenant": str(tenant)}

    def ask(self, *statements: Statement) -> list[tuple[Any, ...]]:
        """BEGIN ... COMMIT in one trip; the rows of the first statement."""
        with self.conn.pipeline():
            self.conn.execute("BEGIN")
            self.conn.execute(SET_TENANT, self.tenant)
            cursors = [self.conn.execute(text, params) for text, params in statements]
            self.conn.execute("COMMIT")
            return cursors[0].fetchall()

    def close(self) -> None:
        self.conn.close()
