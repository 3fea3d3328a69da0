"""How full it is: one definition, from seats, their claims and open visits, at one moment."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from uuid import UUID

from studyspot.attendance import queries
from studyspot.attendance.models import Occupancy, ZoneOccupancy
from studyspot.kit import clock
from studyspot.kit.db import Db


def occupancy(db: Db, library_id: UUID | None = None) -> list[Occupancy]:
    """How full each library and zone is at this moment; one definition, one round trip."""
    now = clock.now()
    rows = queries.occupancy(db, library_id, now)
    return [_library(list(zones), now) for _, zones in groupby(rows, key=lambda row: row.library_id)]


def _library(rows: list[queries.ZoneRow], now: datetime) -> Occupancy:
    first, zoned = rows[0], [row for row in rows if row.zone_id]
    seats, unfree = sum(row.seats for row in zoned), sum(row.unfree for row in zoned)
    capacity = seats if first.cap is None else min(first.cap, seats)
    blocked = sum(row.blocked for row in zoned)
    # The cap counts people, so a blocked seat takes nothing from it.
    free = min(seats - unfree, capacity - (unfree - blocked)) - first.standing
    return Occupancy(
        library_id=first.library_id,
        name=first.name,
        capacity=capacity,
        present=sum(row.present for row in zoned) + first.standing,
        booked=sum(row.booked for row in zoned),
        allotted=sum(row.allotted for row in zoned),
        blocked=blocked,
        free=max(0, free),
        as_of=now,
        zones=[_zone(row) for row in zoned],
    )


def _zone(row: queries.ZoneRow) -> ZoneOccupancy:
    assert row.zone_id and row.zone_name, "only rows with a zone come here"
    numbers = row.model_dump(include={"present", "booked", "allotted", "blocked", "zone_id"})
    return ZoneOccupancy(**numbers, name=row.zone_name, capacity=row.seats, free=row.seats - row.unfree)
