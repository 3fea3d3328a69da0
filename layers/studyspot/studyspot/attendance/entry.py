"""The entry decision: one function, facts in, a ruling or a reason out."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from studyspot.attendance.models import (
    Denied,
    Direction,
    Entry,
    MembershipExpired,
    NoBooking,
    QrReplayed,
    StudentSuspended,
    TooEarly,
    WrongLibrary,
    WrongShift,
)
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Model
from studyspot.policies.models import Attendance

BARRED = ("suspended", "blacklisted", "archived", "inactive")


class Ruling(Model):
    """What happens at the door."""

    direction: Direction
    booking_id: UUID | None = None
    seat_id: UUID | None = None
    warning: str | None = None
    repeated: bool = False
    late: bool = False
    """Out of a visit that had ended by itself."""


def decide(facts: Entry, library: UUID, now: datetime) -> Ruling:
    """In or out, or the reason why not. Whoever is inside may always leave."""
    if facts.student_status is None:
        raise NotFound
    if facts.replayed or facts.shown_elsewhere:
        raise QrReplayed
    if _twice(facts, library, now):
        assert facts.last_direction, "an allowed scan has a direction"
        return Ruling(direction=facts.last_direction, repeated=True)
    if facts.inside_id and facts.inside_library == library:
        return Ruling(direction="out", booking_id=facts.inside_booking)
    if facts.late_id and (facts.shut or not admits(facts, library)):
        return Ruling(direction="out", late=True)
    return _admit(facts, library)


def double_scan(facts: Entry) -> timedelta:
    """Within this time a second scan is the same one."""
    return timedelta(seconds=facts.repeated_scan_seconds or Attendance().repeated_scan_seconds)


def admits(facts: Entry, library: UUID) -> bool:
    """Would somebody outside be let in?"""
    try:
        _admit(facts, library)
    except Denied:
        return False
    return True


def _twice(facts: Entry, library: UUID, now: datetime) -> bool:
    since = now - facts.last_scan_at if facts.last_scan_at else None
    return since is not None and since < double_scan(facts) and facts.last_library == library


def _admit(facts: Entry, library: UUID) -> Ruling:
    if facts.student_status in BARRED:
        raise StudentSuspended
    if facts.booking_library == library and not facts.early:
        return Ruling(direction="in", booking_id=facts.booking_id, seat_id=facts.booking_seat)
    if facts.member and facts.member_shift:
        warning = "the membership has ended; the days of grace are running" if facts.member_in_grace else None
        return Ruling(direction="in", seat_id=facts.member_seat, warning=warning)
    raise _reason(facts, library)


def _reason(facts: Entry, library: UUID) -> Exception:
    if facts.member:
        return WrongShift()
    if facts.booking_id:
        return TooEarly() if facts.booking_library == library else WrongLibrary()
    return MembershipExpired() if facts.was_member else NoBooking()
