"""What a booking is, what may be asked for, which events move it, and what can stand against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import Conflict, Gone, PaymentRequired, RuleViolated
from studyspot.kit.models import Change, Model, Moment, Text, Timestamp

Status = Literal[
    "held", "pending_payment", "confirmed", "checked_in", "completed", "expired", "cancelled", "no_show", "rejected"
]
Event = Literal[
    "await_payment", "pay", "confirm", "check_in", "check_out", "expire", "cancel", "no_show", "reject"
]  # fmt: skip
LIVE: tuple[Status, ...] = ("held", "pending_payment", "confirmed", "checked_in")
"""States in which a booking holds its seat."""


class Transition(NamedTuple):
    """From which states an event leads where."""

    before: tuple[Status, ...]
    after: Status


TRANSITIONS: Mapping[Event, Transition] = {
    "await_payment": Transition(("held", "pending_payment"), "pending_payment"),
    "pay": Transition(("held", "pending_payment", "expired"), "confirmed"),
    "confirm": Transition(("held",), "confirmed"),
    "check_in": Transition(("confirmed",), "checked_in"),
    "check_out": Transition(("checked_in",), "completed"),
    "expire": Transition(("held", "pending_payment"), "expired"),
    "cancel": Transition(("held", "pending_payment", "confirmed"), "cancelled"),
    "no_show": Transition(("confirmed",), "no_show"),
    "reject": Transition(("held",), "rejected"),
}


class Policy(Model):
    """The rules of a booking, kept with it as they were when it was made; the tenant's settings come over these."""

    min_minutes: int = 15
    max_minutes: int = 16 * 60
    max_days_ahead: int = 60
    hold_minutes: int = 10
    cancel_before_minutes: int = 0
    check_in_minutes_before: int = 15
    no_show_minutes: int = 30


class Booking(Model):
    """A booking as it is."""

    id: UUID
    student_id: UUID
    library_id: UUID
    seat_id: UUID
    seat_code: str
    start_at: Timestamp
    end_at: Timestamp
    status: Status
    fee_plan_id: UUID
    amount_paise: int
    hold_expires_at: Timestamp | None
    payment_id: UUID | None
    policy: Policy
    reason: str | None
    created_at: Timestamp
    updated_at: Timestamp


class BookingRequest(Model):
    """A seat (or any free one) for a time, under a fee plan; staff name the student."""

    library_id: UUID
    seat_id: UUID | None = None
    start_at: Moment
    end_at: Moment
    fee_plan_id: UUID
    student_id: UUID | None = None


class BookingChange(Change):
    """Another time, another seat, or both."""

    seat_id: UUID = UUID(int=0)
    start_at: Moment = None  # type: ignore[assignment]  # absent is not null: only fields that were sent are read
    end_at: Moment = None  # type: ignore[assignment]

    @model_validator(mode="after")
    def _something(self) -> BookingChange:
        if not self.model_fields_set:
            raise ValueError("name seatId, startAt or endAt")
        return self


class Reason(Model):
    """Why, in a person's words."""

    reason: Text | None = None


class SeatOffer(Model):
    """A seat that is free for the same time."""

    seat_id: UUID
    code: str


class Precheck(Model):
    """Whether a booking would be accepted, which rule stops it, and what it would cost."""

    accepted: bool
    code: str | None = None
    message: str | None = None
    amount_paise: int | None = None
    seat_id: UUID | None = None
    alternatives: list[SeatOffer] = []


class SeatAvailability(Model):
    """One seat at the time asked for."""

    seat_id: UUID
    code: str
    zone_id: UUID
    zone: str
    kind: str
    attributes: list[str]
    free: bool


class Availability(Model):
    """What is free in a library for a time."""

    library_id: UUID
    from_: Annotated[Timestamp, Field(alias="from")]
    to: Timestamp
    seats: list[SeatAvailability]
    free: int


class Hours(Model):
    """Whether a library is open for a booking, as `opening_windows` says."""

    open_throughout: bool
    open_that_day: bool
    """It opens on the day of the start, or the start lies in hours that began before."""


class Terms(Model):
    """A fee plan as one booking meets it."""

    plan_kind: str
    plan_status: str
    plan_here: bool
    price_paise: int
    tax_included: bool
    gst_rate: int


class Circumstances(Hours, Terms):
    """What the rules judge: library, plan and student as they are at this moment."""

    library_status: str
    student_status: str
    member: bool


class Attempt(Circumstances):
    """What the one statement that tries for a seat found."""

    outcome: Literal["held", "seat_taken", "location_full", "too_many_concurrent", "no_such_seat"]
    seat_id: UUID | None
    seat_code: str | None
    alternatives: list[SeatOffer] | None
    policy: Policy
    max_open: int | None
    open_bookings: int | None


class SeatTaken(Conflict):
    """This seat is already booked for part of that time."""

    code = "seat_taken"
    fix = "Book one of `alternatives`, or leave `seatId` out for any free seat."


class LocationFull(Conflict):
    """No seat of this library is free for all of that time."""

    code = "location_full"


class TooManyConcurrent(Conflict):
    """The student already has a seat for part of that time."""

    code = "too_many_concurrent"


class DurationTooShort(RuleViolated):
    """The time is shorter than a booking may be."""

    code = "duration_too_short"


class DurationInvalid(RuleViolated):
    """The time is longer than a booking may be, or ends before it begins."""

    code = "duration_invalid"


class BookingQuotaExceeded(RuleViolated):
    """The student has as many bookings ahead as this organisation allows."""

    code = "booking_quota_exceeded"


class TooFarAhead(RuleViolated):
    """Bookings do not reach that far ahead."""

    code = "too_far_ahead"


class InPast(RuleViolated):
    """That time has passed."""

    code = "in_past"


class OutsideHours(RuleViolated):
    """The library is not open for all of that time."""

    code = "outside_hours"


class WeekdayClosed(RuleViolated):
    """The library is closed on that day."""

    code = "weekday_closed"


class NotAllowedHere(RuleViolated):
    """This student or library takes no bookings now."""

    code = "not_allowed_here"


class CancelTooLate(RuleViolated):
    """It is too late to cancel this booking."""

    code = "cancel_too_late"


class PriceDiffers(RuleViolated):
    """A confirmed booking moves only to a time of the same price."""

    code = "price_differs"
    fix = "Cancel it and book anew."


class HoldExpired(Gone):
    """The hold on this seat has expired."""

    code = "hold_expired"


class NotPaid(PaymentRequired):
    """This booking has to be paid for first."""

    code = "payment_required"
