"""What is paid, by whom, through which gateway - and what may go wrong with it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, PrivateAttr

from studyspot.gateways.payment import Customer
from studyspot.kit.errors import BadRequest, Conflict, GatewayError, RuleViolated, Unavailable
from studyspot.kit.models import MAX_PAISE, Model, Paise, Timestamp

Status = Literal[
    "created", "pending", "unknown", "failed", "expired", "cancelled", "authorized", "captured", "partially_refunded",
    "refunded",
]  # fmt: skip
Purpose = Literal["booking", "membership", "dues", "credits", "subscription", "service_booking", "service_activation"]
GatewayName = Literal["razorpay", "cashfree", "paytm", "stripe"]
Till = Literal["cash", "bank"]
"""Where money is that no gateway took: the drawer, or the organisation's own bank account."""
IN_HAND: tuple[Till, ...] = ("cash", "bank")
Method = Literal["upi", "card", "netbanking", "wallet"]
PLATFORM_PHONE = "+919999999999"
"""Cashfree refuses an order without a payer's phone."""


class Payable(Model):
    """Something that waits for money, as the domain that owns it says: never as a client says.

    `expires_at` is when it lapses if nobody opens a payment; opening one extends it to the payment's own end.
    """

    purpose: Purpose
    purpose_id: UUID
    amount_paise: Paise
    description: str
    student_id: UUID | None = None
    customer_name: str = ""
    customer_phone: str | None = None
    customer_email: str | None = None
    expires_at: datetime | None = None


class Payment(Model):
    """One payment as people see it."""

    id: UUID
    student_id: UUID | None
    purpose: Purpose
    purpose_id: UUID
    description: str
    amount_paise: int
    currency: str
    gateway: str | None
    gateway_order_id: str | None
    gateway_payment_id: str | None
    method: str | None
    status: Status
    fee_paise: int | None
    captured_paise: int
    refunded_paise: int
    late: bool
    dispute: str | None
    failure: str | None
    expires_at: Timestamp
    captured_at: Timestamp | None
    settled_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp

    @property
    def location(self) -> str:
        return f"/api/v1/payments/{self.id}"


class PaymentRow(Payment):
    """The whole row, with what only the product needs."""

    payer_name: str
    payer_phone: str | None
    payer_email: str | None
    opened_by: UUID | None
    idempotency_key: str | None
    calling_until: datetime | None
    activated_at: datetime | None
    checkout: dict[str, Any] | None
    metadata: dict[str, Any]

    @property
    def customer(self) -> Customer:
        return Customer(self.payer_phone or PLATFORM_PHONE, self.payer_name, self.payer_email or "")

    def shown(self) -> Payment:
        """Without the inner columns."""
        return Payment.model_validate(self.model_dump(include=set(Payment.model_fields)))


class Candidate(Model):
    """A gateway in a routing decision; fees before GST, which stands apart."""

    gateway: GatewayName
    eligible: bool
    fee_paise: int
    gst_paise: int
    success_rate: float | None
    why: str

    @property
    def total_paise(self) -> int:
        return self.fee_paise + self.gst_paise


class Routing(Model):
    """Which gateway was chosen, what it costs and why, with every gateway that was looked at."""

    reason: str
    fee_paise: int
    gst_paise: int
    total_paise: int
    candidates: list[Candidate]
    _inputs: Model | None = PrivateAttr(default=None)

    @property
    def inputs(self) -> Model | None:
        """What the decision was made from: kept beside it, never shown with it; None on one that was read."""
        return self._inputs

    def made_from(self, inputs: Model) -> Self:
        """The same decision, knowing what it was made from."""
        self._inputs = inputs
        return self


class OpenedPayment(Payment):
    """The answer to `payments/create`: what the client needs to hand the payer over."""

    checkout: dict[str, Any]
    routing: Routing


class Attempt(Model):
    """One order asked of one gateway under our own reference."""

    id: UUID
    payment_id: UUID
    gateway: GatewayName
    reference: str
    gateway_order_id: str | None
    state: Literal["calling", "ordered", "unknown", "orphan", "absent", "refused", "terminated"]
    decision: Routing
    created_at: Timestamp
    account_id: UUID | None = None
    """The organisation's own account it is asked of; None = the platform's."""

    @property
    def open(self) -> bool:
        """Money may still come in through it, or it is not known whether it exists."""
        return self.state in ("calling", "ordered", "unknown", "orphan")


class Capture(Model):
    """Money that a gateway took for one of our orders. A surplus one pays for nothing and goes back."""

    id: UUID
    payment_id: UUID
    gateway: GatewayName | Till
    gateway_order_id: str
    gateway_payment_id: str
    amount_paise: int
    fee_paise: int
    tax_paise: int
    fee_known: bool
    surplus: bool


class Moment(Model):
    """One line of a payment's timeline."""

    at: Timestamp
    kind: str
    detail: dict[str, Any]


class Quote(Model):
    """What a payment of this size would cost at each gateway."""

    amount_paise: Annotated[int, Field(gt=0, le=MAX_PAISE, strict=True)]
    method: Method | None = None


class QuotedRouting(Routing):
    """A decision without a payment."""

    gateway: GatewayName


class AmountMismatch(BadRequest):
    """The amount differs from what this costs."""

    code = "amount_mismatch"
    fix = "Read the price again, or leave the amount out."


class PaymentInProgress(Conflict):
    """A payment for this is open already."""

    code = "payment_in_progress"
    fix = "Finish, or cancel, the payment named by paymentId."


class AlreadyPaid(Conflict):
    """This is paid already."""

    code = "already_paid"


class UtrUsed(Conflict):
    """A transfer with this reference number was taken, or claimed, already."""

    code = "utr_used"
    fix = "Look the number up in the bank's app: each transfer has its own, and pays for one thing."


class NothingToPay(RuleViolated):
    """This costs nothing."""

    code = "nothing_to_pay"


class NotPayable(RuleViolated):
    """Payments for this purpose are not taken here."""

    code = "purpose_not_payable"


class GatewayUnavailable(Unavailable):
    """No payment gateway answers at the moment; repeat the request."""

    code = "gateway_unavailable"
    fix = "Repeat the request: the same payment is resumed, nothing is charged twice."


class NoGateway(Unavailable):
    """No payment gateway can take this payment at the moment."""

    code = "no_gateway"


class AmountTooSmall(RuleViolated):
    """No payment gateway takes so little."""

    code = "amount_too_small"


class GatewayRefused(GatewayError):
    """The payment gateway refused this payment."""
