"""Every statement on libraries, zones, seats and shifts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar
from uuid import UUID

from psycopg import errors as pg
from pydantic import BaseModel

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.errors import Conflict, NotFound
from studyspot.kit.pages import Paging
from studyspot.libraries.fields import Near
from studyspot.libraries.models import (
    Library,
    LibraryCodeExists,
    LibraryRequest,
    Seat,
    SeatCodeExists,
    SeatsRequest,
    Shift,
    ShiftExists,
    ShiftRequest,
    Zone,
    ZoneExists,
    ZoneNotEmpty,
    ZoneRequest,
)

M = TypeVar("M", bound=BaseModel)

LIBRARY = (
    "id, name, code, description, address_line1, address_line2, city, state, pincode, latitude, longitude, phone,"
    " email, total_seats, capacity, opening_time, closing_time, operating_days, amenities, images, day_start, status,"
    " created_at, updated_at"
)
ZONE = "id, library_id, name, floor, kind, created_at, updated_at"
SEAT = (
    'id, library_id, zone_id, code, row_no AS "row", column_no AS "column", kind, attributes, price_class, status,'
    " created_at, updated_at"
)
SHIFT = "id, library_id, name, start_time, end_time, overnight, days, status, created_at, updated_at"
OF_LIBRARY = "WHERE id = %(id)s AND library_id = %(library_id)s"
COLUMN_OF = {"row": "row_no", "column": "column_no"}
# Great-circle distance (haversine) on a sphere of 6371 km: off by at most 0.5 %.
DISTANCE = """
    6371 * 2 * asin(sqrt(least(1, power(sin(radians(latitude - %(latitude)s::float8) / 2), 2)
        + cos(radians(latitude)) * cos(radians(%(latitude)s::float8))
        * power(sin(radians(longitude - %(longitude)s::float8) / 2), 2))))"""


def library(db: Db, library_id: UUID, lock: str = "") -> Library:
    """The library, closed ones too, or NotFound."""
    return db.one(Library, f"SELECT {LIBRARY} FROM libraries WHERE id = %(id)s {lock}", id=library_id)


def count(db: Db, library_ids: list[UUID]) -> int:
    number: int = db.value("SELECT count(*) FROM libraries WHERE id = ANY (%(ids)s)", ids=library_ids)
    return number


def listed(
    db: Db,
    paging: Paging,
    bound_to: Collection[UUID] | None,
    near: Near | None,
    **filters: str | None,
) -> list[Library]:
    """Libraries by creation; closed ones only when asked for by status."""
    point = near.model_dump() if near else {"latitude": None, "longitude": None, "radius_km": None}
    return db.all(
        Library,
        f"""
        SELECT * FROM (SELECT {LIBRARY}, {DISTANCE} AS distance_km FROM libraries) found
        WHERE (%(after)s::uuid IS NULL OR id > %(after)s::uuid)
          AND (%(bound_to)s::uuid[] IS NULL OR id = ANY (%(bound_to)s::uuid[]))
          AND (%(radius_km)s::float8 IS NULL OR distance_km <= %(radius_km)s::float8)
          AND (%(city)s::text IS NULL OR lower(city) = lower(%(city)s::text))
          AND (%(pincode)s::text IS NULL OR pincode = %(pincode)s::text)
          AND status = coalesce(%(status)s::text, nullif(status, 'closed'))
        ORDER BY id LIMIT %(fetch)s""",
        after=paging.after,
        bound_to=list(bound_to) if bound_to is not None else None,
        fetch=paging.fetch,
        **point,
        **filters,
    )


def all_open(db: Db) -> list[Library]:
    """Every library that is not closed."""
    return db.all(Library, f"SELECT {LIBRARY} FROM libraries WHERE status <> 'closed' ORDER BY id")


def create(db: Db, request: LibraryRequest) -> Library:
    """A new library without seats; its code, not our look, decides whether it is new."""
    facts = request.model_dump()
    made = db.maybe(
        Library,
        f"""
        INSERT INTO libraries (id, {", ".join(facts)}, created_at, updated_at)
        VALUES (%(id)s, {", ".join(f"%({name})s" for name in facts)}, %(now)s, %(now)s)
        ON CONFLICT (tenant_id, code) WHERE status <> 'closed' DO NOTHING
        RETURNING {LIBRARY}""",
        id=ids.uuid7(),
        now=clock.now(),
        **facts,
    )
    if made is None:
        raise LibraryCodeExists
    return made


def change(db: Db, library_id: UUID, changes: dict[str, Any]) -> Library:
    """The library with some of its columns set."""
    statement = f"libraries SET {{}} WHERE id = %(id)s AND status <> 'closed' RETURNING {LIBRARY}"
    return _changed(db, Library, statement, LibraryCodeExists, changes, id=library_id)


def close(db: Db, library_id: UUID) -> bool:
    """Out of every list; False when it already is."""
    closed = "UPDATE libraries SET status = 'closed', updated_at = %(now)s WHERE id = %(id)s AND status <> 'closed'"
    return db.run(closed, id=library_id, now=clock.now()) == 1


def zones(db: Db, library_id: UUID) -> list[Zone]:
    """The zones of a library, floor by floor."""
    return db.all(Zone, f"SELECT {ZONE} FROM zones WHERE library_id = %(id)s ORDER BY floor, name", id=library_id)


def zone(db: Db, library_id: UUID, zone_id: UUID, lock: str = "") -> Zone:
    """One zone of this library, or NotFound."""
    return db.one(Zone, f"SELECT {ZONE} FROM zones {OF_LIBRARY} {lock}", id=zone_id, library_id=library_id)


def zone_named(db: Db, library_id: UUID, name: str) -> Zone:
    """The zone of that name."""
    query = f"SELECT {ZONE} FROM zones WHERE library_id = %(library_id)s AND name = %(name)s"
    return db.one(Zone, query, library_id=library_id, name=name)


def create_zone(db: Db, library_id: UUID, request: ZoneRequest) -> Zone | None:
    """A new zone, or None where there is one of that name."""
    return db.maybe(
        Zone,
        f"""
        INSERT INTO zones (id, library_id, name, floor, kind, created_at, updated_at)
        VALUES (%(id)s, %(library_id)s, %(name)s, %(floor)s, %(kind)s, %(now)s, %(now)s)
        ON CONFLICT (tenant_id, library_id, name) DO NOTHING RETURNING {ZONE}""",
        id=ids.uuid7(),
        library_id=library_id,
        now=clock.now(),
        **request.model_dump(),
    )


def change_zone(db: Db, library_id: UUID, zone_id: UUID, changes: dict[str, Any]) -> Zone:
    """The zone with some of its columns set."""
    statement = f"zones SET {{}} {OF_LIBRARY} RETURNING {ZONE}"
    return _changed(db, Zone, statement, ZoneExists, changes, id=zone_id, library_id=library_id)


def delete_zone(db: Db, library_id: UUID, zone_id: UUID) -> bool:
    """The foreign key of the seats, retired ones too, decides whether it is empty."""
    try:
        return db.run(f"DELETE FROM zones {OF_LIBRARY}", id=zone_id, library_id=library_id) == 1
    except pg.ForeignKeyViolation:
        raise ZoneNotEmpty from None


def seats(db: Db, library_id: UUID, paging: Paging, zone_id: UUID | None, status: str | None) -> list[Seat]:
    """Seats by creation, which is the order of their codes; retired ones only when asked for by status."""
    return db.all(
        Seat,
        f"""
        SELECT {SEAT} FROM seats
        WHERE library_id = %(library_id)s
          AND (%(after)s::uuid IS NULL OR id > %(after)s::uuid)
          AND (%(zone_id)s::uuid IS NULL OR zone_id = %(zone_id)s::uuid)
          AND status = coalesce(%(status)s::text, nullif(status, 'retired'))
        ORDER BY id LIMIT %(fetch)s""",
        library_id=library_id,
        after=paging.after,
        zone_id=zone_id,
        status=status,
        fetch=paging.fetch,
    )


def seat(db: Db, library_id: UUID, seat_id: UUID, lock: str = "") -> Seat:
    """One seat of this library, or NotFound."""
    return db.one(Seat, f"SELECT {SEAT} FROM seats {OF_LIBRARY} {lock}", id=seat_id, library_id=library_id)


def create_seats(db: Db, library_id: UUID, zone_id: UUID, request: SeatsRequest) -> list[Seat]:
    """The new seats, counted at their library; fewer than asked for means that codes are taken."""
    codes, rows, columns = (list(values) for values in zip(*request.places(), strict=True))
    return db.all(
        Seat,
        f"""
        WITH made AS (
            INSERT INTO seats (id, library_id, zone_id, code, row_no, column_no, kind, attributes,
                               created_at, updated_at)
            SELECT u.id, %(library_id)s, %(zone_id)s, u.code, u.row_no, u.column_no, %(kind)s, %(attributes)s::text[],
                   %(now)s, %(now)s
            FROM unnest(%(ids)s::uuid[], %(codes)s::text[], %(rows)s::int[], %(columns)s::int[])
                AS u (id, code, row_no, column_no)
            ON CONFLICT (tenant_id, library_id, code) WHERE status <> 'retired' DO NOTHING
            RETURNING *),
        counted AS (
            UPDATE libraries SET total_seats = total_seats + (SELECT count(*) FROM made), updated_at = %(now)s
            WHERE id = %(library_id)s)
        SELECT {SEAT} FROM made ORDER BY id""",
        library_id=library_id,
        zone_id=zone_id,
        ids=sorted(ids.uuid7() for _ in codes),
        codes=codes,
        rows=rows,
        columns=columns,
        kind=request.kind,
        attributes=request.attributes,
        now=clock.now(),
    )


def change_seat(db: Db, library_id: UUID, seat_id: UUID, changes: dict[str, Any]) -> Seat:
    """The seat with some of its columns set; a zone of another library is NotFound."""
    renamed = {COLUMN_OF.get(name, name): value for name, value in changes.items()}
    statement = f"seats SET {{}} {OF_LIBRARY} AND status <> 'retired' RETURNING {SEAT}"
    try:
        return _changed(db, Seat, statement, SeatCodeExists, renamed, id=seat_id, library_id=library_id)
    except pg.ForeignKeyViolation:
        raise NotFound("this library has no such zone") from None


def retire(db: Db, library_id: UUID, seat_id: UUID) -> bool:
    """Out of sale and out of the count; False when it already is."""
    retired = db.value(
        """
        WITH gone AS (
            UPDATE seats SET status = 'retired', updated_at = %(now)s
            WHERE id = %(id)s AND library_id = %(library_id)s AND status <> 'retired' RETURNING library_id)
        UPDATE libraries l SET total_seats = total_seats - 1, updated_at = %(now)s
        FROM gone WHERE l.id = gone.library_id RETURNING l.id""",
        id=seat_id,
        library_id=library_id,
        now=clock.now(),
    )
    return retired is not None


def shifts(db: Db, library_id: UUID) -> list[Shift]:
    """The shifts that are sold."""
    query = f"SELECT {SHIFT} FROM shifts WHERE library_id = %(id)s AND status = 'active' ORDER BY start_time, name"
    return db.all(Shift, query, id=library_id)


def shift(db: Db, library_id: UUID, shift_id: UUID, lock: str = "") -> Shift:
    """One shift of this library, or NotFound."""
    return db.one(Shift, f"SELECT {SHIFT} FROM shifts {OF_LIBRARY} {lock}", id=shift_id, library_id=library_id)


def create_shift(db: Db, library_id: UUID, request: ShiftRequest) -> Shift:
    """A new shift under a name of its own."""
    made = db.maybe(
        Shift,
        f"""
        INSERT INTO shifts (id, library_id, name, start_time, end_time, days, created_at, updated_at)
        VALUES (%(id)s, %(library_id)s, %(name)s, %(start_time)s, %(end_time)s, %(days)s, %(now)s, %(now)s)
        ON CONFLICT (tenant_id, library_id, name) WHERE status = 'active' DO NOTHING
        RETURNING {SHIFT}""",
        id=ids.uuid7(),
        library_id=library_id,
        now=clock.now(),
        **request.model_dump(),
    )
    if made is None:
        raise ShiftExists
    return made


def change_shift(db: Db, library_id: UUID, shift_id: UUID, changes: dict[str, Any]) -> Shift:
    """The shift with some of its columns set."""
    statement = f"shifts SET {{}} {OF_LIBRARY} AND status = 'active' RETURNING {SHIFT}"
    return _changed(db, Shift, statement, ShiftExists, changes, id=shift_id, library_id=library_id)


def _changed(
    db: Db, model: type[M], statement: str, exists: type[Conflict], changes: dict[str, Any], **which: UUID
) -> M:
    """The names in SET are fields of a model, never text of a client."""
    columns = "".join(f"{name} = %({name})s, " for name in changes) + "updated_at = %(now)s"
    try:
        return db.one(model, f"UPDATE {statement.format(columns)}", now=clock.now(), **which, **changes)
    except pg.UniqueViolation:
        raise exists from None
