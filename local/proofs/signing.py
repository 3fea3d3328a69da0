"""Webhooks as an outside sender makes them who knows the secrets of `.local/demo.json`, and forged ones."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from local.simulators import Keys, paytm_checksum


@dataclass(frozen=True)
class SignedEvent:
    """One body, the headers that prove it, and headers of somebody who guessed."""

    body: bytes
    headers: dict[str, str]
    forged: dict[str, str]
    forged_body: bytes | None = None
    """Where the signature is in the body."""


def capture_of(keys: Keys, payment: Mapping[str, Any], now: datetime, age_minutes: int = 0) -> SignedEvent:
    """The vendor's word that this payment's order was paid."""
    sent = now - timedelta(minutes=age_minutes)
    make = {"razorpay": _razorpay, "cashfree": _cashfree, "paytm": _paytm, "stripe": _stripe}[payment["gateway"]]
    return make(keys, payment, sent)


def _razorpay(keys: Keys, payment: Mapping[str, Any], sent: datetime) -> SignedEvent:
    entity = {
        "id": f"pay_{uuid4().hex[:14]}", "entity": "payment", "amount": payment["amountPaise"], "currency": "INR",
        "status": "captured", "order_id": payment["gatewayOrderId"], "method": "upi", "captured": True, "fee": 100,
        "tax": 15, "notes": [], "amount_refunded": 0, "created_at": int(sent.timestamp()),
    }  # fmt: skip
    event = {
        "entity": "event", "account_id": "acc_local", "event": "payment.captured", "contains": ["payment"],
        "payload": {"payment": {"entity": entity}}, "created_at": int(sent.timestamp()),
    }  # fmt: skip
    body = json.dumps(event).encode()
    headers = {"x-razorpay-event-id": uuid4().hex}

    def signed(secret: str) -> dict[str, str]:
        return headers | {"X-Razorpay-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}

    return SignedEvent(body, signed(keys.razorpay_webhook_secret), signed("guessed"))


def _cashfree(keys: Keys, payment: Mapping[str, Any], sent: datetime) -> SignedEvent:
    rupees = payment["amountPaise"] / 100
    event = {
        "type": "PAYMENT_SUCCESS_WEBHOOK",
        "event_time": sent.isoformat(),
        "data": {
            "order": {"order_id": payment["gatewayOrderId"], "order_amount": rupees, "order_currency": "INR"},
            "payment": {
                "cf_payment_id": str(uuid4().int % 10**10), "payment_status": "SUCCESS", "payment_amount": rupees,
                "payment_currency": "INR", "payment_group": "upi", "payment_time": sent.isoformat(),
            },
        },
    }  # fmt: skip
    body = json.dumps(event).encode()
    stamp = str(int(sent.timestamp() * 1000))
    headers = {"x-webhook-timestamp": stamp, "x-webhook-version": "2025-01-01", "x-idempotency-key": uuid4().hex}

    def signed(secret: str) -> dict[str, str]:
        digest = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
        return headers | {"x-webhook-signature": base64.b64encode(digest).decode()}

    return SignedEvent(body, signed(keys.cashfree_client_secret), signed("guessed"))


def _paytm(keys: Keys, payment: Mapping[str, Any], sent: datetime) -> SignedEvent:
    whole, part = divmod(payment["amountPaise"], 100)
    facts = {
        "mid": keys.paytm_mid, "orderId": payment["gatewayOrderId"], "txnId": f"{uuid4().int % 10**30:030}",
        "txnAmount": f"{whole}.{part:02}", "currency": "INR", "status": "TXN_SUCCESS", "respCode": "01",
        "respMsg": "Txn Success", "txnType": "SALE", "paymentMode": "UPI",
        "txnDate": sent.strftime("%Y-%m-%d %H:%M:%S.0"),
    }  # fmt: skip
    text = json.dumps(facts)

    def sealed(key: str) -> bytes:
        return f'{{"head": {{"signature": "{paytm_checksum.sign(key, text)}"}}, "body": {text}}}'.encode()

    headers = {"Content-Type": "application/json"}
    return SignedEvent(sealed(keys.paytm_merchant_key), headers, headers, sealed("guessed_guessed_"))


def _stripe(keys: Keys, payment: Mapping[str, Any], sent: datetime) -> SignedEvent:
    intent = {
        "id": payment["gatewayOrderId"], "object": "payment_intent", "amount": payment["amountPaise"],
        "amount_received": payment["amountPaise"], "currency": "inr", "status": "succeeded",
        "created": int(sent.timestamp()), "metadata": {},
    }  # fmt: skip
    event = {
        "id": f"evt_{uuid4().hex[:24]}", "object": "event", "type": "payment_intent.succeeded",
        "created": int(sent.timestamp()), "data": {"object": intent},
    }  # fmt: skip
    body, stamp = json.dumps(event).encode(), int(sent.timestamp())

    def signed(secret: str) -> dict[str, str]:
        digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return {"Stripe-Signature": f"t={stamp},v1={digest}"}

    return SignedEvent(body, signed(keys.stripe_webhook_secret), signed("guessed"))
