"""What an owner grants or takes back: days, deposits, part payments, newer terms, coupons."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import Conflict, RuleViolated
from studyspot.kit.models import MAX_PAISE, Change, Model, Paise, Text, Timestamp
from studyspot.memberships.models import QuoteLine
from studyspot.memberships.models.changes import Due

Sum = Annotated[int, Field(gt=0, le=MAX_PAISE, strict=True)]
Members = Annotated[list[UUID], Field(min_length=1, max_length=200)]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{2,29}$")]


class Extension(Model):
    """Days of goodwill, and why."""

    days: Annotated[int, Field(ge=1, le=365)]
    reason: Text


class Part(Model):
    """One part payment."""

    amount_paise: Sum
    due_on: date


class InstallmentsChange(Model):
    """The open dues in parts; they come to the same sum."""

    parts: Annotated[list[Part], Field(min_length=1, max_length=24)]


class Installments(Model):
    """What is to be paid and what was, in order of the days."""

    dues: list[Due]


class DepositRefund(Model):
    """All of it unless said otherwise; paid out over the counter."""

    amount_paise: Sum | None = None
    note: Text | None = None


class Refunded(Model):
    """What was given back, and what is still held."""

    id: UUID
    membership_id: UUID
    refunded_paise: int
    deposit_paise: int


class Migration(Model):
    """All members of the plan, or those named."""

    membership_ids: Annotated[list[UUID], Field(max_length=1000)] | None = None
    preview: bool = False


class MigratedMember(Model):
    """What it costs them now."""

    membership_id: UUID
    student_id: UUID
    price_paise: int
    from_date: date


class Migrated(Model):
    """Who has the newest terms from their next period on, and what that will cost."""

    version: int
    price_paise: int
    members: list[MigratedMember]
    preview: bool


class BulkRenewal(Model):
    """Whose next period is opened."""

    membership_ids: Members


class BulkRenewed(Model):
    """What became of one: to be paid, or the reason why not."""

    membership_id: UUID
    status: str | None = None
    due: Due | None = None
    code: str | None = None
    message: str | None = None


class Coupon(Model):
    """So much per cent, or paise, off the price of a period."""

    id: UUID
    code: str
    kind: Literal["percent", "flat"]
    value: int
    most_paise: int | None
    fee_plan_ids: list[UUID]
    first_time_only: bool
    max_uses: int | None
    uses: int
    valid_until: date | None
    status: Literal["active", "ended"]
    created_at: Timestamp
    updated_at: Timestamp


class CouponRequest(Model):
    """A new coupon; no plan named = every plan."""

    code: Code
    kind: Literal["percent", "flat"]
    value: Sum
    most_paise: Sum | None = None
    fee_plan_ids: Annotated[list[UUID], Field(max_length=200)] = []
    first_time_only: bool = False
    max_uses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    valid_until: date | None = None

    @model_validator(mode="after")
    def _percent(self) -> CouponRequest:
        if self.kind == "percent" and self.value > 100:
            raise ValueError("value is at most 100 per cent")
        return self


class CouponChange(Change):
    """How often, how long and for which plans it holds; what it is worth never changes."""

    most_paise: Sum | None = None
    fee_plan_ids: Annotated[list[UUID], Field(max_length=200)] = []
    first_time_only: bool = False
    max_uses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    valid_until: date | None = None


class CouponCheck(Model):
    """Would it hold?"""

    code: Code
    fee_plan_id: UUID
    student_id: UUID | None = None


class CouponWorth(Model):
    """What it takes off the price of that plan."""

    code: str
    line: QuoteLine
    discount_paise: Paise


class CouponInvalid(RuleViolated):
    """This coupon does not hold here."""

    code = "coupon_invalid"


class CouponExists(Conflict):
    """There is a coupon of that code."""

    code = "coupon_exists"


class NoDeposit(RuleViolated):
    """Less is held than is to be given back."""

    code = "no_deposit"
