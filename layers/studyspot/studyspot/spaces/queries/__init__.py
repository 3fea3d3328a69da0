"""Whom a change touches: claims of a seat, bookings outside the hours, members of a day or a shift."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any
from uuid import UUID

from studyspot.bookings.models import LIVE
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.spaces.models import Affected

NAME = "nullif(concat_ws(' ', st.first_name, st.last_name), '') AS student_name"

OF_SEAT = f"""
    SELECT o.kind, o.source_id AS id, st.id AS student_id, {NAME}, s.code AS seat_code, lower(o.during) AS start_at,
           upper(o.during) AS end_at, b.status, coalesce(b.amount_paise, 0) AS amount_paise
    FROM seats s JOIN seat_occupancy o ON o.seat_id = s.id
    LEFT JOIN bookings b ON b.id = o.source_id LEFT JOIN seat_allotments a ON a.id = o.source_id
    LEFT JOIN memberships m ON m.id = a.membership_id
    LEFT JOIN students st ON st.id = coalesce(b.student_id, m.student_id)
    WHERE s.id = %(seat)s AND s.library_id = %(library)s AND o.ends_at > %(start)s
      AND o.starts_at < coalesce(%(end)s::timestamptz, 'infinity') AND (o.lapses_at IS NULL OR o.lapses_at > %(now)s)
    ORDER BY o.starts_at"""

# Those that the present hours cover and the new ones do not; what was kept outside before is not asked about again.
OUTSIDE = f"""
    WITH open AS MATERIALIZED (
        SELECT opening_windows(%(library)s, g.timezone, h.today, h.today + 400) AS before,
               opening_windows(%(library)s, g.timezone, h.today, h.today + 400,
                               %(closed)s::date, %(hours)s::jsonb) AS after
        FROM tenant_gate g, LATERAL (SELECT (%(now)s AT TIME ZONE g.timezone)::date AS today) h)
    SELECT 'booking' AS kind, b.id, b.student_id, {NAME}, s.code AS seat_code, b.start_at, b.end_at, b.status,
           b.amount_paise
    FROM open, bookings b JOIN seats s ON s.id = b.seat_id JOIN students st ON st.id = b.student_id
    WHERE b.library_id = %(library)s AND b.status = ANY (%(live)s) AND b.end_at > %(now)s
      AND (b.hold_expires_at IS NULL OR b.hold_expires_at > %(now)s)
      AND open.before @> tstzrange(b.start_at, b.end_at) AND NOT open.after @> tstzrange(b.start_at, b.end_at)
    ORDER BY b.start_at"""

# One day's worth is the price by the days it bought, half-up.
MEMBERS = f"""
    SELECT 'membership' AS kind, m.id, m.student_id, {NAME}, s.code AS seat_code,
           m.start_date::timestamp AT TIME ZONE g.timezone AS start_at,
           m.end_date::timestamp AT TIME ZONE g.timezone AS end_at, m.status,
           (2 * m.price_paise + (m.end_date - m.start_date)) / (2 * (m.end_date - m.start_date)) AS amount_paise
    FROM tenant_gate g, memberships m JOIN students st ON st.id = m.student_id LEFT JOIN seats s ON s.id = m.seat_id
    WHERE m.library_id = %(library)s AND m.status IN ('scheduled','active','grace','frozen')"""
ON_DAY = f"""{MEMBERS} AND m.start_date <= %(day)s AND m.end_date > %(day)s
      AND NOT EXISTS (SELECT FROM membership_freezes f WHERE f.membership_id = m.id AND f.status = 'approved'
                      AND f.from_date <= %(day)s AND f.to_date > %(day)s)
    ORDER BY m.id"""
OF_SHIFT = f"""{MEMBERS} AND m.shift_id = %(shift)s AND m.end_date > (%(now)s AT TIME ZONE g.timezone)::date
    ORDER BY m.id"""


def of_seat(db: Db, library: UUID, seat: UUID, start: datetime, end: datetime | None) -> list[Affected]:
    """Who has that seat for part of that time."""
    return db.all(Affected, OF_SEAT, library=library, seat=seat, start=start, end=end, now=clock.now())


def outside(db: Db, library: UUID, closed: date | None = None, hours: Any = ...) -> list[Affected]:
    """Bookings that would lie outside: were that day closed, or these the weekly hours."""
    given = None if hours is ... else json.dumps(hours)
    return db.all(Affected, OUTSIDE, library=library, closed=closed, hours=given, live=list(LIVE), now=clock.now())


def members_on(db: Db, library: UUID, day: date) -> list[Affected]:
    """Whose membership covers that day and is not frozen on it."""
    return db.all(Affected, ON_DAY, library=library, day=day)


def members_of(db: Db, library: UUID, shift: UUID) -> list[Affected]:
    """Whose membership is of that shift."""
    return db.all(Affected, OF_SHIFT, library=library, shift=shift, now=clock.now())
