"""Razorpay: orders, payments, refunds and webhooks, through the vendor's SDK on a session of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from studyspot.gateways import razorpay_events
from studyspot.gateways.failures import GatewayBusy, GatewayFailure, GatewayRejected, GatewayTimeout
from studyspot.gateways.payment import (
    TIMEOUT,
    Customer,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    NormalisedEvent,
)
from studyspot.gateways.signatures import header, hex_digest, require_match

if TYPE_CHECKING:
    from studyspot.kit.settings import Settings

NAME = "razorpay"
LEAST_PAISE = 100
ORDER_STATES = {"created": "created", "attempted": "created", "paid": "captured"}


def amount(paise: int) -> int:
    """Razorpay's own unit is the paisa; below one rupee it refuses, and so do we before calling."""
    if paise < LEAST_PAISE:
        raise GatewayRejected(NAME, "the least amount is one rupee", vendor_code="amount_too_small", field="amount")
    return paise


@dataclass(frozen=True)
class Razorpay:
    """One merchant account. `webhook_secrets` holds the current secret first, then the one before a rotation."""

    key_id: str
    key_secret: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)
    base_url: str = "https://api.razorpay.com"

    @classmethod
    def of(cls, settings: Settings) -> Razorpay:
        secrets = settings.razorpay_webhook_secret.get_secret_value().split(",")
        return cls(
            key_id=settings.razorpay_key_id,
            key_secret=settings.razorpay_key_secret.get_secret_value(),
            webhook_secrets=tuple(secret.strip() for secret in secrets if secret.strip()),
            base_url=settings.razorpay_base_url.removesuffix("/").removesuffix("/v1"),
        )

    def with_account(self, account: Mapping[str, Any]) -> Razorpay:
        """The same vendor with another merchant's keys."""
        return replace(
            self,
            key_id=account["keyId"],
            key_secret=account["keySecret"],
            webhook_secrets=tuple(account["webhookSecrets"]),
        )

    @property
    def name(self) -> str:
        return NAME

    def sdk(self) -> Any:
        """The vendor's client. Its session raises our failures, which the client lets through untouched."""
        import razorpay

        from studyspot.gateways.wire import session_to

        session = session_to(NAME, self.base_url, read_error)
        return razorpay.Client(session=session, auth=(self.key_id, self.key_secret), base_url=self.base_url)

    def call(self, verb: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        """`order.create` and the like; an answer that is not an object leaves the effect unknown."""
        resource, _, method = verb.partition(".")
        try:
            answer = getattr(getattr(self.sdk(), resource), method)(*arguments, **options)
        except ValueError:
            raise GatewayTimeout(NAME, "the answer is not JSON") from None
        if not isinstance(answer, dict):
            raise GatewayTimeout(NAME, "the answer is not an object")
        return answer

    def create_order(
        self,
        reference: str,
        amount_paise: int,
        currency: str,
        customer: Customer,  # noqa: ARG002  # of the common shape
        expires_at: datetime,  # noqa: ARG002  # of the common shape
        notes: Mapping[str, str],
        return_url: str,  # noqa: ARG002  # of the common shape
        timeout: float = TIMEOUT,
    ) -> GatewayOrder:
        """Orders here know no payer and never expire: late payments are for the caller to refuse."""
        body = {
            "amount": amount(amount_paise),
            "currency": currency,
            "receipt": reference,
            "notes": dict(notes),
            "payment_capture": True,
        }
        return self.order_from(self.call("order.create", body, timeout=timeout))

    def order_from(self, raw: dict[str, Any]) -> GatewayOrder:
        """Their order in our words."""
        checkout = {
            "keyId": self.key_id,
            "orderId": raw["id"],
            "amountPaise": int(raw["amount"]),
            "currency": raw["currency"],
        }
        status: Any = ORDER_STATES.get(raw["status"], "created")
        return GatewayOrder(
            id=raw["id"],
            reference=raw.get("receipt") or "",
            status=status,
            amount_paise=checkout["amountPaise"],
            currency=raw["currency"],
            checkout=checkout,
            raw=raw,
        )

    def find_order(self, reference: str, timeout: float = TIMEOUT) -> GatewayOrder | None:
        """Receipts are not unique at Razorpay: the oldest order is the one that counts."""
        found = self.call("order.all", {"receipt": reference, "count": 100}, timeout=timeout)
        exact = [each for each in found.get("items", []) if each.get("receipt") == reference]
        exact.sort(key=lambda each: (each.get("created_at") or 0, each["id"]))
        return self.order_from(exact[0]) if exact else None

    def fetch_payment_of(self, order_id: str, timeout: float = TIMEOUT) -> list[GatewayPayment]:
        """Every attempt to pay the order."""
        found = self.call("order.payments", order_id, timeout=timeout)
        return [razorpay_events.payment_from(each) for each in found.get("items", [])]

    def terminate(self, order_id: str, timeout: float = TIMEOUT) -> bool:  # noqa: ARG002  # of the common shape
        """An order cannot be cancelled at Razorpay."""
        return False

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
        """Normal speed; the idempotency header makes a repetition harmless."""
        body = {
            "amount": amount(amount_paise),
            "speed": "normal",
            "receipt": refund_ref,
            "notes": {"note": note} if note else {},
        }
        key = {"X-Refund-Idempotency": f"refund-{refund_ref}"}
        try:
            raw = self.call("payment.refund", payment_id, body, headers=key, timeout=timeout)
        except GatewayRejected as refusal:
            if "balance" not in refusal.description.lower():
                raise
            # the account has too little today: the same key pays once settlements have come in
            raise GatewayBusy(NAME, refusal.description, http_status=refusal.http_status) from None
        return razorpay_events.refund_from(raw, order_id)

    def find_refund(
        self, *, order_id: str, payment_id: str, refund_ref: str, timeout: float = TIMEOUT
    ) -> GatewayRefund | None:
        """Refunds carry our reference as their receipt."""
        found = self.call("payment.fetch_multiple_refund", payment_id, {"count": 100}, timeout=timeout)
        mine = [each for each in found.get("items", []) if each.get("receipt") == refund_ref]
        return razorpay_events.refund_from(mine[0], order_id) if mine else None

    def verify_callback(self, callback: Mapping[str, Any], order_id: str) -> None:
        """Signed over the order id that we stored, never the one that came along."""
        message = f"{order_id}|{callback.get('razorpay_payment_id')}"
        self._verify(message, callback.get("razorpay_signature"))

    def verify_subscription(self, callback: Mapping[str, Any], subscription_id: str) -> None:
        """The two ids stand the other way round here."""
        message = f"{callback.get('razorpay_payment_id')}|{subscription_id}"
        self._verify(message, callback.get("razorpay_signature"))

    def verify_payment_link(self, callback: Mapping[str, Any], link_id: str, reference: str) -> None:
        """The status is signed as well."""
        status, payment = callback.get("razorpay_payment_link_status"), callback.get("razorpay_payment_id")
        self._verify(f"{link_id}|{reference}|{status}|{payment}", callback.get("razorpay_signature"))

    def _verify(self, message: str, signature: object) -> None:
        require_match([hex_digest(self.key_secret, message.encode("utf-8", "surrogatepass"))], signature)

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:  # noqa: ARG002  # of the common shape
        """Razorpay signs no time; replays are caught by the event's id."""
        expected = [hex_digest(secret, raw) for secret in self.webhook_secrets]
        require_match(expected, header(headers, "x-razorpay-signature"))

    def parse_webhook(self, raw: bytes, headers: Mapping[str, str]) -> NormalisedEvent:
        """See `razorpay_events.event_from`."""
        return razorpay_events.event_from(raw, header(headers, "x-razorpay-event-id"))


def read_error(body: Any) -> Mapping[str, str | None]:
    """`{"error": {code, description, field, reason, …}}`; anything else says nothing."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return {}
    told = {
        "description": error.get("description"),
        "vendor_code": error.get("code"),
        "reason": error.get("reason"),
        "field": error.get("field"),
    }
    return {name: str(value) for name, value in told.items() if value}


__all__ = ["GatewayFailure", "Razorpay", "amount", "read_error"]
