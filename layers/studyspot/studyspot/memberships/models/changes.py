"""What happens to a membership after it was sold, what it owes, and what can stand against a change."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import Conflict, RuleViolated
from studyspot.kit.models import Change, Model, Text, Timestamp
from studyspot.memberships.models import Membership, QuoteLine

DueKind = Literal["enrolment", "renewal", "change", "holding_fee", "settlement", "instalment"]


class Period(Model):
    """A stretch of days and what it was sold for; `days` is what the price paid for."""

    id: UUID
    kind: Literal["paid", "goodwill"]
    start_date: date
    end_date: date
    days: int
    fee_plan_id: UUID
    fee_plan_version: int
    price_paise: int
    status: Literal["pending", "live", "cancelled"]


class Due(Model):
    """A sum to be paid, line by line: POST /payments/create with purpose `dues` and this id."""

    id: UUID
    membership_id: UUID
    kind: DueKind
    description: str
    lines: list[QuoteLine]
    amount_paise: int
    deposit_paise: int
    due_on: date
    status: Literal["open", "paid", "void"]
    payment_id: UUID | None
    paid_at: Timestamp | None
    created_at: Timestamp


class DueRow(Due):
    """With what only the product needs."""

    student_id: UUID
    period_id: UUID | None
    change: dict[str, Any] | None


class Freeze(Model):
    """A pause; `to_date` is the day of return."""

    id: UUID
    from_date: date
    to_date: date
    keep_seat: bool
    reason: str | None
    fee_paise: int
    status: Literal["requested", "approved", "refused", "ended"]
    created_at: Timestamp


class Allotment(Model):
    """A seat that is a member's own in the hours of the shift; `to_date` is the first day it is not."""

    id: UUID
    membership_id: UUID
    seat_id: UUID
    shift_id: UUID | None
    from_date: date
    to_date: date
    status: Literal["live", "ended"]


class MembershipDetail(Membership):
    """A membership with all that belongs to it."""

    periods: list[Period]
    allotment: Allotment | None
    freezes: list[Freeze]
    dues: list[Due]
    deposit_paise: int
    credit_paise: int


class Renewal(Model):
    """One more period. The seat is kept unless another one, or none (`null`), is named."""

    seat_id: UUID | None = None


class Renewed(Model):
    """The membership as it is now, the period bought, and what is to be paid for it.

    A period a student asked for is `pending` until it is paid.
    """

    membership: Membership
    period: Period
    due: Due | None


class AutoRenewal(Change):
    """Whether a new period is opened by itself, and how many days before the end."""

    enabled: bool = False
    days_before: Annotated[int, Field(ge=0, le=30)] = 3


class Taken(Model):
    """Hours of a day in which a seat is somebody's."""

    starts_at: Timestamp
    ends_at: Timestamp


class GridSeat(Model):
    """One seat and its allotments in the time asked for."""

    seat_id: UUID
    code: str
    zone: str
    allotments: list[GridAllotment]


class GridAllotment(Allotment):
    """Whose it is."""

    student_id: UUID
    student_name: str
    shift: str | None
    held: list[Taken]


class Grid(Model):
    """Seats of a library by shift and date."""

    library_id: UUID
    from_date: date
    to_date: date
    seats: list[GridSeat]


class SeatFree(Model):
    """A seat that is free for all of that time."""

    seat_id: UUID
    code: str


class FreezeRequest(Model):
    """A pause from a day until the day of return; the seat is kept, or others may have it meanwhile."""

    from_date: date
    to_date: date
    keep_seat: bool = True
    reason: Text | None = None

    @model_validator(mode="after")
    def _forward(self) -> FreezeRequest:
        if self.to_date <= self.from_date:
            raise ValueError("toDate is the day of return, after fromDate")
        return self


class AllotmentTaken(Conflict):
    """This seat is taken for part of that time."""

    code = "seat_taken"
    fix = "Take one of `alternatives`."


class ShiftFull(Conflict):
    """No seat of this library is free in those hours for all of that time."""

    code = "shift_full"


class SeatPolicyBroken(RuleViolated):
    """This fee plan and that choice of a seat do not go together."""

    code = "seat_policy"
    fix = "Name a seat with a fixed plan, and none with a flexible one."


class MembershipOver(Conflict):
    """This membership has been cancelled or handed on."""

    code = "membership_over"
