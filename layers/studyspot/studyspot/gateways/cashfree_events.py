"""Cashfree's entities and webhooks in our words; ids are numbers in some versions and text in others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from studyspot.gateways.failures import UnreadableEvent
from studyspot.gateways.payment import GatewayPayment, GatewayRefund, NormalisedEvent, PaymentState

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
DISPUTE_STATES = {
    "CREATED": "open",
    "INSUFFICIENT_EVIDENCE": "open",
    "DOCS_RECEIVED": "under_review",
    "UNDER_REVIEW": "under_review",
    "MERCHANT_WON": "won",
    "MERCHANT_LOST": "lost",
    "MERCHANT_ACCEPTED": "lost",
}


def paise(rupees: Any) -> int | None:
    """Exact paise of a number of rupees; None when it is no whole number of paise."""
    if isinstance(rupees, bool) or not isinstance(rupees, int | Decimal | str):
        return None
    try:
        minor = Decimal(rupees).scaleb(2)
        return int(minor) if minor == minor.to_integral_value() else None
    except (InvalidOperation, ValueError, OverflowError):
        return None


def text(value: Any) -> str | None:
    """Ids are text inside, whatever they are on the wire."""
    return str(value) if isinstance(value, str | int) and value != "" else None


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
    details = raw.get("error_details")
    error = details.get("error_code") or details.get("error_reason") if isinstance(details, dict) else None
    service, tax = (paise((charges or {}).get(name)) for name in ("service_charge", "service_tax"))
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


def event_from(raw: bytes, event_key: str | None) -> NormalisedEvent:
    """`{type, event_time, data: {order, payment, refund, dispute}}`; the version decides whether it has a key."""
    envelope = _object(raw)
    kind = envelope.get("type")
    if not isinstance(kind, str):
        raise UnreadableEvent
    data = envelope.get("data")
    parts = data if isinstance(data, dict) else {}
    order, payment, refund, dispute, charges, failure = (
        _part(parts, name) for name in ("order", "payment", "refund", "dispute", "charges_details", "error_details")
    )
    about = order or _part(parts, "order_details")
    order_id = text(about.get("order_id")) or text(refund.get("order_id"))
    if failure:
        payment = {**payment, "error_details": failure}
    ours_payment = payment_from(payment, order_id or "", charges) if payment and not dispute else None
    ours_refund = refund_from(refund) if refund else None
    subject, status, amount = _gist(ours_payment, ours_refund, dispute)
    known = (text(dispute.get("dispute_id")), ours_refund and ours_refund.id, ours_payment and ours_payment.id)
    word = dispute.get("dispute_status") or refund.get("refund_status") or payment.get("payment_status")
    return NormalisedEvent(
        event_id=event_key or f"{kind}:{next((each for each in known if each), order_id)}:{word}",
        type=kind,
        subject=subject,
        order_id=order_id,
        payment_id=(ours_payment and ours_payment.id) or text(refund.get("cf_payment_id")),
        refund_id=ours_refund.id if ours_refund else None,
        status=status,
        amount_paise=amount,
        currency=ours_payment.currency if ours_payment else text(refund.get("refund_currency")),
        occurred_at=moment(envelope.get("event_time")),
        payment=ours_payment,
        refund=ours_refund,
        raw=envelope,
    )


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


def _object(raw: bytes) -> dict[str, Any]:
    try:
        loaded = json.loads(raw.decode(), parse_float=Decimal)
    except (ValueError, RecursionError):
        raise UnreadableEvent from None
    if not isinstance(loaded, dict):
        raise UnreadableEvent
    return loaded


def _part(parts: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = parts.get(name)
    return part if isinstance(part, dict) else {}
