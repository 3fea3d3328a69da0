"""Moving a booking to another time or seat, and making it longer or shorter."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from studyspot.bookings import queries, rules
from studyspot.bookings.making import standing
from studyspot.bookings.models import Booking, BookingChange, Circumstances, Extension
from studyspot.bookings.models.refusals import OffGrid, PriceDiffers, SeatTaken, TooManyConcurrent
from studyspot.bookings.queries import trying
from studyspot.bookings.scope import beyond_own, facts_of, stuck, visible, watch_for_no_show
from studyspot.kit import audit, clock
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound, Problem


def change(db: Db, actor: Actor, booking_id: UUID, request: BookingChange) -> Booking:
    """Another time or seat, by the rules of the booking's own policy."""
    with db.transaction():
        booking = visible(actor, queries.read(db, booking_id), "bookings:cancel")
        seat, start, end = (
            request.changes().get(name, getattr(booking, name)) for name in ("seat_id", "start_at", "end_at")
        )
        if end <= start:
            raise Invalid.field("endAt", "must be after startAt")
        found = trying.look(db, booking, start, end)
        for refusal in _against(booking, found, start, end):
            raise refusal
        if booking.status == "checked_in":
            stuck(booking, "move")
        return _changed(db, actor, booking, found, seat, start, end)


def extend(db: Db, actor: Actor, booking_id: UUID, asked: Extension) -> Booking:
    """The same seat for longer, if nobody has it next; or for less, from now on."""
    with db.transaction():
        booking = visible(actor, queries.read(db, booking_id), "bookings:cancel")
        if asked.end_at <= max(booking.start_at, clock.now()):
            raise Invalid.field("endAt", "must be ahead, and after the booking begins")
        found = trying.look(db, booking, booking.start_at, asked.end_at)
        broken = list(_against(booking, found, booking.start_at, asked.end_at))
        for refusal in standing(actor, asked.override_reason, broken):
            raise refusal
        if broken:
            told = {"overridden": [rule.code for rule in broken], "reason": asked.override_reason}
            audit.note(db, "bookings.override", "bookings", booking.id, after=told)
        return _changed(db, actor, booking, found, booking.seat_id, booking.start_at, asked.end_at)


def _against(booking: Booking, found: Circumstances, start: datetime, end: datetime) -> list[Problem]:
    """Who keeps the beginning is judged by the length only, however long ago it was."""
    policy, now = booking.policy, clock.now()
    if start == booking.start_at and end > now:
        broken = list(rules.of_length(start, end, policy))
        if policy.slot_minutes and rules.off_grid(end, policy.slot_minutes, ZoneInfo(found.timezone)):
            broken.append(OffGrid(f"bookings end every {policy.slot_minutes} minutes"))
    else:
        broken = list(rules.of_time(start, end, policy, now, ZoneInfo(found.timezone)))
    return [*broken, *rules.of_circumstances(found), *rules.of_quotas(found, policy, start, end)]


def _changed(
    db: Db, actor: Actor, booking: Booking, found: Circumstances, seat: UUID, start: datetime, end: datetime
) -> Booking:
    amount = rules.price(found, start, end)
    paid = booking.status in ("confirmed", "checked_in")
    if paid and amount != booking.amount_paise and not beyond_own(actor, "bookings:confirm"):
        raise PriceDiffers(amountPaise=amount)
    if seat != booking.seat_id and queries.mistaken_seat(db, booking.library_id, seat):
        raise NotFound
    _moved_to(db, booking, seat, start, end, amount)
    after = queries.read(db, booking.id)
    audit.note(db, "booking.moved", "bookings", booking.id, facts_of(booking), facts_of(after))
    if after.status == "confirmed" and after.start_at != booking.start_at:
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
