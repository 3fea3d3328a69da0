"""A tenant's rows on their way from one cell to another: writers paused, copied, compared, one cell open at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg

from studyspot.kit import clock
from studyspot.schema import placement, rows
from studyspot.schema.rows import Tally

WRITERS_END_WITHIN = "5s"
"""How long a move waits for the writers that are under way before it gives up and lets all go on."""
CLOSE = "INSERT INTO closed_tenants (tenant, closed_at) VALUES (%s, %s) ON CONFLICT (tenant) DO NOTHING"

Compared = Callable[[dict[str, Tally], dict[str, Tally]], None]
"""Given what is here and what arrived there; raises when they differ."""


class Busy(Exception):
    """Another step of this tenant's move is running."""


@contextmanager
def alone(tenant: UUID) -> Iterator[None]:
    """No two steps of one tenant's move at a time, whoever started them; ends with the process."""
    with psycopg.connect(placement.migrator_dsn(), autocommit=True) as conn:
        conn.execute("SET idle_session_timeout = 0")
        held = conn.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 1))", (f"move {tenant}",)).fetchone()
        if held != (True,):
            raise Busy
        yield


def is_closed(cell: str, tenant: UUID) -> bool:
    """The rows in this cell are a copy."""
    with psycopg.connect(cell, autocommit=True) as conn:
        return conn.execute("SELECT 1 FROM closed_tenants WHERE tenant = %s", (tenant,)).fetchone() is not None


def open_up(cell: str, tenant: UUID) -> None:
    """From now on the tenant's rows are here."""
    with psycopg.connect(cell, autocommit=True) as conn:
        conn.execute("DELETE FROM closed_tenants WHERE tenant = %s", (tenant,))


def make_ready(cell: str, tenant: UUID) -> None:
    """A cell that nobody enters as this tenant, without a row of it: what an earlier try or move left is gone."""
    with rows.as_tenant(cell, tenant) as conn:
        conn.execute(CLOSE, (tenant, clock.now()))
        rows.delete(conn)


def discard(cell: str, tenant: UUID) -> None:
    """A copy is removed, and nothing remembers it. A cell where the tenant is open is left alone."""
    with rows.as_tenant(cell, tenant) as conn:
        if conn.execute("DELETE FROM closed_tenants WHERE tenant = %s", (tenant,)).rowcount:
            rows.delete(conn)


def transfer(source: str, target: str, tenant: UUID, compared: Compared) -> None:
    """All rows, with the tenant's writers paused; in the end it is closed in both cells, or open here as before.

    The copy is committed first and is nobody's; then this cell closes in the transaction that held the writers off.
    Dying anywhere before that commit lets them go on.
    """
    with rows.as_tenant(source, tenant) as here:
        here.execute("SELECT set_config('lock_timeout', %s, true)", (WRITERS_END_WITHIN,))
        here.execute("SELECT pg_advisory_xact_lock(writers_of(%s))", (tenant,))
        with rows.as_tenant(target, tenant) as there:
            rows.copy(here, there)
            compared(rows.tallies(here), rows.tallies(there))
        here.execute(CLOSE, (tenant, clock.now()))
