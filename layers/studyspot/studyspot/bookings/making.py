"""Making a booking: one statement tries for the seat, the rules judge what it found, the price follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from studyspot.bookings import queries, rules
from studyspot.bookings.models import Attempt, Booking, BookingRequest
from studyspot.bookings.money import DeskSale, sold_at_desk
from studyspot.bookings.queries import trying
from studyspot.bookings.scope import TIMER, beyond_own, facts_of, watch_for_no_show
from studyspot.kit import audit, clock, ids, outbox, timers
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Forbidden, Invalid, NotFound, Problem


@dataclass(frozen=True)
class Tried:
    """A try for a seat, still to be undone or priced."""

    id: UUID
    request: BookingRequest
    student: UUID
    now: datetime
    found: Attempt
    refusals: list[Problem]

    @property
    def price(self) -> int:
        return rules.price(self.found, self.request.start_at, self.request.end_at)

    def booking(self, status: str, until: datetime | None, approval: str | None, series: UUID | None) -> Booking:
        """As it will stand there."""
        assert self.found.seat_id and self.found.seat_code, "a seat that was won has a name"
        return Booking.model_validate(
            {
                "id": self.id,
                "student_id": self.student,
                "library_id": self.request.library_id,
                "seat_id": self.found.seat_id,
                "seat_code": self.found.seat_code,
                "start_at": self.request.start_at,
                "end_at": self.request.end_at,
                "status": status,
                "fee_plan_id": self.request.fee_plan_id,
                "amount_paise": self.price,
                "hold_expires_at": until,
                "payment_id": None,
                "policy": self.found.policy.model_copy(update={"max_open": None}),
                "reason": None,
                "series_id": series,
                "approval": approval,
                "created_at": self.now,
                "updated_at": self.now,
            }
        )


def attempt(db: Db, actor: Actor, request: BookingRequest) -> Tried:
    """Try for the seat, in the caller's transaction; every rule against it is told, none is raised."""
    now, booking_id = clock.now(), ids.uuid7()
    student = _student(actor, request)
    reversed_ = rules.of_order(request.start_at, request.end_at)
    if reversed_:
        raise reversed_
    found = trying.hold(db, booking_id, request, student, now)
    if found is None:
        raise NotFound
    refusals = list(rules.against(found, request.start_at, request.end_at, now))
    return Tried(booking_id, request, student, now, found, refusals)


def make(
    db: Db, actor: Actor, request: BookingRequest, series: UUID | None = None, desk: DeskSale | None = None
) -> Booking:
    """Hold a seat, or confirm it at once when it costs nothing or is paid at the desk; in the caller's transaction."""
    tried = attempt(db, actor, request)
    refusals = tried.refusals if desk is None else [r for r in tried.refusals if not isinstance(r, rules.AHEAD)]
    for refusal in standing(actor, request.override_reason, refusals):
        raise refusal
    policy, start = tried.found.policy, request.start_at
    held_until, until, approval = tried.now + timedelta(minutes=policy.hold_minutes), None, None
    if policy.approval_hours and desk is None and not beyond_own(actor, "bookings:confirm"):
        until, approval = min(tried.now + timedelta(hours=policy.approval_hours), start), "waiting"
    elif tried.price and desk is None:
        until = held_until
    booking = tried.booking("held" if until else "confirmed", until, approval, series)
    queries.price(db, booking, held_until, at_once=desk is not None)
    if desk is not None:
        booking = sold_at_desk(db, booking, desk)
    if refusals:
        told = {"overridden": [rule.code for rule in refusals], "reason": request.override_reason}
        audit.note(db, "bookings.override", "bookings", booking.id, after=facts_of(booking) | told)
    if until:
        outbox.emit(db, "booking.held", booking.id, facts_of(booking))
        timers.wait(db, until, TIMER, booking.id, "release")
    else:
        confirmed(db, booking)
    return booking


def standing(actor: Actor, reason: str | None, refusals: list[Problem]) -> list[Problem]:
    """What is left of the rules when staff have a reason to act against those of the library."""
    if reason is None:
        return refusals
    if not beyond_own(actor, "bookings:override"):
        raise Forbidden("staff alone book against the rules")
    return [rule for rule in refusals if not isinstance(rule, rules.WAIVABLE)]


def confirmed(db: Db, booking: Booking) -> None:
    """What follows from it: no hold lapses, somebody has to come."""
    timers.cancel(db, TIMER, booking.id)
    watch_for_no_show(db, booking)
    outbox.emit(db, "booking.confirmed", booking.id, facts_of(booking))


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
