"""Libraries, their zones, seats and shifts, and who is in: /libraries."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field
from studyspot.attendance import service as attendance
from studyspot.attendance.models import Occupancy
from studyspot.identity.models.devices import Device, DeviceRequest, DeviceToken, LibraryDeviceRequest
from studyspot.identity.service import devices
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.libraries import service
from studyspot.libraries.fields import Near
from studyspot.libraries.models import (
    Library,
    LibraryChange,
    LibraryRequest,
    LibraryStatus,
    Seat,
    SeatChange,
    SeatsRequest,
    Shift,
    ShiftChange,
    ShiftRequest,
    Zone,
    ZoneChange,
    ZoneRequest,
)
from studyspot.memberships import service as memberships
from studyspot.spaces import service as premises
from studyspot.spaces.models.bulk import BulkSeats, SeatsChanged
from studyspot.spaces.service import bulk as many
from studyspot.spaces.service import seats as held

api = Api("libraries", module="library")

LibraryId = Annotated[UUID, Of("libraries")]
ZoneId = Annotated[UUID, Of("zones")]
SeatId = Annotated[UUID, Of("seats")]
ShiftId = Annotated[UUID, Of("shifts")]
Radius = Annotated[float, Field(gt=0, le=20_000, allow_inf_nan=False)]
Reader = Annotated[Actor, allow("libraries:read")]
Editor = Annotated[Actor, allow("libraries:update")]
Outfitter = Annotated[Actor, allow("devices:manage", in_person=True)]


@api.get("/libraries")
def listed(
    actor: Reader,
    db: TenantDb,
    paging: Paging,
    near: str | None = None,
    radius_km: Radius = 10,
    city: str | None = None,
    pincode: str | None = None,
    status: LibraryStatus | None = None,
) -> Page[Library]:
    point = Near.of(near, radius_km) if near is not None else None
    return service.listed(db, actor, paging, point, city=city, pincode=pincode, status=status)


@api.post("/libraries", status_code=201)
def create(
    asked: LibraryRequest, actor: Annotated[Actor, allow("libraries:create")], db: TenantDb, core: CoreDb
) -> Library:
    return service.create(db, core, asked)


@api.get("/libraries/realtime-occupancy")
def realtime_occupancy(actor: Reader, db: TenantDb) -> list[Occupancy]:
    seen = actor.library_ids
    return [row for row in attendance.occupancy(db) if seen is None or row.library_id in seen]


@api.get("/libraries/{libraryId}")
def read(library_id: LibraryId, actor: Reader, db: TenantDb) -> Library:
    return service.seen_by(db, actor, library_id)


@api.put("/libraries/{libraryId}")
def change(
    library_id: LibraryId, asked: LibraryChange, actor: Editor, db: TenantDb, core: CoreDb, request: Request
) -> Library:
    return service.change(db, core, library_id, asked, request.headers.get("if-match"))


@api.delete("/libraries/{libraryId}")
def close(library_id: LibraryId, actor: Annotated[Actor, allow("libraries:delete")], db: TenantDb) -> None:
    with db.transaction():
        service.close(db, library_id)
        memberships.refuse_members(db, library_id)


@api.get("/libraries/{libraryId}/occupancy")
def occupancy(library_id: LibraryId, actor: Reader, db: TenantDb) -> Occupancy:
    actor.at(library_id)
    for row in attendance.occupancy(db, library_id):
        return row
    raise NotFound


@api.get("/libraries/{libraryId}/zones")
def zones(library_id: LibraryId, actor: Reader, db: TenantDb) -> list[Zone]:
    return service.zones(db, actor, library_id)


@api.post("/libraries/{libraryId}/zones", status_code=201)
def create_zone(library_id: LibraryId, asked: ZoneRequest, actor: Editor, db: TenantDb) -> Zone:
    return service.create_zone(db, library_id, asked)


@api.put("/libraries/{libraryId}/zones/{zoneId}")
def change_zone(
    library_id: LibraryId, zone_id: ZoneId, asked: ZoneChange, actor: Editor, db: TenantDb, request: Request
) -> Zone:
    return service.change_zone(db, library_id, zone_id, asked, request.headers.get("if-match"))


@api.delete("/libraries/{libraryId}/zones/{zoneId}")
def delete_zone(library_id: LibraryId, zone_id: ZoneId, actor: Editor, db: TenantDb) -> None:
    service.delete_zone(db, library_id, zone_id)


@api.get("/libraries/{libraryId}/seats")
def seats(
    library_id: LibraryId,
    actor: Annotated[Actor, allow("seats:read")],
    db: TenantDb,
    paging: Paging,
    zone_id: UUID | None = None,
    status: str | None = None,
) -> Page[Seat]:
    return service.seats(db, actor, library_id, paging, zone_id, status)


@api.post("/libraries/{libraryId}/seats", status_code=201)
def create_seats(
    library_id: LibraryId, asked: SeatsRequest, actor: Annotated[Actor, allow("seats:create")], db: TenantDb
) -> list[Seat]:
    return service.create_seats(db, library_id, asked)


@api.post("/libraries/{libraryId}/seats/bulk")
def change_seats(
    library_id: LibraryId, asked: BulkSeats, actor: Annotated[Actor, allow("seats:update")], db: TenantDb
) -> SeatsChanged:
    """Many seats at once: without `expected` only a preview; with it, exactly so many must fit."""
    return many.to_many(db, actor, library_id, asked)


@api.put("/libraries/{libraryId}/seats/{seatId}")
def change_seat(
    library_id: LibraryId,
    seat_id: SeatId,
    asked: SeatChange,
    actor: Annotated[Actor, allow("seats:update")],
    db: TenantDb,
    request: Request,
) -> Seat:
    return service.change_seat(db, library_id, seat_id, asked, request.headers.get("if-match"))


@api.delete("/libraries/{libraryId}/seats/{seatId}")
def retire_seat(
    library_id: LibraryId, seat_id: SeatId, actor: Annotated[Actor, allow("seats:delete")], db: TenantDb
) -> None:
    with db.transaction():
        service.retire_seat(db, library_id, seat_id)
        held.refuse_held(db, seat_id)


@api.get("/libraries/{libraryId}/shifts")
def shifts(library_id: LibraryId, actor: Annotated[Actor, allow("shifts:read")], db: TenantDb) -> list[Shift]:
    return service.shifts(db, actor, library_id)


@api.post("/libraries/{libraryId}/shifts", status_code=201)
def create_shift(
    library_id: LibraryId, asked: ShiftRequest, actor: Annotated[Actor, allow("shifts:create")], db: TenantDb
) -> Shift:
    return service.create_shift(db, library_id, asked)


@api.put("/libraries/{libraryId}/shifts/{shiftId}")
def change_shift(
    library_id: LibraryId,
    shift_id: ShiftId,
    asked: ShiftChange,
    actor: Annotated[Actor, allow("shifts:update")],
    db: TenantDb,
    request: Request,
) -> Shift:
    with db.transaction():
        if asked.model_fields_set - {"name"}:
            premises.refuse_shift_members(db, library_id, shift_id)
        return service.change_shift(db, library_id, shift_id, asked, request.headers.get("if-match"))


@api.delete("/libraries/{libraryId}/shifts/{shiftId}")
def end_shift(
    library_id: LibraryId, shift_id: ShiftId, actor: Annotated[Actor, allow("shifts:delete")], db: TenantDb
) -> None:
    with db.transaction():
        premises.refuse_shift_members(db, library_id, shift_id)
        service.end_shift(db, library_id, shift_id)


@api.get("/libraries/{libraryId}/devices")
def listed_devices(library_id: LibraryId, actor: Outfitter, db: TenantDb, paging: Paging) -> Page[Device]:
    service.seen_by(db, actor, library_id)
    return devices.listed(db, paging, library_id)


@api.post("/libraries/{libraryId}/devices", status_code=201, keyed="ignored")
def add_device(library_id: LibraryId, asked: LibraryDeviceRequest, actor: Outfitter, db: TenantDb) -> DeviceToken:
    return devices.mint(db, DeviceRequest(library_id=library_id, **asked.model_dump()))


@api.delete("/libraries/{libraryId}/devices/{deviceId}")
def revoke_device(
    library_id: LibraryId, device_id: Annotated[UUID, Of("devices")], actor: Outfitter, db: TenantDb
) -> None:
    devices.revoke(db, device_id, library_id)


handler = api.handler
