"""A member's own seat: the hours it is theirs, claimed where every other claim lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.libraries.models import Shift
from studyspot.memberships.models import FeePlan, Membership
from studyspot.memberships.models.changes import AllotmentTaken, SeatPolicyBroken, ShiftFull
from studyspot.memberships.queries import seats

Span = tuple[datetime, datetime]
Days = tuple[date, date]
DAY = timedelta(days=1)


def spans(shift: Shift | None, start: date, end: date, away: Sequence[Days], zone: ZoneInfo) -> list[Span]:
    """The hours of those days, without the days away. Without a shift a stretch of days is one span; an overnight
    shift is two, cut at midnight, and both belong to the day on which it begins."""
    if shift is None:
        return [(_at(first, zone), _at(last, zone)) for first, last in _without(start, end, away)]
    found: list[Span] = []
    for first, last in _without(start, end, away):
        for day in (first + n * DAY for n in range((last - first).days)):
            if day.isoweekday() in shift.days:
                found += _hours(shift, day, zone)
    return found


def _hours(shift: Shift, day: date, zone: ZoneInfo) -> Iterator[Span]:
    begins = datetime.combine(day, shift.start_time, zone)
    if not shift.overnight:
        yield begins, datetime.combine(day, shift.end_time, zone)
        return
    yield begins, _at(day + DAY, zone)
    if shift.end_time > time.min:
        yield _at(day + DAY, zone), datetime.combine(day + DAY, shift.end_time, zone)


def _without(start: date, end: date, away: Sequence[Days]) -> Iterator[Days]:
    for first, last in sorted(away):
        if start < min(first, end):
            yield start, min(first, end)
        start = max(start, last)
    if start < end:
        yield start, end


def _at(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def chosen(db: Db, library_id: UUID, seat_id: UUID | None, sold: FeePlan) -> None:
    """A fixed plan names a seat of the library, a flexible one none; the seat is of a class that the plan sells."""
    if (sold.seat_policy == "fixed" and seat_id is None) or (sold.seat_policy == "flexi" and seat_id is not None):
        raise SeatPolicyBroken(seatPolicy=sold.seat_policy)
    if seat_id is None:
        return
    price_class = seats.class_of(db, library_id, seat_id)
    if price_class is None:
        raise NotFound
    if sold.price_classes and price_class not in sold.price_classes:
        raise SeatPolicyBroken("the plan sells no seat of that price class", priceClasses=sold.price_classes)


def keep(db: Db, member: Membership) -> None:
    """`try_keep`, or the transaction is undone and what is free instead is told."""
    refused = try_keep(db, member)
    if refused:
        db.rollback()
        raise _taken(db, member.library_id, refused)


def try_keep(db: Db, member: Membership) -> list[Span]:
    """Claim exactly what is this membership's own from now on: its seat, its shift, its days and those of grace, less
    the days on which it was lent back. Answers what it wanted where somebody else has part of that; nothing is claimed
    then, and the caller undoes the rest.
    """
    allotment = seats.live(db, member.id)
    if allotment and allotment.seat_id != member.seat_id:
        seats.end(db, allotment.id)
        allotment = None
    if member.seat_id is None:
        return []
    facts = seats.facts(db, member.id)
    last = member.end_date + facts.grace_days * DAY
    if allotment:
        allotment_id = allotment.id
        seats.prolong(db, allotment_id, member.shift_id, last)
    else:
        allotment_id = seats.allot(db, member, last)
    zone = ZoneInfo(facts.timezone)
    shift = seats.shift(db, member.shift_id) if member.shift_id else None
    away = [(freeze.from_date, freeze.to_date) for freeze in seats.away(db, member.id)]
    now = clock.now()
    hours = spans(shift, member.start_date, last, away, zone)
    wanted = [(max(begins, now), ends) for begins, ends in hours if ends > now]
    return [] if seats.claim(db, allotment_id, member.seat_id, wanted, now) else wanted


def give_up(db: Db, membership_id: UUID) -> None:
    """The seat is free from now on."""
    allotment = seats.live(db, membership_id)
    if allotment:
        seats.end(db, allotment.id)


def _taken(db: Db, library_id: UUID, wanted: list[Span]) -> AllotmentTaken | ShiftFull:
    free = seats.free(db, library_id, wanted)
    if not free:
        return ShiftFull()
    return AllotmentTaken(alternatives=[seat.model_dump(mode="json", by_alias=True) for seat in free])
