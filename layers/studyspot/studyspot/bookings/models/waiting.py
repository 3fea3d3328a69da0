"""Waiting for a seat: what is waited for, the offer, and what can stand against either."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.bookings.models import Booking, Circumstances, Day, Policy, SeatKind, Time
from studyspot.kit.errors import Conflict, Gone
from studyspot.kit.models import Model, Timestamp

WaitStatus = Literal["waiting", "offered", "accepted", "declined", "expired", "refused", "left"]
WaitKind = Literal["seat", "monthly"]


class WaitRequest(Model):
    """A seat for an interval, or one's own seat from a day on; staff name the student."""

    library_id: UUID
    fee_plan_id: UUID
    kind: WaitKind = "seat"
    seat_kind: SeatKind | None = None
    attributes: Annotated[list[Annotated[str, Field(min_length=1, max_length=50)]], Field(max_length=20)] = []
    start_at: Time | None = None
    end_at: Time | None = None
    start_date: Day | None = None
    shift_id: UUID | None = None
    student_id: UUID | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> WaitRequest:
        interval = self.start_at is not None and self.end_at is not None
        if self.kind == "seat" and not (interval and self.start_date is None and self.shift_id is None):
            raise ValueError("a seat is waited for from startAt to endAt")
        if self.kind == "monthly" and (self.start_date is None or self.start_at or self.end_at):
            raise ValueError("a seat of one's own is waited for from startDate, and for a shift")
        return self


class Waiting(Model):
    """A place in the line, and the offer that came of it."""

    id: UUID
    student_id: UUID
    library_id: UUID
    fee_plan_id: UUID
    kind: WaitKind
    seat_kind: SeatKind | None
    attributes: list[str]
    shift_id: UUID | None
    start_at: Timestamp
    end_at: Timestamp
    status: WaitStatus
    refusal: str | None
    """The rule that stood against the student when a seat was free."""
    position: int | None
    """1 is next; null for who does not wait any more."""
    seat_id: UUID | None
    booking_id: UUID | None
    membership_id: UUID | None
    offered_at: Timestamp | None
    offer_expires_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class Accepted(Waiting):
    """The place in the line with what was accepted."""

    booking: Booking | None = None


class Next(Circumstances):
    """Who is next in line, and the facts by which the rules judge."""

    id: UUID
    kind: WaitKind
    student_id: UUID
    library_id: UUID
    fee_plan_id: UUID
    shift_id: UUID | None
    start_at: datetime
    end_at: datetime
    policy: Policy
    kept: str
    """The policy as the booking keeps it."""
    paused_until: datetime | None


class AlreadyWaiting(Conflict):
    """The student waits for a seat at that time already."""

    code = "already_waiting"


class OfferExpired(Gone):
    """The offer has expired, and the next in line was asked."""

    code = "offer_expired"


class NothingOffered(Conflict):
    """There is no offer to answer."""

    code = "nothing_offered"
