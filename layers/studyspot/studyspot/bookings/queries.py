"""The SQL of bookings. The functions that claim seat time are in the schema, beside the constraint they rely on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from studyspot.bookings.models import (
    LIVE,
    TRANSITIONS,
    Attempt,
    Availability,
    Booking,
    BookingRequest,
    Circumstances,
    Event,
    Policy,
    SeatAvailability,
    SeatOffer,
)
from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Model

COLUMNS = """
    b.id, b.student_id, b.library_id, b.seat_id, s.code AS seat_code, b.start_at, b.end_at, b.status, b.fee_plan_id,
    b.amount_paise, b.hold_expires_at, b.payment_id, b.policy, b.reason, b.created_at, b.updated_at"""

CIRCUMSTANCES = """
    l.status AS library_status, o.windows @> tstzrange(%(start)s, %(end)s) AS open_throughout,
    o.windows @> %(start)s::timestamptz OR opening_windows(l.id, g.timezone, o.day + 1, o.day) <> '{}' AS open_that_day,
    p.kind AS plan_kind, p.status AS plan_status, v.price_paise, v.tax_included, v.gst_rate,
    NOT EXISTS (SELECT FROM fee_plan_libraries f WHERE f.fee_plan_id = p.id)
        OR EXISTS (SELECT FROM fee_plan_libraries f WHERE f.fee_plan_id = p.id AND f.library_id = l.id) AS plan_here,
    st.status AS student_status,
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

# The library's policy decides, and is kept with the booking, in the statement that tries for the seat.
HOLD = f"""
    WITH rule AS MATERIALIZED (SELECT %(policy)s::jsonb || library_policy(%(library)s, 'booking') AS policy)
    SELECT h.outcome, h.seat_id, h.seat_code, h.alternatives, rule.policy - 'max_open' AS policy,
           (rule.policy ->> 'max_open')::bigint AS max_open,
           CASE WHEN rule.policy ->> 'max_open' IS NOT NULL
                THEN other_open_bookings(%(student)s, %(id)s, %(now)s) END AS open_bookings, {CIRCUMSTANCES}
    FROM rule, LATERAL hold_seat(%(id)s, %(library)s, %(seat)s, %(student)s, %(plan)s, %(start)s, %(end)s,
                   %(now)s + make_interval(mins => (rule.policy ->> 'hold_minutes')::integer),
                   rule.policy - 'max_open', %(by)s, %(now)s) h, {AROUND}
    WHERE {NAMED}"""

LOOK = f"SELECT {CIRCUMSTANCES} FROM {AROUND} WHERE {NAMED}"

PRICED = """
    UPDATE bookings SET amount_paise = %(amount)s, status = %(status)s, hold_expires_at = %(until)s WHERE id = %(id)s"""
LASTING = "UPDATE seat_occupancy SET lapses_at = NULL WHERE source_id = %(id)s"

# The booking's row first, then its claim: the order in which everybody locks.
MOVE_ON = f"""
    WITH moved AS (
        UPDATE bookings SET status = %(after)s, hold_expires_at = %(until)s, updated_at = %(now)s,
               payment_id = coalesce(%(payment)s, payment_id), reason = coalesce(%(reason)s, reason)
        WHERE id = %(id)s AND status = ANY (%(before)s) AND (%(owner)s::uuid IS NULL OR student_id = %(owner)s)
          AND (%(libraries)s::uuid[] IS NULL OR library_id = ANY (%(libraries)s))
          AND (%(due)s::timestamptz IS NULL OR hold_expires_at <= %(due)s)
        RETURNING *),
    freed AS (DELETE FROM seat_occupancy o USING moved WHERE o.source_id = moved.id AND NOT %(live)s),
    kept AS (UPDATE seat_occupancy o SET lapses_at = %(until)s FROM moved WHERE o.source_id = moved.id AND %(live)s)
    SELECT {COLUMNS} FROM moved b JOIN seats s ON s.id = b.seat_id"""

READ = f"SELECT {COLUMNS} FROM bookings b JOIN seats s ON s.id = b.seat_id WHERE b.id = %(id)s"

LIST = f"""
    SELECT {COLUMNS} FROM bookings b JOIN seats s ON s.id = b.seat_id
    WHERE (%(after)s::uuid IS NULL OR b.id < %(after)s) AND (%(student)s::uuid IS NULL OR b.student_id = %(student)s)
      AND (%(library)s::uuid IS NULL OR b.library_id = %(library)s) AND (%(seat)s::uuid IS NULL OR b.seat_id = %(seat)s)
      AND (%(libraries)s::uuid[] IS NULL OR b.library_id = ANY (%(libraries)s))
      AND (%(status)s::text IS NULL OR b.status = %(status)s)
      AND (%(start)s::timestamptz IS NULL OR b.end_at > %(start)s)
      AND (%(end)s::timestamptz IS NULL OR b.start_at < %(end)s)
    ORDER BY b.id DESC LIMIT %(most)s"""

SEATS = """
    SELECT s.id AS seat_id, s.code, s.zone_id, z.name AS zone, s.kind, s.attributes, f.id IS NOT NULL AS free
    FROM libraries l JOIN seats s ON s.library_id = l.id AND s.status <> 'retired' JOIN zones z ON z.id = s.zone_id
    LEFT JOIN free_seats(%(library)s, tstzrange(%(start)s, %(end)s), %(now)s) f ON f.id = s.id
    WHERE l.id = %(library)s ORDER BY s.code"""

FREE = """
    SELECT id AS seat_id, code FROM free_seats(%(library)s, tstzrange(%(start)s, %(end)s), %(now)s)
    ORDER BY code LIMIT 5"""

TELL = """
    UPDATE bookings SET hold_expires_at = NULL
    WHERE id = %(id)s AND status = 'expired' AND hold_expires_at IS NOT NULL"""

PAYER = """
    SELECT concat_ws(' ', st.first_name, st.last_name) AS name, st.phone, st.email
    FROM students st WHERE st.id = %(student)s"""


class Payer(Model):
    """Whom a booking's payment is for."""

    name: str
    phone: str | None
    email: str | None


def hold(db: Db, booking_id: UUID, request: BookingRequest, student: UUID, now: datetime) -> Attempt | None:
    """Claim and booking in one call, with what the rules need; None when library, plan or student do not exist."""
    try:
        return db.maybe(
            Attempt,
            HOLD,
            id=booking_id,
            seat=request.seat_id,
            policy=Policy().model_dump_json(by_alias=False),
            by=db.actor.id if db.actor else None,
            now=now,
            **_named(request.library_id, request.fee_plan_id, student, request.start_at, request.end_at),
        )
    except psycopg.errors.ForeignKeyViolation:
        return None


def look(db: Db, booking: Booking, start: datetime, end: datetime) -> Circumstances:
    """The same facts for a booking that exists."""
    return db.one(
        Circumstances, LOOK, **_named(booking.library_id, booking.fee_plan_id, booking.student_id, start, end)
    )


def _named(library: UUID, plan: UUID, student: UUID, start: datetime, end: datetime) -> dict[str, Any]:
    return {"library": library, "plan": plan, "student": student, "start": start, "end": end}


def price_later(db: Db, booking_id: UUID, amount: int, until: datetime | None) -> None:
    """Goes with the commit: the price, and the state that follows from it."""
    status = "held" if until else "confirmed"
    db.later(PRICED, id=booking_id, amount=amount, status=status, until=until)
    if until is None:
        db.later(LASTING, id=booking_id)


def move_on(
    db: Db,
    event: Event,
    booking_id: UUID,
    *,
    owner: UUID | None = None,
    libraries: Sequence[UUID] | None = None,
    payment: UUID | None = None,
    until: datetime | None = None,
    due: datetime | None = None,
    reason: str | None = None,
) -> Booking | None:
    """The booking after the event, its claim kept or freed; None when it is not there or not in a state for it."""
    before, after = TRANSITIONS[event]
    return db.maybe(
        Booking,
        MOVE_ON,
        id=booking_id,
        before=list(before),
        after=after,
        live=after in LIVE,
        owner=owner,
        libraries=list(libraries) if libraries is not None else None,
        payment=payment,
        until=until,
        due=due,
        reason=reason,
        now=clock.now(),
    )


def move_on_later(db: Db, event: Event, booking_id: UUID) -> None:
    """The same with the commit, for a booking that is locked and known to be in a state for it."""
    before, after = TRANSITIONS[event]
    facts = {"owner": None, "libraries": None, "payment": None, "until": None, "due": None, "reason": None}
    db.later(MOVE_ON, id=booking_id, before=list(before), after=after, live=after in LIVE, now=clock.now(), **facts)


def read(db: Db, booking_id: UUID) -> Booking:
    return db.one(Booking, READ, id=booking_id)


def find(db: Db, booking_id: UUID) -> Booking | None:
    return db.maybe(Booking, READ, id=booking_id)


def listed(db: Db, most: int, after: str | None, **filters: Any) -> list[Booking]:
    """Newest first, one more than a page."""
    asked = dict.fromkeys(("student", "library", "seat", "status", "start", "end", "libraries")) | filters
    return db.all(Booking, LIST, most=most, after=after, **asked)


def availability(db: Db, library: UUID, start: datetime, end: datetime) -> Availability:
    """Every seat of the library with whether it is free for all of that time."""
    seats = db.all(SeatAvailability, SEATS, library=library, start=start, end=end, now=clock.now())
    if not seats and not db.value("SELECT 1 FROM libraries WHERE id = %(library)s", library=library):
        raise NotFound
    free = sum(seat.free for seat in seats)
    return Availability(library_id=library, from_=start, to=end, seats=seats, free=free)


def free(db: Db, library: UUID, start: datetime, end: datetime) -> list[SeatOffer]:
    """A few seats that are free for all of that time."""
    return db.all(SeatOffer, FREE, library=library, start=start, end=end, now=clock.now())


def confirm_paid(db: Db, booking_id: UUID, payment_id: UUID) -> str:
    """`confirmed`, `already` (by this payment), or `gone`."""
    outcome: str = db.value(
        "SELECT confirm_paid(%(id)s, %(payment)s, %(now)s)", id=booking_id, payment=payment_id, now=clock.now()
    )
    return outcome


def change(db: Db, booking: Booking, seat: UUID, start: datetime, end: datetime, amount: int) -> str:
    """`moved`, `seat_taken`, `too_many_concurrent` or `state_conflict`."""
    outcome: str = db.value(
        "SELECT move_booking(%(id)s, %(claim)s, %(seat)s, %(start)s, %(end)s, %(amount)s, %(now)s)",
        id=booking.id,
        claim=ids.uuid7(),
        seat=seat,
        start=start,
        end=end,
        amount=amount,
        now=clock.now(),
    )
    return outcome


def payer(db: Db, student: UUID) -> Payer:
    return db.one(Payer, PAYER, student=student)


def tell_lapsed(db: Db, booking_id: UUID) -> bool:
    """A hold that somebody else's claim ended: true for the first who asks, so that its event is sent once."""
    return db.run(TELL, id=booking_id) == 1


def mistaken_seat(db: Db, library: UUID, seat: UUID) -> bool:
    """A seat that is not one of this library's usable ones."""
    found = db.value(
        "SELECT 1 FROM seats WHERE id = %(seat)s AND library_id = %(library)s AND status = 'active'",
        seat=seat,
        library=library,
    )
    return not found
