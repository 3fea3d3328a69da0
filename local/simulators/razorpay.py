"""Razorpay: orders, payments, refunds, customers and tokens, refused and signed as the vendor does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.simulators.deliveries import Deliveries
from local.simulators.faults import Faults
from local.simulators.keys import Keys
from local.simulators.outbox import zulu
from local.simulators.payout_reports import Reports
from local.simulators.protocol import Refused, Reply, Request, Route, vendor_id
from local.simulators.razorpay_books import Books
from local.simulators.razorpay_checkout import Checkout
from local.simulators.store import Store

ORDER_MEMBERS = {
    "amount",
    "currency",
    "receipt",
    "notes",
    "partial_payment",
    "payment_capture",
    "customer_id",
    "token",
    "notification",
    "method",
}
REFUND_KEY = re.compile(r"[A-Za-z0-9_-]{10,}")


class RazorpaySimulator:
    """One merchant account with automatic capture unless an order says otherwise."""

    name = "razorpay"
    mount = "razorpay"

    def __init__(
        self,
        store: Store,
        deliveries: Deliveries,
        faults: Faults,
        keys: Keys,
        clock: Callable[[], datetime],
        reports: Reports,
    ) -> None:
        self._keys = keys
        self._store = store
        self._books = Books(store, deliveries, clock)
        self._checkout = Checkout(self._books, faults, keys)
        self.routes = [
            Route("POST", "/v1/orders", "create_order", self._create_order),
            Route("GET", "/v1/orders", "fetch", self._list_orders),
            Route("GET", "/v1/orders/{id}", "fetch", self._get_order),
            Route("PATCH", "/v1/orders/{id}", "create_order", self._edit_order),
            Route("GET", "/v1/orders/{id}/payments", "fetch", self._payments_of),
            Route("POST", "/v1/payments/create/recurring", "charge", self._charge),
            Route("GET", "/v1/payments/{id}", "fetch", self._get_payment),
            Route("POST", "/v1/payments/{id}/capture", "capture", self._capture),
            Route("POST", "/v1/payments/{id}/refund", "refund", self._refund),
            Route("GET", "/v1/payments/{id}/refunds", "fetch", self._refunds_of),
            Route("GET", "/v1/refunds/{id}", "fetch", self._get_refund),
            Route("GET", "/v1/settlements/recon/combined", "settlements", reports.razorpay),
            Route("POST", "/v1/customers", "customer", self._create_customer),
            Route("GET", "/v1/customers/{id}/tokens/{token}", "fetch", self._get_token),
            Route("PUT", "/v1/customers/{id}/tokens/{token}/cancel", "customer", self._cancel_token),
        ]

    def admit(self, request: Request) -> None:
        expected = base64.b64encode(f"{self._keys.razorpay_key_id}:{self._keys.razorpay_key_secret}".encode())
        presented = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(presented, b"Basic " + expected):
            raise Refused(401, "Authentication failed")

    def error(self, refused: Refused) -> Any:
        return {
            "error": {
                "code": refused.code if refused.status != 429 else "BAD_REQUEST_ERROR",
                "description": refused.message,
                "source": "business",
                "step": "payment_initiation",
                "reason": "input_validation_failed",
                "metadata": {},
                **({"field": refused.field} if refused.field else {}),
            }
        }

    def knows(self, order_id: str) -> bool:
        return self._books.order(order_id) is not None

    def orders(self) -> list[dict[str, Any]]:
        return [
            {
                "gateway": "razorpay",
                "gatewayOrderId": order["id"],
                "amountPaise": order["amount"],
                "status": order["status"],
                "reference": order["receipt"],
                "createdAt": zulu(datetime.fromtimestamp(order["created_at"]).astimezone()),
            }
            for order in self._store.of("razorpay.order")
        ]

    def pay(self, order_id: str, outcome: str, method: str, webhook: str, delay_ms: int) -> dict[str, Any]:
        """The customer at Razorpay's page."""
        return self._checkout.pay(order_id, outcome, method, webhook, delay_ms)

    def _create_order(self, request: Request) -> Reply:
        body = request.json()
        if extra := sorted(set(body) - ORDER_MEMBERS):
            raise Refused(400, f"{', '.join(extra)} is/are not required and should not be sent")
        if body.get("method") == "emandate":
            if body.get("amount") != 0 or "token" not in body:
                raise Refused(400, "The amount should be 0 for an emandate registration", field="amount")
            amount = 0
        else:
            amount = _amount(body.get("amount"))
        if body.get("currency") != "INR":
            raise Refused(400, "Currency is not supported", field="currency")
        receipt, notes = body.get("receipt"), body.get("notes") or []
        if receipt is not None and (not isinstance(receipt, str) or len(receipt) > 40):
            raise Refused(400, "The receipt may not be greater than 40 characters.", field="receipt")
        if len(notes) > 15:
            raise Refused(400, "Number of fields in notes should be less than or equal to 15", field="notes")
        self._check_mandate(body, amount)
        return Reply(200, self._books.open_order(body, amount, receipt, notes))

    def _check_mandate(self, body: dict[str, Any], amount: int) -> None:
        customer, notification = body.get("customer_id"), body.get("notification")
        if ("token" in body or notification) and self._store.get("razorpay.customer", str(customer)) is None:
            raise Refused(400, "The id provided does not exist", field="customer_id")
        if not notification:
            return
        token = self._confirmed_token(str(customer), str(notification.get("token_id")))
        if amount > token["max_amount"]:
            raise Refused(400, "Amount exceeds the maximum amount of the token", field="amount")
        if not isinstance(notification.get("payment_after"), int):
            raise Refused(400, "payment_after must be a timestamp", field="payment_after")

    def _confirmed_token(self, customer_id: str, token_id: str) -> dict[str, Any]:
        token = self._token(customer_id, token_id)
        if token["recurring_details"]["status"] != "confirmed":
            raise Refused(400, "Token is not confirmed for recurring payments", field="token")
        return token

    def _token(self, customer_id: str, token_id: str) -> dict[str, Any]:
        token = self._store.get("razorpay.token", token_id)
        if token is None or token["customer_id"] != customer_id:
            raise Refused(400, "The id provided does not exist", field="token")
        return token

    def _order(self, order_id: str) -> dict[str, Any]:
        order = self._books.order(order_id)
        if order is None:
            raise Refused(400, "The id provided does not exist", field="id")
        return order

    def _payment(self, payment_id: str) -> dict[str, Any]:
        payment = self._store.get("razorpay.payment", payment_id)
        if payment is None:
            raise Refused(400, "The id provided does not exist", field="id")
        return payment

    def _list_orders(self, request: Request) -> Reply:
        receipt = request.query.get("receipt")
        found = [order for order in self._store.of("razorpay.order") if receipt in (None, order["receipt"])]
        return Reply(200, _collection([_shown(order) for order in reversed(found)], request))

    def _get_order(self, _: Request, order_id: str) -> Reply:
        return Reply(200, _shown(self._order(order_id)))

    def _edit_order(self, request: Request, order_id: str) -> Reply:
        order, body = self._order(order_id), request.json()
        if set(body) != {"notes"}:
            raise Refused(400, "Only notes can be changed")
        self._store.put("razorpay.order", order_id, order | {"notes": body["notes"]})
        return Reply(200, _shown(self._order(order_id)))

    def _payments_of(self, request: Request, order_id: str) -> Reply:
        self._order(order_id)
        return Reply(200, _collection(self._store.of("razorpay.payment", order_id), request))

    def _get_payment(self, _: Request, payment_id: str) -> Reply:
        return Reply(200, self._payment(payment_id))

    def _capture(self, request: Request, payment_id: str) -> Reply:
        payment, body = self._payment(payment_id), request.json()
        if payment["status"] == "captured":
            raise Refused(400, "This payment has already been captured")
        if payment["status"] != "authorized":
            raise Refused(400, "Only payments which have been authorized and not yet captured can be captured")
        if _amount(body.get("amount")) != payment["amount"]:
            raise Refused(400, "Capture amount must be equal to the amount authorized", field="amount")
        return Reply(200, self._books.capture(payment, self._order(payment["order_id"]), "normal", 0))

    def _refund(self, request: Request, payment_id: str) -> Reply:
        body, key = request.json(), request.headers.get("x-refund-idempotency")
        digest = hashlib.sha256(f"{payment_id} {json.dumps(body, sort_keys=True)}".encode()).hexdigest()
        if key is not None and not REFUND_KEY.fullmatch(key):
            raise Refused(400, "The idempotency key must be at least 10 characters long.")
        earlier = self._store.get("razorpay.refund_key", key) if key else None
        if earlier and earlier["digest"] != digest:
            raise Refused(409, "Different request with the same idempotency key")
        if earlier:
            return Reply(200, self._store.get("razorpay.refund", earlier["refund"]))
        payment = self._payment(payment_id)
        left = payment["amount"] - payment["amount_refunded"]
        amount = _amount(body["amount"]) if "amount" in body else left
        if payment["status"] == "refunded" or left == 0:
            raise Refused(400, "The payment has been fully refunded already")
        if payment["status"] != "captured":
            raise Refused(400, "The payment status should be captured for action to be taken")
        if amount > left:
            raise Refused(400, "The total refund amount is greater than the refund payment amount", field="amount")
        with self._store.change():
            refund = self._books.refund(payment, amount, body)
            if key:
                self._store.put("razorpay.refund_key", key, {"digest": digest, "refund": refund["id"]})
        return Reply(200, refund)

    def _refunds_of(self, request: Request, payment_id: str) -> Reply:
        self._payment(payment_id)
        return Reply(200, _collection(self._store.of("razorpay.refund", payment_id), request))

    def _get_refund(self, _: Request, refund_id: str) -> Reply:
        refund = self._store.get("razorpay.refund", refund_id)
        if refund is None:
            raise Refused(400, "The id provided does not exist", field="id")
        return Reply(200, refund)

    def _create_customer(self, request: Request) -> Reply:
        body = request.json()
        contact, email = str(body.get("contact") or ""), str(body.get("email") or "")
        for known in self._store.of("razorpay.customer", contact):
            if known["email"] == email:
                if str(body.get("fail_existing", "1")) == "0":
                    return Reply(200, known)
                raise Refused(400, "Customer already exists for the merchant")
        customer: dict[str, Any] = {
            "id": vendor_id("cust_"),
            "entity": "customer",
            "name": body.get("name"),
            "email": email,
            "contact": contact,
            "gstin": None,
            "notes": [],
            "created_at": self._books.unix(),
        }
        self._store.put("razorpay.customer", customer["id"], customer, contact)
        return Reply(200, customer)

    def _get_token(self, _: Request, customer_id: str, token_id: str) -> Reply:
        return Reply(200, self._token(customer_id, token_id))

    def _cancel_token(self, _: Request, customer_id: str, token_id: str) -> Reply:
        token = self._token(customer_id, token_id)
        self._books.change_token(token, "cancelled")
        return Reply(200, {"status": "cancellation_initiated"})

    def _charge(self, request: Request) -> Reply:
        body = request.json()
        order = self._order(str(body.get("order_id")))
        token = self._confirmed_token(str(body.get("customer_id")), str(body.get("token")))
        if _amount(body.get("amount")) != order["amount"] or body.get("currency") != order["currency"]:
            raise Refused(400, "Payment amount is different from the order amount", field="amount")
        notification = order.get("notification") or {}
        if notification.get("token_id") != token["id"]:
            raise Refused(400, "The payer was not notified of this debit", field="order_id")
        if self._books.unix() < notification["payment_after"]:
            raise Refused(400, "The debit cannot be made before payment_after", field="order_id")
        return Reply(200, {"razorpay_payment_id": self._checkout.debit(order, token)})


def _amount(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refused(400, "The amount must be an integer.", field="amount")
    if value < 100:
        raise Refused(400, "Order amount less than minimum amount allowed", field="amount")
    return value


def _shown(order: dict[str, Any]) -> dict[str, Any]:
    """Without what only the simulator remembers."""
    return {name: value for name, value in order.items() if name not in ("capture", "notification")}


def _collection(items: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    count, skip = (int(request.query.get(name, default)) for name, default in (("count", "10"), ("skip", "0")))
    page = items[skip : skip + min(count, 100)]
    return {"entity": "collection", "count": len(page), "items": page}
