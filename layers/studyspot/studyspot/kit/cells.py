"""Where a tenant lives: the directory maps it to a cell, a cell is a database with the tenant schema."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

from studyspot.kit import connections, settings, tally
from studyspot.kit.connections import Place
from studyspot.kit.db import Db, dict_maker
from studyspot.kit.errors import NotFound
from studyspot.kit.gate import Moved
from studyspot.kit.ids import PLATFORM

T = TypeVar("T")

REMEMBERED_SECONDS = 30
CELL_OF = """
    SELECT c.host, c.port, c.dbname FROM tenants t JOIN cells c ON c.id = t.cell_id WHERE t.id = %(tenant)s"""
CELLS_OF = """
    SELECT t.id, c.host, c.port, c.dbname FROM tenants t JOIN cells c ON c.id = t.cell_id
    WHERE t.id = ANY (%(tenants)s)"""
ALL_CELLS = "SELECT host, port, dbname FROM cells ORDER BY id"

_known: dict[UUID, tuple[float, Place]] = {}


def _place(_: list[str]) -> Callable[[Sequence[Any]], Place]:
    return lambda values: Place(*values)


def core_place() -> Place:
    """The core database, which is also the cell of tenant zero."""
    s = settings.get()
    return Place(s.core_db_host, s.core_db_port, s.core_db_name)


def place_of(tenant: UUID) -> Place:
    """The tenant's cell; NotFound for an unknown tenant or one without a cell yet."""
    if tenant == PLATFORM:
        return core_place()
    known = _known.get(tenant)
    fresh = known is not None and time.monotonic() - known[0] < REMEMBERED_SECONDS
    tally.current.looked_up("place:{tenant}", fresh)
    if known and fresh:
        return known[1]
    found = connections.to(core_place()).ask(_place, CELL_OF, {"tenant": tenant}).first()
    if found is None:
        raise NotFound
    _known[tenant] = (time.monotonic(), found)
    return found


def places_of(tenants: Sequence[UUID]) -> dict[UUID, Place]:
    """The cells of several tenants, those that are not remembered looked up together; an unknown tenant has none."""
    at = time.monotonic()
    found = {t: _known[t][1] for t in tenants if t in _known and at - _known[t][0] < REMEMBERED_SECONDS}
    missing = [tenant for tenant in tenants if tenant not in found]
    if missing:
        for row in connections.to(core_place()).ask(dict_maker, CELLS_OF, {"tenants": missing}).rows:
            found[row["id"]] = Place(row["host"], row["port"], row["dbname"])
            _known[row["id"]] = at, found[row["id"]]
    return found


def forget(tenant: UUID) -> None:
    """The tenant moved, or was created this moment."""
    _known.pop(tenant, None)


def at_home(tenant: UUID, ask: Callable[[Db], T | None]) -> T | None:
    """What a tenant's cell knows; asked once more elsewhere if the tenant has moved meanwhile."""
    try:
        place = place_of(tenant)
        found = ask(Db(connections.to(place), tenant))
        if found is None:
            forget(tenant)
            moved = place_of(tenant)
            found = ask(Db(connections.to(moved), tenant)) if moved != place else None
    except NotFound:
        return None
    return found


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
        db.finish()
    except Moved:
        db.rollback()
        forget(db.tenant)
        raise
    except BaseException:
        db.rollback()
        raise
    outbox.hand_on(db)


def places() -> list[Place]:
    """Every cell, core first: for the relay, the timers and the sweeps (worker role)."""
    found = connections.to(core_place()).ask(_place, ALL_CELLS, {}).rows
    return [core_place(), *(p for p in found if p != core_place())]


def across(place: Place, query: str, **params: Any) -> list[dict[str, Any]]:
    """One statement that is no single tenant's: of the worker over all of a cell (outbox, timers, stored webhooks), or
    of a function that takes one tenant after the other."""
    return connections.to(place).ask(dict_maker, query, params).rows
