"""The entry decision: one function, facts in, a ruling or a reason out."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import asin, cos, radians, sin, sqrt
from uuid import UUID

from studyspot.attendance.models import Direction, Entry, Location
from studyspot.attendance.models.refusals import (
    CapacityFull,
    Denied,
    DuesOverdue,
    Geofence,
    MembershipExpired,
    MembershipFrozen,
    NoBooking,
    PhoneOfAnother,
    QrReplayed,
    StudentSuspended,
    TooEarly,
    WrongLibrary,
    WrongShift,
)
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Model

BARRED = ("suspended", "blacklisted", "archived", "inactive")
EARTH_METRES = 6_371_000


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
    if facts.objection == WrongLibrary.code:
        raise WrongLibrary
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


def admits(facts: Entry, library: UUID) -> bool:
    """Would somebody outside be let in?"""
    try:
        _admit(facts, library)
    except Denied:
        return False
    return True


def objected(facts: Entry, phone: str | None, believed: bool, where: Location | None) -> Entry:
    """The facts, with what is wrong with the student's phone: it believes to be elsewhere, or is; or is another's."""
    rules, objection = facts.policy, None
    if not believed:
        objection = WrongLibrary.code
    elif rules.one_student_a_phone and (phone is None or facts.phone_of_another):
        objection = PhoneOfAnother.code
    elif rules.geofence_metres and _afar(facts, rules.geofence_metres, where):
        objection = Geofence.code
    return facts.model_copy(update={"objection": objection})


def _afar(facts: Entry, fence: int, where: Location | None) -> bool:
    """A phone's doubt counts in its favour, up to the fence's own width. A library without a place fences nobody."""
    if facts.latitude is None or facts.longitude is None:
        return False
    if where is None:
        return True
    here, there = radians(facts.latitude), radians(where.latitude)
    north, east = there - here, radians(where.longitude - facts.longitude)
    chord = sin(north / 2) ** 2 + cos(here) * cos(there) * sin(east / 2) ** 2
    return 2 * EARTH_METRES * asin(min(1.0, sqrt(chord))) > fence + min(where.accuracy_metres, fence)


def _twice(facts: Entry, library: UUID, now: datetime) -> bool:
    since = now - facts.last_scan_at if facts.last_scan_at else None
    return (
        since is not None
        and since < timedelta(seconds=facts.policy.repeated_scan_seconds)
        and facts.last_library == library
    )


def _admit(facts: Entry, library: UUID) -> Ruling:
    if facts.objection:
        raise OBJECTIONS[facts.objection]
    if facts.student_status in BARRED:
        raise StudentSuspended
    if facts.booking_library == library and not facts.early:
        warning = _warning(facts, member=False)
        return Ruling(direction="in", booking_id=facts.booking_id, seat_id=facts.booking_seat, warning=warning)
    if not (facts.member and facts.member_shift):
        raise _reason(facts, library)
    most = facts.policy.deny_overdue_after_days
    if most is not None and (facts.overdue_days or 0) > most:
        raise DuesOverdue(overdueDays=facts.overdue_days)
    if facts.places is not None and facts.places < 1:
        raise CapacityFull
    return Ruling(direction="in", seat_id=facts.member_seat, warning=_warning(facts, member=True))


def _warning(facts: Entry, member: bool) -> str | None:
    told = []
    if member and facts.member_in_grace:
        told.append("the membership has ended; the days of grace are running")
    if facts.overdue_days:
        told.append(f"{facts.overdue_days} days overdue")
    return "; ".join(told) or None


def _reason(facts: Entry, library: UUID) -> Exception:
    if facts.member:
        return WrongShift()
    if facts.booking_id:
        return TooEarly() if facts.booking_library == library else WrongLibrary()
    if facts.frozen:
        return MembershipFrozen()
    return MembershipExpired() if facts.was_member else NoBooking()


OBJECTIONS: dict[str, type[Denied]] = {one.code: one for one in (WrongLibrary, Geofence, PhoneOfAnother)}
