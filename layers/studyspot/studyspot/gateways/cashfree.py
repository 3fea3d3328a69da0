"""Cashfree: orders, payments and refunds over plain HTTP; amounts in rupees on the wire, in paise inside."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from studyspot.gateways import cashfree_events, rupees
from studyspot.gateways.failures import GatewayBusy, GatewayRejected
from studyspot.gateways.payment import (
    TIMEOUT,
    Customer,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    NormalisedEvent,
)
from studyspot.gateways.signatures import base64_digest, header, require_match
from studyspot.kit.clock import INDIA
from studyspot.kit.errors import BadSignature

if TYPE_CHECKING:
    from studyspot.kit.settings import Settings

NAME = "cashfree"
PRODUCTION = "https://api.cashfree.com/pg"
SANDBOX = "https://sandbox.cashfree.com/pg"
LEAST_PAISE = 100
WINDOW = timedelta(minutes=5)
"""How old, or how far ahead, a signed timestamp may be."""
KEYS = uuid.UUID("6f0a5ff0-5d0b-5cf4-9d6e-6a3a5a0c8d11")
"""Namespace of idempotency keys: the same reference always makes the same key."""
ORDER_STATES = {
    "ACTIVE": "created",
    "PAID": "captured",
    "EXPIRED": "expired",
    "TERMINATED": "cancelled",
    "TERMINATION_REQUESTED": "created",
}


def amount(paise: int) -> Decimal:
    """Rupees with two decimals; below one rupee Cashfree refuses, and so do we before calling."""
    if paise < LEAST_PAISE:
        raise GatewayRejected(NAME, "the least amount is one rupee", vendor_code="amount_too_small", field="amount")
    return rupees.decimal(paise)


@dataclass(frozen=True)
class Cashfree:
    """One merchant account, speaking one pinned version of the vendor's API."""

    client_id: str
    client_secret: str = field(repr=False)
    base_url: str = PRODUCTION
    api_version: str = "2025-01-01"

    @classmethod
    def of(cls, settings: Settings) -> Cashfree:
        return cls(
            client_id=settings.cashfree_client_id,
            client_secret=settings.cashfree_client_secret.get_secret_value(),
            base_url=settings.cashfree_base_url.removesuffix("/"),
            api_version=settings.cashfree_api_version,
        )

    def with_account(self, account: Mapping[str, Any]) -> Cashfree:
        """The same vendor with another merchant's keys; test keys are known only to the vendor's sandbox."""
        base = SANDBOX if account["mode"] == "test" and self.base_url == PRODUCTION else self.base_url
        return replace(self, client_id=account["keyId"], client_secret=account["keySecret"], base_url=base)

    @property
    def name(self) -> str:
        return NAME

    @property
    def mode(self) -> str:
        """Which of the vendor's worlds the browser SDK must use."""
        return "production" if self.base_url == PRODUCTION else "sandbox"

    def call(
        self,
        method: str,
        path: str,
        timeout: float,
        body: Mapping[str, Any] | None = None,
        exact: tuple[str, int] | None = None,
        key: str = "",
    ) -> Any:
        """`exact` names the member that carries an amount: written as exact digits, which json cannot do."""
        from studyspot.gateways.wire import answer_of, session_to

        headers = {
            "x-client-id": self.client_id,
            "x-client-secret": self.client_secret,
            "x-api-version": self.api_version,
            "Content-Type": "application/json",
        }
        if key:
            headers["x-idempotency-key"] = str(uuid.uuid5(KEYS, key))
        text = json.dumps(body) if body else None
        if text and exact:
            text = f'{{"{exact[0]}": {amount(exact[1])}, {text[1:]}'
        session = session_to(NAME, self.base_url, read_error)
        response = session.request(method, self.base_url + path, data=text, headers=headers, timeout=timeout)
        return answer_of(NAME, response)

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
        """The order's id is our own reference, so a second create finds the first."""
        payer = {
            "customer_id": f"c{customer.phone.lstrip('+')}",
            "customer_phone": customer.phone,
            "customer_name": customer.name,
            "customer_email": customer.email,
        }
        body = {
            "order_id": reference,
            "order_currency": currency,
            "customer_details": {name: value for name, value in payer.items() if value},
            "order_meta": {"return_url": return_url},
            "order_expiry_time": expires_at.astimezone(INDIA).isoformat(timespec="seconds"),
            "order_tags": dict(notes),
        }
        try:
            raw = self.call("POST", "/orders", timeout, body, ("order_amount", amount_paise), f"order {reference}")
        except GatewayBusy as refusal:
            found = self.find_order(reference, timeout) if refusal.vendor_code == "order_already_exists" else None
            if found is None or found.amount_paise != amount_paise:
                raise
            return found
        return self._order_from(raw)

    def _order_from(self, raw: dict[str, Any]) -> GatewayOrder:
        status: Any = ORDER_STATES.get(raw["order_status"], "created")
        return GatewayOrder(
            id=raw["order_id"],
            reference=raw["order_id"],
            status=status,
            amount_paise=rupees.paise(raw["order_amount"]) or 0,
            currency=raw["order_currency"],
            checkout={"paymentSessionId": raw.get("payment_session_id"), "mode": self.mode},
            raw=raw,
        )

    def find_order(self, reference: str, timeout: float = TIMEOUT) -> GatewayOrder | None:
        """Reference and order id are one."""
        try:
            return self._order_from(self.call("GET", f"/orders/{_part(reference)}", timeout))
        except GatewayRejected as refusal:
            _require_absent(refusal)
            return None

    def fetch_payment_of(self, order_id: str, timeout: float = TIMEOUT) -> list[GatewayPayment]:
        """Every attempt to pay the order."""
        found = self.call("GET", f"/orders/{_part(order_id)}/payments", timeout)
        return [cashfree_events.payment_from(each, order_id) for each in found]

    def terminate(self, order_id: str, timeout: float = TIMEOUT) -> bool:
        """True once nobody can pay the order any more; a requested termination is not there yet."""
        try:
            raw = self.call("PATCH", f"/orders/{_part(order_id)}", timeout, {"order_status": "TERMINATED"})
        except GatewayRejected:
            return False
        return bool(raw.get("order_status") in ("TERMINATED", "EXPIRED"))

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
        """Refunds hang on the order here; the refund's id is our own."""
        body: dict[str, Any] = {"refund_id": refund_ref, "refund_speed": "STANDARD"}
        if len(note) >= 3:
            body["refund_note"] = note[:100]
        path = f"/orders/{_part(order_id)}/refunds"
        try:
            raw = self.call("POST", path, timeout, body, ("refund_amount", amount_paise), f"refund {refund_ref}")
        except GatewayBusy as refusal:
            if refusal.http_status != 409:
                raise
            found = self.find_refund(order_id=order_id, payment_id=payment_id, refund_ref=refund_ref, timeout=timeout)
            if found is None or found.amount_paise != amount_paise:
                raise
            return found
        return cashfree_events.refund_from(raw)

    def find_refund(
        self,
        *,
        order_id: str,
        payment_id: str,  # noqa: ARG002  # of the common shape
        refund_ref: str,
        timeout: float = TIMEOUT,
    ) -> GatewayRefund | None:
        """By our own id under the order."""
        try:
            raw = self.call("GET", f"/orders/{_part(order_id)}/refunds/{_part(refund_ref)}", timeout)
        except GatewayRejected as refusal:
            _require_absent(refusal)
            return None
        return cashfree_events.refund_from(raw)

    def verify_callback(self, callback: Mapping[str, Any], order_id: str) -> None:
        """Nothing is signed here; the fetch that must follow decides. Only the order is compared."""
        if callback.get("orderId") != order_id:
            raise BadSignature

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Signed over the timestamp of the attempt and the body, without a separator."""
        stamp = header(headers, "x-webhook-timestamp") or ""
        message = stamp.encode("utf-8", "surrogatepass") + raw
        require_match([base64_digest(self.client_secret, message)], header(headers, "x-webhook-signature"))
        # 13 digits: milliseconds; compared as numbers, so that no absurd one becomes a date
        if not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 15:
            raise BadSignature
        if abs(int(stamp) - int(now.timestamp() * 1000)) > WINDOW.total_seconds() * 1000:
            raise BadSignature("The signed time is too far from now.")

    def parse_webhook(self, raw: bytes, headers: Mapping[str, str]) -> NormalisedEvent:
        """See `cashfree_events.event_from`."""
        return cashfree_events.event_from(raw, header(headers, "x-idempotency-key"))


def _part(identifier: str) -> str:
    return quote(identifier, safe="")


def _require_absent(refusal: GatewayRejected) -> None:
    """Only a 404 means that there is none."""
    if refusal.http_status != 404:
        raise refusal


def read_error(body: Any) -> Mapping[str, str | None]:
    """`{message, code, type, help}`."""
    if not isinstance(body, dict):
        return {}
    told = {"description": body.get("message"), "vendor_code": body.get("code"), "reason": body.get("type")}
    return {name: str(value) for name, value in told.items() if value}
