"""Razorpay's entities and webhooks in our words, read defensively: the vendor's own samples contradict each other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from studyspot.gateways.envelopes import envelope_of, text
from studyspot.gateways.failures import UnreadableEvent
from studyspot.gateways.payment import (
    GatewayDispute,
    GatewayMandate,
    GatewayPayment,
    GatewayRefund,
    NormalisedEvent,
    card_of,
    rrn_of,
)
from studyspot.gateways.rupees import MOST_PAISE

Subject = Literal["payment", "refund", "mandate", "dispute", "settlement", "notification", "other"]

PAYMENT_STATES: Mapping[str, Any] = {
    state: state for state in ("created", "authorized", "captured", "failed", "refunded")
}
REFUND_STATES: Mapping[str, Any] = {"pending": "pending", "processed": "succeeded", "failed": "failed"}
MANDATE_STATES: Mapping[str, Any] = {
    "initiated": "created",
    "confirmed": "confirmed",
    "rejected": "rejected",
    "paused": "paused",
    "cancelled": "cancelled",
}
DISPUTE_STATES = frozenset({"open", "under_review", "won", "lost", "closed"})


def moment(seconds: Any) -> datetime | None:
    """Unix seconds, when they are."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal) or not 0 < seconds < 10**11:
        return None
    return datetime.fromtimestamp(int(seconds), UTC)


def paise(value: Any) -> int | None:
    """A whole number of paise, also when it comes as text; what has a point or an exponent is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    digits = str(value) if not isinstance(value, int) or abs(value) < MOST_PAISE else ""
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= len(str(MOST_PAISE)) else None


def payment_from(raw: Mapping[str, Any]) -> GatewayPayment:
    """`status` decides; `captured` is true on some failed samples and the text "1" on others."""
    status = PAYMENT_STATES.get(str(raw.get("status")), "created")
    error = text(raw.get("error_reason")) or text(raw.get("error_code"))
    told = raw.get("card")
    card = told if isinstance(told, dict) else {}
    told = raw.get("acquirer_data")
    acquirer = told if isinstance(told, dict) else {}
    return GatewayPayment(
        id=text(raw.get("id")) or "",
        order_id=text(raw.get("order_id")) or "",
        status=status,
        amount_paise=paise(raw.get("amount")) or 0,
        currency=text(raw.get("currency")) or "",
        method=text(raw.get("method")) or "",
        fee_paise=paise(raw.get("fee")),
        tax_paise=paise(raw.get("tax")),
        error=error,
        captured_at=moment(raw.get("created_at")) if status in ("captured", "refunded") else None,
        customer_id=text(raw.get("customer_id")),
        token_id=text(raw.get("token_id")),
        card=card_of(text(card.get("network")), text(card.get("issuer")), text(card.get("last4"))),
        rrn=rrn_of(text(acquirer.get("rrn"))),
    )


def refund_from(raw: Mapping[str, Any], order_id: str) -> GatewayRefund:
    """Their refund; the order is ours to know."""
    return GatewayRefund(
        id=text(raw.get("id")) or "",
        reference=text(raw.get("receipt")) or "",
        payment_id=text(raw.get("payment_id")) or "",
        order_id=order_id,
        status=REFUND_STATES.get(str(raw.get("status")), "pending"),
        amount_paise=paise(raw.get("amount")) or 0,
    )


def mandate_from(raw: Mapping[str, Any]) -> GatewayMandate:
    """Their token; webhook samples of a confirmed card token carry no status of their own."""
    details = raw.get("recurring_details")
    status = details.get("status") if isinstance(details, dict) else raw.get("recurring_status")
    return GatewayMandate(
        id=text(raw.get("id")) or "",
        customer_id=text(raw.get("customer_id")) or "",
        status=MANDATE_STATES.get(str(status), "created"),
        max_amount_paise=paise(raw.get("max_amount")),
        method=text(raw.get("method")) or "",
    )


def dispute_from(raw: Mapping[str, Any]) -> GatewayDispute | None:
    """Their dispute; None when it does not say what it is, or in a state that we do not know."""
    status: Any = raw.get("status")
    name, amount = text(raw.get("id")), paise(raw.get("amount"))
    if not name or not amount or status not in DISPUTE_STATES:
        return None
    return GatewayDispute(
        gateway="razorpay",
        id=name,
        payment_id=text(raw.get("payment_id")) or "",
        status=status,
        amount_paise=amount,
        phase=text(raw.get("phase")),
        reason=text(raw.get("reason_code")),
        respond_by=moment(raw.get("respond_by")),
        opened_at=moment(raw.get("created_at")),
    )


def event_from(raw: bytes, event_id: str | None) -> NormalisedEvent:
    """The envelope `{event, payload: {kind: {entity}}}`; kinds not known are kept in `raw` only."""
    envelope = envelope_of(raw)
    kind = text(envelope.get("event"))
    if not isinstance(envelope.get("event"), str) or kind is None:
        raise UnreadableEvent
    payload = envelope.get("payload")
    parts = payload if isinstance(payload, dict) else {}
    payment, refund, token = (_entity(parts, name) for name in ("payment", "refund", "token"))
    order, dispute = _entity(parts, "order"), _entity(parts, "dispute")
    notification = _entity(parts, "notification")
    ours_payment = payment_from(payment) if payment else None
    # the payment's word first: some samples write the order's own id without its prefix
    named = (payment.get("order_id"), order.get("id"), notification.get("order_id"))
    order_id = next((text(each) for each in named if each), None)
    ours_refund = refund_from(refund, order_id or "") if refund else None
    mandate = mandate_from(token) if token else None
    subject = _subject(kind)
    status, amount = _status_and_amount(kind, subject, ours_payment, ours_refund, mandate, dispute)
    return NormalisedEvent(
        event_id=event_id or hashlib.sha256(raw).hexdigest(),
        type=kind,
        subject=subject,
        order_id=order_id,
        payment_id=text(payment.get("id")) or text(refund.get("payment_id")),
        refund_id=text(refund.get("id")),
        status=status,
        amount_paise=amount,
        currency=text(payment.get("currency")),
        # the pre-debit events put the envelope's time inside the payload
        occurred_at=moment(envelope.get("created_at")) or moment(parts.get("created_at")),
        payment=ours_payment,
        refund=ours_refund,
        mandate=mandate,
        dispute=dispute_from(dispute) if subject == "dispute" else None,
        raw=envelope,
    )


def _subject(kind: str) -> Subject:
    if kind.startswith("payment.dispute."):
        return "dispute"
    if kind.startswith("order.notification."):
        return "notification"
    subjects: dict[str, Subject] = {"payment": "payment", "order": "payment", "refund": "refund", "token": "mandate",
                                    "settlement": "settlement"}  # fmt: skip
    area = kind.partition(".")[0]
    return "other" if kind.startswith("payment.downtime.") else subjects.get(area, "other")


def _status_and_amount(
    kind: str,
    subject: Subject,
    payment: GatewayPayment | None,
    refund: GatewayRefund | None,
    mandate: GatewayMandate | None,
    dispute: Mapping[str, Any],
) -> tuple[str | None, int | None]:
    if subject == "refund" and refund:
        return refund.status, refund.amount_paise
    if subject == "mandate" and mandate:
        # the event's own name is the newest word on the token
        return MANDATE_STATES.get(kind.rpartition(".")[2], mandate.status), mandate.max_amount_paise
    if subject == "dispute":
        status = dispute.get("status")
        return (str(status) if status in DISPUTE_STATES else None), paise(dispute.get("amount"))
    if subject == "notification":
        return kind.rpartition(".")[2], None
    if payment:
        return payment.status, payment.amount_paise
    return None, None


def _entity(parts: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Some samples wrap the entity, some do not, and some members are no objects at all."""
    part = parts.get(name)
    if not isinstance(part, dict):
        return {}
    entity = part.get("entity")
    return entity if isinstance(entity, dict) else part if "id" in part else {}
