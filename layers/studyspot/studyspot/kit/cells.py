"""Where a tenant lives: the directory maps it to a cell, a cell is a database with the tenant schema."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from psycopg.rows import class_row, dict_row
from pydantic import BaseModel

from studyspot.kit import connections, settings
from studyspot.kit.connections import Connection, Place
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.ids import PLATFORM

REMEMBERED_SECONDS = 30
CELL_OF = """
    SELECT c.host, c.port, c.dbname FROM tenants t JOIN cells c ON c.id = t.cell_id WHERE t.id = %(tenant)s"""
ALL_CELLS = "SELECT host, port, dbname FROM cells ORDER BY id"

_known: dict[UUID, tuple[float, Place]] = {}


class _Row(BaseModel):
    host: str
    port: int
    dbname: str

    def place(self) -> Place:
        return Place(self.host, self.port, self.dbname)


def core_place() -> Place:
    """The core database, which is also the cell of tenant zero."""
    s = settings.get()
    return Place(s.core_db_host, s.core_db_port, s.core_db_name)


def place_of(tenant: UUID) -> Place:
    """The tenant's cell; NotFound for an unknown tenant or one without a cell yet."""
    if tenant == PLATFORM:
        return core_place()
    known = _known.get(tenant)
    if known and time.monotonic() - known[0] < REMEMBERED_SECONDS:
        return known[1]
    row = connections.to(core_place()).cursor(class_row(_Row), CELL_OF, {"tenant": tenant}).fetchone()
    if row is None:
        raise NotFound
    _known[tenant] = (time.monotonic(), row.place())
    return row.place()


def forget(tenant: UUID) -> None:
    """The tenant moved, or was created this moment."""
    _known.pop(tenant, None)


@contextmanager
def tenant_db(tenant: UUID) -> Iterator[Db]:
    """A tenant's handle for background work: no gate, committed at the end, rolled back on an error."""
    with _finished(Db(connections.to(place_of(tenant)), tenant)) as db:
        yield db


@contextmanager
def core_db() -> Iterator[Db]:
    """The directory and tenant zero."""
    with _finished(Db(connections.to(core_place()), PLATFORM)) as db:
        yield db


@contextmanager
def _finished(db: Db) -> Iterator[Db]:
    from studyspot.kit import outbox  # the outbox needs cells for its relay

    try:
        yield db
    except BaseException:
        db.rollback()
        raise
    db.finish()
    outbox.hand_on(db)


def places() -> list[Place]:
    """Every cell, core first: for the relay, the timers and the sweeps (worker role)."""
    rows = connections.to(core_place()).cursor(class_row(_Row), ALL_CELLS, {}).fetchall()
    return [core_place(), *(p for p in (r.place() for r in rows) if p != core_place())]


def across(place: Place, query: str, **params: Any) -> list[dict[str, Any]]:
    """One statement of the worker over all tenants of a cell: outbox, timers, stored webhooks only."""
    connection: Connection = connections.to(place)
    cursor = connection.cursor(dict_row, query, params)
    return cursor.fetchall() if cursor.description else []
