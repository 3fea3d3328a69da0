"""The statement that tries for a seat, with every fact the rules judge."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from studyspot.bookings.models import Attempt, Booking, BookingRequest, Circumstances, Policy
from studyspot.kit import clock
from studyspot.kit.db import Db

CIRCUMSTANCES = """
    l.status AS library_status, o.windows @> tstzrange(%(start)s, %(end)s) AS open_throughout,
    o.windows @> %(start)s::timestamptz OR opening_windows(l.id, g.timezone, o.day + 1, o.day) <> '{}' AS open_that_day,
    p.kind AS plan_kind, p.status AS plan_status, v.price_paise, v.tax_included, v.gst_rate,
    NOT EXISTS (SELECT FROM fee_plan_libraries f WHERE f.fee_plan_id = p.id)
        OR EXISTS (SELECT FROM fee_plan_libraries f WHERE f.fee_plan_id = p.id AND f.library_id = l.id) AS plan_here,
    st.status AS student_status, g.timezone, used.*,
    EXISTS (SELECT FROM memberships m
            WHERE m.student_id = st.id AND m.fee_plan_id = p.id
              AND m.status IN ('active','grace')
              AND (%(start)s AT TIME ZONE g.timezone)::date >= m.start_date
              AND (%(start)s AT TIME ZONE g.timezone)::date < m.end_date) AS member"""

AROUND = """
    tenant_gate g, libraries l
    CROSS JOIN LATERAL (SELECT (%(start)s AT TIME ZONE h.timezone)::date AS day,
        opening_windows(l.id, h.timezone, (%(start)s AT TIME ZONE h.timezone)::date,
                        (%(end)s AT TIME ZONE h.timezone)::date) AS windows FROM tenant_gate h) o,
    fee_plans p JOIN fee_plan_versions v ON v.fee_plan_id = p.id AND v.version = p.version,
    students st"""

NAMED = "l.id = %(library)s AND p.id = %(plan)s AND st.id = %(student)s"

USED = """
    booking_use(rule.policy ?| '{max_open,max_day_minutes,max_week_minutes,max_month_minutes}',
                %(student)s, %(id)s, %(start)s, %(now)s) used"""
"""Looked up only where a rule needs it, because those who book for one student then go one after the other."""

NOT_KEPT = "{max_open,strikes,strike_days,pause_days,waitlist_order}"
"""Rules that say nothing about a booking once it is made."""

# The stricter of library and plan decides, and is kept with the booking, in the statement that tries for the seat.
HOLD = f"""
    WITH rule AS MATERIALIZED (SELECT booking_policy(%(library)s, %(plan)s, %(policy)s::jsonb) AS policy),
    tried AS MATERIALIZED (
        SELECT h.* FROM rule, book_seat(%(id)s, %(library)s, %(seat)s, %(kind)s, %(attributes)s::text[], %(student)s,
            %(plan)s, %(start)s, %(end)s, %(now)s + make_interval(mins => (rule.policy ->> 'hold_minutes')::integer),
            rule.policy - %(not_kept)s::text[], %(by)s, %(now)s) h)
    SELECT tried.*, rule.policy, pause.id AS pause_id, pause.until_at AS paused_until, {CIRCUMSTANCES}
    FROM tried, rule, {USED}, LATERAL (
        SELECT u.* FROM (SELECT 1) AS always LEFT JOIN (
            SELECT id, until_at FROM booking_pauses
            WHERE student_id = %(student)s AND library_id = %(library)s AND until_at > %(now)s AND lifted_at IS NULL
            ORDER BY until_at DESC LIMIT 1) u ON true) pause, {AROUND}
    WHERE {NAMED}"""

LOOK = f"""
    WITH rule AS MATERIALIZED (SELECT policy FROM bookings WHERE id = %(id)s)
    SELECT {CIRCUMSTANCES} FROM rule, {USED}, {AROUND} WHERE {NAMED}"""


def hold(db: Db, booking_id: UUID, request: BookingRequest, student: UUID, now: datetime) -> Attempt | None:
    """Claim and booking in one call, with what the rules need; None when library, plan or student do not exist."""
    try:
        return db.maybe(
            Attempt,
            HOLD,
            id=booking_id,
            seat=request.seat_id,
            kind=request.seat_kind,
            attributes=request.attributes,
            policy=Policy().written(),
            not_kept=NOT_KEPT,
            by=db.actor.id if db.actor else None,
            now=now,
            **_named(request.library_id, request.fee_plan_id, student, request.start_at, request.end_at),
        )
    except psycopg.errors.ForeignKeyViolation:
        return None


def look(db: Db, booking: Booking, start: datetime, end: datetime) -> Circumstances:
    """The same facts for a booking that exists."""
    named = _named(booking.library_id, booking.fee_plan_id, booking.student_id, start, end)
    return db.one(Circumstances, LOOK, id=booking.id, now=clock.now(), **named)


def _named(library: UUID, plan: UUID, student: UUID, start: datetime, end: datetime) -> dict[str, Any]:
    return {"library": library, "plan": plan, "student": student, "start": start, "end": end}
