"""/libraries/{id}/...: plan, lockers, notices, display, hours, holidays, seats over time, caps, policies, listing."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from studyspot.files.models import Upload
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Moment, Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.response import Response
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.listings import service as listings
from studyspot.listings.models import Enquiry, ListingChange, OwnListing
from studyspot.spaces import service
from studyspot.spaces.models import Impact
from studyspot.spaces.models.board import Board, ImageRequest, LibraryImage, Notice, NoticeRequest, NoticeState
from studyspot.spaces.models.lockers import (
    Assignment,
    AssignRequest,
    Locker,
    LockersRequest,
    LockerStatus,
    Release,
    ReleaseRequest,
    Size,
)
from studyspot.spaces.models.opening import Closed, Holiday, HolidayRequest, OpeningHours, WeeklyHours
from studyspot.spaces.models.questions import ImpactQuestion
from studyspot.spaces.models.rules import Capacities, CapacityChange, SettingsChange, SettingsInForce
from studyspot.spaces.models.seatmap import CheckRequest, LayoutCheck, LayoutRequest, LayoutSaved, MapQuestion, SeatMap
from studyspot.spaces.models.seats import Blocked, BlockRequest, Schedule, SeatSticker
from studyspot.spaces.service import board, lockers, opening, rules, seatmap, seats
from studyspot.spaces.service import holidays as closing

api = Api("spaces", module="library")

LibraryId = Annotated[UUID, Of("libraries")]
SeatId = Annotated[UUID, Of("seats")]
HolidayId = Annotated[UUID, Of("holidays")]
BlockId = Annotated[UUID, Of("seat_blocks")]
Reader = Annotated[Actor, allow("libraries:read")]
Editor = Annotated[Actor, allow("libraries:update")]
Blocker = Annotated[Actor, allow("seats:block")]
LockerId = Annotated[UUID, Of("lockers")]
Assigner = Annotated[Actor, allow("lockers:assign")]
Publisher = Annotated[Actor, allow("notices:publish")]
SVG = "image/svg+xml; charset=utf-8"


@api.post("/libraries/{libraryId}/impact")
def impact(library_id: LibraryId, asked: ImpactQuestion, actor: Blocker, db: TenantDb) -> Impact:
    """Whom a change would touch, before it is made; nothing is changed."""
    return service.impact(db, actor, library_id, asked)


@api.post("/libraries/{libraryId}/seats/{seatId}/block", status_code=201)
def block(library_id: LibraryId, seat_id: SeatId, asked: BlockRequest, actor: Blocker, db: TenantDb) -> Blocked:
    """Out of use for a time; 409 with whoever holds it, unless each is moved or given up by name."""
    return seats.block(db, actor, library_id, seat_id, asked)


@api.delete("/libraries/{libraryId}/seats/{seatId}/block/{blockId}")
def unblock(library_id: LibraryId, seat_id: SeatId, block_id: BlockId, actor: Blocker, db: TenantDb) -> None:
    seats.unblock(db, actor, library_id, seat_id, block_id)


@api.get("/libraries/{libraryId}/seats/{seatId}/schedule")
def schedule(
    library_id: LibraryId,
    seat_id: SeatId,
    actor: Blocker,
    db: TenantDb,
    from_: Moment | None = None,
    to: Moment | None = None,
) -> Schedule:
    """Who holds the seat, in order and shift by shift; a fortnight from now unless asked otherwise."""
    return seats.schedule(db, actor, library_id, seat_id, from_, to)


@api.get("/libraries/{libraryId}/seats/{seatId}/qr")
def sticker(
    library_id: LibraryId, seat_id: SeatId, actor: Blocker, db: TenantDb, format_: Literal["json", "svg"] = "json"
) -> SeatSticker | Response:
    """What is stuck on a seat; with format=svg the picture alone."""
    found = seats.sticker(db, actor, library_id, seat_id)
    return Response(200, found.svg.encode(), SVG) if format_ == "svg" else found


@api.get("/libraries/{libraryId}/seat-map")
def seat_map(
    library_id: LibraryId,
    actor: Annotated[Actor, allow("seats:read")],
    db: TenantDb,
    from_: Moment | None = None,
    to: Moment | None = None,
    shift_id: UUID | None = None,
    day: date | None = None,
    format_: Literal["json", "svg"] = "json",
    theme: Literal["light", "dark", "mono"] = "light",
) -> SeatMap | Response:
    """The plan with how every seat stands: now, from one moment to another, or in a shift on a day.

    Staff are told whose a seat is; students which one is their own.
    """
    asked = MapQuestion(start_at=from_, end_at=to, shift_id=shift_id, day=day)
    found = seatmap.seat_map(db, actor, library_id, asked)
    if format_ == "json":
        return found
    from studyspot.spaces import drawing  # only for who wants the picture

    return Response(200, drawing.drawn(found, theme).encode(), SVG)


@api.put("/libraries/{libraryId}/seat-map")
def draw(library_id: LibraryId, asked: LayoutRequest, actor: Editor, db: TenantDb) -> LayoutSaved:
    """The next version of the plan; 409 with whose seats it leaves out, unless they are kept by name."""
    return seatmap.save(db, actor, library_id, asked)


@api.post("/libraries/{libraryId}/layout-check")
def check(library_id: LibraryId, asked: CheckRequest, actor: Editor, db: TenantDb) -> LayoutCheck:
    """What is wrong with the plan there is, or with the one that is sent."""
    return seatmap.check(db, actor, library_id, asked.seat_map)


@api.get("/libraries/{libraryId}/hours", public=True)
def hours(library_id: LibraryId, db: TenantDb) -> OpeningHours:
    """For everybody who names the organisation by X-Tenant-Id."""
    return opening.hours(db, library_id)


@api.put("/libraries/{libraryId}/hours")
def set_hours(library_id: LibraryId, asked: WeeklyHours, actor: Editor, db: TenantDb) -> OpeningHours:
    """Hours of the week, several intervals a day; 409 with bookings outside them until a choice is sent."""
    return opening.set_hours(db, actor, library_id, asked)


@api.get("/libraries/{libraryId}/holidays")
def holidays(
    library_id: LibraryId, actor: Reader, db: TenantDb, from_: date | None = None, to: date | None = None
) -> list[Holiday]:
    return opening.holidays(db, actor, library_id, from_, to)


@api.post("/libraries/{libraryId}/holidays", status_code=201)
def add_holiday(library_id: LibraryId, asked: HolidayRequest, actor: Editor, db: TenantDb) -> Closed:
    """Closed on a day: a day more for members, a credit or nothing; 409 with bookings on it until a choice is sent."""
    return closing.add(db, actor, library_id, asked)


@api.delete("/libraries/{libraryId}/holidays/{holidayId}")
def remove_holiday(library_id: LibraryId, holiday_id: HolidayId, actor: Editor, db: TenantDb) -> None:
    """Open after all: what the day gave is taken back."""
    closing.remove(db, actor, library_id, holiday_id)


@api.put("/libraries/{libraryId}/capacity")
def set_capacity(library_id: LibraryId, asked: CapacityChange, actor: Editor, db: TenantDb) -> Capacities:
    """Caps of the library, its zones and shifts; below the present load with a warning."""
    return rules.set_capacity(db, actor, library_id, asked)


@api.get("/libraries/{libraryId}/settings")
def settings(library_id: LibraryId, actor: Blocker, db: TenantDb) -> SettingsInForce:
    """The policies that hold here, each with whose word it is."""
    return rules.settings(db, actor, library_id)


@api.put("/libraries/{libraryId}/settings")
def change_settings(
    library_id: LibraryId, asked: SettingsChange, actor: Editor, db: TenantDb, request: Request
) -> SettingsInForce:
    """Change the fields that are sent; what was booked keeps the rules it was booked by."""
    return rules.change_settings(db, actor, library_id, asked, request.headers.get("if-match"))


@api.get("/libraries/{libraryId}/lockers")
def listed_lockers(
    library_id: LibraryId,
    actor: Annotated[Actor, allow("lockers:read")],
    db: TenantDb,
    paging: Paging,
    size: Size | None = None,
    status: LockerStatus | None = None,
    overdue: bool | None = None,
) -> Page[Locker]:
    """Lockers with whoever has each, and until when it is paid for."""
    return lockers.listed(db, actor, library_id, paging, size=size, status=status, overdue=overdue)


@api.post("/libraries/{libraryId}/lockers", status_code=201)
def create_lockers(library_id: LibraryId, asked: LockersRequest, actor: Editor, db: TenantDb) -> list[Locker]:
    """One locker, or many numbered on; all of them or none."""
    return lockers.create(db, library_id, asked)


@api.post("/libraries/{libraryId}/lockers/{lockerId}/assign", status_code=201)
def assign_locker(
    library_id: LibraryId, locker_id: LockerId, asked: AssignRequest, actor: Assigner, db: TenantDb
) -> Assignment:
    """To a member of this library, who owes rent and deposit from then on."""
    return lockers.assign(db, actor, library_id, locker_id, asked)


@api.post("/libraries/{libraryId}/lockers/{lockerId}/release")
def release_locker(
    library_id: LibraryId, locker_id: LockerId, asked: ReleaseRequest, actor: Assigner, db: TenantDb
) -> Release:
    """Free again; the deposit, less what is taken off it, becomes credit or is paid out."""
    return lockers.release(db, actor, library_id, locker_id, asked)


@api.get("/libraries/{libraryId}/display")
def display(library_id: LibraryId, actor: Annotated[Actor, allow("displays:read")], db: TenantDb) -> Board:
    """What the wall tells: how full it is, the shift, the notices; names only where the library's settings say so."""
    return board.board(db, actor, library_id)


@api.get("/libraries/{libraryId}/notices")
def notices(
    library_id: LibraryId, actor: Reader, db: TenantDb, paging: Paging, state: NoticeState = "live"
) -> Page[Notice]:
    return board.notices(db, actor, library_id, paging, state)


@api.post("/libraries/{libraryId}/notices", status_code=201)
def publish(library_id: LibraryId, asked: NoticeRequest, actor: Publisher, db: TenantDb) -> Notice:
    """It hangs from its beginning to its end."""
    return board.publish(db, actor, library_id, asked)


@api.delete("/libraries/{libraryId}/notices/{noticeId}")
def withdraw(library_id: LibraryId, notice_id: Annotated[UUID, Of("notices")], actor: Publisher, db: TenantDb) -> None:
    board.withdraw(db, actor, library_id, notice_id)


@api.get("/libraries/{libraryId}/images")
def images(library_id: LibraryId, actor: Reader, db: TenantDb) -> list[LibraryImage]:
    """Pictures that have come and were looked at, with links that last a few minutes."""
    return board.images_seen(db, actor, library_id)


@api.post("/libraries/{libraryId}/images", status_code=201)
def add_image(library_id: LibraryId, asked: ImageRequest, actor: Editor, db: TenantDb) -> Upload:
    """Where to put the bytes of a picture; deleting its file takes it away again."""
    return board.add_image(db, actor, library_id, asked)


@api.get("/libraries/{libraryId}/enquiries")
def enquiries(
    library_id: LibraryId,
    actor: Annotated[Actor, allow("enquiries:read")],
    db: TenantDb,
    paging: Paging,
    since: Moment | None = None,
) -> Page[Enquiry]:
    """Who asked about a library, newest first."""
    return listings.enquiries(db, actor, library_id, paging, since)


@api.get("/libraries/{libraryId}/listing")
def listing(library_id: LibraryId, actor: Reader, db: TenantDb) -> OwnListing:
    """Under which name a library stands in the public directory, if it does."""
    return listings.own(db, actor, library_id)


@api.put("/libraries/{libraryId}/listing")
def set_listing(
    library_id: LibraryId,
    asked: ListingChange,
    actor: Editor,
    db: TenantDb,
    core: CoreDb,
) -> OwnListing:
    """Into the directory under a name of its own, or out of it."""
    return listings.set_listing(db, core, actor, library_id, asked)


handler = api.handler
