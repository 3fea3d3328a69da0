"""Cashfree's entities and webhooks in our words; ids are numbers in some versions and text in others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from studyspot.gateways.envelopes import envelope_of, text
from studyspot.gateways.failures import UnreadableEvent
from studyspot.gateways.payment import (
    DisputeState,
    GatewayDispute,
    GatewayPayment,
    GatewayRefund,
    NormalisedEvent,
    PaymentState,
    card_of,
    rrn_of,
)
from studyspot.gateways.rupees import paise

PAYMENT_STATES: Mapping[str, PaymentState] = {
    "SUCCESS": "captured",
    "NOT_ATTEMPTED": "created",
    "PENDING": "created",
    "FAILED": "failed",
    "USER_DROPPED": "failed",
    "CANCELLED": "failed",
    "VOID": "failed",
}
REFUND_STATES: Mapping[str, Any] = {
    "SUCCESS": "succeeded",
    "PENDING": "pending",
    "ONHOLD": "pending",
    "CANCELLED": "failed",
    "FAILED": "failed",
}
DISPUTE_STATES: Mapping[str, DisputeState] = {
    "CREATED": "open",
    "INSUFFICIENT_EVIDENCE": "open",
    "DOCS_RECEIVED": "under_review",
    "UNDER_REVIEW": "under_review",
    "MERCHANT_WON": "won",
    "MERCHANT_LOST": "lost",
    "MERCHANT_ACCEPTED": "lost",
}


def moment(value: Any) -> datetime | None:
    """ISO 8601 with an offset; anything else is no time."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at and at.tzinfo else None


def payment_from(raw: Mapping[str, Any], order_id: str, charges: Mapping[str, Any] | None = None) -> GatewayPayment:
    """A pre-authorised payment is a SUCCESS that is not captured yet."""
    status = PAYMENT_STATES.get(str(raw.get("payment_status")), "created")
    if status == "captured" and raw.get("is_captured") is False:
        status = "authorized"
    details = _part(raw, "error_details")
    error = details.get("error_code") or details.get("error_reason")
    service, tax = (paise((charges or {}).get(name)) for name in ("service_charge", "service_tax"))
    card = _part(_part(raw, "payment_method"), "card")
    paid_at = moment(raw.get("payment_completion_time")) or moment(raw.get("payment_time"))
    return GatewayPayment(
        id=text(raw.get("cf_payment_id")) or "",
        order_id=order_id,
        status=status,
        amount_paise=paise(raw.get("payment_amount")) or 0,
        currency=text(raw.get("payment_currency")) or "",
        method=text(raw.get("payment_group")) or _method(raw.get("payment_method")),
        fee_paise=None if service is None else service + (tax or 0),
        tax_paise=tax,
        error=text(error) or (text(raw.get("payment_message")) if status == "failed" else None),
        captured_at=paid_at if status == "captured" else None,
        card=card_of(text(card.get("card_network")), text(card.get("card_bank_name")), text(card.get("card_number"))),
        rrn=rrn_of(text(raw.get("bank_reference"))),
    )


def _method(block: Any) -> str:
    return str(next(iter(block), "")) if isinstance(block, dict) else ""


def refund_from(raw: Mapping[str, Any]) -> GatewayRefund:
    """FAILED is no member of the vendor's own list, yet it is sent."""
    return GatewayRefund(
        id=text(raw.get("cf_refund_id")) or "",
        reference=text(raw.get("refund_id")) or "",
        payment_id=text(raw.get("cf_payment_id")) or "",
        order_id=text(raw.get("order_id")) or "",
        status=REFUND_STATES.get(str(raw.get("refund_status")), "pending"),
        amount_paise=paise(raw.get("refund_amount")) or 0,
    )


def dispute_from(raw: Mapping[str, Any], order: Mapping[str, Any]) -> GatewayDispute | None:
    """`CHARGEBACK_MERCHANT_WON` is a phase and a state; None when it does not say what it is."""
    word = str(raw.get("dispute_status"))
    suffix = next((suffix for suffix in DISPUTE_STATES if word.endswith(f"_{suffix}")), None)
    name, amount = text(raw.get("dispute_id")), paise(raw.get("dispute_amount"))
    if not name or not amount or suffix is None:
        return None
    return GatewayDispute(
        gateway="cashfree",
        id=name,
        payment_id=text(order.get("cf_payment_id")) or text(raw.get("cf_payment_id")) or "",
        status=DISPUTE_STATES[suffix],
        amount_paise=amount,
        phase=word.removesuffix(f"_{suffix}").lower(),
        reason=text(raw.get("reason_code")),
        respond_by=moment(raw.get("respond_by")),
        opened_at=moment(raw.get("created_at")),
    )


def event_from(raw: bytes, event_key: str | None) -> NormalisedEvent:
    """`{type, event_time, data: {order, payment, refund, dispute}}`; the version decides whether it has a key."""
    envelope = envelope_of(raw)
    kind = text(envelope.get("type"))
    if not isinstance(envelope.get("type"), str) or kind is None:
        raise UnreadableEvent
    data = envelope.get("data")
    parts = data if isinstance(data, dict) else {}
    order, payment, refund, dispute, charges, failure = (
        _part(parts, name) for name in ("order", "payment", "refund", "dispute", "charges_details", "error_details")
    )
    about = order or _part(parts, "order_details") or refund
    order_id = text(about.get("order_id"))
    if failure:
        payment = {**payment, "error_details": failure}
    ours_payment = payment_from(payment, order_id or "", charges) if payment and not dispute else None
    ours_refund = refund_from(refund) if refund else None
    subject, status, amount = _gist(ours_payment, ours_refund, dispute)
    return NormalisedEvent(
        event_id=event_key or _key(kind, order_id, dispute, refund, payment),
        type=kind,
        subject=subject,
        order_id=order_id,
        payment_id=text((payment or refund).get("cf_payment_id")),
        refund_id=text(refund.get("cf_refund_id")),
        status=status,
        amount_paise=amount,
        currency=text((payment or refund).get("payment_currency" if payment else "refund_currency")),
        occurred_at=moment(envelope.get("event_time")),
        payment=ours_payment,
        refund=ours_refund,
        dispute=dispute_from(dispute, about) if dispute else None,
        raw=envelope,
    )


def _key(
    kind: str,
    order_id: str | None,
    dispute: Mapping[str, Any],
    refund: Mapping[str, Any],
    payment: Mapping[str, Any],
) -> str:
    """For versions that send no key: the same thing in the same state is the same event."""
    for part, name, state in (
        (dispute, "dispute_id", "dispute_status"),
        (refund, "cf_refund_id", "refund_status"),
        (payment, "cf_payment_id", "payment_status"),
    ):
        if part:
            return f"{kind}:{part.get(name)}:{part.get(state)}"
    return f"{kind}:{order_id}"


def _gist(
    payment: GatewayPayment | None, refund: GatewayRefund | None, dispute: Mapping[str, Any]
) -> tuple[Literal["payment", "refund", "dispute", "other"], str | None, int | None]:
    if dispute:
        word = str(dispute.get("dispute_status"))
        state = next((ours for suffix, ours in DISPUTE_STATES.items() if word.endswith(f"_{suffix}")), None)
        return "dispute", state, paise(dispute.get("dispute_amount"))
    if refund:
        return "refund", refund.status, refund.amount_paise
    if payment:
        return "payment", payment.status, payment.amount_paise
    return "other", None, None


def _part(parts: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = parts.get(name)
    return part if isinstance(part, dict) else {}
