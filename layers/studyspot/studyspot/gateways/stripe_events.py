"""Stripe's payment intents, refunds and events in our words; amounts are whole paise there too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from studyspot.gateways.envelopes import envelope_of, text
from studyspot.gateways.failures import UnreadableEvent
from studyspot.gateways.payment import (
    DisputeState,
    GatewayDispute,
    GatewayPayment,
    GatewayRefund,
    NormalisedEvent,
    PaymentState,
    RefundState,
)

PAYMENT_STATES: Mapping[str, PaymentState] = {
    "requires_payment_method": "created",
    "requires_confirmation": "created",
    "requires_action": "created",
    "processing": "created",
    "requires_capture": "authorized",
    "succeeded": "captured",
    "canceled": "failed",
}
REFUND_STATES: Mapping[str, RefundState] = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
DISPUTE_STATES: Mapping[str, DisputeState] = {
    "needs_response": "open",
    "warning_needs_response": "open",
    "under_review": "under_review",
    "warning_under_review": "under_review",
    "won": "won",
    "warning_closed": "won",
    "prevented": "won",
    "lost": "lost",
}
MOST_PAISE = 10**15


def whole(value: Any) -> int:
    """An amount in the smallest unit; anything that is no such number is nothing."""
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_PAISE
    return value if good else 0


def moment(value: Any) -> datetime | None:
    """Seconds since 1970; anything else is no time."""
    try:
        return datetime.fromtimestamp(value, UTC) if type(value) is int else None
    except (ValueError, OverflowError, OSError):
        return None


def payment_from(intent: Mapping[str, Any]) -> GatewayPayment:
    """An intent is order and payment in one: a try that failed sends it back to its beginning, with an error."""
    status = PAYMENT_STATES.get(str(intent.get("status")), "created")
    error, charge = _part(intent, "last_payment_error"), _part(intent, "latest_charge")
    if status == "created" and error and intent.get("status") == "requires_payment_method":
        status = "failed"
    reason = text(error.get("decline_code")) or text(error.get("code")) or text(intent.get("cancellation_reason"))
    fee, tax = _fee(_part(charge, "balance_transaction"))
    paid_by = _part(charge, "payment_method_details") or _part(error, "payment_method")
    identifier = text(intent.get("id")) or ""
    return GatewayPayment(
        id=identifier,
        order_id=identifier,
        status=status,
        amount_paise=whole(intent.get("amount_received") if status == "captured" else intent.get("amount")),
        currency=(text(intent.get("currency")) or "").upper(),
        method=text(_part(charge, "payment_method_details").get("type")) or "",
        fee_paise=fee,
        tax_paise=tax,
        error=(reason or "declined") if status == "failed" else None,
        captured_at=(moment(charge.get("created")) or moment(intent.get("created"))) if status == "captured" else None,
        fingerprint=text(_part(paid_by, "card").get("fingerprint")),
    )


def _fee(balance: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Told in the account's own currency; any other is not ours to convert."""
    if not balance or str(balance.get("currency")).upper() != "INR":
        return None, None
    lines = balance.get("fee_details")
    taxes = [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    return whole(balance.get("fee")), sum(whole(line.get("amount")) for line in taxes if line.get("type") == "tax")


def refund_from(raw: Mapping[str, Any]) -> GatewayRefund:
    """Our reference is among the words that we gave it."""
    intent = text(raw.get("payment_intent")) or ""
    return GatewayRefund(
        id=text(raw.get("id")) or "",
        reference=text(_part(raw, "metadata").get("reference")) or "",
        payment_id=intent,
        order_id=intent,
        status=REFUND_STATES.get(str(raw.get("status")), "pending"),
        amount_paise=whole(raw.get("amount")),
    )


def event_from(raw: bytes) -> NormalisedEvent:
    """`{id, type, created, data: {object}}`; the object says what the event is about."""
    envelope = envelope_of(raw)
    event_id, kind = text(envelope.get("id")), text(envelope.get("type"))
    if not event_id or not kind:
        raise UnreadableEvent
    about = _part(_part(envelope, "data"), "object")
    read = READERS.get(str(about.get("object")), _other)
    return read(about, {"event_id": event_id, "type": kind, "occurred_at": moment(envelope.get("created")),
                        "raw": envelope})  # fmt: skip


def _intent(about: Mapping[str, Any], known: dict[str, Any]) -> NormalisedEvent:
    payment = payment_from(about)
    return NormalisedEvent(
        **known, subject="payment", order_id=payment.order_id or None, payment_id=payment.id or None,
        status=payment.status, amount_paise=payment.amount_paise, currency=payment.currency, payment=payment,
    )  # fmt: skip


def _refund(about: Mapping[str, Any], known: dict[str, Any]) -> NormalisedEvent:
    refund = refund_from(about)
    return NormalisedEvent(
        **known, subject="refund", order_id=refund.order_id or None, payment_id=refund.payment_id or None,
        refund_id=refund.id, status=refund.status, amount_paise=refund.amount_paise,
        currency=(text(about.get("currency")) or "").upper(), refund=refund,
    )  # fmt: skip


def _dispute(about: Mapping[str, Any], known: dict[str, Any]) -> NormalisedEvent:
    intent = text(about.get("payment_intent"))
    return NormalisedEvent(
        **known, subject="dispute", order_id=intent, payment_id=intent,
        status=DISPUTE_STATES.get(str(about.get("status"))), amount_paise=whole(about.get("amount")),
        currency=(text(about.get("currency")) or "").upper(), dispute=dispute_from(about),
    )  # fmt: skip


def dispute_from(about: Mapping[str, Any]) -> GatewayDispute | None:
    """A warning is an inquiry that takes nothing yet; what it costs stands in its balance transactions."""
    word = str(about.get("status"))
    name, status = text(about.get("id")), DISPUTE_STATES.get(word)
    if not name or status is None or not whole(about.get("amount")):
        return None
    lines = about.get("balance_transactions")
    fees = [whole(line.get("fee")) for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    return GatewayDispute(
        gateway="stripe",
        id=name,
        payment_id=text(about.get("payment_intent")) or "",
        status=status,
        amount_paise=whole(about.get("amount")),
        phase="retrieval" if word.startswith("warning") else "chargeback",
        reason=text(about.get("reason")),
        respond_by=moment(_part(about, "evidence_details").get("due_by")),
        opened_at=moment(about.get("created")),
        fee_paise=max(fees, default=0),
    )


def _session(about: Mapping[str, Any], known: dict[str, Any]) -> NormalisedEvent:
    """A hosted page was left. Its intent tells of the money itself; this only names it."""
    return NormalisedEvent(**known, subject="other", order_id=text(about.get("payment_intent")))


def _other(_: Mapping[str, Any], known: dict[str, Any]) -> NormalisedEvent:
    return NormalisedEvent(**known, subject="other")


READERS: Mapping[str, Callable[[Mapping[str, Any], dict[str, Any]], NormalisedEvent]] = {
    "payment_intent": _intent,
    "refund": _refund,
    "dispute": _dispute,
    "checkout.session": _session,
}
"""A charge that was refunded tells of its refunds by events of their own."""


def _part(parts: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = parts.get(name)
    return part if isinstance(part, dict) else {}
