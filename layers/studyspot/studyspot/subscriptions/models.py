"""Plans, subscriptions, periods and invoices as rows and as answers."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from studyspot.kit.errors import Conflict, Gone, PaymentRequired
from studyspot.kit.models import Model, Timestamp


class AlreadySubscribed(Conflict):
    """This organisation has a subscription already."""

    code = "already_subscribed"


class PlanInactive(Gone):
    """This plan is not on sale."""

    code = "plan_inactive"


class MandateRequired(PaymentRequired):
    """The payer has to approve a mandate first."""

    code = "mandate_required"


class Plan(Model):
    """A version of a plan; members keep the version they bought."""

    id: UUID
    code: str
    name: str
    description: str
    price_paise: int
    currency: str
    billing_interval: Literal["month", "year"]
    interval_count: int
    trial_days: int
    limits: dict[str, Any]
    features: dict[str, Any]
    version: int

    @property
    def months(self) -> int:
        return self.interval_count * (12 if self.billing_interval == "year" else 1)


class Subscribing(Model):
    """The body of POST /subscriptions/subscribe."""

    plan_code: str
    gateway: Literal["razorpay"] | None = None


class MandateView(Model):
    """What the payer has to approve at the gateway."""

    id: UUID
    status: str
    gateway_order_id: str | None
    checkout: dict[str, Any] | None = None


class Subscribed(Model):
    """The answer to subscribing: waiting for the payer's approval."""

    id: UUID
    status: str
    mandate: MandateView

    @property
    def location(self) -> str:
        return "/api/v1/subscriptions/current"


class InvoiceView(Model):
    """An invoice as the payer sees it in a list."""

    id: UUID
    number: str
    period_start: Timestamp | None
    period_end: Timestamp | None
    total_paise: int
    status: str
    payment_id: UUID | None


class Current(Model):
    """The subscription that counts now, with its invoices."""

    id: UUID
    plan_code: str
    status: str
    current_period_start: Timestamp | None
    current_period_end: Timestamp | None
    cancel_at_period_end: bool
    invoices: list[InvoiceView]


class Subscription(Model):
    """A row of `subscriptions` with its plan and mandate beside it."""

    id: UUID
    customer_id: UUID
    plan_id: UUID
    plan_code: str
    plan_name: str
    price_paise: int
    months: int
    status: str
    current_period_start: Timestamp | None
    current_period_end: Timestamp | None
    billing_anchor: Timestamp | None
    period_index: int
    cancel_at_period_end: bool
    mandate_id: UUID | None


class Mandate(Model):
    """A row of `mandates`."""

    id: UUID
    customer_id: UUID
    gateway: str
    gateway_order_id: str | None
    gateway_customer_id: str | None
    token_id: str | None
    max_amount_paise: int
    status: str
    valid_until: Timestamp


class Period(Model):
    """A row of `subscription_periods`."""

    id: UUID
    subscription_id: UUID
    period_index: int
    starts_at: Timestamp
    ends_at: Timestamp
    taxable_paise: int
    tax_paise: int
    status: str
    attempts: int
    noticed_at: Timestamp | None
    debit_at: Timestamp | None
    debit_order_id: str | None
    debit_payment_id: UUID | None
    payment_id: UUID | None

    @property
    def total_paise(self) -> int:
        return self.taxable_paise + self.tax_paise


class Payer(Model):
    """Who is billed: the organisation's entry in the directory."""

    id: UUID
    name: str
    email: str
    phone: str | None
    gstin: str | None
