"""How risky a payment looks: by which signs, what each weighs, and what a person says to what was held."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import Forbidden, StateConflict
from studyspot.kit.models import Change, Model, Moment, Timestamp
from studyspot.payments.models.payments import Purpose

Sign = Literal[
    "payer_velocity", "device_velocity", "card_velocity", "failed_attempts", "amount", "name", "new_account",
    "odd_hour", "country",
]  # fmt: skip
Outcome = Literal["passed", "held", "refused"]
Points = Annotated[int, Field(ge=0, le=100, strict=True)]
Count = Annotated[int, Field(ge=1, le=1000, strict=True)]
Hour = Annotated[int, Field(ge=0, le=24, strict=True)]


class Weights(Model):
    """What each sign adds to the score; 0 takes it out.

    Hurry, failures, a large amount, a new account and the night, all that somebody honest may meet with on one day,
    come to 65 together: it takes a sign that somebody else is at it before anything is held."""

    payer_velocity: Points = 20
    device_velocity: Points = 25
    card_velocity: Points = 30
    failed_attempts: Points = 20
    amount: Points = 10
    name: Points = 15
    new_account: Points = 10
    odd_hour: Points = 5
    country: Points = 20


class Limits(Model):
    """From where on a sign is one."""

    payments_an_hour: Count = 6
    """That one payer asks for."""
    payers_a_device: Count = 3
    """That pay from one device within a day."""
    cards_a_day: Count = 3
    """That one payer tries, or payers that one card serves."""
    failures_a_day: Count = 3
    """Payments of one payer that failed."""
    amount_factor: Count = 4
    """Times the most that this payer ever paid, once they have paid three times."""
    new_account_hours: Count = 24
    odd_from: Hour = 1
    odd_until: Hour = 5
    """Hours in India, from the first to before the second."""
    countries: Annotated[list[Annotated[str, Field(pattern="^[A-Z]{2}$")]], Field(max_length=50)] = ["IN"]
    """Where payers are expected."""


class RiskRules(Model):
    """What is held for a person to look at, what is refused, and by which signs."""

    weights: Weights = Weights()
    limits: Limits = Limits()
    hold_at: Annotated[int, Field(ge=1, le=100, strict=True)] = 70
    refuse_at: Annotated[int, Field(ge=1, le=101, strict=True)] = 90
    """101: nothing is refused."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.hold_at > self.refuse_at:
            raise ValueError("holdAt lies above refuseAt")
        return self


class WeightsChange(Change):
    """Those that are sent."""

    payer_velocity: Points | None = None
    device_velocity: Points | None = None
    card_velocity: Points | None = None
    failed_attempts: Points | None = None
    amount: Points | None = None
    name: Points | None = None
    new_account: Points | None = None
    odd_hour: Points | None = None
    country: Points | None = None


class LimitsChange(Change):
    """Those that are sent."""

    payments_an_hour: Count | None = None
    payers_a_device: Count | None = None
    cards_a_day: Count | None = None
    failures_a_day: Count | None = None
    amount_factor: Count | None = None
    new_account_hours: Count | None = None
    odd_from: Hour | None = None
    odd_until: Hour | None = None
    countries: Annotated[list[Annotated[str, Field(pattern="^[A-Z]{2}$")]], Field(max_length=50)] | None = None


class RiskChange(Change):
    """What is sent becomes part of the next version; null goes back to the product's own figure."""

    weights: WeightsChange | None = None
    limits: LimitsChange | None = None
    hold_at: Annotated[int, Field(ge=1, le=100, strict=True)] | None = None
    refuse_at: Annotated[int, Field(ge=1, le=101, strict=True)] | None = None
    effective_at: Moment | None = None


class RiskVersion(RiskRules):
    """Rules as they were laid down once; version 0 is the product's own."""

    version: int = 0
    effective_at: Timestamp | None = None
    changed_by: UUID | None = None
    changed_at: Timestamp | None = None


class RiskInForce(RiskVersion):
    """What weighs now, and what is planned."""

    planned: list[RiskVersion]


class Reason(Model):
    """One sign that was seen, and what it added."""

    sign: Sign | Literal["released"]
    points: int
    seen: int | str
    limit: int | str


class RiskEvent(Model):
    """A payment that somebody asked for, as it was judged."""

    id: UUID
    student_id: UUID | None
    purpose: Purpose
    purpose_id: UUID
    amount_paise: int
    payment_id: UUID | None
    """Only what passed has one."""
    score: int
    outcome: Outcome
    reasons: list[Reason]
    rules_version: int
    country: str | None
    created_at: Timestamp
    decision: Literal["released", "rejected"] | None
    """What a person said to what was held; null while it waits."""
    decided_by: UUID | None
    decided_at: Timestamp | None
    note: str | None


class RiskDecision(Model):
    """`release`: for a day this payer may pay up to this amount for the same purpose. `reject`: for a day not."""

    decision: Literal["release", "reject"]
    note: Annotated[str, Field(min_length=1, max_length=300)]


class RiskRefused(Forbidden):
    """This payment was refused: it looks like misuse. Nothing was charged."""

    code = "risk_refused"
    fix = "Pay at the library, whose staff can open the payment themselves."


class RiskHeld(Forbidden):
    """This payment waits until somebody of the library has looked at it. Nothing was charged."""

    code = "risk_held"
    fix = "Repeat the request once it was released; it is named by riskEventId."


class RiskDecided(StateConflict):
    """Only what was held and waits can be decided, and only once."""
