"""Coming and going: the rotating code, the scan, the desk - and how full it is because of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.attendance import qr, queries
from studyspot.attendance.door import UNSCANNED, Door
from studyspot.attendance.entry import Ruling, decide
from studyspot.attendance.models import (
    AlreadyInside,
    CheckInWindow,
    Denied,
    DeskRequest,
    Entry,
    NotInside,
    PersonalCode,
    QrCode,
    Scan,
    ScanRequest,
    Today,
    Visit,
    Visitor,
    WrongLibrary,
)
from studyspot.attendance.occupancy import occupancy
from studyspot.bookings.models import Booking
from studyspot.kit import clock
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound, StateConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging

__all__ = [
    "arrive_for_booking", "check_in", "check_out", "code_of", "history", "leave_booking", "listed", "live", "occupancy",
    "own_code", "scan", "today",
]  # fmt: skip


def code_of(db: Db, actor: Actor, library: UUID) -> QrCode:
    """What the library's display shows now."""
    if not queries.has_library(db, library):
        raise NotFound
    actor.at(library)
    return qr.issue(db.tenant, library, clock.now())


def own_code(db: Db, actor: Actor) -> PersonalCode:
    """What a student shows to the kiosk now; whether they get in is asked when it is read."""
    return qr.issue_own(db.tenant, actor.id, clock.now())


def scan(db: Db, actor: Actor, request: ScanRequest) -> Scan:
    """In or out, or the reason why not; recorded either way. Two round trips."""
    student, library, step = _read_code(db, actor, request.code)
    now, own_step = clock.now(), step if actor.user_type == "kiosk" else UNSCANNED
    with db.transaction():
        facts = queries.entry(db, student, library, step, now, own_step)
        door = Door(db, facts, student, library, now, "qr", step=step, phone=request.phone_id)
        try:
            if request.library_id not in (None, library):
                raise WrongLibrary
            ruling = decide(facts, library, now)
        except Denied as denied:
            door.refuse(denied)
            raise
        visit = door.apply(ruling)
    return _told(ruling, visit)


def _read_code(db: Db, actor: Actor, code: str) -> tuple[UUID, UUID, int]:
    """Student, library and step: a student reads the library's code, a kiosk the student's."""
    now = clock.now()
    if actor.user_type == "kiosk":
        assert actor.library_ids, "a device has its library"
        (library,) = actor.library_ids
        student, step = qr.read_own(db.tenant, code, now)
        return student, library, step
    library, step = qr.read(db.tenant, code, now)
    return actor.id, library, step


def check_in(db: Db, actor: Actor, request: DeskRequest) -> Scan:
    """Staff let a student in, by the same decision as the code's."""
    now = clock.now()
    _bound(db, actor, request.library_id)
    with db.transaction():
        facts = queries.entry(db, request.student_id, request.library_id, UNSCANNED, now)
        if facts.inside_id and facts.inside_library == request.library_id:
            raise AlreadyInside(attendanceId=facts.inside_id)
        ruling = _decided(facts, request.library_id, now)
        visit = Door(db, facts, request.student_id, request.library_id, now, "desk", kind="in").apply(ruling)
    return _told(ruling, visit)


def check_out(db: Db, actor: Actor, student: UUID) -> Scan:
    """Staff see a student leave."""
    now = clock.now()
    with db.transaction():
        facts = queries.entry(db, student, student, UNSCANNED, now)
        if facts.student_status is None:
            raise NotFound
        if facts.inside_id is None or facts.inside_library is None:
            raise NotInside
        actor.at(facts.inside_library)
        ruling = Ruling(direction="out", booking_id=facts.inside_booking)
        visit = Door(db, facts, student, facts.inside_library, now, "desk", kind="out").apply(ruling)
    return _told(ruling, visit)


def arrive_for_booking(db: Db, actor: Actor, booking: Booking, code: str | None) -> Scan:
    """Check-in of one booking: students show the library's code, staff vouch."""
    if actor.user_type == "student":
        if code is None:
            raise Invalid.field("code", "scan the library's code")
        return scan(db, actor, ScanRequest(code=code, library_id=booking.library_id))
    now = clock.now()
    with db.transaction():
        facts = queries.entry(db, booking.student_id, booking.library_id, UNSCANNED, now)
        if facts.booking_id != booking.id:
            raise StateConflict(f"a booking that is {booking.status} takes no check in")
        if facts.early:
            raise CheckInWindow
        ruling = _decided(facts, booking.library_id, now)
        door = Door(db, facts, booking.student_id, booking.library_id, now, "booking", kind="in")
        visit = door.apply(ruling)
    return _told(ruling, visit)


def leave_booking(db: Db, actor: Actor, booking: Booking) -> Scan:
    """Check-out of one booking; the rest of its time is free at once."""
    now = clock.now()
    with db.transaction():
        facts = queries.entry(db, booking.student_id, booking.library_id, UNSCANNED, now)
        if facts.inside_id is None or facts.inside_booking != booking.id:
            raise NotInside
        ruling = Ruling(direction="out", booking_id=booking.id)
        door = Door(db, facts, booking.student_id, booking.library_id, now, "booking", kind="out")
        visit = door.apply(ruling)
    return _told(ruling, visit)


def listed(db: Db, actor: Actor, paging: Paging, **filters: Any) -> Page[Visitor]:
    """Newest first; students see their own."""
    if not _all(actor):
        filters["student"] = actor.id
    return paging.page(queries.listed(db, paging.fetch, paging.after, libraries=_libraries(actor), **filters))


def history(
    db: Db, paging: Paging, student: UUID, start: datetime | None = None, end: datetime | None = None
) -> Page[Visit]:
    """One student's visits with their minutes, newest first."""
    return paging.page(queries.history(db, student, paging.fetch, paging.after, start, end))


def live(db: Db, actor: Actor, library: UUID | None) -> list[Visitor]:
    """Who is inside now."""
    return queries.inside(db, library, _libraries(actor))


def today(db: Db, actor: Actor, library: UUID | None) -> list[Today]:
    """Each library's day so far, from its own day start."""
    return queries.today(db, library, _libraries(actor))


def _decided(facts: Entry, library: UUID, now: datetime) -> Ruling:
    """At the desk nothing is a double scan; a denial there is told, not recorded as a scan."""
    try:
        return decide(facts.model_copy(update={"last_scan_at": None, "replayed": False, "late_id": None}), library, now)
    except Denied as denied:
        denied.members["decision"] = "deny"
        raise


def _told(ruling: Ruling, visit: UUID) -> Scan:
    return Scan(
        decision="allow_with_warning" if ruling.warning else "allow",
        direction=ruling.direction,
        attendance_id=visit,
        warning=ruling.warning,
        repeated=ruling.repeated,
    )


def _bound(db: Db, actor: Actor, library: UUID) -> None:
    """Staff bound to other libraries find nothing here."""
    if actor.library_ids is not None and library not in actor.library_ids:
        raise NotFound


def _all(actor: Actor) -> bool:
    return actor.may("attendance:read") or actor.is_platform


def _libraries(actor: Actor) -> list[UUID] | None:
    return sorted(actor.library_ids) if actor.library_ids is not None else None
