"""Many bookings at once: a weekly pattern until a date, and ranges that are given up again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from studyspot.bookings import rules
from studyspot.bookings.making import make
from studyspot.bookings.models import Booking, BookingRequest
from studyspot.bookings.models.many import (
    MOST_CANCELLED,
    MOST_OCCURRENCES,
    BulkCancellation,
    BulkCancelled,
    GivenUp,
    Kept,
    NothingBooked,
    Occurrence,
    Range,
    Series,
    SeriesRequest,
)
from studyspot.bookings.models.refusals import CancelTooLate
from studyspot.bookings.money import cancelled, refund_of
from studyspot.bookings.queries import many as queries
from studyspot.bookings.scope import beyond_own
from studyspot.kit import audit, clock, ids
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Forbidden, Invalid, NotFound, Problem

PASSING = (401, 429, 503)


def book(db: Db, actor: Actor, asked: SeriesRequest) -> Series:
    """Each time by the rules of a single booking, and by itself: one that cannot be had stops no other."""
    series, zone = ids.uuid7(), ZoneInfo(queries.timezone(db))
    days = asked.weekdays or [asked.start_at.astimezone(zone).isoweekday()]
    wanted = asked.model_dump(exclude={"until", "weekdays"})
    length = asked.end_at - asked.start_at
    found: list[Occurrence] = []
    for start in _times(asked.start_at, days, asked.until, zone):
        one = BookingRequest.model_validate(wanted | {"start_at": start, "end_at": start + length})
        found.append(_one(db, actor, one, series, days, asked.until))
    booked = [each.booking for each in found if each.booking]
    if not booked:
        raise NothingBooked(occurrences=[each.model_dump(mode="json", by_alias=True) for each in found])
    return Series(
        id=series,
        booked=len(booked),
        refused=len(found) - len(booked),
        amount_paise=sum(each.amount_paise for each in booked),
        occurrences=found,
    )


def _times(start: datetime, days: list[int], until: date, zone: ZoneInfo) -> Iterator[datetime]:
    first = start.astimezone(zone)
    length = (until - first.date()).days
    if length < 0:
        raise Invalid.field("until", "is before the first day")
    dates = [first.date() + timedelta(days=n) for n in range(min(length, 8 * MOST_OCCURRENCES) + 1)]
    dates = [day for day in dates if day.isoweekday() in days]
    if not 1 <= len(dates) <= MOST_OCCURRENCES:
        raise Invalid.field("until", f"a series has 1 to {MOST_OCCURRENCES} times")
    for day in dates:
        yield datetime.combine(day, first.timetz())


def _one(db: Db, actor: Actor, asked: BookingRequest, series: UUID, days: list[int], until: date) -> Occurrence:
    try:
        with db.transaction():
            student = asked.student_id or actor.id
            queries.add_series_later(db, series, student, asked, days, until)
            booking = make(db, actor, asked, series=series)
            audit.note(db, "bookings.recurring", "bookings", booking.id, after={"seriesId": series})
        db.commit()
    except (Forbidden, Invalid, NotFound):
        raise
    except Problem as refused:
        if refused.status in PASSING:
            raise
        return Occurrence(start_at=asked.start_at, end_at=asked.end_at, code=refused.code, message=refused.detail)
    return Occurrence(start_at=asked.start_at, end_at=asked.end_at, booking=booking)


def cancel_series(db: Db, actor: Actor, series: UUID, asked: Range, scope: Literal["all", "future"]) -> None:
    """What has not begun of it, in that range. All: too late for one is too late for all, and names them; future: what
    can still be given up."""
    with db.transaction():
        student, library = queries.series_of(db, series)
        if not beyond_own(actor, "bookings:cancel") and student != actor.id:
            raise NotFound
        actor.at(library)
        found, kept = _sorted_out(db, actor, asked.model_copy(update={"series_id": series}))
        if kept and scope == "all":
            raise CancelTooLate(kept=[str(each.id) for each in kept])
        _give_up(db, found, None)


def cancel_range(db: Db, actor: Actor, asked: BulkCancellation) -> BulkCancelled:
    """Everything that begins in the range; a preview changes nothing."""
    with db.transaction():
        found, kept = _sorted_out(db, actor, asked)
        more = len(found) + len(kept) > MOST_CANCELLED
        found = found[:MOST_CANCELLED]
        if not asked.preview:
            _give_up(db, found, asked.reason)
    if asked.preview:
        db.rollback()
    told = [
        GivenUp(id=b.id, student_id=b.student_id, seat_code=b.seat_code, start_at=b.start_at, refund_paise=refund_of(b))
        for b in found
    ]
    return BulkCancelled(
        preview=asked.preview,
        cancelled=told,
        kept=kept,
        refund_paise=sum(each.refund_paise for each in told),
        more=more,
    )


def _sorted_out(db: Db, actor: Actor, asked: Range) -> tuple[list[Booking], list[Kept]]:
    """Those that may be given up, and those for which it is too late by their own policy."""
    student, staff = asked.student_id, beyond_own(actor, "bookings:cancel")
    if not staff:
        if student not in (None, actor.id):
            raise NotFound
        student = actor.id
    found = queries.of_range(db, asked, student, actor.library_ids if staff else None)
    now = clock.now()
    late = [] if staff else [each for each in found if rules.of_cancelling(each, now)]
    kept = [Kept(id=each.id, code=CancelTooLate.code) for each in late]
    return [each for each in found if each not in late], kept


def _give_up(db: Db, found: list[Booking], reason: str | None) -> None:
    queries.cancel(db, [each.id for each in found], reason, clock.now())
    for each in found:
        cancelled(db, each.model_copy(update={"status": "cancelled", "reason": reason}))
        audit.note(db, "bookings.cancel", "bookings", each.id, after={"reason": reason})
