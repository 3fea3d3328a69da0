"""Stripe: payment intents and refunds over plain HTTP; forms on the way out, paise everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from studyspot.gateways import stripe_events
from studyspot.gateways.failures import GatewayRejected, GatewayTimeout
from studyspot.gateways.payment import (
    TIMEOUT,
    Customer,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    NormalisedEvent,
)
from studyspot.gateways.signatures import header, hex_digest, require_match
from studyspot.kit.errors import BadSignature

if TYPE_CHECKING:
    from studyspot.kit.settings import Settings

NAME = "stripe"
LEAST_PAISE = 50
WINDOW = timedelta(minutes=5)
"""How old, or how far ahead, a signed timestamp may be."""
PAID_WITH = ("latest_charge.balance_transaction",)
ORDER_STATES = {"succeeded": "captured", "requires_capture": "captured", "canceled": "cancelled"}


def amount(paise: int) -> int:
    """Stripe's own unit is the paisa; below its least amount it refuses, and so do we before calling."""
    if paise < LEAST_PAISE:
        raise GatewayRejected(NAME, "the least amount is 50 paise", vendor_code="amount_too_small", field="amount")
    return paise


@dataclass(frozen=True)
class Stripe:
    """One account. `webhook_secrets` holds the current secret first, then the one before a rotation."""

    publishable_key: str
    secret_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)
    base_url: str = "https://api.stripe.com"
    api_version: str = "2026-10-28.endive"

    @classmethod
    def of(cls, settings: Settings) -> Stripe:
        secrets = settings.stripe_webhook_secret.get_secret_value().split(",")
        return cls(
            publishable_key=settings.stripe_publishable_key,
            secret_key=settings.stripe_secret_key.get_secret_value(),
            webhook_secrets=tuple(secret.strip() for secret in secrets if secret.strip()),
            base_url=settings.stripe_base_url.removesuffix("/"),
            api_version=settings.stripe_api_version,
        )

    def with_account(self, account: Mapping[str, Any]) -> Stripe:
        """The same vendor with another merchant's keys."""
        return replace(
            self,
            publishable_key=account["keyId"],
            secret_key=account["keySecret"],
            webhook_secrets=tuple(account["webhookSecrets"]),
        )

    @property
    def name(self) -> str:
        return NAME

    def call(
        self, method: str, path: str, timeout: float, given: Mapping[str, Any] | None = None, key: str = ""
    ) -> dict[str, Any]:
        """`key` makes a repetition harmless: Stripe gives its first answer again, for a day at least."""
        from studyspot.gateways.wire import answer_of, session_to

        headers = {"Authorization": f"Bearer {self.secret_key}", "Stripe-Version": self.api_version}
        if key:
            headers["Idempotency-Key"] = key
        pairs = list(_flat(given or {}))
        sent: dict[str, Any] = {"params": pairs} if method == "GET" else {"data": pairs}
        session = session_to(NAME, self.base_url, read_error)
        response = session.request(method, self.base_url + path, headers=headers, timeout=timeout, **sent)
        answer = answer_of(NAME, response)
        if not isinstance(answer, dict):
            raise GatewayTimeout(NAME, "the answer is not an object")
        return answer

    def create_order(
        self,
        reference: str,
        amount_paise: int,
        currency: str,
        customer: Customer,
        expires_at: datetime,  # noqa: ARG002  # of the common shape
        notes: Mapping[str, str],
        return_url: str,
        timeout: float = TIMEOUT,
    ) -> GatewayOrder:
        """The same reference finds the same intent, however often it is asked for."""
        given: dict[str, Any] = {
            "amount": amount(amount_paise),
            "currency": currency.lower(),
            "automatic_payment_methods": {"enabled": "true"},
            "metadata": {"reference": reference, **notes},
        }
        if customer.email:
            given["receipt_email"] = customer.email
        raw = self.call("POST", "/v1/payment_intents", timeout, given, f"order-{reference}")
        return self.order_from(raw, return_url)

    def order_from(self, raw: dict[str, Any], return_url: str = "") -> GatewayOrder:
        """Their intent in our words; an intent never expires by itself."""
        status: Any = ORDER_STATES.get(str(raw.get("status")), "created")
        metadata = raw.get("metadata")
        checkout = {
            "publishableKey": self.publishable_key,
            "paymentIntentId": raw["id"],
            "clientSecret": raw.get("client_secret"),
            "returnUrl": return_url,
        }
        return GatewayOrder(
            id=raw["id"],
            reference=str(metadata.get("reference", "")) if isinstance(metadata, dict) else "",
            status=status,
            amount_paise=stripe_events.whole(raw.get("amount")),
            currency=str(raw.get("currency", "")).upper(),
            checkout=checkout,
            raw=raw,
        )

    def find_order(self, reference: str, timeout: float = TIMEOUT) -> GatewayOrder | None:
        """By search, which may lag behind by a minute: asking for it again under the same reference finds it too."""
        query = f"metadata['reference']:'{reference}'"
        found = self.call("GET", "/v1/payment_intents/search", timeout, {"query": query, "limit": "10"})
        orders = [self.order_from(each) for each in found.get("data", [])]
        return next((order for order in orders if order.reference == reference), None)

    def fetch_payment_of(self, order_id: str, timeout: float = TIMEOUT) -> list[GatewayPayment]:
        """The intent as it is now, with what its charge cost; until somebody tried to pay it there is nothing."""
        raw = self.call("GET", f"/v1/payment_intents/{_part(order_id)}", timeout, {"expand": PAID_WITH})
        payment = stripe_events.payment_from(raw)
        untouched = payment.status == "created" and raw.get("status") == "requires_payment_method"
        return [] if untouched else [payment]

    def terminate(self, order_id: str, timeout: float = TIMEOUT) -> bool:
        """True once nobody can pay the intent any more; one that is paid is not ended."""
        try:
            raw = self.call("POST", f"/v1/payment_intents/{_part(order_id)}/cancel", timeout)
        except GatewayRejected:
            return False
        return raw.get("status") == "canceled"

    def refund(
        self,
        *,
        order_id: str,
        payment_id: str,  # noqa: ARG002  # of the common shape: an intent is both
        refund_ref: str,
        amount_paise: int,
        note: str = "",
        timeout: float = TIMEOUT,
    ) -> GatewayRefund:
        """The key makes a repetition harmless."""
        given = {
            "payment_intent": order_id,
            "amount": amount(amount_paise),
            "metadata": {"reference": refund_ref} | ({"note": note} if note else {}),
        }
        return stripe_events.refund_from(self.call("POST", "/v1/refunds", timeout, given, f"refund-{refund_ref}"))

    def find_refund(
        self,
        *,
        order_id: str,
        payment_id: str,  # noqa: ARG002  # of the common shape
        refund_ref: str,
        timeout: float = TIMEOUT,
    ) -> GatewayRefund | None:
        """Refunds carry our reference among their words."""
        found = self.call("GET", "/v1/refunds", timeout, {"payment_intent": order_id, "limit": "100"})
        refunds = [stripe_events.refund_from(each) for each in found.get("data", [])]
        return next((refund for refund in refunds if refund.reference == refund_ref), None)

    def verify_callback(self, callback: Mapping[str, Any], order_id: str) -> None:
        """Nothing is signed here; the fetch that must follow decides. Only the order is compared."""
        if callback.get("payment_intent") != order_id:
            raise BadSignature

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Signed over the time and the body with a point between; one good `v1` among several is enough."""
        stamp, presented = _signed(header(headers, "stripe-signature") or "")
        message = f"{stamp}.".encode() + raw
        expected = [hex_digest(secret, message) for secret in self.webhook_secrets]
        matches = [_matches(expected, signature) for signature in presented]
        if not any(matches):
            raise BadSignature
        if abs(int(stamp) - int(now.timestamp())) > WINDOW.total_seconds():
            raise BadSignature("The signed time is too far from now.")

    def parse_webhook(self, raw: bytes, headers: Mapping[str, str]) -> NormalisedEvent:  # noqa: ARG002  # of the common shape
        """See `stripe_events.event_from`."""
        return stripe_events.event_from(raw)


def _signed(told: str) -> tuple[str, list[str]]:
    """`t=<seconds>,v1=<hex>[,v1=…]`; other schemes are not looked at, and a time has to be there once."""
    pairs = [part.partition("=") for part in told.split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1" and value]
    # 11 digits of seconds reach into the year 5138; a longer number is no time
    if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdecimal() and len(stamps[0]) <= 11):
        raise BadSignature
    return stamps[0], signatures


def _matches(expected: list[str], signature: str) -> bool:
    try:
        require_match(expected, signature)
    except BadSignature:
        return False
    return True


def _flat(given: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, str]]:
    """`{"metadata": {"a": "b"}}` becomes `metadata[a]=b`, a list `expand[]=…`."""
    for name, value in given.items():
        place = f"{under}[{name}]" if under else name
        if isinstance(value, Mapping):
            yield from _flat(value, place)
        elif isinstance(value, list | tuple):
            yield from ((f"{place}[]", str(each)) for each in value)
        else:
            yield place, str(value)


def _part(identifier: str) -> str:
    return quote(identifier, safe="")


def read_error(body: Any) -> Mapping[str, str | None]:
    """`{"error": {type, code, decline_code, message, param}}`; anything else says nothing."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return {}
    told = {
        "description": error.get("message"),
        "vendor_code": error.get("code") or error.get("type"),
        "reason": error.get("decline_code") or error.get("type"),
        "field": error.get("param"),
    }
    return {name: str(value) for name, value in told.items() if value}
