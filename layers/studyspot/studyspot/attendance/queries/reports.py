"""The SQL of what attendance adds up to; a visit belongs to the day on which the library's day began."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from studyspot.attendance.models.reports import Absentee
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.models import Model

# What an open visit counts ends now, or when it would end by itself.
VISITS = """
    SELECT a.id, a.student_id, a.library_id, a.check_in_at, a.booking_id, g.timezone, l.day_start,
           ((a.check_in_at AT TIME ZONE g.timezone) - l.day_start)::date AS day,
           greatest(0, extract(epoch FROM coalesce(a.check_out_at, least(%(now)s, a.ends_at)) - a.check_in_at) / 60)
               ::integer AS minutes
    FROM attendance a JOIN libraries l ON l.id = a.library_id CROSS JOIN tenant_gate g
    WHERE a.check_in_at >= %(from)s::timestamp AT TIME ZONE g.timezone
      AND a.check_in_at < (%(until)s::date + 2)::timestamp AT TIME ZONE g.timezone
      AND (%(student)s::uuid IS NULL OR a.student_id = %(student)s)
      AND (%(library)s::uuid IS NULL OR a.library_id = %(library)s)
      AND (%(libraries)s::uuid[] IS NULL OR a.library_id = ANY (%(libraries)s))"""

# Punctual is judged once a day, by the first visit, where a booking or a shift says when it should begin.
BY_DAY = f"""
    WITH v AS ({VISITS}),
    first AS (
        SELECT DISTINCT ON (v.student_id, v.day) v.day,
               v.check_in_at > coalesce(b.start_at, s.begins) + interval '15 minutes' AS late
        FROM v LEFT JOIN bookings b ON b.id = v.booking_id
        LEFT JOIN LATERAL (
            SELECT (v.day + h.start_time + make_interval(days => (h.start_time < v.day_start)::integer))
                       AT TIME ZONE v.timezone AS begins
            FROM memberships m JOIN shifts h ON h.id = m.shift_id
            WHERE m.student_id = v.student_id AND m.library_id = v.library_id
              AND m.start_date <= v.day AND m.end_date > v.day
            ORDER BY m.end_date DESC LIMIT 1) s ON true
        ORDER BY v.student_id, v.day, v.check_in_at)
    SELECT v.day, sum(v.minutes)::integer AS minutes, count(*)::integer AS visits,
           (SELECT count(*) FROM first f WHERE f.day = v.day AND f.late)::integer AS late,
           (SELECT count(*) FROM first f WHERE f.day = v.day AND NOT f.late)::integer AS on_time
    FROM v WHERE v.day BETWEEN %(from)s AND %(until)s GROUP BY v.day ORDER BY v.day"""

ABSENTEES = """
    WITH today AS (SELECT (%(now)s AT TIME ZONE g.timezone)::date AS day FROM tenant_gate g)
    SELECT DISTINCT ON (st.id) st.id, st.student_code, st.first_name, st.last_name, st.phone, m.library_id,
           s.code AS seat_code, v.last AS last_visit_at,
           (extract(epoch FROM %(now)s - coalesce(v.last, m.start_date::timestamp AT TIME ZONE 'UTC')) / 86400)::integer
               AS days_away
    FROM today t, memberships m JOIN students st ON st.id = m.student_id LEFT JOIN seats s ON s.id = m.seat_id
    LEFT JOIN LATERAL (SELECT max(a.check_in_at) AS last, bool_or(a.check_out_at IS NULL) AS inside FROM attendance a
                       WHERE a.student_id = st.id) v ON true
    WHERE m.status IN ('active','grace') AND m.start_date <= t.day - %(days)s AND m.end_date > t.day
      AND st.status = 'active' AND (v.last IS NULL OR v.last < %(now)s - make_interval(days => %(days)s))
      AND v.inside IS NOT TRUE
      AND NOT EXISTS (SELECT FROM attendance_leaves e
                      WHERE e.student_id = st.id AND e.from_date <= t.day AND e.until_date > t.day)
      AND (%(library)s::uuid IS NULL OR m.library_id = %(library)s)
      AND (%(libraries)s::uuid[] IS NULL OR m.library_id = ANY (%(libraries)s))
      AND (%(after)s::uuid IS NULL OR st.id > %(after)s)
    ORDER BY st.id, m.end_date DESC LIMIT %(most)s"""

# Members of that time are in the register though they never came.
REGISTER = f"""
    WITH v AS ({VISITS}),
    them AS (SELECT v.student_id AS id FROM v UNION
             SELECT m.student_id FROM memberships m
             WHERE m.library_id = %(library)s AND m.start_date <= %(until)s AND m.end_date > %(from)s
               AND m.status NOT IN ('pending','cancelled'))
    SELECT st.id AS student_id, st.student_code, st.first_name, st.last_name, v.day, sum(v.minutes)::integer AS minutes
    FROM them JOIN students st ON st.id = them.id
    LEFT JOIN v ON v.student_id = st.id AND v.day BETWEEN %(from)s AND %(until)s
    GROUP BY st.tenant_id, st.id, v.day ORDER BY st.student_code, st.id, v.day"""

ONE = timedelta(days=1)
LIBRARY = "SELECT l.name FROM libraries l WHERE l.id = %(id)s"


class Day(Model):
    """What was studied on one day."""

    day: date
    minutes: int
    visits: int
    late: int
    on_time: int


class Line(Model):
    """One student's one day of the register, or a student without any."""

    student_id: UUID
    student_code: str
    first_name: str
    last_name: str | None
    day: date | None
    minutes: int | None


def by_day(db: Db, start: date, end: date, **filters: Any) -> list[Day]:
    return db.all(Day, BY_DAY, **{"from": start}, until=end - ONE, now=clock.now(), **filters)


def absentees(
    db: Db, days: int, most: int, after: str | None, library: UUID | None, libraries: Sequence[UUID] | None
) -> list[Absentee]:
    """By id, one more than a page."""
    facts = {"library": library, "libraries": libraries, "now": clock.now()}
    return db.all(Absentee, ABSENTEES, days=days, most=most, after=after, **facts)


def register(db: Db, library: UUID, start: date, end: date) -> list[Line]:
    facts = {"from": start, "until": end - ONE, "student": None, "library": library, "libraries": None}
    return db.all(Line, REGISTER, now=clock.now(), **facts)


def name_of(db: Db, library: UUID) -> str | None:
    """None where there is no such library for the caller."""
    found: str | None = db.value(LIBRARY, id=library)
    return found
