"""Moving a booking to another time or seat."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from studyspot.bookings import queries, rules
from studyspot.bookings.models import Booking, BookingChange, PriceDiffers, SeatTaken, TooManyConcurrent
from studyspot.bookings.scope import beyond_own, facts_of, refuse, stuck, visible, watch_for_no_show
from studyspot.kit import audit, clock
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound


def change(db: Db, actor: Actor, booking_id: UUID, request: BookingChange) -> Booking:
    """Another time or seat, by the rules of the booking's own policy."""
    with db.transaction():
        booking = visible(actor, queries.read(db, booking_id), "bookings:cancel")
        seat, start, end = (
            request.changes().get(name, getattr(booking, name)) for name in ("seat_id", "start_at", "end_at")
        )
        if not (start == booking.start_at and end > clock.now()):
            refuse(rules.of_time(start, end, booking.policy, clock.now()))
        found = queries.look(db, booking, start, end)
        rules.of_circumstances(found)
        amount = rules.price(found, start, end)
        if (
            booking.status == "confirmed"
            and amount != booking.amount_paise
            and not beyond_own(actor, "bookings:confirm")
        ):
            raise PriceDiffers(amountPaise=amount)
        if seat != booking.seat_id and queries.mistaken_seat(db, booking.library_id, seat):
            raise NotFound
        _moved_to(db, booking, seat, start, end, amount)
        after = queries.read(db, booking_id)
        audit.note(db, "booking.moved", "bookings", booking_id, facts_of(booking), facts_of(after))
        if after.status == "confirmed":
            watch_for_no_show(db, after)
    return after


def _moved_to(db: Db, booking: Booking, seat: UUID, start: datetime, end: datetime, amount: int) -> None:
    match queries.change(db, booking, seat, start, end, amount):
        case "seat_taken":
            db.rollback()
            raise SeatTaken(alternatives=queries.free(db, booking.library_id, start, end))
        case "too_many_concurrent":
            raise TooManyConcurrent
        case "state_conflict":
            stuck(booking, "move")
