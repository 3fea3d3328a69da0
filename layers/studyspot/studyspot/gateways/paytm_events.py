"""Paytm's transactions, refunds and callbacks in our words; every value is text there, times are India's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from studyspot.gateways.envelopes import form_of, parse, text
from studyspot.gateways.failures import UnreadableEvent
from studyspot.gateways.payment import GatewayPayment, GatewayRefund, NormalisedEvent, PaymentState, RefundState, rrn_of
from studyspot.gateways.rupees import paise
from studyspot.kit.clock import INDIA

FORM = "application/x-www-form-urlencoded"
PAYMENT_STATES: Mapping[str, PaymentState] = {"TXN_SUCCESS": "captured", "TXN_FAILURE": "failed", "PENDING": "created"}
REFUND_STATES: Mapping[str, RefundState] = {"TXN_SUCCESS": "succeeded", "TXN_FAILURE": "failed", "PENDING": "pending"}
NAMES = {
    "ORDERID": "orderId", "MID": "mid", "TXNID": "txnId", "TXNAMOUNT": "txnAmount", "CURRENCY": "currency",
    "STATUS": "status", "RESPCODE": "respCode", "RESPMSG": "respMsg", "PAYMENTMODE": "paymentMode",
    "TXNDATE": "txnDate", "BANKTXNID": "bankTxnId", "GATEWAYNAME": "gatewayName", "BANKNAME": "bankName",
}  # fmt: skip
"""A form's names, and those of the same facts in JSON."""


def moment(value: Any) -> datetime | None:
    """`2024-05-11 15:30:12.0`; anything else is no time."""
    try:
        return datetime.fromisoformat(value).replace(tzinfo=INDIA) if isinstance(value, str) else None
    except ValueError:
        return None


def signed_part(raw: bytes) -> tuple[bytes, dict[str, Any], object]:
    """Of `{"head": {"signature"}, "body": {…}}`: the body's bytes as they came, what they say, and the signature.

    What is signed is the text of one member of what carries the signature, so it is cut out and never written anew.
    """
    try:
        document = raw.decode()
        spans = dict(_members(document))
        start, end = spans["body"]
        body, head = parse(document[start:end].encode()), json.loads(document[slice(*spans["head"])])
    except (ValueError, KeyError, RecursionError):
        raise UnreadableEvent from None
    if not isinstance(body, dict) or not isinstance(head, dict):
        raise UnreadableEvent
    return document[start:end].encode(), body, head.get("signature")


def _members(document: str) -> list[tuple[str, tuple[int, int]]]:
    """Where each member of the top-level object stands; ValueError unless each is there once."""
    decoder, found = json.JSONDecoder(), []
    at = _skip(document, 0, "{")
    while True:
        name, at = decoder.raw_decode(document, at)
        if not isinstance(name, str):
            raise ValueError("a member has no name")
        start = _skip(document, at, ":")
        _, end = decoder.raw_decode(document, start)
        found.append((name, (start, end)))
        at = _blank(document, end)
        if document[at : at + 1] == "}":
            break
        at = _skip(document, at, ",")
    names = [name for name, _ in found]
    if _blank(document, at + 1) != len(document) or len(set(names)) != len(names):
        raise ValueError("not one object")
    return found


def _skip(document: str, at: int, sign: str) -> int:
    at = _blank(document, at)
    if document[at : at + 1] != sign:
        raise ValueError(f"no {sign}")
    return _blank(document, at + 1)


def _blank(document: str, at: int) -> int:
    while document[at : at + 1] in (" ", "\t", "\r", "\n"):
        at += 1
    return at


def payment_from(raw: Mapping[str, Any], status: Any, order_id: str) -> GatewayPayment:
    """A transaction as the status call, a callback or a webhook tells of it. Paytm takes rupees alone."""
    state = PAYMENT_STATES.get(str(status), "created")
    code, words = text(raw.get("respCode")), text(raw.get("respMsg"))
    return GatewayPayment(
        id=text(raw.get("txnId")) or "",
        order_id=order_id,
        status=state,
        amount_paise=paise(raw.get("txnAmount")) or 0,
        currency=text(raw.get("currency")) or "INR",
        method=(text(raw.get("paymentMode")) or "").lower(),
        error=(words or code or "declined") if state == "failed" else None,
        captured_at=moment(raw.get("txnDate")) if state == "captured" else None,
        rrn=rrn_of(text(raw.get("bankTxnId"))),
    )


def refund_from(raw: Mapping[str, Any], status: Any) -> GatewayRefund:
    """The same facts in the answer to the call, in the status and in the webhook."""
    return GatewayRefund(
        id=text(raw.get("refundId")) or "",
        reference=text(raw.get("refId")) or "",
        payment_id=text(raw.get("txnId")) or "",
        order_id=text(raw.get("orderId")) or "",
        status=REFUND_STATES.get(str(status), "pending"),
        amount_paise=paise(raw.get("refundAmount")) or 0,
    )


def facts_of(raw: bytes, media_type: str) -> dict[str, Any]:
    """What a webhook says: JSON, or the form that a browser posts."""
    if media_type != FORM:
        return signed_part(raw)[1]
    return {NAMES.get(name, name): value for name, value in form_of(raw).items()}


def event_from(raw: bytes, media_type: str) -> NormalisedEvent:
    """Nothing names the event, so what it is about in the state it is in does: the same again is a repetition."""
    facts = facts_of(raw, media_type)
    kind, status, order_id = text(facts.get("txnType")) or "SALE", text(facts.get("status")), text(facts.get("orderId"))
    if not status:
        raise UnreadableEvent
    subject: Literal["payment", "refund", "other"] = "other"
    payment, refund = None, None
    about = order_id
    if kind in ("SALE", "QR_PAYMENT"):
        subject, payment = "payment", payment_from(facts, status, order_id or "")
    elif kind == "REFUND":
        subject, refund = "refund", refund_from(facts, status)
        about = refund.reference or refund.id
    told = payment or refund
    return NormalisedEvent(
        event_id=f"{kind}:{about}:{status}",
        type=f"{kind}.{status}",
        subject=subject,
        order_id=order_id,
        payment_id=text(facts.get("txnId")),
        refund_id=refund.id if refund else None,
        status=told.status if told else None,
        amount_paise=told.amount_paise if told else None,
        currency=text(facts.get("currency")) or "INR",
        occurred_at=moment(facts.get("txnDate")),
        payment=payment,
        refund=refund,
        raw=facts,
    )
