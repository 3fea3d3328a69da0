"""The plan of a library: how it stands, how it is drawn anew, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from math import ceil, sqrt
from uuid import UUID

from studyspot.kit import audit, clock, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound, VersionConflict
from studyspot.libraries import service as libraries
from studyspot.spaces import checking
from studyspot.spaces.models import Impact, ImpactNotAccepted
from studyspot.spaces.models.seatmap import (
    STATUSES,
    Label,
    Layout,
    LayoutCheck,
    LayoutRequest,
    LayoutSaved,
    MapQuestion,
    Placed,
    SeatMap,
    SeatOnMap,
)
from studyspot.spaces.queries import seatmap as queries
from studyspot.spaces.service import facts

AISLE = 1.0
"""Around and between the zones of a plan that nobody drew."""


def seat_map(db: Db, actor: Actor, library: UUID, asked: MapQuestion) -> SeatMap:
    """How every seat stands; whose it is, is told to those who may know students."""
    actor.at(library)
    asked.must_be_one_time()
    found = queries.seat_map(db, library, asked, actor.id, actor.may("students:read"))
    drawn = found.layout or _in_rows(found.seats)
    places = {one.seat_id: (one.x, one.y) for one in drawn.seats}
    seats = [_on_map(row, places.get(row.id, (None, None))) for row in found.seats]
    counted = Counter(seat.status for seat in seats)
    return SeatMap(
        **drawn.model_dump(include={"width", "height", "walls", "doors", "labels"}),
        **found.model_dump(include={"library_id", "name", "version", "start_at", "end_at"}),
        as_of=clock.now(),
        seats=seats,
        counts={status: counted[status] for status in STATUSES},
    )


def _on_map(row: queries.SeatRow, place: tuple[float | None, float | None]) -> SeatOnMap:
    told = row.model_dump(exclude={"row", "column", "mine"})
    return SeatOnMap(**told, x=place[0], y=place[1], mine=bool(row.mine))


def _in_rows(rows: list[queries.SeatRow]) -> Layout:
    """A plan for who drew none: zone under zone, each seat in its row and column, or filled up row by row."""
    seats: list[Placed] = []
    labels: list[Label] = []
    top, widest = AISLE, 1.0
    for zone, members in groupby(rows, key=lambda row: row.zone):
        here = list(members)
        labels.append(Label(x=AISLE, y=top, text=zone[:40]))
        taken = _grid(here)
        seats += [Placed(seat_id=seat, x=AISLE + column, y=top + 0.5 + line) for seat, (line, column) in taken.items()]
        widest = max(widest, *(column + 1 for _, column in taken.values()))
        top += 0.5 + max(line for line, _ in taken.values()) + 1 + AISLE
    return Layout.model_construct(
        width=widest + 2 * AISLE, height=max(top, 2.0), walls=[], doors=[], labels=labels, seats=seats
    )


def _grid(rows: list[queries.SeatRow]) -> dict[UUID, tuple[int, int]]:
    """Row and column of each, from 0; two that say the same place, or none, follow in rows of their own."""
    taken: dict[tuple[int, int], UUID] = {}
    rest: list[UUID] = []
    for row in rows:
        place = (row.row - 1, row.column - 1) if row.row and row.column else None
        if place is None or place in taken:
            rest.append(row.id)
        else:
            taken[place] = row.id
    wide = ceil(sqrt(2 * len(rest))) if rest else 1
    below = max((line for line, _ in taken), default=-1) + 1
    taken |= {(below + n // wide, n % wide): seat for n, seat in enumerate(rest)}
    return {seat: place for place, seat in taken.items()}


def save(db: Db, actor: Actor, library: UUID, asked: LayoutRequest) -> LayoutSaved:
    """One more version; who loses a place on the plan keeps the seat's time, and is told of beforehand."""
    actor.at(library)
    now, version = clock.now(), asked.version + 1
    with db.transaction():
        libraries.open_library(db, library)
        if not queries.knows_all(db, library, [one.seat_id for one in asked.seats]):
            raise NotFound("this library has no such seat")
        impact = Impact.of(queries.left_out(db, library, [one.seat_id for one in asked.seats]))
        if impact.affected and asked.left_out is None:
            raise ImpactNotAccepted(affected=impact.facts())
        drawn = asked.model_dump(mode="json", exclude={"version", "left_out"})
        if not queries.save(db, library, version, drawn, now):
            raise VersionConflict
        told = {"version": version, "seats": len(asked.seats), "impact": facts(impact)}
        audit.note(db, "libraries.seat_map", "libraries", library, after=told)
        outbox.emit(db, "library.seat_map_changed", library, {"version": version})
    return LayoutSaved(library_id=library, version=version, seats=len(asked.seats), changed_at=now, impact=impact)


def check(db: Db, actor: Actor, library: UUID, drawn: Layout | None) -> LayoutCheck:
    """What is wrong with a plan that is thought of, or with the one there is."""
    libraries.seen_by(db, actor, library)
    sales = queries.sales(db, library)
    version, kept = queries.layout(db, library)
    found = checking.findings(drawn or kept, sales)
    return LayoutCheck(version=version, seats=len(sales), findings=found)
