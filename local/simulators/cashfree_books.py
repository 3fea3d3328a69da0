"""Cashfree's side of the ledger: what an order, a payment or a refund becomes, and the webhooks that tell of it."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from local.simulators.deliveries import Deliveries
from local.simulators.store import Store

INDIA = timezone(timedelta(hours=5, minutes=30))
STATUS = {"success": "SUCCESS", "failure": "FAILED", "pending": "PENDING", "drop": "USER_DROPPED"}
KINDS = {
    "success": "PAYMENT_SUCCESS_WEBHOOK",
    "failure": "PAYMENT_FAILED_WEBHOOK",
    "drop": "PAYMENT_USER_DROPPED_WEBHOOK",
}
MESSAGES = {
    "success": "00::Transaction success",
    "failure": "ZU::DEBIT HAS BEEN FAILED",
    "pending": "",
    "drop": "User dropped and did not complete the two factor authentication",
}
METHODS = {"card": "credit_card", "netbanking": "net_banking"}


def iso(at: datetime) -> str:
    """As the vendor writes times: in India, whole seconds."""
    return at.astimezone(INDIA).isoformat(timespec="seconds")


def rupees(paise: int) -> float:
    """The wire's JSON number; two decimals survive a double up to thousands of billions."""
    return paise / 100


class Books:
    """Every change commits together with its webhooks."""

    def __init__(self, store: Store, deliveries: Deliveries, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._deliveries = deliveries
        self._clock = clock

    def order(self, order_id: str) -> dict[str, Any] | None:
        order = self._store.get("cashfree.order", order_id)
        return self.aged(order) if order else None

    def aged(self, order: dict[str, Any]) -> dict[str, Any]:
        """An unpaid order expires by itself."""
        over = order["order_status"] == "ACTIVE" and datetime.fromisoformat(order["order_expiry_time"]) <= self._clock()
        return order | {"order_status": "EXPIRED"} if over else order

    def shown(self, order: dict[str, Any]) -> dict[str, Any]:
        """As the API shows it."""
        shown = {name: value for name, value in order.items() if name != "paise"}
        return shown | {"order_amount": rupees(order["paise"])}

    def shown_payment(self, payment: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in payment.items() if name != "paise"}

    def shown_refund(self, refund: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in refund.items() if name != "paise"}

    def attempt(self, order: dict[str, Any], outcome: str, method: str, mode: str, delay_ms: int) -> None:
        """A later outcome settles an attempt that was left pending; otherwise it is an attempt of its own."""
        attempts = self._store.of("cashfree.payment", order["order_id"])
        open_one = next((each for each in attempts if each["payment_status"] == "PENDING"), None)
        payment = self._payment(order, outcome, method, open_one)
        self._store.put("cashfree.payment", payment["cf_payment_id"], payment, order["order_id"])
        if outcome == "success":
            self._store.put("cashfree.order", order["order_id"], order | {"order_status": "PAID"})
        if outcome in KINDS:
            self._tell(KINDS[outcome], self._story(order, payment), mode, delay_ms)

    def _payment(
        self, order: dict[str, Any], outcome: str, method: str, open_one: dict[str, Any] | None
    ) -> dict[str, Any]:
        now, success = iso(self._clock()), outcome == "success"
        begun = open_one or {"cf_payment_id": str(10**9 + secrets.randbelow(9 * 10**9)), "payment_time": now}
        error = None
        if outcome == "failure":
            error = {
                "error_code": "TRANSACTION_DECLINED",
                "error_description": "transaction declined",
                "error_reason": "auth_declined",
                "error_source": "bank",
            }
        return begun | {
            "order_id": order["order_id"],
            "entity": "payment",
            "paise": order["paise"],
            "payment_amount": rupees(order["paise"]),
            "order_amount": rupees(order["paise"]),
            "payment_currency": "INR",
            "payment_status": STATUS[outcome],
            "is_captured": success,
            "payment_group": METHODS.get(method, method),
            "payment_method": _method_block(method),
            "payment_message": MESSAGES[outcome],
            "payment_completion_time": now if success else None,
            "bank_reference": str(secrets.randbelow(10**12)) if success else None,
            "auth_id": None,
            "error_details": error,
        }

    def _story(self, order: dict[str, Any], payment: dict[str, Any]) -> dict[str, Any]:
        names = (
            "cf_payment_id",
            "payment_status",
            "payment_amount",
            "payment_currency",
            "payment_message",
            "payment_time",
            "bank_reference",
            "auth_id",
            "payment_method",
            "payment_group",
        )
        data: dict[str, Any] = {
            "order": {
                "order_id": order["order_id"],
                "order_amount": rupees(order["paise"]),
                "order_currency": "INR",
                "order_tags": order["order_tags"],
            },
            "payment": {name: payment[name] for name in names},
            "customer_details": order["customer_details"],
            "payment_gateway_details": {
                "gateway_name": "CASHFREE",
                "gateway_order_id": order["cf_order_id"],
                "gateway_payment_id": payment["cf_payment_id"],
            },
        }
        return data | ({"error_details": payment["error_details"]} if payment["error_details"] else {})

    def refundable(self, order: dict[str, Any]) -> int:
        """What was paid less what went back or is on its way."""
        refunds = self._store.of("cashfree.refund", order["order_id"])
        gone: int = sum(each["paise"] for each in refunds if each["refund_status"] in ("SUCCESS", "PENDING", "ONHOLD"))
        return int(order["paise"]) - gone

    def refund(self, order: dict[str, Any], refund_id: str, paise: int, body: dict[str, Any]) -> dict[str, Any]:
        """As in the vendor's sandbox, a note of SUCCESS, FAILED or PENDING chooses what becomes of it."""
        paid = next(p for p in self._store.of("cashfree.payment", order["order_id"]) if p["is_captured"])
        note, now = body.get("refund_note"), iso(self._clock())
        status = note if note in ("FAILED", "PENDING") else "SUCCESS"
        refund = {
            "cf_refund_id": str(10**7 + secrets.randbelow(9 * 10**7)),
            "cf_payment_id": paid["cf_payment_id"],
            "refund_id": refund_id,
            "order_id": order["order_id"],
            "entity": "refund",
            "paise": paise,
            "refund_amount": rupees(paise),
            "refund_currency": "INR",
            "refund_note": note,
            "refund_status": status,
            "refund_type": "MERCHANT_INITIATED",
            "refund_mode": body.get("refund_speed", "STANDARD"),
            "refund_arn": str(secrets.randbelow(10**12)) if status == "SUCCESS" else None,
            "refund_charge": 0,
            "status_description": "Refund processed successfully" if status == "SUCCESS" else "",
            "created_at": now,
            "processed_at": now if status == "SUCCESS" else None,
            "metadata": None,
        }
        self._store.put("cashfree.refund", f"{order['order_id']} {refund_id}", refund, order["order_id"])
        if status != "PENDING":
            self._tell("REFUND_STATUS_WEBHOOK", {"refund": self.shown_refund(refund)}, "normal", 0)
        return refund

    def _tell(self, kind: str, data: dict[str, Any], mode: str, delay_ms: int) -> None:
        body = {"data": data, "event_time": iso(self._clock()), "type": kind}
        self._deliveries.send("cashfree", [(str(uuid.uuid4()), json.dumps(body).encode())], mode, delay_ms)


def _method_block(method: str) -> dict[str, Any]:
    if method == "card":
        return {"card": {"channel": "link", "card_number": "XXXXXXXXXXXX1111", "card_network": "visa"}}
    if method == "netbanking":
        return {"netbanking": {"channel": "link", "netbanking_bank_name": "HDFC Bank"}}
    return {"upi": {"channel": "link", "upi_id": "payer@upi"}}
