"""Razorpay's e-mandates: register once with the payer's consent, then announce and debit each period."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from studyspot.gateways import razorpay_events
from studyspot.gateways.failures import GatewayDown, GatewayTimeout
from studyspot.gateways.payment import TIMEOUT, Customer, GatewayMandate, GatewayOrder
from studyspot.gateways.razorpay import NAME, Razorpay, amount


def create_customer(gateway: Razorpay, customer: Customer, timeout: float = TIMEOUT) -> str:
    """The payer's id at Razorpay, the same one again for the same contact."""
    body = {"name": customer.name, "email": customer.email, "contact": customer.phone, "fail_existing": "0"}
    return str(gateway.call("customer.create", body, timeout=timeout)["id"])


def register(
    gateway: Razorpay,
    reference: str,
    amount_paise: int,
    customer_id: str,
    *,
    max_amount_paise: int,
    expires_at: datetime,
    frequency: str = "monthly",
    method: str | None = None,
    notes: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> GatewayOrder:
    """An order whose payment in checkout approves the mandate; its payment carries `token_id`.

    `method` narrows the checkout to upi, card or emandate. At a bank (emandate) nothing is paid by approving.
    """
    token = {
        "max_amount": amount(max_amount_paise),
        "expire_at": int(expires_at.timestamp()),
        "frequency": frequency,
    }
    body = {
        "amount": amount(amount_paise) if method != "emandate" else 0,
        "currency": "INR",
        "receipt": reference,
        "customer_id": customer_id,
        "payment_capture": True,
        "token": token if method != "emandate" else token | {"auth_type": "netbanking"},
        "notes": dict(notes or {}),
    }
    if method:
        body["method"] = method
    return gateway.order_from(gateway.call("order.create", body, timeout=timeout))


def fetch(gateway: Razorpay, customer_id: str, token_id: str, timeout: float = TIMEOUT) -> GatewayMandate:
    """The mandate as Razorpay knows it now."""
    return razorpay_events.mandate_from(gateway.call("token.fetch", customer_id, token_id, timeout=timeout))


def announce(
    gateway: Razorpay,
    reference: str,
    amount_paise: int,
    customer_id: str,
    token_id: str,
    debit_after: datetime,
    notes: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> GatewayOrder:
    """The order of one debit; Razorpay sends the payer the pre-debit notice and makes no retries of its own."""
    body = {
        "amount": amount(amount_paise),
        "currency": "INR",
        "receipt": reference,
        "customer_id": customer_id,
        "payment_capture": True,
        "notification": {"token_id": token_id, "payment_after": int(debit_after.timestamp())},
        "notes": dict(notes or {}),
    }
    return gateway.order_from(gateway.call("order.create", body, timeout=timeout))


def charge(
    gateway: Razorpay,
    order: GatewayOrder,
    customer_id: str,
    token_id: str,
    customer: Customer,
    description: str,
    timeout: float = TIMEOUT,
) -> str:
    """Ask for the announced debit; answers the payment's id, the outcome comes by webhook or fetch.

    There is no idempotency device here: after an UNKNOWN failure look at `fetch_payment_of(order.id)`.
    """
    body = {
        "email": customer.email,
        "contact": customer.phone,
        "amount": order.amount_paise,
        "currency": order.currency,
        "order_id": order.id,
        "customer_id": customer_id,
        "token": token_id,
        "recurring": True,
        "description": description,
    }
    try:
        return str(gateway.call("payment.createRecurring", body, timeout=timeout)["razorpay_payment_id"])
    except GatewayDown as failure:
        if (failure.http_status or 0) < 500:
            raise
        raise GatewayTimeout(NAME, failure.description, http_status=failure.http_status) from None


def cancel(gateway: Razorpay, customer_id: str, token_id: str, timeout: float = TIMEOUT) -> None:
    """End the mandate; `token.cancelled` follows."""
    gateway.call("token.cancel", customer_id, token_id, timeout=timeout)
