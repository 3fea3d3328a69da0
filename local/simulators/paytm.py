"""Paytm: transactions and refunds, refused and signed as the vendor does: mostly inside answers of 200."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from local.simulators import paytm_checksum
from local.simulators.deliveries import Deliveries
from local.simulators.keys import Keys
from local.simulators.outbox import zulu
from local.simulators.payout_reports import Reports
from local.simulators.paytm_books import Books
from local.simulators.protocol import Refused, Reply, Request, Route, vendor_id
from local.simulators.razorpay_checkout import require_known
from local.simulators.store import Store

ORDER_ID = re.compile(r"[A-Za-z0-9_@-]{1,50}")
CUSTOMER_ID = re.compile(r"[A-Za-z0-9_@.-]{1,64}")
AMOUNT = re.compile(r"[0-9]{1,10}\.[0-9]{2}")
SETTLEMENTS = "/merchant-settlement-service/settlement/list"
"""Of an older kind: a flat body that carries its own checksum."""
TOKEN_LIVES = timedelta(minutes=15)


class PaytmSimulator:
    """One merchant."""

    name = "paytm"
    mount = "paytm"

    def __init__(
        self, store: Store, deliveries: Deliveries, keys: Keys, clock: Callable[[], datetime], reports: Reports
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._books = Books(store, deliveries, keys, clock)
        self.routes = [
            Route("POST", "/theia/api/v1/initiateTransaction", "create_order", self._initiate),
            Route("POST", "/v3/order/status", "fetch", self._status),
            Route("POST", "/refund/apply", "refund", self._refund),
            Route("POST", "/v2/refund/status", "fetch", self._refund_status),
            Route("POST", SETTLEMENTS, "settlements", reports.paytm),
        ]

    def admit(self, request: Request) -> None:
        """The signature over the body's text as it was sent; the head of most calls may hold nothing else."""
        if request.path == SETTLEMENTS:
            return
        found = paytm_checksum.body_of(request.body.decode("utf-8", "replace"))
        head = request.json().get("head")
        if found is None or not isinstance(head, dict):
            raise _failed("400", "Bad Request")
        if set(head) != {"signature"} and "initiateTransaction" not in request.path:
            raise _failed("227", "Checksum provided is invalid")
        if not paytm_checksum.fits(self._keys.paytm_merchant_key, found, str(head.get("signature"))):
            raise _failed("227", "Checksum provided is invalid")
        if _body(request).get("mid") != self._keys.paytm_mid:
            raise _failed("401", "Mid does not match the key")

    def error(self, refused: Refused) -> Any:
        result = {"resultStatus": "F", "resultCode": refused.code, "resultMsg": refused.message}
        return {"head": {"version": "v1"}, "body": {"resultInfo": result}}

    def orders(self) -> list[dict[str, Any]]:
        return [
            {
                "gateway": "paytm",
                "gatewayOrderId": order["orderId"],
                "amountPaise": order["paise"],
                "status": order["status"].lower(),
                "reference": order["orderId"],
                "createdAt": zulu(datetime.fromisoformat(order["createdAt"])),
            }
            for order in self._store.of("paytm.order")
        ]

    def knows(self, order_id: str) -> bool:
        return self._store.get("paytm.order", order_id) is not None

    def pay(self, order_id: str, outcome: str, method: str, webhook: str, delay_ms: int) -> dict[str, Any]:
        """The customer at Paytm's page; the signed form that the browser brings back."""
        require_known(outcome, webhook)
        with self._store.change():
            order = self._store.get("paytm.order", order_id)
            if order is None:
                raise Refused(404, "no such order")
            if order["status"] in ("TXN_SUCCESS", "TXN_FAILURE"):
                raise Refused(409, f"the order is {'paid' if order['status'] == 'TXN_SUCCESS' else 'used up'}")
            over = datetime.fromisoformat(order["createdAt"]) + TOKEN_LIVES <= self._clock()
            if order["status"] == "INITIATED" and over:
                raise Refused(409, "the order is expired")
            if outcome == "drop":
                return {}
            return self._books.attempt(order, outcome, method, webhook, delay_ms)

    def _initiate(self, request: Request) -> Reply:
        body = _body(request)
        order_id, paise = body.get("orderId"), _paise(body.get("txnAmount"))
        if not isinstance(order_id, str) or not ORDER_ID.fullmatch(order_id):
            raise _failed("330", "Invalid order id")
        if {"mid": body.get("mid"), "orderId": order_id} != dict(request.query):
            raise _failed("2014", "Mid or order id in the query is not that of the body")
        payer = body.get("userInfo")
        if not isinstance(payer, dict) or not CUSTOMER_ID.fullmatch(str(payer.get("custId") or "")):
            raise _failed("400", "userInfo.custId is invalid")
        if body.get("websiteName") != self._keys.paytm_website or body.get("requestType") != "Payment":
            raise _failed("501", "System Error")
        with self._store.change():
            if self.knows(order_id):
                raise _failed("334", "Duplicate order id")
            order = {
                "orderId": order_id, "paise": paise, "status": "INITIATED", "txnToken": vendor_id("", 32),
                "callbackUrl": body.get("callbackUrl"), "createdAt": self._clock().isoformat(),
            }  # fmt: skip
            self._store.put("paytm.order", order_id, order)
        return self._answer({"txnToken": order["txnToken"]}, "S", "0000", "Success")

    def _status(self, request: Request) -> Reply:
        order = self._store.get("paytm.order", str(_body(request).get("orderId")))
        if order is None or order["status"] == "INITIATED":
            return self._answer({}, "TXN_FAILURE", "334", "Invalid Order ID")
        return self._answer(self._books.transaction(order), order["status"], order["code"], order["words"])

    def _refund(self, request: Request) -> Reply:
        body = _body(request)
        order = self._store.get("paytm.order", str(body.get("orderId")))
        if order is None or order["status"] != "TXN_SUCCESS" or order["txnId"] != body.get("txnId"):
            return self._answer({}, "TXN_FAILURE", "INVALID_TXN_STATE", "There is nothing to give back")
        reference, paise = str(body.get("refId")), _paise({"value": body.get("refundAmount"), "currency": "INR"})
        with self._store.change():
            if self._store.get("paytm.refund", f"{order['orderId']} {reference}"):
                return self._answer({}, "TXN_FAILURE", "DUPLICATE_REF_ID", "Duplicate refund reference id")
            if paise > self._books.refundable(order):
                return self._answer({}, "TXN_FAILURE", "INVALID_REFUND_AMOUNT", "More than what is left")
            refund = self._books.refund(order, reference, paise, str(body.get("comments") or ""))
        facts = {"refundId": refund["refundId"], "refId": reference, "refundAmount": refund["refundAmount"]}
        return self._answer(facts, "PENDING", "601", "Refund request was raised")

    def _refund_status(self, request: Request) -> Reply:
        body = _body(request)
        refund = self._store.get("paytm.refund", f"{body.get('orderId')} {body.get('refId')}")
        if refund is None:
            return self._answer({}, "TXN_FAILURE", "631", "Record not found")
        code, words = ("10", "Refund Successful") if refund["status"] == "TXN_SUCCESS" else ("617", "Refund pending")
        shown = {name: value for name, value in refund.items() if name not in ("paise", "status")}
        return self._answer(shown, refund["status"], code, words)

    def _answer(self, facts: dict[str, Any], status: str, code: str, words: str) -> Reply:
        body = {"resultInfo": {"resultStatus": status, "resultCode": code, "resultMsg": words}, **facts}
        signature = paytm_checksum.sign(self._keys.paytm_merchant_key, json.dumps(body))
        return Reply(200, {"head": {"version": "v1", "signature": signature}, "body": body})


def _failed(code: str, words: str) -> Refused:
    return Refused(200, words, code)


def _body(request: Request) -> dict[str, Any]:
    body = request.json().get("body")
    if not isinstance(body, dict):
        raise _failed("400", "Bad Request")
    return body


def _paise(told: Any) -> int:
    """Text in rupees with exactly two decimals, more than nothing."""
    value = told.get("value") if isinstance(told, dict) else None
    if not isinstance(value, str) or not AMOUNT.fullmatch(value) or told.get("currency") != "INR":
        raise _failed("400", "Txn amount is invalid")
    try:
        paise = int(Decimal(value) * 100)
    except InvalidOperation:
        raise _failed("400", "Txn amount is invalid") from None
    if paise <= 0:
        raise _failed("400", "Txn amount is invalid")
    return paise
