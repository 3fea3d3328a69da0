"""Coming and going: the rotating code, the scan, the desk - and how full it is because of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.attendance import qr, queries
from studyspot.attendance.entry import Ruling, decide
from studyspot.attendance.models import (
    AlreadyInside,
    Attendance,
    CheckInWindow,
    Denied,
    DeskRequest,
    Entry,
    ManualRequest,
    Method,
    NotInside,
    QrCode,
    Scan,
    ScanRequest,
    Today,
    Visit,
    Visitor,
    WrongLibrary,
)
from studyspot.attendance.occupancy import occupancy
from studyspot.bookings import service as bookings
from studyspot.bookings.models import Booking
from studyspot.kit import clock, ids, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound, Problem, StateConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging

__all__ = [
    "arrive_for_booking", "check_in", "check_out", "code_of", "history", "leave_booking", "listed", "live", "mark",
    "occupancy", "read", "scan", "today",
]  # fmt: skip

UNSCANNED = -1
"""The step of an entry without a code: no scan ever has it."""


def code_of(db: Db, actor: Actor, library: UUID) -> QrCode:
    """What the library's display shows now."""
    if not queries.has_library(db, library):
        raise NotFound
    actor.at(library)
    return qr.issue(db.tenant, library, clock.now())


def scan(db: Db, actor: Actor, request: ScanRequest) -> Scan:
    """A student scans: in or out, or the reason why not; recorded either way. Two round trips."""
    now = clock.now()
    try:
        library, step = qr.read(db.tenant, request.code, now)
    except Problem:
        db.admit()
        raise
    with db.transaction():
        facts = queries.entry(db, actor.id, library, step, now)
        try:
            if request.library_id not in (None, library):
                raise WrongLibrary
            ruling = decide(facts, library, now)
        except Denied as denied:
            _record_denial(db, actor.id, library, step, denied)
            raise
        visit = _apply(db, facts, ruling, actor.id, library, "qr", now)
        reason = "repeated" if ruling.repeated else None
        queries.scan_later(
            db, actor.id, library, step, "allow", direction=ruling.direction, reason=reason, attendance=visit
        )
    return _told(ruling, visit)


def check_in(db: Db, actor: Actor, request: DeskRequest) -> Scan:
    """Staff let a student in, by the same decision as the code's."""
    now = clock.now()
    _bound(db, actor, request.library_id)
    with db.transaction():
        facts = queries.entry(db, request.student_id, request.library_id, UNSCANNED, now)
        if facts.inside_id and facts.inside_library == request.library_id:
            raise AlreadyInside(attendanceId=facts.inside_id)
        ruling = _decided(facts, request.library_id, now)
        visit = _apply(db, facts, ruling, request.student_id, request.library_id, "desk", now)
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
        visit = _apply(db, facts, ruling, student, facts.inside_library, "desk", now)
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
        visit = _apply(db, facts, ruling, booking.student_id, booking.library_id, "booking", now)
    return _told(ruling, visit)


def leave_booking(db: Db, actor: Actor, booking: Booking) -> Scan:
    """Check-out of one booking; the rest of its time is free at once."""
    now = clock.now()
    with db.transaction():
        facts = queries.entry(db, booking.student_id, booking.library_id, UNSCANNED, now)
        if facts.inside_id is None or facts.inside_booking != booking.id:
            raise NotInside
        ruling = Ruling(direction="out", booking_id=booking.id)
        visit = _apply(db, facts, ruling, booking.student_id, booking.library_id, "booking", now)
    return _told(ruling, visit)


def mark(db: Db, actor: Actor, request: ManualRequest) -> Attendance:
    """A visit entered by hand, with its reason; it opens no door and asks no rule."""
    now = clock.now()
    _bound(db, actor, request.library_id)
    if request.check_in_at > now or (request.check_out_at and not request.check_in_at <= request.check_out_at <= now):
        db.admit()
        raise Invalid.field("checkInAt", "a visit begins and ends in the past, in that order")
    with db.transaction():
        facts = queries.entry(db, request.student_id, request.library_id, UNSCANNED, now)
        if facts.student_status is None or not queries.has_library(db, request.library_id):
            raise NotFound
        visit = _visit(request.student_id, request.library_id, "manual", request.check_in_at, actor.id)
        visit = visit.model_copy(update={"check_out_at": request.check_out_at, "reason": request.reason})
        if not queries.arrive(db, visit):
            raise AlreadyInside(attendanceId=facts.inside_id)
        outbox.emit(db, "attendance.checked_in", visit.id, {"studentId": str(visit.student_id)})
    return visit


def read(db: Db, actor: Actor, visit_id: UUID) -> Attendance:
    """One's own, or any with the permission."""
    visit = queries.read(db, visit_id)
    if not _all(actor) and visit.student_id != actor.id:
        raise NotFound
    actor.at(visit.library_id)
    return visit


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


def _apply(db: Db, facts: Entry, ruling: Ruling, student: UUID, library: UUID, method: Method, now: datetime) -> UUID:
    """Write what was ruled, all of it with the commit; answers the visit."""
    if ruling.repeated:
        assert facts.last_attendance, "an allowed scan has its visit"
        return facts.last_attendance
    if ruling.direction == "out":
        assert facts.inside_id, "only who is inside goes out"
        _leave(db, facts, now)
        return facts.inside_id
    if facts.inside_id:
        _leave(db, facts, now, "left without a scan: entered another library")
    by = db.actor.id if db.actor and db.actor.id != student else None
    kiosk = by if db.actor and db.actor.user_type == "kiosk" else None
    visit = _visit(student, library, method, now, None if kiosk else by).model_copy(
        update={"booking_id": ruling.booking_id, "seat_id": ruling.seat_id, "device_id": kiosk}
    )
    queries.arrive_later(db, visit)
    if ruling.booking_id:
        bookings.arrived(db, ruling.booking_id)
    outbox.emit(db, "attendance.checked_in", visit.id, {"studentId": str(student), "libraryId": str(library)})
    return visit.id


def _leave(db: Db, facts: Entry, now: datetime, reason: str | None = None) -> None:
    assert facts.inside_id, "only who is inside leaves"
    queries.leave_later(db, facts.inside_id, now, reason)
    if facts.inside_booking:
        bookings.left(db, facts.inside_booking)
    outbox.emit(db, "attendance.checked_out", facts.inside_id, {"libraryId": str(facts.inside_library)})


def _decided(facts: Entry, library: UUID, now: datetime) -> Ruling:
    """At the desk nothing is a double scan; a denial there is told, not recorded as a scan."""
    try:
        return decide(facts.model_copy(update={"last_scan_at": None, "replayed": False}), library, now)
    except Denied as denied:
        denied.members["decision"] = "deny"
        raise


def _record_denial(db: Db, student: UUID, library: UUID, step: int, denied: Denied) -> None:
    """The record outlives the refusal: it is committed before the answer."""
    denied.members["decision"] = "deny"
    queries.scan_later(db, student, library, step, "deny", reason=denied.code)
    outbox.emit(db, "attendance.denied", student, {"libraryId": str(library), "reason": denied.code})
    db.commit()


def _visit(student: UUID, library: UUID, method: Method, at: datetime, by: UUID | None) -> Attendance:
    return Attendance(
        id=ids.uuid7(),
        student_id=student,
        library_id=library,
        booking_id=None,
        seat_id=None,
        check_in_at=at,
        check_out_at=None,
        method=method,
        device_id=None,
        marked_by=by,
        reason=None,
        created_at=clock.now(),
    )


def _told(ruling: Ruling, visit: UUID) -> Scan:
    return Scan(
        decision="allow_with_warning" if ruling.warning else "allow",
        direction=ruling.direction,
        attendance_id=visit,
        warning=ruling.warning,
        repeated=ruling.repeated,
    )


def _bound(db: Db, actor: Actor, library: UUID) -> None:
    """Staff bound to other libraries find nothing here; the gate still speaks first."""
    if actor.library_ids is not None and library not in actor.library_ids:
        db.admit()
        raise NotFound


def _all(actor: Actor) -> bool:
    return actor.may("attendance:read") or actor.is_platform


def _libraries(actor: Actor) -> list[UUID] | None:
    return sorted(actor.library_ids) if actor.library_ids is not None else None
