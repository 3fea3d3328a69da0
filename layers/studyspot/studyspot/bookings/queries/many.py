"""Series of bookings, and ranges of them given up in one statement."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from studyspot.bookings.models import TRANSITIONS, Booking, BookingRequest
from studyspot.bookings.models.many import MOST_CANCELLED, Range
from studyspot.bookings.queries import COLUMNS
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound

ADD_SERIES = """
    INSERT INTO booking_series (id, student_id, library_id, fee_plan_id, start_at, end_at, weekdays, until_date,
                                created_by, created_at)
    VALUES (%(id)s, %(student)s, %(library)s, %(plan)s, %(start)s, %(end)s, %(weekdays)s, %(until)s, %(by)s, %(now)s)
    ON CONFLICT (tenant_id, id) DO NOTHING"""

CHOSEN = """
    FROM bookings b WHERE b.status = ANY (%(before)s) AND b.start_at > %(now)s
      AND (%(library)s::uuid IS NULL OR b.library_id = %(library)s)
      AND (%(libraries)s::uuid[] IS NULL OR b.library_id = ANY (%(libraries)s))
      AND (%(student)s::uuid IS NULL OR b.student_id = %(student)s)
      AND (%(series)s::uuid IS NULL OR b.series_id = %(series)s)
      AND (%(from)s::timestamptz IS NULL OR b.start_at >= %(from)s)
      AND (%(to)s::timestamptz IS NULL OR b.start_at < %(to)s)
    ORDER BY b.id"""

FOUND = f"""
    SELECT {COLUMNS} FROM (SELECT b.* {CHOSEN} LIMIT %(most)s FOR UPDATE) b JOIN seats s ON s.id = b.seat_id
    ORDER BY b.id"""

# The bookings' rows are locked already, in the order of their ids; then their claims.
CANCEL = """
    WITH moved AS (
        UPDATE bookings SET status = 'cancelled', hold_expires_at = NULL, updated_at = %(now)s,
            reason = coalesce(%(reason)s, reason)
        WHERE id = ANY (%(ids)s) RETURNING id)
    DELETE FROM seat_occupancy o USING moved WHERE o.source_id = moved.id"""


def timezone(db: Db) -> str:
    """Where the tenant is."""
    zone: str = db.value("SELECT timezone FROM tenant_gate")
    return zone


def add_series_later(db: Db, series: UUID, student: UUID, asked: BookingRequest, days: list[int], until: date) -> None:
    """With the first of its bookings that is made."""
    db.later(
        ADD_SERIES,
        id=series,
        student=student,
        library=asked.library_id,
        plan=asked.fee_plan_id,
        start=asked.start_at,
        end=asked.end_at,
        weekdays=days,
        until=until,
        by=db.actor.id if db.actor else None,
        now=clock.now(),
    )


def series_of(db: Db, series: UUID) -> tuple[UUID, UUID]:
    """Whose it is, and in which library."""
    found = db.dicts("SELECT student_id, library_id FROM booking_series WHERE id = %(id)s", id=series)
    if not found:
        raise NotFound
    return found[0]["student_id"], found[0]["library_id"]


def of_range(db: Db, asked: Range, student: UUID | None, libraries: Collection[UUID] | None) -> list[Booking]:
    """Those that have not begun, locked; one more than a call takes."""
    return db.all(
        Booking,
        FOUND,
        before=list(TRANSITIONS["cancel"].before),
        library=asked.library_id,
        libraries=sorted(libraries) if libraries is not None else None,
        student=student,
        series=asked.series_id,
        to=asked.to,
        most=MOST_CANCELLED + 1,
        now=clock.now(),
        **{"from": asked.from_},
    )


def cancel(db: Db, bookings: list[UUID], reason: str | None, now: datetime) -> None:
    """All of them, and their claims."""
    db.run(CANCEL, ids=bookings, reason=reason, now=now)
