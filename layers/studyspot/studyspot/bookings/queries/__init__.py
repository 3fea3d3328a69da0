"""The SQL of bookings. The functions that claim seat time are in the schema, beside the constraint they rely on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.bookings.models import (
    LIVE,
    TRANSITIONS,
    Availability,
    Booking,
    Event,
    Moved,
    SeatAvailability,
    SeatOffer,
)
from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Model

COLUMNS = """
    b.id, b.student_id, b.library_id, b.seat_id, s.code AS seat_code, b.start_at, b.end_at, b.status, b.fee_plan_id,
    b.amount_paise, b.hold_expires_at, b.payment_id, b.policy, b.reason, b.created_at, b.updated_at,
    CASE WHEN b.status = 'no_show' THEN true WHEN b.status IN ('checked_in','completed') THEN false END AS no_show,
    b.series_id, b.approval, b.desk_method, b.waitlist_id"""

PRICED = """
    UPDATE bookings SET amount_paise = %(amount)s, status = %(status)s, hold_expires_at = %(until)s,
        approval = %(approval)s, series_id = %(series)s WHERE id = %(id)s"""
LASTING = "UPDATE seat_occupancy SET lapses_at = %(until)s WHERE source_id = %(id)s"

# The booking's row first, then its claim: the order in which everybody locks.
MOVE_ON = f"""
    WITH moved AS (
        UPDATE bookings SET status = %(after)s, hold_expires_at = %(until)s, updated_at = %(now)s,
               payment_id = coalesce(%(payment)s, payment_id), reason = coalesce(%(reason)s, reason),
               approval = CASE WHEN %(approved)s AND approval = 'waiting' THEN 'given' ELSE approval END
        WHERE id = %(id)s AND status = ANY (%(before)s) AND (%(owner)s::uuid IS NULL OR student_id = %(owner)s)
          AND (%(libraries)s::uuid[] IS NULL OR library_id = ANY (%(libraries)s))
          AND (%(due)s::timestamptz IS NULL OR hold_expires_at <= %(due)s)
        RETURNING *),
    freed AS (DELETE FROM seat_occupancy o USING moved WHERE o.source_id = moved.id AND NOT %(live)s),
    kept AS (UPDATE seat_occupancy o SET lapses_at = %(until)s FROM moved WHERE o.source_id = moved.id AND %(live)s)
    SELECT {COLUMNS}, EXISTS (
        SELECT FROM waitlist_entries w WHERE w.library_id = b.library_id AND w.status = 'waiting'
            AND w.start_at < b.end_at AND w.end_at > b.start_at) AS waited_for
    FROM moved b JOIN seats s ON s.id = b.seat_id"""

READ = f"SELECT {COLUMNS} FROM bookings b JOIN seats s ON s.id = b.seat_id WHERE b.id = %(id)s"

LIST = f"""
    SELECT {COLUMNS} FROM bookings b JOIN seats s ON s.id = b.seat_id
    WHERE (%(after)s::uuid IS NULL OR b.id < %(after)s) AND (%(student)s::uuid IS NULL OR b.student_id = %(student)s)
      AND (%(library)s::uuid IS NULL OR b.library_id = %(library)s) AND (%(seat)s::uuid IS NULL OR b.seat_id = %(seat)s)
      AND (%(series)s::uuid IS NULL OR b.series_id = %(series)s)
      AND (%(approval)s::text IS NULL OR b.approval = %(approval)s)
      AND (%(libraries)s::uuid[] IS NULL OR b.library_id = ANY (%(libraries)s))
      AND (%(status)s::text IS NULL OR b.status = %(status)s)
      AND (%(start)s::timestamptz IS NULL OR b.end_at > %(start)s)
      AND (%(end)s::timestamptz IS NULL OR b.start_at < %(end)s)
    ORDER BY b.id DESC LIMIT %(most)s"""

SEATS = """
    SELECT s.id AS seat_id, s.code, s.zone_id, z.name AS zone, s.kind, s.attributes, f.id IS NOT NULL AS free
    FROM libraries l JOIN seats s ON s.library_id = l.id AND s.status <> 'retired' JOIN zones z ON z.id = s.zone_id
    LEFT JOIN free_seats(%(library)s, claimed_time(%(start)s, %(end)s, library_policy(%(library)s, 'booking')),
                         %(now)s) f ON f.id = s.id
    WHERE l.id = %(library)s AND (%(kind)s::text IS NULL OR s.kind = %(kind)s)
      AND s.attributes @> %(attributes)s::text[]
    ORDER BY s.code"""

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


def price(db: Db, booking: Booking, held_until: datetime, at_once: bool) -> None:
    """The price, and the state that follows from it: with the commit, unless somebody reads it before that."""
    write: Callable[..., Any] = db.run if at_once else db.later
    until = booking.hold_expires_at
    write(
        PRICED,
        id=booking.id,
        amount=booking.amount_paise,
        status=booking.status,
        until=until,
        approval=booking.approval,
        series=booking.series_id,
    )
    if until != held_until:
        write(LASTING, id=booking.id, until=until)


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
) -> Moved | None:
    """The booking after the event, its claim kept or freed; None when it is not there or not in a state for it."""
    before, after = TRANSITIONS[event]
    return db.maybe(
        Moved,
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
        approved=event in ("approve", "confirm"),
        now=clock.now(),
    )


def move_on_later(db: Db, event: Event, booking_id: UUID) -> None:
    """The same with the commit, for a booking that is locked and known to be in a state for it."""
    before, after = TRANSITIONS[event]
    facts: dict[str, Any] = dict.fromkeys(("owner", "libraries", "payment", "until", "due", "reason"))
    facts |= {"live": after in LIVE, "approved": False, "now": clock.now()}
    db.later(MOVE_ON, id=booking_id, before=list(before), after=after, **facts)


def read(db: Db, booking_id: UUID) -> Booking:
    return db.one(Booking, READ, id=booking_id)


def find(db: Db, booking_id: UUID) -> Booking | None:
    return db.maybe(Booking, READ, id=booking_id)


def listed(db: Db, most: int, after: str | None, **filters: Any) -> list[Booking]:
    """Newest first, one more than a page."""
    asked = (
        dict.fromkeys(("student", "library", "seat", "status", "start", "end", "libraries", "series", "approval"))
        | filters
    )
    return db.all(Booking, LIST, most=most, after=after, **asked)


def availability(
    db: Db, library: UUID, start: datetime, end: datetime, kind: str | None, attributes: list[str]
) -> Availability:
    """Every seat of the library, of those asked for, with whether it is free for all of that time."""
    wanted = {"start": start, "end": end, "kind": kind, "attributes": attributes}
    seats = db.all(SeatAvailability, SEATS, library=library, now=clock.now(), **wanted)
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


def come_back(db: Db, booking_id: UUID) -> str:
    """`confirmed`, `seat_taken`, `too_many_concurrent` or `state_conflict`."""
    outcome: str = db.value("SELECT come_back(%(id)s, %(now)s)", id=booking_id, now=clock.now())
    return outcome


def paid_at_desk(db: Db, booking_id: UUID, method: str) -> None:
    """Over the counter; what the books say of it is the ledger's."""
    db.later("UPDATE bookings SET desk_method = %(method)s WHERE id = %(id)s", id=booking_id, method=method)


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
