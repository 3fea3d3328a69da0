"""What happens to a membership after it was sold, what it owes, and what can stand against a change."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import Conflict, RuleViolated
from studyspot.kit.models import Change, Model, Text, Timestamp
from studyspot.memberships.models import Membership, QuoteLine

DueKind = Literal["enrolment", "renewal", "change", "holding_fee", "settlement", "instalment", "locker"]


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
    delivered: dict[str, Any] | None
    """What a period that waited for this money changed: the membership's columns before and after."""


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


class FreezeDecision(Model):
    """What became of a pause that was asked for."""

    approve: bool


class Frozen(Model):
    """A pause, the membership with its new end, and what keeping the seat costs."""

    freeze: Freeze
    membership: Membership
    due: Due | None


class PlanChange(Model):
    """Another plan from today; a seat where the plan wants one, `null` where it has none."""

    fee_plan_id: UUID
    seat_id: UUID | None = None


class SeatChange(Model):
    """Another seat, or none."""

    seat_id: UUID | None


class ShiftChange(Model):
    """Another shift (`null` = the whole day), with another seat or plan where it needs one."""

    shift_id: UUID | None
    seat_id: UUID | None = None
    fee_plan_id: UUID | None = None


class Changed(Model):
    """What a change costs, line by line, and the membership after it. A student's change that costs something waits
    until `due` is paid."""

    membership: Membership
    lines: list[QuoteLine]
    net_paise: int
    credit_paise: int
    due: Due | None


class Cancellation(Model):
    """Why."""

    reason: Text | None = None


class Settlement(Model):
    """What leaving comes to: the unused days against what is owed. A deposit that is held is given back apart."""

    membership: Membership
    lines: list[QuoteLine]
    unused_days: int
    unused_paise: int
    dues_paise: int
    deposit_paise: int
    credit_paise: int
    """Kept for the student afterwards."""
    owed_paise: int
    requested: bool
    """A student asks, the desk decides."""


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


class FreezeOverlap(Conflict):
    """There is a pause in those days already."""

    code = "freeze_overlap"


class FreezeLimit(RuleViolated):
    """More days of pause than a membership has in a year."""

    code = "freeze_limit"


class FreezeNotice(RuleViolated):
    """A pause is told some days before it begins."""

    code = "freeze_notice"


class DuesOutstanding(Conflict):
    """Something is owed for this membership."""

    code = "dues_outstanding"
    fix = "Pay the open dues first."
