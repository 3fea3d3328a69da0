"""Chargebacks: a payer's bank takes money back, and the gateway tells of it by webhook, each in its own words."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from local.simulators.cashfree_books import iso, rupees
from local.simulators.deliveries import Deliveries
from local.simulators.payouts import INDIA
from local.simulators.protocol import Refused, vendor_id
from local.simulators.razorpay_books import ACCOUNT
from local.simulators.store import Store

STATES = ("open", "under_review", "won", "lost")
ANSWER_WITHIN = timedelta(days=7)
FEES = {"stripe": 1_500}
"""What is taken for a chargeback, in paise."""
Words = dict[str, Any]


class Chargebacks:
    """One a payment; what is lost goes out with a later payout. Paytm has no event: its report alone tells."""

    def __init__(self, store: Store, deliveries: Deliveries, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._deliveries = deliveries
        self._clock = clock

    def tell(
        self, gateway: str, payment: str, order: str, paise: int, status: str = "open", mode: str = "normal"
    ) -> str:
        """A new chargeback, or the next word on it; its name."""
        if status not in STATES:
            raise Refused(422, f"one of {', '.join(STATES)}", "validation_failed", "status")
        with self._store.change():
            known = self._store.get("chargeback", payment) or {
                "id": vendor_id("disp_"), "payment": payment, "order": order, "paise": paise,
                "at": self._clock().isoformat(),
            }  # fmt: skip
            self._store.put("chargeback", payment, known)
            if status == "lost":
                gone = known | {"fee": FEES.get(gateway, 0), "day": str(self._clock().astimezone(INDIA).date())}
                self._store.put("payout.dispute", known["id"], gone, gateway)
            told = {"razorpay": self._razorpay, "cashfree": self._cashfree, "stripe": self._stripe}.get(gateway)
            if told:
                self._deliveries.send(gateway, [told(known, status)], mode)
        return str(known["id"])

    def _razorpay(self, known: Words, status: str) -> tuple[str, bytes]:
        opened = datetime.fromisoformat(known["at"])
        dispute = {
            "id": known["id"], "entity": "dispute", "payment_id": known["payment"], "amount": known["paise"],
            "currency": "INR", "amount_deducted": known["paise"] if status == "lost" else 0, "status": status,
            "reason_code": "goods_or_services_not_received", "phase": "chargeback",
            "respond_by": int((opened + ANSWER_WITHIN).timestamp()), "created_at": int(opened.timestamp()),
        }  # fmt: skip
        payment = self._store.get("razorpay.payment", known["payment"])
        payload = {"payment": {"entity": payment}, "dispute": {"entity": dispute}}
        kind = f"payment.dispute.{'created' if status == 'open' else status}"
        body = {"entity": "event", "account_id": ACCOUNT, "event": kind, "contains": list(payload), "payload": payload,
                "created_at": int(self._clock().timestamp())}  # fmt: skip
        return vendor_id("", 14), json.dumps(body).encode()

    def _cashfree(self, known: Words, status: str) -> tuple[str, bytes]:
        words = {"open": "CREATED", "under_review": "UNDER_REVIEW", "won": "MERCHANT_WON", "lost": "MERCHANT_LOST"}
        opened = datetime.fromisoformat(known["at"])
        dispute = {
            "dispute_id": known["id"], "dispute_type": "CHARGEBACK", "reason_code": "13.1",
            "dispute_amount": rupees(known["paise"]), "dispute_amount_currency": "INR",
            "dispute_status": f"CHARGEBACK_{words[status]}", "created_at": iso(opened),
            "respond_by": iso(opened + ANSWER_WITHIN),
        }  # fmt: skip
        order = {"order_id": known["order"], "order_currency": "INR", "cf_payment_id": known["payment"]}
        kinds = {"open": "DISPUTE_CREATED", "under_review": "DISPUTE_UPDATED"}
        body = {"data": {"dispute": dispute, "order_details": order}, "event_time": iso(self._clock()),
                "type": kinds.get(status, "DISPUTE_CLOSED")}  # fmt: skip
        return str(uuid.uuid4()), json.dumps(body).encode()

    def _stripe(self, known: Words, status: str) -> tuple[str, bytes]:
        opened = datetime.fromisoformat(known["at"])
        lines = [{"fee": FEES["stripe"], "net": -known["paise"] - FEES["stripe"]}] if status == "lost" else []
        dispute = {
            "id": known["id"], "object": "dispute", "amount": known["paise"], "currency": "inr",
            "payment_intent": known["payment"], "reason": "product_not_received",
            "status": "needs_response" if status == "open" else status, "created": int(opened.timestamp()),
            "evidence_details": {"due_by": int((opened + ANSWER_WITHIN).timestamp())}, "balance_transactions": lines,
        }  # fmt: skip
        ended = status in ("won", "lost")
        kind = "created" if status == "open" else "closed" if ended else "updated"
        event_id = vendor_id("evt_", 24)
        event = {"id": event_id, "object": "event", "type": f"charge.dispute.{kind}", "livemode": False,
                 "created": int(self._clock().timestamp()), "data": {"object": dispute}}  # fmt: skip
        return event_id, json.dumps(event).encode()
