"""Coming and going: the rotating code, the scan, the desk - and how full it is because of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from studyspot.attendance import qr, queries
from studyspot.attendance.door import UNSCANNED, Door
from studyspot.attendance.entry import Ruling, decide, objected
from studyspot.attendance.models import (
    DeskRequest,
    Entry,
    LeaveRequest,
    Method,
    PersonalCode,
    QrCode,
    Scan,
    ScanRequest,
    Today,
    Visit,
    Visitor,
)
from studyspot.attendance.models.refusals import AlreadyInside, CheckInWindow, Denied, NotInside
from studyspot.attendance.occupancy import occupancy
from studyspot.attendance.queries import Asked
from studyspot.bookings import service as bookings
from studyspot.bookings.models import Booking
from studyspot.kit import clock, crypto
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound, StateConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging

MOST_SHOWN = 20
__all__ = [
    "arrive_for_booking", "check_in", "check_out", "code_of", "history", "lately", "leave_booking", "listed", "live",
    "occupancy", "own_code", "scan", "today",
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


def scan(
    db: Db, actor: Actor, request: ScanRequest, kind: Literal["pass", "in", "out"] = "pass", method: Method = "qr"
) -> Scan:
    """In or out, or the reason why not; recorded either way. Two round trips."""
    student, library, step = _read_code(db, actor, request.code)
    now, at_kiosk = clock.now(), actor.user_type == "kiosk"
    phone = crypto.keyed_hash("attendance-phone", request.phone_id) if request.phone_id else None
    asked = Asked(student, library, step, own_step=step if at_kiosk else UNSCANNED, phone=phone)
    with db.transaction():
        facts = queries.entry(db, asked, now)
        if not at_kiosk:
            facts = objected(facts, phone, request.library_id in (None, library), request.location)
        _must_be_wanted(facts, library, kind)
        door = Door(db, facts, student, library, now, method, kind=kind, step=step, phone=phone)
        try:
            ruling = decide(facts, library, now)
        except Denied as denied:
            door.refuse(denied)
            raise
        visit = door.apply(ruling)
    return _told(ruling, visit)


def _must_be_wanted(facts: Entry, library: UUID, kind: str) -> None:
    """Who says in is outside, and who says out is inside; a mere scan is either."""
    here = facts.inside_id is not None and facts.inside_library == library
    if kind == "in" and here:
        raise AlreadyInside(attendanceId=facts.inside_id)
    if kind == "out" and not here:
        raise NotInside


def _read_code(db: Db, actor: Actor, code: str) -> tuple[UUID, UUID, int]:
    """Student, library and step: a student reads the library's code, a kiosk the student's."""
    now = clock.now()
    if actor.user_type == "kiosk":
        student, step = qr.read_own(db.tenant, code, now)
        return student, _where(actor, None), step
    library, step = qr.read(db.tenant, code, now)
    return actor.id, library, step


def check_in(db: Db, actor: Actor, request: DeskRequest) -> Scan:
    """Staff and kiosks let a student in, by the same decision as the code's; a student comes in by the library's."""
    if not actor.may("attendance:mark") and not actor.may("attendance:door"):
        return scan(db, actor, _by_phone(request), "in")
    now, library = clock.now(), _where(actor, request.library_id)
    with db.transaction():
        asked = _named(db, request, library, now)
        facts = queries.entry(db, asked, now)
        if facts.student_id is None:
            raise NotFound
        _must_be_wanted(facts, library, "in")
        ruling = _decided(facts, library, now, by_code=request.code is not None)
        door = Door(db, facts, facts.student_id, library, now, "desk", kind="in", step=asked.step)
        visit = door.apply(ruling)
    return _told(ruling, visit)


def check_out(db: Db, actor: Actor, request: LeaveRequest) -> Scan:
    """Staff and kiosks see a student leave, wherever that is; a student leaves by the library's code."""
    if not actor.may("attendance:mark") and not actor.may("attendance:door"):
        return scan(db, actor, _by_phone(request), "out")
    now = clock.now()
    with db.transaction():
        facts = queries.entry(db, _named(db, request, None, now), now)
        if facts.student_id is None:
            raise NotFound
        if facts.inside_id is None or facts.inside_library is None:
            raise NotInside
        actor.at(facts.inside_library)
        ruling = Ruling(direction="out", booking_id=facts.inside_booking)
        visit = Door(db, facts, facts.student_id, facts.inside_library, now, "desk", kind="out").apply(ruling)
    return _told(ruling, visit)


def _by_phone(request: LeaveRequest) -> ScanRequest:
    if request.code is None:
        raise Invalid.field("code", "scan the library's code")
    sent = request.model_dump(include={"code", "library_id", "phone_id", "location"})
    return ScanRequest.model_validate(sent)


def _named(db: Db, request: LeaveRequest, library: UUID | None, now: datetime) -> Asked:
    """Whom the desk has before it; the code on their phone counts once, as at a kiosk."""
    if request.code is None:
        return Asked(request.student_id, library, student_code=request.student_code, number=request.phone)
    student, step = qr.read_own(db.tenant, request.code, now)
    return Asked(student, library, step, own_step=step)


def _where(actor: Actor, library: UUID | None) -> UUID:
    """The library that is named, or the only one they work in."""
    if library is None:
        bound = actor.library_ids or ()
        if len(bound) != 1:
            raise Invalid.field("libraryId", "required")
        (library,) = bound
    actor.at(library)
    return library


def arrive_for_booking(db: Db, actor: Actor, booking: Booking, code: str | None) -> Scan:
    """Check-in of one booking: students show the library's code, staff vouch. Who was released gets the seat back."""
    if actor.user_type == "student" and code is None:
        raise Invalid.field("code", "scan the library's code")
    with db.transaction():
        if booking.status == "no_show":
            bookings.come_back(db, booking)
        return _arrived(db, actor, booking, code)


def _arrived(db: Db, actor: Actor, booking: Booking, code: str | None) -> Scan:
    if actor.user_type == "student":
        assert code, "a student without one was refused"
        return scan(db, actor, ScanRequest(code=code, library_id=booking.library_id))
    now = clock.now()
    facts = queries.entry(db, Asked(booking.student_id, booking.library_id), now)
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
        facts = queries.entry(db, Asked(booking.student_id, booking.library_id), now)
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


def lately(db: Db, student: UUID, since: datetime) -> list[Visit]:
    """One student's visits that were not over by then, newest first."""
    return queries.history(db, student, MOST_SHOWN, None, since, None)


def live(db: Db, actor: Actor, library: UUID | None) -> list[Visitor]:
    """Who is inside now."""
    return queries.inside(db, library, _libraries(actor))


def today(db: Db, actor: Actor, library: UUID | None) -> list[Today]:
    """Each library's day so far, from its own day start."""
    return queries.today(db, library, _libraries(actor))


def _decided(facts: Entry, library: UUID, now: datetime, by_code: bool = False) -> Ruling:
    """At the desk nothing is a double scan; a denial there is told, not recorded as a scan."""
    here = {"last_scan_at": None, "late_id": None, "replayed": facts.replayed and by_code}
    try:
        return decide(facts.model_copy(update=here), library, now)
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


def _all(actor: Actor) -> bool:
    return actor.may("attendance:read") or actor.is_platform


def _libraries(actor: Actor) -> list[UUID] | None:
    return sorted(actor.library_ids) if actor.library_ids is not None else None
