"""What follows from a ruling: the scan's record, the visit, its end by itself, what bookings and others are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from studyspot.attendance import queries
from studyspot.attendance.entry import Ruling, admits
from studyspot.attendance.models import Attendance, Direction, Entry, Method, Passage
from studyspot.attendance.models.refusals import Denied
from studyspot.attendance.reading import OVERSTAY
from studyspot.bookings import service as bookings
from studyspot.kit import clock, ids, outbox, timers
from studyspot.kit.db import Db

UNSCANNED = -1
"""The step of an entry without a code: no scan ever has it."""
TIMER = "attendance_end"
NOTICE = "guardian_notice"
NEWS = timedelta(minutes=30)
"""What became known later than this is told to no guardian: it is history by then."""


@dataclass(frozen=True)
class Door:
    """One student before one library's door, with what is known of them. Everything is written with the commit."""

    db: Db
    facts: Entry
    student: UUID
    library: UUID
    now: datetime
    method: Method
    kind: Literal["pass", "in", "out"] = "pass"
    step: int = UNSCANNED
    phone: str | None = None
    """Which installation of the app scanned, hashed."""

    def apply(self, ruling: Ruling) -> UUID:
        """Write what was ruled; answers the visit."""
        self._end_what_is_over()
        passage = self.passage()
        known = self._known_visit(ruling)
        if known is None:
            self._come_in(passage.id, ruling)
        visit = known or passage.id
        reason = "repeated" if ruling.repeated else "late" if ruling.late else None
        told = {"direction": ruling.direction, "reason": reason, "attendance_id": visit}
        queries.passed_later(self.db, passage.model_copy(update=told))
        return visit

    def refuse(self, denied: Denied) -> None:
        """The record outlives the refusal: it is committed before the answer."""
        denied.members["decision"] = "deny"
        self._end_what_is_over()
        passage = self.passage().model_copy(update={"decision": "deny", "reason": denied.code})
        queries.passed_later(self.db, passage)
        facts = {"libraryId": str(self.library), "reason": denied.code}
        outbox.emit(self.db, "attendance.denied", self.student, facts)
        self.db.commit()

    def _known_visit(self, ruling: Ruling) -> UUID | None:
        """The visit this belongs to, ended if it ends; None when a new one begins."""
        facts = self.facts
        if ruling.repeated:
            assert facts.last_attendance, "an allowed scan has its visit"
            return facts.last_attendance
        if ruling.late:
            assert facts.late_id, "late is who scans after a visit that ended by itself"
            queries.flag_later(self.db, facts.late_id, "overstay")
            return facts.late_id
        if ruling.direction == "out":
            assert facts.inside_id, "only who is inside goes out"
            self._go_out(None)
            tell_guardians(self.db, facts, facts.inside_id, "out", self.now)
            return facts.inside_id
        return None

    def _end_what_is_over(self) -> None:
        """As its timer will, where the scan is faster."""
        over = self.facts.over
        if over:
            queries.leave_later(self.db, over.id, over.ends_at, auto=True)
            left(self.db, over.id, over.library, over.booking)

    def _come_in(self, visit_id: UUID, ruling: Ruling) -> None:
        if self.facts.inside_id:
            self._go_out("elsewhere")
        visit = visit_of(visit_id, self.student, self.library, self.method, self.now, *self._by()).model_copy(
            update={"booking_id": ruling.booking_id, "seat_id": ruling.seat_id}
        )
        queries.arrive_later(self.db, visit, self.facts.ends_at)
        if ruling.booking_id:
            bookings.arrived(self.db, ruling.booking_id)
        watch(self.db, visit_id, self.facts.ends_at)
        facts = {"studentId": str(self.student), "libraryId": str(self.library)}
        outbox.emit(self.db, "attendance.checked_in", visit_id, facts)
        tell_guardians(self.db, self.facts, visit_id, "in", self.now)

    def _go_out(self, flag: str | None) -> None:
        facts = self.facts
        assert facts.inside_id, "only who is inside leaves"
        queries.leave_later(self.db, facts.inside_id, self.now, flag)
        left(self.db, facts.inside_id, facts.inside_library, facts.inside_booking)

    def _by(self) -> tuple[UUID | None, UUID | None]:
        """The device or the person who let them in, when it was not the student."""
        actor = self.db.actor
        if actor is None or actor.id == self.student:
            return None, None
        return (actor.id, None) if actor.user_type == "kiosk" else (None, actor.id)

    def passage(self) -> Passage:
        """The scan, with what it would be for somebody outside."""
        device, by = self._by()
        facts = self.facts
        return Passage(
            id=ids.uuid7(),
            student_id=self.student,
            library_id=self.library,
            scanned_at=self.now,
            kind=self.kind,
            method=self.method,
            step=self.step,
            device_id=device,
            marked_by=by,
            admitted=admits(facts, self.library),
            shut=bool(facts.shut),
            booking_id=facts.booking_id if facts.booking_library == self.library and not facts.early else None,
            seat_id=facts.booking_seat if facts.booking_library == self.library else facts.member_seat,
            ends_at=facts.ends_at,
            phone=self.phone,
            repeat_seconds=facts.policy.repeated_scan_seconds,
        )


def watch(db: Db, visit_id: UUID, ends_at: datetime | None) -> None:
    """A timer for the end by itself; one for each end, as hours and bookings may change."""
    if ends_at:
        due = ends_at + OVERSTAY
        timers.wait(db, due, TIMER, visit_id, "end", period=str(int(due.timestamp())))


def tell_guardians(db: Db, facts: Entry, visit_id: UUID, direction: Direction, at: datetime) -> None:
    """Where the library does that and somebody agreed to be told; the messages leave with the next minute's work."""
    if facts.policy.tell_guardians and facts.guarded and clock.now() - at <= NEWS:
        timers.wait(db, clock.now(), NOTICE, visit_id, direction, direction=direction, at=at.isoformat())


def left(db: Db, visit_id: UUID, library: UUID | None, booking: UUID | None) -> None:
    """What a departure means for others; with the commit."""
    if booking:
        bookings.left(db, booking)
    timers.cancel(db, TIMER, visit_id)
    outbox.emit(db, "attendance.checked_out", visit_id, {"libraryId": str(library)})


def visit_of(
    visit_id: UUID, student: UUID, library: UUID, method: Method, at: datetime, device: UUID | None, by: UUID | None
) -> Attendance:
    """A visit that has just begun."""
    return Attendance(
        id=visit_id,
        student_id=student,
        library_id=library,
        booking_id=None,
        seat_id=None,
        check_in_at=at,
        check_out_at=None,
        method=method,
        device_id=device,
        marked_by=by,
        reason=None,
        created_at=clock.now(),
    )
