"""Paytm: transactions and refunds over plain HTTP; rupees as text on the wire, failures inside answers of 200."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from studyspot.gateways import paytm_checksum, paytm_events, rupees
from studyspot.gateways.envelopes import form_of
from studyspot.gateways.failures import (
    GatewayDown,
    GatewayFailure,
    GatewayRejected,
    GatewayTimeout,
    Next,
    UnreadableEvent,
)
from studyspot.gateways.payment import (
    TIMEOUT,
    Customer,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    NormalisedEvent,
)
from studyspot.gateways.signatures import header
from studyspot.kit.errors import BadSignature

if TYPE_CHECKING:
    from studyspot.kit.settings import Settings

NAME = "paytm"
PRODUCTION = "https://secure.paytmpayments.com"
STAGE = "https://securestage.paytmpayments.com"
WEBSITES = {"test": "WEBSTAGING", "live": "DEFAULT"}
ORDER_STATES = {"TXN_SUCCESS": "captured", "TXN_FAILURE": "cancelled", "PENDING": "created"}
UNKNOWN_ORDER = frozenset({"331", "334", "NO_RECORD_FOUND"})
UNKNOWN_REFUND = frozenset({"631", "NO_RECORD_FOUND"})
NOT_OUR_KEYS = frozenset({"227", "400", "401", "501"})
"""Checksum, merchant or website are not what Paytm knows, or it is not working: somebody has to look."""
USED_UP = frozenset({"325", "334", "335"})
"""An order id is good for one transaction token, whatever became of that."""


def amount(paise: int) -> str:
    """Rupees as text with exactly two decimals."""
    if paise <= 0:
        raise GatewayRejected(NAME, "more than nothing is taken", vendor_code="amount_too_small", field="amount")
    return str(rupees.decimal(paise))


@dataclass(frozen=True)
class Paytm:
    """One merchant account. Nothing that Paytm signs carries a time; replays are caught by what they are about."""

    mid: str
    merchant_key: str = field(repr=False)
    website: str = "DEFAULT"
    base_url: str = PRODUCTION

    @classmethod
    def of(cls, settings: Settings) -> Paytm:
        return cls(
            mid=settings.paytm_mid,
            merchant_key=settings.paytm_merchant_key.get_secret_value(),
            website=settings.paytm_website,
            base_url=settings.paytm_base_url.removesuffix("/"),
        )

    def with_account(self, account: Mapping[str, Any]) -> Paytm:
        """The same vendor with another merchant's key; test merchants are known only to the vendor's stage."""
        base = STAGE if account["mode"] == "test" and self.base_url == PRODUCTION else self.base_url
        website = WEBSITES[account["mode"]]
        return replace(
            self, mid=account["keyId"], merchant_key=account["keySecret"], website=website, base_url=base
        )  # fmt: skip

    @property
    def name(self) -> str:
        return NAME

    def call(self, path: str, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """The text of the body is written once, signed, and sent as it was signed. The answer's body."""
        from studyspot.gateways.wire import answer_of, session_to

        text = json.dumps(body)
        message = f'{{"body":{text},"head":{{"signature":"{paytm_checksum.sign(self.merchant_key, text)}"}}}}'
        session = session_to(NAME, self.base_url, read_error)
        kind = {"Content-Type": "application/json"}
        response = session.request("POST", self.base_url + path, data=message, headers=kind, timeout=timeout)
        answer = answer_of(NAME, response)
        told = answer.get("body") if isinstance(answer, dict) else None
        if not isinstance(told, dict) or not isinstance(told.get("resultInfo"), dict):
            raise GatewayTimeout(NAME, "the answer tells no result")
        return told

    def create_order(
        self,
        reference: str,
        amount_paise: int,
        currency: str,
        customer: Customer,
        expires_at: datetime,  # noqa: ARG002  # of the common shape
        notes: Mapping[str, str],  # noqa: ARG002  # of the common shape
        return_url: str,
        timeout: float = TIMEOUT,
    ) -> GatewayOrder:
        """A token for one transaction under our own reference; it lives for 15 minutes and is never given again."""
        value = amount(amount_paise)
        payer = {"custId": f"c{customer.phone.lstrip('+')}", "mobile": customer.phone, "email": customer.email}
        body = {
            "requestType": "Payment",
            "mid": self.mid,
            "websiteName": self.website,
            "orderId": reference,
            "callbackUrl": return_url,
            "txnAmount": {"value": value, "currency": currency},
            "userInfo": {name: text for name, text in payer.items() if text},
        }
        path = f"/theia/api/v1/initiateTransaction?mid={quote(self.mid)}&orderId={quote(reference)}"
        told = self.call(path, body, timeout)
        if told["resultInfo"].get("resultStatus") != "S" or not told.get("txnToken"):
            raise refusal(told)
        checkout = {"mid": self.mid, "orderId": reference, "txnToken": told["txnToken"], "amount": value}
        script = f"{self.base_url}/merchantpgpui/checkoutjs/merchants/{quote(self.mid)}.js"
        return GatewayOrder(
            id=reference,
            reference=reference,
            status="created",
            amount_paise=amount_paise,
            currency=currency,
            checkout=checkout | {"script": script},
            raw=told,
        )

    def status_of(self, order_id: str, timeout: float) -> dict[str, Any] | None:
        """The one transaction of an order; None while nobody has tried to pay it."""
        told = self.call("/v3/order/status", {"mid": self.mid, "orderId": order_id}, timeout)
        result = told["resultInfo"]
        if _words(result) & UNKNOWN_ORDER:
            return None
        if result.get("resultStatus") not in ORDER_STATES:
            raise refusal(told)
        return told

    def find_order(self, reference: str, timeout: float = TIMEOUT) -> GatewayOrder | None:
        """Only what somebody tried to pay is known. A lost token is lost: without it nobody can pay the order."""
        told = self.status_of(reference, timeout)
        if told is None:
            return None
        status: Any = ORDER_STATES[told["resultInfo"]["resultStatus"]]
        found = rupees.paise(told.get("txnAmount")) or 0
        return GatewayOrder(reference, reference, status, found, "INR", {}, told)

    def fetch_payment_of(self, order_id: str, timeout: float = TIMEOUT) -> list[GatewayPayment]:
        """One transaction at most; after a refund it is still the success it was."""
        told = self.status_of(order_id, timeout)
        if told is None:
            return []
        result = told["resultInfo"]
        facts = told | {"respCode": result.get("resultCode"), "respMsg": result.get("resultMsg")}
        return [paytm_events.payment_from(facts, result["resultStatus"], order_id)]

    def terminate(self, order_id: str, timeout: float = TIMEOUT) -> bool:  # noqa: ARG002  # of the common shape
        """An order cannot be ended at Paytm; its token ends by itself."""
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
        """Always under the same reference: another one would be another refund."""
        body = {
            "mid": self.mid,
            "txnType": "REFUND",
            "orderId": order_id,
            "txnId": payment_id,
            "refId": refund_ref,
            "refundAmount": amount(amount_paise),
        }
        told = self.call("/refund/apply", body | ({"comments": note[:100]} if note else {}), timeout)
        status, code = told["resultInfo"].get("resultStatus"), told["resultInfo"].get("resultCode")
        if code == "DUPLICATE_REF_ID":
            found = self.find_refund(order_id=order_id, payment_id=payment_id, refund_ref=refund_ref, timeout=timeout)
            if found is not None and found.amount_paise == amount_paise:
                return found
        if status not in ("TXN_SUCCESS", "PENDING"):
            raise refusal(told)
        facts = {"orderId": order_id, "txnId": payment_id, "refId": refund_ref, **told}
        return paytm_events.refund_from(facts, status)

    def find_refund(
        self, *, order_id: str, payment_id: str, refund_ref: str, timeout: float = TIMEOUT
    ) -> GatewayRefund | None:
        """By our own reference under the order."""
        body = {"mid": self.mid, "orderId": order_id, "refId": refund_ref}
        told = self.call("/v2/refund/status", body, timeout)
        result = told["resultInfo"]
        if _words(result) & UNKNOWN_REFUND:
            return None
        if result.get("resultStatus") not in paytm_events.REFUND_STATES or "refundAmount" not in told:
            raise refusal(told)
        facts = {"orderId": order_id, "txnId": payment_id, "refId": refund_ref, **told}
        return paytm_events.refund_from(facts, result["resultStatus"])

    def verify_callback(self, callback: Mapping[str, Any], order_id: str) -> None:
        """Every field that came is signed; one that names another order or merchant is not about ours."""
        fields = {name: value for name, value in callback.items() if isinstance(value, str)}
        if len(fields) != len(callback):
            raise BadSignature
        paytm_checksum.verify_form(self.merchant_key, fields)
        if fields.get("ORDERID") != order_id or fields.get("MID") != self.mid:
            raise BadSignature

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:  # noqa: ARG002  # of the common shape
        """Over the bytes of the body's member, or over the values of a form; the merchant named must be this one."""
        try:
            if media_type(headers) == paytm_events.FORM:
                facts: Mapping[str, Any] = form_of(raw)
                paytm_checksum.verify_form(self.merchant_key, dict(facts))
                named = facts.get("MID")
            else:
                signed, facts, signature = paytm_events.signed_part(raw)
                paytm_checksum.verify(self.merchant_key, [signed], signature)
                named = facts.get("mid")
        except UnreadableEvent:
            raise BadSignature from None
        if named != self.mid:
            raise BadSignature

    def parse_webhook(self, raw: bytes, headers: Mapping[str, str]) -> NormalisedEvent:
        """See `paytm_events.event_from`."""
        return paytm_events.event_from(raw, media_type(headers))


def _words(result: Mapping[str, Any]) -> set[str]:
    return {str(result.get("resultCode")), str(result.get("resultStatus"))}


def media_type(headers: Mapping[str, str]) -> str:
    """What the body says it is."""
    return (header(headers, "content-type") or "").partition(";")[0].strip().lower()


def refusal(told: Mapping[str, Any]) -> GatewayFailure:
    """What an answer without success means for what may be done next."""
    result = told["resultInfo"]
    code, words = str(result.get("resultCode") or ""), str(result.get("resultMsg") or "refused")
    if code in USED_UP:
        return GatewayFailure(NAME, words, kind=Next.RETRY_OTHER, vendor_code=code)
    if code in NOT_OUR_KEYS:
        return GatewayDown(NAME, words, vendor_code=code)
    return GatewayRejected(NAME, words, vendor_code=code)


def read_error(body: Any) -> Mapping[str, str | None]:
    """Errors of the web server in front; Paytm's own come with a status of 200."""
    inner = body.get("body") if isinstance(body, dict) else None
    result = inner.get("resultInfo") if isinstance(inner, dict) else None
    if not isinstance(result, dict):
        return {}
    told = {"description": result.get("resultMsg"), "vendor_code": result.get("resultCode")}
    return {name: str(value) for name, value in told.items() if value}
