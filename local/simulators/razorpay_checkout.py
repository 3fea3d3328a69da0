"""The customer at Razorpay's checkout, and the bank at a mandate's debit."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from local.simulators.deliveries import MODES
from local.simulators.faults import Faults
from local.simulators.keys import Keys
from local.simulators.protocol import Refused
from local.simulators.razorpay_books import Books

OUTCOMES = frozenset({"success", "failure", "pending", "drop"})


def require_known(outcome: str, webhook: str) -> None:
    """Refused (422) for words the sandbox does not have."""
    if outcome not in OUTCOMES:
        raise Refused(422, f"one of {', '.join(sorted(OUTCOMES))}", "validation_failed", "outcome")
    if webhook not in MODES:
        raise Refused(422, f"one of {', '.join(sorted(MODES))}", "validation_failed", "webhook")


class Checkout:
    """A later outcome settles an attempt that was left pending; otherwise each outcome is an attempt of its own."""

    def __init__(self, books: Books, faults: Faults, keys: Keys) -> None:
        self._books = books
        self._faults = faults
        self._keys = keys

    def pay(self, order_id: str, outcome: str, method: str, webhook: str, delay_ms: int) -> dict[str, Any]:
        require_known(outcome, webhook)
        with self._books.store.change():
            order = self._books.order(order_id)
            if order is None:
                raise Refused(404, "no such order")
            payments = self._books.store.of("razorpay.payment", order_id)
            if order["status"] == "paid" or any(p["status"] == "authorized" for p in payments):
                raise Refused(409, "the order is paid already", "order_already_paid")
            if outcome == "drop":
                return {}
            open_payment = next((p for p in payments if p["status"] == "created"), None)
            payment = open_payment or self._first_step(order, method)
            if outcome == "success":
                self._succeed(payment, order, webhook, delay_ms)
            elif outcome == "failure":
                self._fail(payment, order, webhook, delay_ms)
                return _declined(payment)
            return self._signed(order_id, payment["id"])

    def _first_step(self, order: dict[str, Any], method: str) -> dict[str, Any]:
        if "token" not in order:
            return self._books.new_payment(order, method)
        token = self._books.new_token(order, method)
        self._books.change_token(token, "initiated")
        return self._books.new_payment(order, method, token["id"])

    def _succeed(self, payment: dict[str, Any], order: dict[str, Any], webhook: str, delay_ms: int) -> None:
        self._books.authorize(payment, order, webhook, delay_ms)
        self._settle_token(payment, order, "confirmed", webhook, delay_ms)

    def _fail(self, payment: dict[str, Any], order: dict[str, Any], webhook: str, delay_ms: int) -> None:
        self._books.fail(payment, order, webhook, delay_ms)
        self._settle_token(payment, order, "rejected", webhook, delay_ms)

    def _settle_token(
        self, payment: dict[str, Any], order: dict[str, Any], status: str, webhook: str, delay_ms: int
    ) -> None:
        if "token" in order and payment.get("token_id"):
            token = self._books.store.get("razorpay.token", payment["token_id"])
            if token:
                self._books.change_token(token, status, webhook, delay_ms)

    def _signed(self, order_id: str, payment_id: str) -> dict[str, str]:
        message = f"{order_id}|{payment_id}".encode()
        secret = self._keys.razorpay_key_secret.encode()
        return {
            "razorpay_payment_id": payment_id,
            "razorpay_order_id": order_id,
            "razorpay_signature": hmac.new(secret, message, hashlib.sha256).hexdigest(),
        }

    def debit(self, order: dict[str, Any], token: dict[str, Any]) -> str:
        """The bank's answer to an announced debit; one order is debited once."""
        with self._books.store.change():
            if order["status"] == "paid":
                raise Refused(400, "Order already paid", field="order_id")
            payment = self._books.new_payment(order, token["method"], token["id"])
            if self._faults.take_named("razorpay", "debit"):
                self._books.fail(payment, order, "normal", 0)
            else:
                self._books.authorize(payment, order, "normal", 0)
            return str(payment["id"])


def _declined(payment: dict[str, Any]) -> dict[str, Any]:
    """What the client SDK hands over when a payment failed: nothing signed."""
    return {
        "error": {
            "code": payment["error_code"],
            "description": payment["error_description"],
            "source": payment["error_source"],
            "step": payment["error_step"],
            "reason": payment["error_reason"],
            "metadata": {"order_id": payment["order_id"], "payment_id": payment["id"]},
        }
    }
