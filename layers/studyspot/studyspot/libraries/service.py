"""What owners do with their libraries, and what other domains may ask about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel

from studyspot.kit import audit
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound, VersionConflict
from studyspot.kit.models import Change, Page
from studyspot.kit.pages import Paging
from studyspot.kit.response import etag_of
from studyspot.libraries import queries
from studyspot.libraries.fields import Near
from studyspot.libraries.models import (
    Library,
    LibraryChange,
    LibraryClosed,
    LibraryRequest,
    Seat,
    SeatChange,
    SeatCodeExists,
    SeatsRequest,
    Shift,
    ShiftChange,
    ShiftRequest,
    Zone,
    ZoneChange,
    ZoneExists,
    ZoneRequest,
)
from studyspot.libraries.queries import codes

M = TypeVar("M", bound=BaseModel)

OF_ZONE_NAME = {"silent": "silent", "ac": "ac", "girls only": "girls_only", "girls-only": "girls_only",
                "discussion": "discussion"}  # fmt: skip


def library(db: Db, library_id: UUID) -> Library:
    """The library, closed ones too, or NotFound."""
    return queries.library(db, library_id)


def open_library(db: Db, library_id: UUID, *, to_change: bool = False) -> Library:
    """The library, kept from closing (`to_change`: from any other change) until the caller's transaction ends."""
    found = queries.library(db, library_id, "FOR UPDATE" if to_change else "FOR SHARE")
    if found.status == "closed":
        raise LibraryClosed
    return found


def with_code(db: Db, code: str) -> Library | None:
    """The library of that code that is not closed."""
    return codes.with_code(db, code)


def tell_codes(core: Db, db: Db) -> int:
    """Tell the directory every library of this organisation; answers how many."""
    found = [library.code for library in queries.all_open(db)]
    codes.tell_directory(core, db.tenant, found)
    return len(found)


def untold_tenants(core: Db) -> list[UUID]:
    """Organisations whose libraries came before the directory of codes, or that have none."""
    return codes.untold(core)


def tenants_with_code(core: Db, code: str) -> list[UUID]:
    """Where the directory says such a library may be; its cell knows whether it is."""
    return codes.tenants_with_code(core, code)


def open_libraries(db: Db) -> list[Library]:
    """Every library that is not closed."""
    return queries.all_open(db)


def seat(db: Db, library_id: UUID, seat_id: UUID) -> Seat:
    """A seat of this library, or NotFound."""
    return queries.seat(db, library_id, seat_id)


def has_zone(db: Db, library_id: UUID, zone_id: UUID) -> bool:
    """Is it a zone of this library?"""
    return any(one.id == zone_id for one in queries.zones(db, library_id))


def shift(db: Db, library_id: UUID, shift_id: UUID) -> Shift:
    """A shift of this library, or NotFound."""
    return queries.shift(db, library_id, shift_id)


def are_there(db: Db, library_ids: list[UUID]) -> bool:
    """Are all of these libraries the caller can see?"""
    return queries.count(db, library_ids) == len(set(library_ids))


def seen_by(db: Db, actor: Actor, library_id: UUID) -> Library:
    """Staff bound to libraries see no other."""
    actor.at(library_id)
    return queries.library(db, library_id)


def listed(db: Db, actor: Actor, paging: Paging, near: Near | None, **filters: str | None) -> Page[Library]:
    """The libraries this person may see, one page."""
    return paging.page(queries.listed(db, paging, actor.library_ids, near, **filters))


def create(db: Db, core: Db, request: LibraryRequest) -> Library:
    """A new library, still without seats."""
    with db.transaction():
        made = queries.create(db, request)
        audit.note(db, "libraries.create", "libraries", made.id, after=made.model_dump())
        codes.tell_directory(core, db.tenant, [made.code])
    return made


def change(db: Db, core: Db, library_id: UUID, asked: LibraryChange, if_match: str | None) -> Library:
    """Edit the fields that were sent."""
    with db.transaction():
        before = queries.library(db, library_id, "FOR UPDATE")
        if before.status == "closed":
            raise LibraryClosed
        after = _changed(
            db, "libraries", before, asked, if_match, lambda: queries.change(db, library_id, asked.changes())
        )
        if after.code != before.code:
            codes.tell_directory(core, db.tenant, [after.code])
    return after


def close(db: Db, library_id: UUID) -> None:
    """Out of sale. Whether members are still in it is the caller's to ask, in the same transaction."""
    with db.transaction():
        if not queries.close(db, library_id):
            raise NotFound
        audit.note(db, "libraries.close", "libraries", library_id)


def zones(db: Db, actor: Actor, library_id: UUID) -> list[Zone]:
    """The zones of a library, floor by floor."""
    seen_by(db, actor, library_id)
    return queries.zones(db, library_id)


def create_zone(db: Db, library_id: UUID, request: ZoneRequest) -> Zone:
    """A new zone under a name of its own."""
    with db.transaction():
        open_library(db, library_id)
        made = queries.create_zone(db, library_id, request)
        if made is None:
            raise ZoneExists
        audit.note(db, "zones.create", "zones", made.id, after=made.model_dump())
    return made


def change_zone(db: Db, library_id: UUID, zone_id: UUID, asked: ZoneChange, if_match: str | None) -> Zone:
    """Edit the fields that were sent."""
    with db.transaction():
        before = queries.zone(db, library_id, zone_id, "FOR UPDATE")
        return _changed(
            db, "zones", before, asked, if_match, lambda: queries.change_zone(db, library_id, zone_id, asked.changes())
        )


def delete_zone(db: Db, library_id: UUID, zone_id: UUID) -> None:
    """Only an empty one."""
    with db.transaction():
        if not queries.delete_zone(db, library_id, zone_id):
            raise NotFound
        audit.note(db, "zones.delete", "zones", zone_id)


def seats(
    db: Db, actor: Actor, library_id: UUID, paging: Paging, zone_id: UUID | None, status: str | None
) -> Page[Seat]:
    """The seats of a library, one page."""
    seen_by(db, actor, library_id)
    return paging.page(queries.seats(db, library_id, paging, zone_id, status))


def create_seats(db: Db, library_id: UUID, request: SeatsRequest) -> list[Seat]:
    """All the seats asked for or none; a zone named for the first time is made."""
    with db.transaction():
        open_library(db, library_id)
        zone = _zone_of(db, library_id, request)
        made = queries.create_seats(db, library_id, zone.id, request)
        asked = [code for code, _, _ in request.places()]
        if len(made) < len(asked):
            taken = set(asked) - {seat.code for seat in made}
            raise SeatCodeExists(codes=sorted(taken))
        audit.note(db, "seats.create", "libraries", library_id, after={"zone": zone.name, "codes": asked})
    return made


def _zone_of(db: Db, library_id: UUID, request: SeatsRequest) -> Zone:
    if request.zone_id is not None:
        try:
            return queries.zone(db, library_id, request.zone_id)
        except NotFound:
            raise Invalid.field("zoneId", "this library has no such zone") from None
    name = request.zone or ""
    asked = ZoneRequest.model_validate({"name": name, "kind": OF_ZONE_NAME.get(name.lower(), "open")})
    return queries.create_zone(db, library_id, asked) or queries.zone_named(db, library_id, name)


def change_seat(db: Db, library_id: UUID, seat_id: UUID, asked: SeatChange, if_match: str | None) -> Seat:
    """Edit the fields that were sent."""
    with db.transaction():
        before = queries.seat(db, library_id, seat_id, "FOR UPDATE")
        return _changed(
            db, "seats", before, asked, if_match, lambda: queries.change_seat(db, library_id, seat_id, asked.changes())
        )


def retire_seat(db: Db, library_id: UUID, seat_id: UUID) -> None:
    """Out of sale; its history stays. Whether somebody holds it is the caller's to ask, in the same transaction."""
    with db.transaction():
        if not queries.retire(db, library_id, seat_id):
            raise NotFound
        audit.note(db, "seats.retire", "seats", seat_id)


def shifts(db: Db, actor: Actor, library_id: UUID) -> list[Shift]:
    """The shifts a library sells."""
    seen_by(db, actor, library_id)
    return queries.shifts(db, library_id)


def create_shift(db: Db, library_id: UUID, request: ShiftRequest) -> Shift:
    """A new shift; it may overlap others (a whole day overlaps every one) and run past midnight."""
    with db.transaction():
        open_library(db, library_id)
        made = queries.create_shift(db, library_id, request)
        audit.note(db, "shifts.create", "shifts", made.id, after=made.model_dump())
    return made


def change_shift(db: Db, library_id: UUID, shift_id: UUID, asked: ShiftChange, if_match: str | None) -> Shift:
    """Edit the fields that were sent."""
    with db.transaction():
        before = queries.shift(db, library_id, shift_id, "FOR UPDATE")
        return _changed(
            db,
            "shifts",
            before,
            asked,
            if_match,
            lambda: queries.change_shift(db, library_id, shift_id, asked.changes()),
        )


def end_shift(db: Db, library_id: UUID, shift_id: UUID) -> None:
    """No longer sold; its name is free again."""
    with db.transaction():
        queries.change_shift(db, library_id, shift_id, {"status": "ended"})
        audit.note(db, "shifts.end", "shifts", shift_id)


def _changed(db: Db, resource: str, before: M, asked: Change, if_match: str | None, apply: Callable[[], M]) -> M:
    """The changed row with its audit note; a stale `If-Match` is a VersionConflict."""
    if if_match and if_match != etag_of(before):
        raise VersionConflict
    if not asked.model_fields_set:
        return before
    after = apply()
    fields = asked.model_fields_set
    audit.note(
        db,
        f"{resource}.update",
        resource,
        getattr(before, "id", None),
        before=before.model_dump(include=fields),
        after=after.model_dump(include=fields),
    )
    return after
