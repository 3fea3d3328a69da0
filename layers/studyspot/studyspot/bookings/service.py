"""What can be done with bookings: hold, confirm, move, give back - and what payments and attendance do to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from studyspot.bookings import queries, rules, strikes, waiting
from studyspot.bookings.making import attempt, confirmed, make, standing
from studyspot.bookings.models import Availability, Booking, BookingRequest, Event, Moved, Precheck, Refusal
from studyspot.bookings.models.refusals import ApprovalPending, HoldExpired, NotPaid, SeatTaken, TooManyConcurrent
from studyspot.bookings.money import cancelled
from studyspot.bookings.scope import TIMER, beyond_own, facts_of, moment_key, refuse, scope, stuck, visible
from studyspot.kit import audit, clock, outbox, timers
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Forbidden, Invalid, NotFound, Problem, StateConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging

if TYPE_CHECKING:
    from studyspot.payments.models import Payable

MOST_SHOWN = 20


def book(db: Db, actor: Actor, request: BookingRequest) -> Booking:
    """Hold a seat for ten minutes; confirmed at once when it costs nothing. One statement, then the commit."""
    with db.transaction():
        return make(db, actor, request)


def precheck(db: Db, actor: Actor, request: BookingRequest) -> Precheck:
    """Would `book` accept it? It is tried and undone, so that there is only one set of rules."""
    try:
        with db.transaction():
            tried = attempt(db, actor, request)
            stopped = standing(actor, request.override_reason, tried.refusals)
    except (Invalid, NotFound, Forbidden):
        raise
    except Problem as refused:
        if refused.status in (401, 429, 503):
            raise
        return _refused([refused])
    db.rollback()
    if stopped:
        return _refused(stopped)
    return Precheck(accepted=True, amount_paise=tried.price, seat_id=tried.found.seat_id)


def _refused(rules_against: list[Problem]) -> Precheck:
    first, offers = rules_against[0], [a for r in rules_against for a in r.members.get("alternatives") or []]
    told = [Refusal(code=rule.code, message=rule.detail) for rule in rules_against]
    return Precheck(accepted=False, refusals=told, code=first.code, message=first.detail, alternatives=offers)


def read(db: Db, actor: Actor, booking_id: UUID) -> Booking:
    """One's own, or any with the permission."""
    return visible(actor, queries.read(db, booking_id), "bookings:read")


def listed(db: Db, actor: Actor, paging: Paging, **filters: Any) -> Page[Booking]:
    """Newest first; students see their own."""
    bound = scope(actor, "bookings:read")
    if bound["owner"]:
        filters["student"] = bound["owner"]
    return paging.page(queries.listed(db, paging.fetch, paging.after, libraries=bound["libraries"], **filters))


def coming(db: Db, student_id: UUID, now: datetime) -> list[Booking]:
    """What a student has booked that is not over, newest first."""
    return queries.listed(db, MOST_SHOWN, None, student=student_id, start=now)


def availability(
    db: Db, library: UUID, start: datetime, end: datetime, kind: str | None = None, attributes: str | None = None
) -> Availability:
    """What is free for all of that time."""
    if end <= start:
        raise Invalid.field("to", "must be after from")
    wanted = [name.strip() for name in (attributes or "").split(",") if name.strip()]
    return queries.availability(db, library, start, end, kind, wanted)


def confirm(db: Db, actor: Actor, booking_id: UUID) -> Booking:
    """By staff, whatever was paid at the desk; a student's own paid or free booking is confirmed already."""
    with db.transaction():
        if not beyond_own(actor, "bookings:confirm"):
            booking = read(db, actor, booking_id)
            if booking.status in ("held", "pending_payment"):
                raise NotPaid
            if booking.status != "confirmed":
                stuck(booking, "confirm")
            return booking
        booking = _moved(db, actor, "confirm", booking_id, "bookings:confirm")
        confirmed(db, booking)
    return booking


def approve(db: Db, actor: Actor, booking_id: UUID) -> Booking:
    """Staff agree: confirmed when it costs nothing, else held again for as long as a payment takes."""
    with db.transaction():
        booking = visible(actor, queries.read(db, booking_id), "bookings:confirm")
        if booking.status != "held" or booking.approval != "waiting":
            stuck(booking, "approve")
        if not booking.amount_paise:
            booking = _moved(db, actor, "confirm", booking_id, "bookings:confirm")
            confirmed(db, booking)
            return booking
        until = clock.now() + timedelta(minutes=booking.policy.hold_minutes)
        booking = _moved(db, actor, "approve", booking_id, "bookings:confirm", until=until)
        timers.wait(db, until, TIMER, booking_id, "release", period=moment_key(until))
        _told(db, "approved", booking)
    return booking


def cancel(db: Db, actor: Actor, booking_id: UUID, reason: str | None = None) -> Moved:
    """Give the seat back; what was paid goes back by the policy kept with the booking."""
    with db.transaction():
        booking = _moved(db, actor, "cancel", booking_id, "bookings:cancel", reason=reason)
        if not beyond_own(actor, "bookings:cancel"):
            refuse(rules.of_cancelling(booking, clock.now()))
        cancelled(db, booking)
        audit.note(db, "bookings.cancel", "bookings", booking_id, after=facts_of(booking) | {"reason": reason})
    return booking


def give_up(db: Db, actor: Actor, booking_id: UUID, reason: str | None = None) -> Booking:
    """Cancelled, and whoever waits for the seat is asked at once: in a transaction of its own."""
    booking = cancel(db, actor, booking_id, reason)
    if booking.waited_for:
        waiting.next_now(db, booking.library_id)
    return booking


def reject(db: Db, actor: Actor, booking_id: UUID, reason: str) -> Booking:
    """Staff refuse a held booking."""
    with db.transaction():
        booking = _moved(db, actor, "reject", booking_id, "bookings:confirm", reason=reason)
        _told(db, "rejected", booking)
    return booking


def no_show(db: Db, actor: Actor, booking_id: UUID) -> Booking:
    """Staff mark that nobody came."""
    with db.transaction():
        booking = _moved(db, actor, "no_show", booking_id, "bookings:confirm")
        if clock.now() < booking.start_at:
            raise StateConflict("the booking has not begun yet")
        strikes.missed(db, booking)
    return booking


def come_back(db: Db, booking: Booking) -> None:
    """Released as not coming, and here after all: only where the seat is still free. In the check-in's transaction."""
    match queries.come_back(db, booking.id):
        case "seat_taken":
            raise SeatTaken
        case "too_many_concurrent":
            raise TooManyConcurrent
        case "state_conflict":
            stuck(booking, "check_in")
    due, now = clock.now() + timedelta(minutes=booking.policy.no_show_minutes), moment_key(clock.now())
    timers.wait(db, due, TIMER, booking.id, "no_show", period=now, start=moment_key(booking.start_at))


def payable(db: Db, booking_id: UUID, actor: Actor) -> Payable:
    """What a payment for this booking is, as the server computed it."""
    from studyspot.payments.models import AlreadyPaid, Payable

    booking = visible(actor, queries.read(db, booking_id), "bookings:read")
    if booking.status in ("confirmed", "checked_in", "completed"):
        raise AlreadyPaid
    if booking.approval == "waiting":
        raise ApprovalPending
    lapsed = booking.hold_expires_at is not None and booking.hold_expires_at <= clock.now()
    if booking.status == "expired" or lapsed:
        raise HoldExpired
    if booking.status not in ("held", "pending_payment"):
        stuck(booking, "pay")
    payer = queries.payer(db, booking.student_id)
    return Payable(
        purpose="booking",
        purpose_id=booking.id,
        amount_paise=booking.amount_paise,
        description=f"Seat {booking.seat_code}",
        student_id=booking.student_id,
        customer_name=payer.name,
        customer_phone=payer.phone,
        customer_email=payer.email,
        expires_at=booking.hold_expires_at,
    )


def await_payment(db: Db, booking_id: UUID, payment_id: UUID, until: datetime) -> None:
    """A payment was opened: the hold lasts as long as it."""
    booking = queries.move_on(db, "await_payment", booking_id, payment=payment_id, until=until)
    if booking is None:
        raise HoldExpired
    timers.wait(db, until, TIMER, booking_id, "release", period=moment_key(until))


def confirm_paid(db: Db, booking_id: UUID, payment_id: UUID) -> bool:
    """Captured: confirmed, also after the hold lapsed if seat and student are still free. False: give it back."""
    outcome = queries.confirm_paid(db, booking_id, payment_id)
    if outcome == "confirmed":
        confirmed(db, queries.read(db, booking_id))
    return outcome != "gone"


def take_back(db: Db, booking_id: UUID, payment_id: UUID) -> bool:
    """The money that confirmed it never was: the seat is free again. False: somebody came, or it is paid otherwise."""
    booking = queries.read(db, booking_id)
    if booking.payment_id != payment_id or booking.status != "confirmed":
        return False
    moved = queries.move_on(db, "cancel", booking_id, reason="payment voided")
    if moved is None:
        return False
    outbox.emit(db, "booking.cancelled", booking_id, facts_of(moved))
    audit.note(db, "bookings.cancel", "bookings", booking_id, after=facts_of(moved) | {"reason": "payment voided"})
    return True


def release_unpaid(db: Db, booking_id: UUID, facts: dict[str, Any]) -> None:
    """A timer of this booking is due: the hold lapsed unpaid, or nobody came by the end of the grace."""
    if "start" in facts:
        _release_no_show(db, booking_id, facts["start"])
        return
    booking = queries.move_on(db, "expire", booking_id, due=clock.now())
    if booking or queries.tell_lapsed(db, booking_id):
        outbox.emit(db, "booking.expired", booking_id, facts_of(booking or queries.read(db, booking_id)))
        waiting.expired(db, booking_id)


def _release_no_show(db: Db, booking_id: UUID, start: str) -> None:
    booking = queries.find(db, booking_id)
    # A booking that was moved since has another timer.
    if booking and moment_key(booking.start_at) == start and (missed := queries.move_on(db, "no_show", booking_id)):
        strikes.missed(db, missed)


def arrived(db: Db, booking_id: UUID) -> None:
    """With the commit, for a booking that attendance has locked and found confirmed."""
    queries.move_on_later(db, "check_in", booking_id)
    timers.cancel(db, TIMER, booking_id)
    outbox.emit(db, "booking.checked_in", booking_id)


def left(db: Db, booking_id: UUID) -> None:
    """With the commit: completed, and the rest of its time is free at once."""
    queries.move_on_later(db, "check_out", booking_id)
    outbox.emit(db, "booking.completed", booking_id)


def _moved(db: Db, actor: Actor, event: Event, booking_id: UUID, permission: str, **facts: Any) -> Moved:
    booking = queries.move_on(db, event, booking_id, **facts, **scope(actor, permission))
    if booking is None:
        stuck(visible(actor, queries.read(db, booking_id), permission), event)
    return booking


def _told(db: Db, what: str, booking: Booking) -> None:
    outbox.emit(db, f"booking.{what}", booking.id, facts_of(booking))
