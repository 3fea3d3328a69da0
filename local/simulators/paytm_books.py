"""Paytm's side of the ledger: what an order or a refund becomes, and the webhooks that tell of it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from local.simulators import paytm_checksum
from local.simulators.deliveries import Deliveries
from local.simulators.keys import Keys
from local.simulators.store import Store

INDIA = timezone(timedelta(hours=5, minutes=30))
OUTCOMES = {
    "success": ("TXN_SUCCESS", "01", "Txn Success"),
    "failure": ("TXN_FAILURE", "267", "Your bank has declined the payment"),
    "pending": ("PENDING", "402", "Looks like the payment is not complete"),
}
MODES = {"upi": "UPI", "card": "CC", "netbanking": "NB", "wallet": "PPI"}
FORM = {
    "ORDERID": "orderId", "MID": "mid", "TXNID": "txnId", "TXNAMOUNT": "txnAmount", "CURRENCY": "currency",
    "STATUS": "status", "RESPCODE": "respCode", "RESPMSG": "respMsg", "PAYMENTMODE": "paymentMode",
    "TXNDATE": "txnDate", "BANKTXNID": "bankTxnId", "GATEWAYNAME": "gatewayName", "BANKNAME": "bankName",
}  # fmt: skip


def rupees(paise: int) -> str:
    """As the vendor writes amounts."""
    whole, part = divmod(paise, 100)
    return f"{whole}.{part:02}"


class Books:
    """Every change commits together with its webhooks."""

    def __init__(self, store: Store, deliveries: Deliveries, keys: Keys, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._deliveries = deliveries
        self._keys = keys
        self._clock = clock

    def _now(self) -> str:
        return self._clock().astimezone(INDIA).strftime("%Y-%m-%d %H:%M:%S.0")

    def attempt(self, order: dict[str, Any], outcome: str, method: str, mode: str, delay_ms: int) -> dict[str, Any]:
        """An order has one transaction: a later outcome settles one that was left pending."""
        status, code, words = OUTCOMES[outcome]
        order |= {
            "status": status, "code": code, "words": words, "paymentMode": MODES.get(method, method.upper()),
            "txnId": order.get("txnId") or f"{self._clock():%Y%m%d}{secrets.randbelow(10**27):027}",
            "bankTxnId": str(secrets.randbelow(10**12)), "txnDate": self._now(),
        }  # fmt: skip
        self._store.put("paytm.order", order["orderId"], order)
        facts = self.transaction(order) | {"status": status, "respCode": code, "respMsg": words, "currency": "INR"}
        if outcome != "pending":
            self._tell(facts | {"txnType": "SALE"}, mode, delay_ms)
        form = {name: str(facts.get(theirs, "")) for name, theirs in FORM.items()}
        return form | {"CHECKSUMHASH": paytm_checksum.sign_form(self._keys.paytm_merchant_key, form)}

    def transaction(self, order: dict[str, Any]) -> dict[str, Any]:
        """As the status call shows it."""
        return {
            "mid": self._keys.paytm_mid, "orderId": order["orderId"], "txnId": order["txnId"],
            "bankTxnId": order["bankTxnId"], "txnAmount": rupees(order["paise"]), "txnType": "SALE",
            "paymentMode": order["paymentMode"], "gatewayName": "PPBL", "bankName": "", "txnDate": order["txnDate"],
        }  # fmt: skip

    def refundable(self, order: dict[str, Any]) -> int:
        """What was paid less what went back or is on its way."""
        refunds = self._store.of("paytm.refund", order["orderId"])
        return int(order["paise"]) - sum(int(each["paise"]) for each in refunds if each["status"] != "TXN_FAILURE")

    def refund(self, order: dict[str, Any], reference: str, paise: int, comment: str) -> dict[str, Any]:
        """Taken on at once and done a moment later; a comment of PENDING leaves it undone."""
        refund = {
            "refundId": f"{self._clock():%Y%m%d}{secrets.randbelow(10**20):020}", "refId": reference,
            "orderId": order["orderId"], "mid": self._keys.paytm_mid, "txnId": order["txnId"], "paise": paise,
            "refundAmount": rupees(paise), "txnAmount": rupees(order["paise"]),
            "acceptRefundTimestamp": self._now(), "status": "PENDING" if comment == "PENDING" else "TXN_SUCCESS",
        }  # fmt: skip
        self._store.put("paytm.refund", f"{order['orderId']} {reference}", refund, order["orderId"])
        if refund["status"] == "TXN_SUCCESS":
            shown = {name: value for name, value in refund.items() if name != "paise"}
            self._tell(shown | {"txnType": "REFUND", "respCode": "10", "respMsg": "Refund Successful"}, "normal", 0)
        return refund

    def _tell(self, facts: dict[str, Any], mode: str, delay_ms: int) -> None:
        event = f"{facts['orderId']} {facts.get('refId', '')} {facts['status']}"
        self._deliveries.send("paytm", [(event, json.dumps(facts).encode())], mode, delay_ms)
