"""Stripe's side of the ledger: what an intent or a refund becomes, and the events that tell of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.simulators.deliveries import Deliveries
from local.simulators.protocol import vendor_id
from local.simulators.store import Store

DECLINED = {
    "type": "card_error",
    "code": "card_declined",
    "decline_code": "insufficient_funds",
    "message": "Your card has insufficient funds.",
}


class Books:
    """Every change commits together with its events."""

    def __init__(self, store: Store, deliveries: Deliveries, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._deliveries = deliveries
        self._clock = clock

    def keep(self, intent: dict[str, Any], kind: str, mode: str, delay_ms: int) -> None:
        """The intent as it is now, and the event of it."""
        self._store.put("stripe.intent", intent["id"], intent)
        self._tell([(kind, intent)], mode, delay_ms)

    def attempt(self, intent: dict[str, Any], outcome: str, method: str, mode: str, delay_ms: int) -> None:
        """A declined try sends the intent back to its beginning; the next one may succeed."""
        if outcome == "pending":
            intent |= {"status": "processing", "last_payment_error": None}
            self._store.put("stripe.intent", intent["id"], intent)
        elif outcome == "failure":
            intent |= {"status": "requires_payment_method", "last_payment_error": DECLINED}
            self.keep(intent, "payment_intent.payment_failed", mode, delay_ms)
        else:
            charge = self._charge(intent, method)
            paid = {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": charge["id"]}
            intent |= paid | {"last_payment_error": None}
            self._store.put("stripe.intent", intent["id"], intent)
            self._tell([("payment_intent.succeeded", intent), ("charge.succeeded", charge)], mode, delay_ms)

    def _charge(self, intent: dict[str, Any], method: str) -> dict[str, Any]:
        """Three per cent and the GST on them."""
        fee = (intent["amount"] * 3 + 50) // 100
        tax = (fee * 18 + 50) // 100
        lines = [{"type": "stripe_fee", "amount": fee, "currency": "inr"},
                 {"type": "tax", "amount": tax, "currency": "inr"}]  # fmt: skip
        charge = {
            "id": vendor_id("ch_", 24), "object": "charge", "amount": intent["amount"], "amount_refunded": 0,
            "currency": "inr", "status": "succeeded", "captured": True, "payment_intent": intent["id"],
            "created": int(self._clock().timestamp()), "payment_method_details": {"type": method},
            "balance_transaction": {"id": vendor_id("txn_", 24), "object": "balance_transaction", "currency": "inr",
                                    "fee": fee + tax, "fee_details": lines, "net": intent["amount"] - fee - tax},
        }  # fmt: skip
        self._store.put("stripe.charge", str(charge["id"]), charge, intent["id"])
        return charge

    def refundable(self, intent: dict[str, Any]) -> int:
        """What was paid less what went back."""
        refunds = self._store.of("stripe.refund", intent["id"])
        return int(intent["amount"]) - sum(int(each["amount"]) for each in refunds if each["status"] != "failed")

    def refund(self, intent: dict[str, Any], amount: int, metadata: dict[str, str]) -> dict[str, Any]:
        refund = {
            "id": vendor_id("re_", 24), "object": "refund", "amount": amount, "currency": "inr",
            "payment_intent": intent["id"], "charge": intent["latest_charge"], "status": "succeeded",
            "metadata": metadata, "created": int(self._clock().timestamp()),
        }  # fmt: skip
        self._store.put("stripe.refund", str(refund["id"]), refund, intent["id"])
        charge = self._store.get("stripe.charge", intent["latest_charge"]) or {}
        charge |= {"amount_refunded": charge["amount_refunded"] + amount}
        self._store.put("stripe.charge", charge["id"], charge)
        self._tell([("refund.created", refund), ("charge.refunded", charge)], "normal", 0)
        return refund

    def _tell(self, told: list[tuple[str, dict[str, Any]]], mode: str, delay_ms: int) -> None:
        events = []
        for kind, about in told:
            event_id = vendor_id("evt_", 24)
            event = {
                "id": event_id, "object": "event", "type": kind, "created": int(self._clock().timestamp()),
                "api_version": "2026-10-28.endive", "livemode": False, "pending_webhooks": 1,
                "data": {"object": about},
            }  # fmt: skip
            events.append((event_id, json.dumps(event).encode()))
        self._deliveries.send("stripe", events, mode, delay_ms)
