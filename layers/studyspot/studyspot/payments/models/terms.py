"""What a gateway charges on a day, and how it has been doing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from studyspot.kit.models import Model
from studyspot.payments.models.payments import GatewayName

CIRCUIT_CALLS = 10
CIRCUIT_FAILURE_PERCENT = 50
CIRCUIT_PAUSE = timedelta(seconds=30)
DECAY = (100, 79, 63, 50, 40, 31, 25)
"""What a payment's outcome counts by its age in days: half after three of them, nothing after seven. A fresh one is
a hundred, so that everything stays in whole numbers."""
PRIOR_CALLS = 10 * DECAY[0]
PRIOR_PERCENT = 90
"""Until it is known better a gateway is taken to succeed nine times out of ten, with the weight of ten payments."""

LEAST_PAISE = {"razorpay": 100, "cashfree": 100, "stripe": 50, "paytm": 1}
"""The smallest amounts that the vendors take."""
WAYS = {
    "credit_card": "card", "debit_card": "card", "prepaid_card": "card", "cc": "card", "dc": "card",
    "net_banking": "netbanking", "nb": "netbanking", "ppi": "wallet", "balance": "wallet",
}  # fmt: skip
"""What gateways call the ways to pay that we know under one name."""

Circuit = Literal["closed", "open", "half_open"]


class Terms(Model):
    """A gateway's price on a day, and how it has been doing."""

    gateway: GatewayName
    account_id: UUID | None = None
    """The organisation's own account."""
    priority: int = 100
    methods: list[str] = []
    basis_points: int
    fixed_paise: int
    gst_percent: int
    preference: int
    minute_calls: int = 0
    minute_failures: int = 0
    failed_at: datetime | None = None
    week_calls: int = 0
    week_failures: int = 0
    """Outcomes of seven days, weighed by `DECAY`, however people paid."""
    method_calls: int = 0
    method_failures: int = 0
    """The same for the way to pay that was asked for."""
    taken_out: bool = False
    """By an operator's hand, until the same hand puts it back."""

    def fee(self, amount_paise: int) -> int:
        """Before GST, half-up."""
        return half_up(amount_paise * self.basis_points, 10_000) + self.fixed_paise

    def gst(self, amount_paise: int) -> int:
        """On the fee, half-up."""
        return half_up(self.fee(amount_paise) * self.gst_percent, 100)

    def total(self, amount_paise: int) -> int:
        """What the payment costs us."""
        return self.fee(amount_paise) + self.gst(amount_paise)

    @property
    def learnt(self) -> tuple[int, int]:
        """Outcomes and failures of this way to pay, or of all of them while nothing is known of it; weighed."""
        by_method = self.method_calls, self.method_failures
        return by_method if self.method_calls else (self.week_calls, self.week_failures)

    @property
    def rate(self) -> int:
        """Ten thousandths that succeeded over seven days; 0 without an outcome."""
        calls, failures = self.learnt
        return half_up((calls - failures) * 10_000, calls) if calls else 0

    @property
    def success_rate(self) -> float | None:
        """The same to be shown; None without an outcome."""
        return self.rate / 10_000 if self.learnt[0] else None

    @property
    def standing(self) -> int:
        """Ten thousandths expected to succeed: what was learnt, over what is taken for granted at first."""
        calls, failures = self.learnt
        good = (calls - failures) * 100 + PRIOR_CALLS * PRIOR_PERCENT
        return half_up(good * 100, calls + PRIOR_CALLS)

    def circuit(self, now: datetime) -> Circuit:
        """Opens at half of ten calls failing within a minute; 30 s later it lets calls through again."""
        if self.taken_out:
            return "open"
        failing = self.minute_failures * 100 >= self.minute_calls * CIRCUIT_FAILURE_PERCENT
        if self.minute_calls < CIRCUIT_CALLS or not failing:
            return "closed"
        return "half_open" if self.failed_at and now - self.failed_at >= CIRCUIT_PAUSE else "open"


class MethodHealth(Model):
    """How a gateway has done with one way to pay."""

    method: str
    outcomes: int
    failures: int
    success_rate: float
    """Of the last seven days, recent ones counting more; the other figures are plain counts."""


class GatewayHealth(Model):
    """How a gateway has been doing."""

    gateway: GatewayName
    configured: bool
    circuit: Circuit
    calls: int
    failures: int
    success_rate: float | None
    methods: list[MethodHealth] = []
    """Ways to pay of which an outcome of the last seven days is known."""


def half_up(numerator: int, denominator: int) -> int:
    """Whole paise of a fraction that is not negative."""
    return (2 * numerator + denominator) // (2 * denominator)


def way_to_pay(told: str) -> str:
    """The method that a gateway names, in our words; one that we do not know keeps its name."""
    return WAYS.get(told.lower(), told.lower())
