"""Cashfree: orders, payments and refunds, refused and signed as the vendor does."""

from __future__ import annotations

import hmac
import re
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from local.simulators.cashfree_books import INDIA, Books, iso, rupees
from local.simulators.deliveries import Deliveries
from local.simulators.keys import Keys
from local.simulators.outbox import zulu
from local.simulators.payout_reports import Reports
from local.simulators.protocol import Refused, Reply, Request, Route, vendor_id
from local.simulators.razorpay_checkout import require_known
from local.simulators.store import Store

ORDER_ID = re.compile(r"[A-Za-z0-9_-]{3,45}")
REFUND_ID = re.compile(r"[A-Za-z0-9_-]{3,40}")
CUSTOMER_ID = re.compile(r"[A-Za-z0-9_-]{3,50}")
PHONE = re.compile(r"(\+?\d{1,3})?\d{10}")
LIFETIME = timedelta(days=30)


def invalid(message: str, code: str, status: int = 400) -> Refused:
    return Refused(status, message, code)


class CashfreeSimulator:
    """One merchant account, API version 2025-01-01."""

    name = "cashfree"
    mount = "cashfree"

    def __init__(
        self, store: Store, deliveries: Deliveries, keys: Keys, clock: Callable[[], datetime], reports: Reports
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._books = Books(store, deliveries, clock)
        orders = "/pg/orders"
        self.routes = [
            Route("POST", orders, "create_order", self._create_order),
            Route("GET", f"{orders}/{{id}}", "fetch", self._get_order),
            Route("PATCH", f"{orders}/{{id}}", "terminate", self._terminate),
            Route("GET", f"{orders}/{{id}}/payments", "fetch", self._payments_of),
            Route("GET", f"{orders}/{{id}}/payments/{{payment}}", "fetch", self._get_payment),
            Route("POST", f"{orders}/{{id}}/refunds", "refund", self._refund),
            Route("GET", f"{orders}/{{id}}/refunds", "fetch", self._refunds_of),
            Route("GET", f"{orders}/{{id}}/refunds/{{refund}}", "fetch", self._get_refund),
            Route("POST", "/pg/settlement/recon", "settlements", reports.cashfree),
        ]

    def admit(self, request: Request) -> None:
        presented = f"{request.headers.get('x-client-id', '')} {request.headers.get('x-client-secret', '')}"
        expected = f"{self._keys.cashfree_client_id} {self._keys.cashfree_client_secret}"
        if not hmac.compare_digest(presented.encode(), expected.encode()):
            raise Refused(401, "authentication Failed", "request_failed")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", request.headers.get("x-api-version", "")):
            raise invalid("version is missing in the request", "version_missing")

    def error(self, refused: Refused) -> Any:
        kinds = {401: "authentication_error", 429: "rate_limit_error", 500: "api_error"}
        code = {429: "too_many_requests", 500: "internal_error"}.get(refused.status, refused.code)
        kind = kinds.get(refused.status, "invalid_request_error")
        return {"message": refused.message, "code": code, "type": kind, "help": "https://www.cashfree.com/docs"}

    def orders(self) -> list[dict[str, Any]]:
        return [
            {
                "gateway": "cashfree",
                "gatewayOrderId": order["order_id"],
                "amountPaise": order["paise"],
                "status": self._books.aged(order)["order_status"].lower(),
                "reference": order["order_id"],
                "createdAt": zulu(datetime.fromisoformat(order["created_at"])),
            }
            for order in self._store.of("cashfree.order")
        ]

    def pay(self, order_id: str, outcome: str, method: str, webhook: str, delay_ms: int) -> dict[str, Any]:
        """The customer at Cashfree's page; nothing signed comes back to the app."""
        require_known(outcome, webhook)
        with self._store.change():
            order = self._books.order(order_id)
            if order is None:
                raise Refused(404, "no such order")
            if order["order_status"] != "ACTIVE":
                raise Refused(409, f"the order is {order['order_status'].lower()}", "order_inactive")
            self._books.attempt(order, outcome, method, webhook, delay_ms)
        return {"orderId": order_id}

    def _order(self, order_id: str) -> dict[str, Any]:
        order = self._books.order(order_id)
        if order is None:
            raise invalid("Order Reference Id does not exist", "order_not_found", 404)
        return order

    def _create_order(self, request: Request) -> Reply:
        body, key = request.json(), request.headers.get("x-idempotency-key")
        with self._store.change():
            earlier = self._store.get("cashfree.key", f"order {key}") if key else None
            if earlier:
                return Reply(200, self._books.shown(self._order(earlier["id"])))
            order = self._new_order(body)
            if self._books.order(order["order_id"]):
                raise invalid("order with same id is already present", "order_already_exists", 409)
            self._store.put("cashfree.order", order["order_id"], order)
            if key:
                self._store.put("cashfree.key", f"order {key}", {"id": order["order_id"]})
        return Reply(200, self._books.shown(order))

    def _new_order(self, body: dict[str, Any]) -> dict[str, Any]:
        paise = _paise(body.get("order_amount"), "order_amount")
        if body.get("order_currency") != "INR":
            raise invalid("order_currency : currency not enabled", "order_currency_invalid")
        order_id = body.get("order_id") or vendor_id("order_", 20)
        if not isinstance(order_id, str) or not ORDER_ID.fullmatch(order_id):
            raise invalid("order_id : should be 3 to 45 of A-Za-z0-9_-", "order_id_invalid")
        now = self._clock()
        return {
            "cf_order_id": str(uuid.uuid4().int)[:10],
            "order_id": order_id,
            "entity": "order",
            "paise": paise,
            "order_currency": "INR",
            "order_status": "ACTIVE",
            "payment_session_id": vendor_id("session_", 64),
            "order_expiry_time": self._expiry(body.get("order_expiry_time"), now),
            "created_at": iso(now),
            "customer_details": _customer(body.get("customer_details")),
            "order_meta": body.get("order_meta") or {},
            "order_note": body.get("order_note"),
            "order_tags": _tags(body.get("order_tags")),
        }

    def _expiry(self, value: Any, now: datetime) -> str:
        if value is None:
            return iso(now + LIFETIME)
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            raise invalid("order_expiry_time : invalid value", "order_expiry_time_invalid") from None
        at = at if at.tzinfo else at.replace(tzinfo=INDIA)
        if not now < at <= now + LIFETIME:
            raise invalid("order_expiry_time : should be in the future, at most 30 days", "order_expiry_time_invalid")
        return iso(at)

    def _get_order(self, _: Request, order_id: str) -> Reply:
        return Reply(200, self._books.shown(self._order(order_id)))

    def _terminate(self, request: Request, order_id: str) -> Reply:
        order = self._order(order_id)
        if request.json().get("order_status") != "TERMINATED":
            raise invalid("order_status : should be TERMINATED", "order_status_invalid")
        if order["order_status"] != "ACTIVE":
            raise invalid(f"order is already {order['order_status'].lower()}", "order_status_invalid", 422)
        self._store.put("cashfree.order", order_id, order | {"order_status": "TERMINATED"})
        return Reply(200, self._books.shown(self._order(order_id)))

    def _payments_of(self, _: Request, order_id: str) -> Reply:
        self._order(order_id)
        newest_first = list(reversed(self._store.of("cashfree.payment", order_id)))
        return Reply(200, [self._books.shown_payment(each) for each in newest_first])

    def _get_payment(self, _: Request, order_id: str, payment_id: str) -> Reply:
        payment = self._store.get("cashfree.payment", payment_id)
        if payment is None or payment["order_id"] != order_id:
            raise invalid("payment not found", "payment_not_found", 404)
        return Reply(200, self._books.shown_payment(payment))

    def _refund(self, request: Request, order_id: str) -> Reply:
        body, order = request.json(), self._order(order_id)
        key = request.headers.get("x-idempotency-key")
        earlier = self._store.get("cashfree.key", f"refund {key}") if key else None
        if earlier:
            return Reply(200, self._books.shown_refund(self._store.get("cashfree.refund", earlier["id"]) or {}))
        paise, refund_id = _paise(body.get("refund_amount"), "refund_amount"), body.get("refund_id")
        if not isinstance(refund_id, str) or not REFUND_ID.fullmatch(refund_id):
            raise invalid("refund_id : should be 3 to 40 of A-Za-z0-9_-", "refund_id_invalid")
        if order["order_status"] != "PAID":
            raise invalid("Refund cannot be initiated, order is not paid", "refund_not_allowed")
        if self._store.get("cashfree.refund", f"{order_id} {refund_id}"):
            raise invalid("refund with same id is already present", "refund_already_exists", 409)
        if paise > self._books.refundable(order):
            raise invalid("refund amount exceeds the amount that can be refunded", "refund_amount_invalid")
        with self._store.change():
            refund = self._books.refund(order, refund_id, paise, body)
            if key:
                self._store.put("cashfree.key", f"refund {key}", {"id": f"{order_id} {refund_id}"})
        return Reply(200, self._books.shown_refund(refund))

    def _refunds_of(self, _: Request, order_id: str) -> Reply:
        self._order(order_id)
        return Reply(200, [self._books.shown_refund(each) for each in self._store.of("cashfree.refund", order_id)])

    def _get_refund(self, _: Request, order_id: str, refund_id: str) -> Reply:
        refund = self._store.get("cashfree.refund", f"{order_id} {refund_id}")
        if refund is None:
            raise invalid("refund does not exist", "refund_not_found", 404)
        return Reply(200, self._books.shown_refund(refund))


def _paise(value: Any, member: str) -> int:
    """Rupees as a JSON number with at most two decimals, at least one rupee."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"{member} : should be a number", f"{member}_invalid")
    minor = round(value * 100)
    if abs(value * 100 - minor) > 1e-6 or minor < 100:
        raise invalid(f"{member} : should be at least 1 with at most two decimals", f"{member}_invalid")
    if rupees(minor) != value:
        raise invalid(f"{member} : invalid value entered", f"{member}_invalid")
    return minor


def _customer(details: Any) -> dict[str, Any]:
    if not isinstance(details, dict):
        raise invalid("customer_details : is missing in the request", "customer_details_missing")
    if not CUSTOMER_ID.fullmatch(str(details.get("customer_id") or "")):
        raise invalid("customer_details.customer_id : should be 3 to 50 letters and digits", "customer_id_invalid")
    if not PHONE.fullmatch(str(details.get("customer_phone") or "")):
        raise invalid("customer_details.customer_phone : is not a phone number", "customer_phone_invalid")
    return details


def _tags(tags: Any) -> dict[str, str] | None:
    if tags is None or tags == {}:
        return None
    short = isinstance(tags, dict) and all(isinstance(text, str) and len(text) <= 255 for text in tags.values())
    if not short or len(tags) > 10:
        raise invalid("order_tags : at most 10 texts of 255 characters", "order_tags_invalid")
    return dict(tags)
