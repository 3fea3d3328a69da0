"""Clients at the same time in one test: each on a connection of its own, as processes have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

from studyspot.kit import cells
from studyspot.kit.connections import Connection
from studyspot.kit.db import Db

A = TypeVar("A")
T = TypeVar("T")


def at_once(tenant: UUID, work: Callable[[Db, A], T], over: Iterable[A], clients: int = 6) -> list[T]:
    """Every piece of work in its own transaction, up to `clients` of them at a time."""
    place = cells.place_of(tenant)

    def alone(piece: A) -> T:
        connection = Connection(place)
        db = Db(connection, tenant)
        try:
            done = work(db, piece)
            db.finish()
            return done
        finally:
            connection.pg.close()

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(alone, over))
