"""Razorpay's side of the ledger: what an order, a payment or a refund becomes, and the webhooks that tell of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.simulators.deliveries import Deliveries
from local.simulators.protocol import vendor_id
from local.simulators.store import Store

ACCOUNT = "acc_StudySpotLocal"
FEE_PER_MILLE = 20
GST_PERCENT = 18


def half_up(numerator: int, denominator: int) -> int:
    """Whole paise of a positive fraction."""
    return (2 * numerator + denominator) // (2 * denominator)


class Books:
    """Every change commits together with its webhooks."""

    def __init__(self, store: Store, deliveries: Deliveries, clock: Callable[[], datetime]) -> None:
        self.store = store
        self._deliveries = deliveries
        self._clock = clock

    def unix(self) -> int:
        return int(self._clock().timestamp())

    def order(self, order_id: str) -> dict[str, Any] | None:
        return self.store.get("razorpay.order", order_id)

    def open_order(self, body: dict[str, Any], amount: int, receipt: str | None, notes: Any) -> dict[str, Any]:
        order: dict[str, Any] = {
            "id": vendor_id("order_"),
            "entity": "order",
            "amount": amount,
            "amount_paid": 0,
            "amount_due": amount,
            "currency": "INR",
            "receipt": receipt,
            "offer_id": None,
            "status": "created",
            "attempts": 0,
            "notes": notes or [],
            "created_at": self.unix(),
        }
        order |= {name: body[name] for name in ("customer_id", "token") if name in body}
        kept = order | {"capture": bool(body.get("payment_capture", True)), "notification": body.get("notification")}
        with self.store.change():
            self.store.put("razorpay.order", order["id"], kept)
            if kept["notification"]:
                self._announce(kept)
        return order

    def _announce(self, order: dict[str, Any]) -> None:
        notice = {
            "id": vendor_id("notification_"),
            "entity": "notification",
            "order_id": order["id"],
            "token_id": order["notification"]["token_id"],
            "payment_after": order["notification"]["payment_after"],
            "status": "delivered",
            "delivered_at": self.unix(),
        }
        body = {
            "entity": "event",
            "account_id": ACCOUNT,
            "event": "order.notification.delivered",
            "contains": ["notification"],
            # the vendor's own samples have the envelope's time in here
            "payload": {"notification": {"entity": notice}, "created_at": self.unix()},
        }
        self._deliveries.send("razorpay", [(vendor_id("", 14), json.dumps(body).encode())])

    def new_payment(self, order: dict[str, Any], method: str, token: str | None = None) -> dict[str, Any]:
        """An attempt that has only begun."""
        payment: dict[str, Any] = {
            "id": vendor_id("pay_"),
            "entity": "payment",
            "amount": order["amount"],
            "currency": order["currency"],
            "status": "created",
            "order_id": order["id"],
            "invoice_id": None,
            "international": False,
            "method": method,
            "amount_refunded": 0,
            "refund_status": None,
            "captured": False,
            "description": None,
            "email": "payer@example.com",
            "contact": "+919876543210",
            "notes": order["notes"],
            "fee": None,
            "tax": None,
            "error_code": None,
            "error_description": None,
            "error_source": None,
            "error_step": None,
            "error_reason": None,
            "acquirer_data": {"rrn": None},
            "created_at": self.unix(),
            **_instrument(method),
        }
        if order.get("customer_id"):
            payment |= {"customer_id": order["customer_id"], "token_id": token}
        order |= {"status": "attempted", "attempts": order["attempts"] + 1}
        self.keep(payment, order)
        return payment

    def keep(self, payment: dict[str, Any], order: dict[str, Any]) -> None:
        self.store.put("razorpay.payment", payment["id"], payment, payment["order_id"])
        self.store.put("razorpay.order", order["id"], order)

    def authorize(self, payment: dict[str, Any], order: dict[str, Any], mode: str, delay_ms: int) -> None:
        """The bank said yes; captured at once unless the order asks for manual capture."""
        payment |= {"status": "authorized"} | {name: None for name in payment if name.startswith("error_")}
        with self.store.change():
            self.keep(payment, order)
            told = [self._event("payment.authorized", payment=dict(payment))]
            if order["capture"]:
                told += self._captured(payment, order)
            self._deliveries.send("razorpay", told, mode, delay_ms)

    def capture(self, payment: dict[str, Any], order: dict[str, Any], mode: str, delay_ms: int) -> dict[str, Any]:
        with self.store.change():
            self._deliveries.send("razorpay", self._captured(payment, order), mode, delay_ms)
        return payment

    def _captured(self, payment: dict[str, Any], order: dict[str, Any]) -> list[tuple[str, bytes]]:
        fee = half_up(payment["amount"] * FEE_PER_MILLE, 1000)
        tax = half_up(fee * GST_PERCENT, 100)
        payment |= {"status": "captured", "captured": True, "fee": fee + tax, "tax": tax}
        order |= {"status": "paid", "amount_paid": order["amount"], "amount_due": 0}
        self.keep(payment, order)
        return [
            self._event("payment.captured", payment=dict(payment)),
            self._event("order.paid", payment=dict(payment), order=dict(order)),
        ]

    def fail(self, payment: dict[str, Any], order: dict[str, Any], mode: str, delay_ms: int) -> None:
        payment |= {
            "status": "failed",
            "error_code": "BAD_REQUEST_ERROR",
            "error_description": "Payment was unsuccessful as the bank declined it.",
            "error_source": "bank",
            "error_step": "payment_authorization",
            "error_reason": "payment_failed",
        }
        with self.store.change():
            self.keep(payment, order)
            self._deliveries.send("razorpay", [self._event("payment.failed", payment=payment)], mode, delay_ms)

    def refund(self, payment: dict[str, Any], amount: int, body: dict[str, Any]) -> dict[str, Any]:
        refund = {
            "id": vendor_id("rfnd_"),
            "entity": "refund",
            "amount": amount,
            "currency": "INR",
            "payment_id": payment["id"],
            "notes": body.get("notes") or [],
            "receipt": body.get("receipt"),
            "acquirer_data": {"arn": None},
            "created_at": self.unix(),
            "batch_id": None,
            "status": "processed",
            "speed_processed": "normal",
            "speed_requested": body.get("speed", "normal"),
        }
        refunded = payment["amount_refunded"] + amount
        whole = refunded == payment["amount"]
        payment |= {"amount_refunded": refunded, "refund_status": "full" if whole else "partial"}
        payment |= {"status": "refunded" if whole else "captured"}
        self.store.put("razorpay.payment", payment["id"], payment, payment["order_id"])
        self.store.put("razorpay.refund", str(refund["id"]), refund, payment["id"])
        told = [self._event(kind, refund=refund, payment=payment) for kind in ("refund.created", "refund.processed")]
        self._deliveries.send("razorpay", told)
        return refund

    def new_token(self, order: dict[str, Any], method: str) -> dict[str, Any]:
        """The mandate that this order's first payment approves."""
        return {
            "id": vendor_id("token_"),
            "entity": "token",
            "method": method,
            "customer_id": order["customer_id"],
            "recurring": True,
            "recurring_details": {"status": "initiated", "failure_reason": None},
            "max_amount": order["token"].get("max_amount", 1_500_000),
            "expired_at": order["token"].get("expire_at"),
            "created_at": self.unix(),
        }

    def change_token(self, token: dict[str, Any], status: str, mode: str = "normal", delay_ms: int = 0) -> None:
        token["recurring_details"]["status"] = status
        with self.store.change():
            self.store.put("razorpay.token", token["id"], token, token["customer_id"])
            if status != "initiated":
                self._deliveries.send("razorpay", [self._event(f"token.{status}", token=token)], mode, delay_ms)

    def _event(self, kind: str, **entities: dict[str, Any]) -> tuple[str, bytes]:
        """(event id, body); the id is the same however often it is delivered."""
        hidden = ("capture", "notification")
        payload = {
            name: {"entity": {key: value for key, value in entity.items() if key not in hidden}}
            for name, entity in entities.items()
        }
        body = {
            "entity": "event",
            "account_id": ACCOUNT,
            "event": kind,
            "contains": list(entities),
            "payload": payload,
            "created_at": self.unix(),
        }
        return vendor_id("", 14), json.dumps(body).encode()


def _instrument(method: str) -> dict[str, Any]:
    """What it was paid with; never a whole card number."""
    details: dict[str, Any] = {"card_id": None, "bank": None, "wallet": None, "vpa": None}
    by_method: dict[str, dict[str, Any]] = {
        "card": {"card_id": vendor_id("card_"), "card": {"last4": "1111", "network": "Visa", "issuer": "HDFC"}},
        "netbanking": {"bank": "HDFC"},
        "wallet": {"wallet": "paytm"},
    }
    return details | by_method.get(method, {"vpa": "payer@upi"})
