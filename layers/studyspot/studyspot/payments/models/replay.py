"""Past payments decided again under other prices or rules, and what choosing among gateways has saved."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from studyspot.kit.models import Model, Timestamp
from studyspot.payments.models.payments import GatewayName, Method
from studyspot.payments.models.routing import Percent, Rules


class OtherFee(Model):
    """A price to be tried on past payments; without a method it is that of all ways to pay."""

    gateway: GatewayName
    method: Literal[""] | Method = ""
    basis_points: Annotated[int, Field(ge=0, le=10_000, strict=True)]
    fixed_paise: Annotated[int, Field(ge=0, le=1_000_000, strict=True)] = 0
    gst_percent: Percent = 18


class Simulate(Model):
    """Which days, and what should have been different; nothing named = the prices and rules of the time.

    The last day does not count; without them it is the last thirty days."""

    from_date: date | None = None
    until_date: date | None = None
    fees: Annotated[list[OtherFee], Field(max_length=20)] = []
    rules: Rules | None = None


class Cost(Model):
    """What gateways charge, GST beside it."""

    fee_paise: int = 0
    gst_paise: int = 0
    total_paise: int = 0

    def plus(self, fee_paise: int, gst_paise: int) -> Cost:
        """One more payment."""
        return Cost(
            fee_paise=self.fee_paise + fee_paise,
            gst_paise=self.gst_paise + gst_paise,
            total_paise=self.total_paise + fee_paise + gst_paise,
        )

    def less(self, other: Cost) -> Cost:
        """The difference, negative where the other is more."""
        return self.plus(-other.fee_paise, -other.gst_paise)


class Changed(Model):
    """A payment that would have gone another way, or cost something else."""

    payment_id: UUID
    captured_at: Timestamp
    amount_paise: int
    was: GatewayName
    would_be: GatewayName
    was_paise: int
    would_be_paise: int
    difference_paise: int
    """Positive: it would have cost more."""
    reason: str


class Simulated(Model):
    """What became of the payments captured in these days, and what would have."""

    from_date: date
    until_date: date
    payments: int
    replayed: int
    not_replayable: int
    """Decided by a release that did not keep what it decided from."""
    reproduced: int
    """Decided again under the prices and rules of the time, these came out as they were: all of them, or the rest of
    this answer proves nothing."""
    no_gateway: int
    """Nobody could have taken these; they are in no sum."""
    was: Cost
    """By the prices of the time, of whatever could be decided again."""
    would_be: Cost
    difference_paise: int
    """Positive: it would have cost more."""
    was_at: dict[GatewayName, int]
    """How many payments each gateway was given."""
    would_be_at: dict[GatewayName, int]
    changes: int
    changed: list[Changed]
    """The first two hundred of them, oldest first."""


class Against(Model):
    """One gateway alone, on the payments that it could have taken."""

    gateway: GatewayName
    payments: int
    unable: int
    """It could not have taken these: no account, failing, or not this way to pay. They are not compared."""
    alone: Cost
    """What it would have charged for them, by its price of the time."""
    routed: Cost
    """What was charged for the same payments."""
    saved_paise: int
    """Negative: alone it would have been cheaper."""
    saved_percent: float | None


class Month(Model):
    """Payments that were captured in these days, and the cost of them."""

    payments: int
    """Where a gateway was chosen."""
    pinned: int
    """Where somebody asked for one gateway: nothing was chosen, so nothing was saved; they are in no sum."""
    fees_known: int
    """Of the chosen ones, how many gateways have told their fee; the others count at the price of the time."""
    routed: Cost
    against: list[Against]


class MonthOf(Month):
    """A calendar month in India."""

    month: str


class Savings(Model):
    """Month by month, and all of them together."""

    from_date: date
    until_date: date
    months: list[MonthOf]
    total: Month
