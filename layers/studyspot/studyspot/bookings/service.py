"""What can be done with bookings: hold, confirm, move, give back - and what payments and attendance do to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from studyspot.bookings import queries, rules
from studyspot.bookings.models import (
    Availability,
    Booking,
    BookingRequest,
    CancelTooLate,
    Event,
    HoldExpired,
    NotPaid,
    Precheck,
)
from studyspot.bookings.scope import (
    TIMER,
    beyond_own,
    facts_of,
    moment_key,
    refuse,
    scope,
    stuck,
    visible,
    watch_for_no_show,
)
from studyspot.kit import clock, ids, outbox, timers
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Forbidden, Invalid, NotFound, Problem, StateConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging

if TYPE_CHECKING:
    from studyspot.payments.models import Payable


def book(db: Db, actor: Actor, request: BookingRequest) -> Booking:
    """Hold a seat for ten minutes; confirmed at once when it costs nothing. One statement, then the commit."""
    now, booking_id = clock.now(), ids.uuid7()
    with db.transaction():
        student = _student(actor, request)
        refuse(rules.of_order(request.start_at, request.end_at))
        found = queries.hold(db, booking_id, request, student, now)
        if found is None:
            raise NotFound
        refuse(rules.of_time(request.start_at, request.end_at, found.policy, now))
        rules.of_circumstances(found)
        rules.of_outcome(found)
        assert found.seat_id and found.seat_code, "a seat that was won has a name"
        amount = rules.price(found, request.start_at, request.end_at)
        until = now + timedelta(minutes=found.policy.hold_minutes) if amount else None
        queries.price_later(db, booking_id, amount, until)
        booking = Booking(
            id=booking_id,
            student_id=student,
            library_id=request.library_id,
            seat_id=found.seat_id,
            seat_code=found.seat_code,
            start_at=request.start_at,
            end_at=request.end_at,
            status="held" if until else "confirmed",
            fee_plan_id=request.fee_plan_id,
            amount_paise=amount,
            hold_expires_at=until,
            payment_id=None,
            policy=found.policy,
            reason=None,
            created_at=now,
            updated_at=now,
        )
        if until:
            outbox.emit(db, "booking.held", booking_id, facts_of(booking))
            timers.wait(db, until, TIMER, booking_id, "release")
        else:
            _confirmed(db, booking)
    return booking


def precheck(db: Db, actor: Actor, request: BookingRequest) -> Precheck:
    """Would `book` accept it? It is tried and undone, so that there is only one set of rules."""
    try:
        booking = book(db, actor, request)
    except (Invalid, NotFound, Forbidden):
        raise
    except Problem as stopped:
        if stopped.status in (401, 429, 503):
            raise
        offers = stopped.members.get("alternatives") or []
        return Precheck(accepted=False, code=stopped.code, message=stopped.detail, alternatives=offers)
    db.rollback()
    return Precheck(accepted=True, amount_paise=booking.amount_paise, seat_id=booking.seat_id)


def read(db: Db, actor: Actor, booking_id: UUID) -> Booking:
    """One's own, or any with the permission."""
    return visible(actor, queries.read(db, booking_id), "bookings:read")


def listed(db: Db, actor: Actor, paging: Paging, **filters: Any) -> Page[Booking]:
    """Newest first; students see their own."""
    bound = scope(actor, "bookings:read")
    if bound["owner"]:
        filters["student"] = bound["owner"]
    return paging.page(queries.listed(db, paging.fetch, paging.after, libraries=bound["libraries"], **filters))


def availability(db: Db, library: UUID, start: datetime, end: datetime) -> Availability:
    """What is free for all of that time."""
    if end <= start:
        raise Invalid.field("to", "must be after from")
    return queries.availability(db, library, start, end)


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
        _confirmed(db, booking)
    return booking


def cancel(db: Db, actor: Actor, booking_id: UUID, reason: str | None = None) -> Booking:
    """Give the seat back; what was paid goes back by the policy kept with the booking."""
    with db.transaction():
        booking = _moved(db, actor, "cancel", booking_id, "bookings:cancel", reason=reason)
        latest = booking.start_at - timedelta(minutes=booking.policy.cancel_before_minutes)
        if not beyond_own(actor, "bookings:cancel") and clock.now() >= latest:
            raise CancelTooLate
        _told(db, "cancelled", booking)
        if booking.payment_id:
            outbox.send(db, "payment-settler", {"refundOf": booking.payment_id, "reason": "booking cancelled"})
    return booking


def reject(db: Db, actor: Actor, booking_id: UUID, reason: str | None) -> Booking:
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
        _told(db, "no_show", booking)
    return booking


def payable(db: Db, booking_id: UUID, actor: Actor) -> Payable:
    """What a payment for this booking is, as the server computed it."""
    from studyspot.payments.models import AlreadyPaid, Payable

    booking = visible(actor, queries.read(db, booking_id), "bookings:read")
    if booking.status in ("confirmed", "checked_in", "completed"):
        raise AlreadyPaid
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
        _confirmed(db, queries.read(db, booking_id))
    return outcome != "gone"


def release_unpaid(db: Db, booking_id: UUID, facts: dict[str, Any]) -> None:
    """A timer of this booking is due: the hold lapsed unpaid, or nobody came by the end of the grace."""
    if "start" in facts:
        _release_no_show(db, booking_id, facts["start"])
        return
    booking = queries.move_on(db, "expire", booking_id, due=clock.now())
    if booking or queries.tell_lapsed(db, booking_id):
        outbox.emit(db, "booking.expired", booking_id, facts_of(booking or queries.read(db, booking_id)))


def _release_no_show(db: Db, booking_id: UUID, start: str) -> None:
    booking = queries.find(db, booking_id)
    # A booking that was moved since has another timer.
    if booking and moment_key(booking.start_at) == start and queries.move_on(db, "no_show", booking_id):
        _told(db, "no_show", booking)


def arrived(db: Db, booking_id: UUID) -> None:
    """With the commit, for a booking that attendance has locked and found confirmed."""
    queries.move_on_later(db, "check_in", booking_id)
    timers.cancel(db, TIMER, booking_id)
    outbox.emit(db, "booking.checked_in", booking_id)


def left(db: Db, booking_id: UUID) -> None:
    """With the commit: completed, and the rest of its time is free at once."""
    queries.move_on_later(db, "check_out", booking_id)
    outbox.emit(db, "booking.completed", booking_id)


def _student(actor: Actor, request: BookingRequest) -> UUID:
    """Students book for themselves, staff for the student they name."""
    if actor.user_type == "student":
        if request.student_id not in (None, actor.id):
            raise Forbidden("students book for themselves")
        return actor.id
    if request.student_id is None:
        raise Invalid.field("studentId", "staff name the student they book for")
    if actor.library_ids is not None and request.library_id not in actor.library_ids:
        raise NotFound
    return request.student_id


def _moved(db: Db, actor: Actor, event: Event, booking_id: UUID, permission: str, reason: str | None = None) -> Booking:
    booking = queries.move_on(db, event, booking_id, reason=reason, **scope(actor, permission))
    if booking is None:
        stuck(visible(actor, queries.read(db, booking_id), permission), event)
    return booking


def _confirmed(db: Db, booking: Booking) -> None:
    timers.cancel(db, TIMER, booking.id)
    watch_for_no_show(db, booking)
    _told(db, "confirmed", booking)


def _told(db: Db, what: str, booking: Booking) -> None:
    outbox.emit(db, f"booking.{what}", booking.id, facts_of(booking))
