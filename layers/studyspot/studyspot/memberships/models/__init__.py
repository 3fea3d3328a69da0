"""Fee plans, memberships, quotes, and what can be wrong with them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from studyspot.kit.errors import Conflict, Gone, RuleViolated
from studyspot.kit.models import Change, Model, Moment, Name, Paise, Text, Timestamp
from studyspot.libraries.fields import PriceClass

Kind = Literal["hourly", "daily", "weekly", "monthly", "quarterly", "half_year", "yearly", "visits"]
SeatPolicy = Literal["fixed", "flexi", "any"]
MembershipStatus = Literal[
    "draft", "pending_payment", "scheduled", "active", "grace", "expired", "frozen", "cancelled", "transferred"
]
GST_RATE = 18
"""Per cent, for the letting of study places (SAC 997212) since 1 July 2017, unless a plan says otherwise."""


def _distinct(values: list[UUID]) -> list[UUID]:
    return sorted(set(values))


LibraryIds = Annotated[list[UUID], Field(max_length=200), AfterValidator(_distinct)]
"""The libraries a plan holds in; none named = all of the tenant's."""
PriceClasses = Annotated[list[PriceClass], Field(max_length=20), AfterValidator(lambda names: sorted(set(names)))]
"""Of the seats a plan sells; none named = of any class."""
GstRate = Annotated[int, Field(ge=0, le=100)]
Days = Annotated[int, Field(ge=1, le=3660)]
Sac = Annotated[str, Field(pattern=r"^[0-9]{4,8}$")]


class Terms(Model):
    """What members buy: one version of a fee plan."""

    name: str
    description: str | None
    price_paise: int
    tax_included: bool
    gst_rate: int
    sac: str | None
    registration_fee_paise: int
    deposit_paise: int
    seat_policy: SeatPolicy
    grace_days: int
    visits: int | None
    validity_days: int | None


class FeePlan(Terms):
    """A fee plan with its current terms."""

    id: UUID
    kind: Kind
    version: int
    library_ids: list[UUID]
    price_classes: list[str]
    is_public: bool
    status: Literal["active", "archived"]
    created_at: Timestamp
    updated_at: Timestamp


class OpenSpan(Model):
    """From a time of that day of the week; a close at or before it is on the next day."""

    day: int
    opens: str
    closes: str


class PublicLibrary(Model):
    """A place as everybody may see it."""

    id: UUID
    name: str
    code: str
    address: str
    city: str | None
    pincode: str | None
    latitude: float | None
    longitude: float | None
    phone: str | None
    opening_time: str | None
    closing_time: str | None
    operating_days: list[int]
    weekly: list[OpenSpan]
    """The hours that hold: those of the week where the library has any, else its one opening time."""
    open_now: bool
    amenities: list[str]
    seats: int


class PublicPlan(Model):
    """What is on offer, and for how much."""

    id: UUID
    name: str
    kind: str
    price_paise: int
    tax_included: bool
    gst_rate: int


class FeePlanVersion(Terms):
    """Terms as they were sold from a moment on."""

    version: int
    created_at: Timestamp


class FeePlanHistory(FeePlan):
    """A fee plan with every version, newest first."""

    versions: list[FeePlanVersion]


class OptionalTerms(Model):
    """Terms with their usual values."""

    description: Text | None = None
    tax_included: bool = True
    gst_rate: GstRate = GST_RATE
    sac: Sac | None = None
    registration_fee_paise: Paise = 0
    deposit_paise: Paise = 0
    seat_policy: SeatPolicy = "any"
    grace_days: Annotated[int, Field(ge=0, le=90)] = 3
    visits: Annotated[int, Field(ge=1, le=10_000)] | None = None
    validity_days: Days | None = None
    library_ids: LibraryIds = []
    price_classes: PriceClasses = []
    is_public: bool = True


class FeePlanRequest(OptionalTerms):
    """A new fee plan."""

    name: Name
    kind: Kind
    price_paise: Paise

    @model_validator(mode="after")
    def _visits(self) -> FeePlanRequest:
        if (self.kind == "visits") != (self.visits is not None):
            raise ValueError("visits belongs to plans of kind visits, and only there")
        return self


class FeePlanChange(OptionalTerms, Change):
    """New terms; the kind of a plan never changes."""

    name: Name = ""
    price_paise: Paise = 0


class QuoteRequest(Model):
    """What would be bought: a stretch of time for an hourly plan, a first day for any other."""

    library_id: UUID | None = None
    start_at: Moment | None = None
    end_at: Moment | None = None
    start_date: date | None = None


class QuoteLine(Model):
    """One line of a price, tax apart."""

    description: str
    amount_paise: int
    gst_paise: int
    total_paise: int


class Quote(Model):
    """What it would cost today."""

    fee_plan_id: UUID
    version: int
    gst_rate: int
    start_date: date | None
    end_date: date | None
    lines: list[QuoteLine]
    amount_paise: int
    gst_paise: int
    total_paise: int


class Membership(Model):
    """A student's stretch of days in a library; `end_date` is the first day no longer covered."""

    id: UUID
    student_id: UUID
    library_id: UUID
    fee_plan_id: UUID
    fee_plan_version: int
    shift_id: UUID | None
    seat_id: UUID | None
    start_date: date
    end_date: date
    price_paise: int
    visits_left: int | None
    status: MembershipStatus
    payment_id: UUID | None
    dues_paise: int
    """What is owed for it by now."""
    late_fee_paise: int
    auto_renew: bool
    next_version: int | None
    created_at: Timestamp
    updated_at: Timestamp


class Enrolment(Model):
    """Who joins, on which plan, from which day (today unless said)."""

    student_id: UUID
    fee_plan_id: UUID
    library_id: UUID | None = None
    start_date: date | None = None
    shift_id: UUID | None = None
    seat_id: UUID | None = None
    coupon_code: Annotated[str, Field(max_length=30)] | None = None


class MembershipRequired(RuleViolated):
    """This plan needs a live membership."""

    code = "membership_required"


class MembershipOverlap(Conflict):
    """This student already has a membership here in that time."""

    code = "membership_overlap"


class PlanArchived(Gone):
    """This fee plan is no longer sold."""

    code = "plan_archived"


class PlanNotOffered(RuleViolated):
    """This fee plan does not hold in that library."""

    code = "plan_not_offered"


class LibraryHasActiveMembers(Conflict):
    """There are live memberships in this library."""

    code = "library_has_active_members"
    fix = "Let them end, or move them to another library, then close it."
