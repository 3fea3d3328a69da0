"""What every payment gateway takes and gives, whatever its wire format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

TIMEOUT = 10.0
"""Seconds for a whole call, connecting included."""
RRN_DIGITS = 12

PaymentState = Literal["created", "authorized", "captured", "failed", "expired", "cancelled", "refunded"]
RefundState = Literal["pending", "succeeded", "failed"]
DisputeState = Literal["open", "under_review", "won", "lost", "closed"]
MandateState = Literal["created", "confirmed", "rejected", "paused", "cancelled"]


@dataclass(frozen=True, slots=True)
class Customer:
    """Who pays; the phone in E.164."""

    phone: str
    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class GatewayOrder:
    """Something that can be paid at the gateway; `checkout` is what its client SDK needs."""

    id: str
    reference: str
    status: Literal["created", "captured", "expired", "cancelled"]
    amount_paise: int
    currency: str
    checkout: dict[str, Any]
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GatewayPayment:
    """One attempt to pay an order. `fee_paise` contains `tax_paise`; None where the gateway does not say."""

    id: str
    order_id: str
    status: PaymentState
    amount_paise: int
    currency: str
    method: str = ""
    fee_paise: int | None = None
    tax_paise: int | None = None
    error: str | None = None
    captured_at: datetime | None = None
    customer_id: str | None = None
    token_id: str | None = None
    card: str | None = None
    """What receipts print of the card; other cards may look the same."""
    fingerprint: str | None = None
    """What the gateway itself tells one card from every other by; never its number."""
    rrn: str | None = None
    """The bank's own number of a UPI transfer, twelve digits."""


def rrn_of(told: str | None) -> str | None:
    """Anything else than twelve digits is another kind of number."""
    return told if told and len(told) == RRN_DIGITS and told.isascii() and told.isdigit() else None


def card_of(network: str | None, issuer: str | None, ending: str | None) -> str | None:
    """A card by what is printed of it on receipts; without its last digits it is none."""
    digits = (ending or "")[-4:]
    return f"{network or ''} {issuer or ''} {digits}".lower() if len(digits) == 4 and digits.isdecimal() else None


@dataclass(frozen=True, slots=True)
class GatewayRefund:
    """Money on its way back; `reference` is our own."""

    id: str
    reference: str
    payment_id: str
    order_id: str
    status: RefundState
    amount_paise: int


@dataclass(frozen=True, slots=True)
class GatewayMandate:
    """A standing permission to debit, Razorpay's token."""

    id: str
    customer_id: str
    status: MandateState
    max_amount_paise: int | None = None
    method: str = ""


@dataclass(frozen=True, slots=True)
class GatewayDispute:
    """A chargeback; `fee_paise` is what the gateway takes for it, 0 where it does not say."""

    gateway: str
    id: str
    payment_id: str
    status: DisputeState
    amount_paise: int
    phase: str | None = None
    reason: str | None = None
    respond_by: datetime | None = None
    opened_at: datetime | None = None
    fee_paise: int = 0


@dataclass(frozen=True, slots=True)
class NormalisedEvent:
    """A webhook in our words; `event_id` is the same for every delivery of the same event.

    `status` is the state of what the event is about (`subject`), None when it carries none that we know;
    `amount_paise` likewise. Whatever is not understood stays in `raw`.
    """

    event_id: str
    type: str
    subject: Literal["payment", "refund", "mandate", "dispute", "settlement", "notification", "other"]
    order_id: str | None = None
    payment_id: str | None = None
    refund_id: str | None = None
    status: str | None = None
    amount_paise: int | None = None
    currency: str | None = None
    occurred_at: datetime | None = None
    payment: GatewayPayment | None = None
    refund: GatewayRefund | None = None
    mandate: GatewayMandate | None = None
    dispute: GatewayDispute | None = None
    raw: Mapping[str, Any] | None = None


class PaymentGateway(Protocol):
    """Calls raise `GatewayFailure`; `timeout` is seconds for the whole call. Never inside a transaction."""

    @property
    def name(self) -> str: ...

    def create_order(
        self,
        reference: str,
        amount_paise: int,
        currency: str,
        customer: Customer,
        expires_at: datetime,
        notes: Mapping[str, str],
        return_url: str,
        timeout: float = TIMEOUT,
    ) -> GatewayOrder:
        """Open an order under our own reference."""

    def find_order(self, reference: str, timeout: float = TIMEOUT) -> GatewayOrder | None:
        """The order opened under our reference, for when the answer to `create_order` was lost."""

    def fetch_payment_of(self, order_id: str, timeout: float = TIMEOUT) -> list[GatewayPayment]:
        """Every attempt to pay the order, as the gateway knows it now."""

    def terminate(self, order_id: str, timeout: float = TIMEOUT) -> bool:
        """Make the order unpayable; False where that cannot be had."""

    def refund(
        self,
        *,
        order_id: str,
        payment_id: str,
        refund_ref: str,
        amount_paise: int,
        note: str = "",
        timeout: float = TIMEOUT,
    ) -> GatewayRefund:
        """Give money back; the same `refund_ref` never gives it twice."""

    def find_refund(
        self, *, order_id: str, payment_id: str, refund_ref: str, timeout: float = TIMEOUT
    ) -> GatewayRefund | None:
        """The refund made under our reference, if it was."""

    def verify_callback(self, callback: Mapping[str, Any], order_id: str) -> None:
        """BadSignature unless the client's parameters belong to our order; proves no payment."""

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """BadSignature unless the vendor signed exactly these bytes, lately where the vendor signs a time."""

    def parse_webhook(self, raw: bytes, headers: Mapping[str, str]) -> NormalisedEvent:
        """A verified webhook in our words; UnreadableEvent when it has no meaning."""
