"""Stripe: payment intents and refunds, refused and signed as the vendor does; forms in, JSON out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from local.simulators.deliveries import Deliveries
from local.simulators.keys import Keys
from local.simulators.outbox import zulu
from local.simulators.payout_reports import Reports
from local.simulators.protocol import Refused, Reply, Request, Route, vendor_id
from local.simulators.razorpay_checkout import require_known
from local.simulators.store import Store
from local.simulators.stripe_books import Books

WHOLE = re.compile(r"[1-9][0-9]{0,11}")
LEAST_PAISE = 50
SEARCH = re.compile(r"metadata\['reference'\]:'([A-Za-z0-9_-]+)'")


class StripeSimulator:
    """One account."""

    name = "stripe"
    mount = "stripe"

    def __init__(
        self, store: Store, deliveries: Deliveries, keys: Keys, clock: Callable[[], datetime], reports: Reports
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._books = Books(store, deliveries, clock)
        intents = "/v1/payment_intents"
        self.routes = [
            Route("POST", intents, "create_order", self._keyed(self._create)),
            Route("GET", f"{intents}/search", "fetch", self._search),
            Route("GET", f"{intents}/{{id}}", "fetch", self._get),
            Route("POST", f"{intents}/{{id}}/cancel", "terminate", self._cancel),
            Route("POST", "/v1/refunds", "refund", self._keyed(self._refund)),
            Route("GET", "/v1/refunds", "fetch", self._refunds),
            Route("GET", "/v1/refunds/{id}", "fetch", self._get_refund),
            Route("GET", "/v1/payouts", "settlements", reports.stripe_payouts),
            Route("GET", "/v1/balance_transactions", "settlements", reports.stripe_transactions),
        ]

    def admit(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self._keys.stripe_secret_key}":
            raise Refused(401, "Invalid API Key provided", "invalid_api_key")

    def error(self, refused: Refused) -> Any:
        kinds = {402: "card_error", 500: "api_error"}
        kind = kinds.get(refused.status, "invalid_request_error")
        if refused.code == "idempotency_error":
            kind = "idempotency_error"
        told = {"type": kind, "code": refused.code, "message": refused.message, "param": refused.field}
        return {"error": {name: value for name, value in told.items() if value}}

    def orders(self) -> list[dict[str, Any]]:
        return [
            {
                "gateway": "stripe",
                "gatewayOrderId": intent["id"],
                "amountPaise": intent["amount"],
                "status": intent["status"],
                "reference": intent["metadata"].get("reference", ""),
                "createdAt": zulu(datetime.fromtimestamp(intent["created"], UTC)),
            }
            for intent in self._store.of("stripe.intent")
        ]

    def knows(self, intent_id: str) -> bool:
        return self._store.get("stripe.intent", intent_id) is not None

    def pay(self, intent_id: str, outcome: str, method: str, webhook: str, delay_ms: int) -> dict[str, Any]:
        """The customer confirms in the browser; what Stripe adds to the address it returns to."""
        require_known(outcome, webhook)
        with self._store.change():
            intent = self._store.get("stripe.intent", intent_id)
            if intent is None:
                raise Refused(404, "no such order")
            if intent["status"] in ("succeeded", "canceled"):
                raise Refused(409, f"the order is {'paid' if intent['status'] == 'succeeded' else 'canceled'}")
            if outcome == "drop":
                return {}
            self._books.attempt(intent, outcome, method, webhook, delay_ms)
        told = {"success": "succeeded", "failure": "failed", "pending": "pending"}[outcome]
        secret = intent["client_secret"]
        return {"payment_intent": intent_id, "payment_intent_client_secret": secret, "redirect_status": told}

    def _keyed(self, serve: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Request], Reply]:
        """The first answer again for the same key; another request under it is refused."""

        def served(request: Request) -> Reply:
            key, print_ = request.headers.get("idempotency-key"), hashlib.sha256(request.body).hexdigest()
            with self._store.change():
                earlier = self._store.get("stripe.key", key) if key else None
                if earlier and earlier["print"] != print_:
                    words = "Keys for idempotent requests can only be used with the same parameters."
                    raise Refused(400, words, "idempotency_error")
                if earlier:
                    return Reply(200, earlier["answer"], {"idempotent-replayed": "true"})
                answer = serve(form_of(request))
                if key:
                    self._store.put("stripe.key", key, {"print": print_, "answer": answer})
            return Reply(200, answer)

        return served

    def _create(self, form: dict[str, Any]) -> dict[str, Any]:
        amount = _whole(form.get("amount"), "amount")
        if form.get("currency") != "inr":
            raise Refused(400, "Invalid currency", "parameter_invalid", "currency")
        if amount < LEAST_PAISE:
            raise Refused(400, "Amount must be at least 50 paise", "amount_too_small", "amount")
        intent_id = vendor_id("pi_", 24)
        intent = {
            "id": intent_id, "object": "payment_intent", "amount": amount, "amount_received": 0, "currency": "inr",
            "client_secret": f"{intent_id}_secret_{vendor_id('', 25)}", "status": "requires_payment_method",
            "created": int(self._clock().timestamp()), "metadata": form.get("metadata", {}), "livemode": False,
            "latest_charge": None, "last_payment_error": None, "receipt_email": form.get("receipt_email"),
        }  # fmt: skip
        self._store.put("stripe.intent", intent_id, intent)
        return intent

    def _intent(self, intent_id: str) -> dict[str, Any]:
        intent = self._store.get("stripe.intent", intent_id)
        if intent is None:
            raise Refused(404, f"No such payment_intent: '{intent_id}'", "resource_missing", "intent")
        return intent

    def _get(self, request: Request, intent_id: str) -> Reply:
        intent = self._intent(intent_id)
        charge = self._store.get("stripe.charge", intent["latest_charge"]) if intent["latest_charge"] else None
        wanted = request.query.get("expand[]", "") or request.query.get("expand[0]", "")
        if charge and wanted.startswith("latest_charge"):
            shown = charge if "balance_transaction" in wanted else charge | {"balance_transaction": "txn_1"}
            intent = intent | {"latest_charge": shown}
        return Reply(200, intent)

    def _search(self, request: Request) -> Reply:
        asked = SEARCH.fullmatch(request.query.get("query", ""))
        if asked is None:
            raise Refused(400, "We were unable to parse your search query.", "parameter_invalid", "query")
        found = [i for i in self._store.of("stripe.intent") if i["metadata"].get("reference") == asked[1]]
        return Reply(200, {"object": "search_result", "data": found, "has_more": False})

    def _cancel(self, _: Request, intent_id: str) -> Reply:
        intent = self._intent(intent_id)
        if intent["status"] in ("succeeded", "canceled", "processing"):
            words = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
            raise Refused(400, words, "payment_intent_unexpected_state")
        with self._store.change():
            intent |= {"status": "canceled", "cancellation_reason": None}
            self._books.keep(intent, "payment_intent.canceled", "normal", 0)
        return Reply(200, intent)

    def _refund(self, form: dict[str, Any]) -> dict[str, Any]:
        intent = self._intent(str(form.get("payment_intent")))
        if intent["status"] != "succeeded":
            words = "This PaymentIntent does not have a successful charge to refund."
            raise Refused(400, words, "payment_intent_unexpected_state")
        left = self._books.refundable(intent)
        amount = _whole(form["amount"], "amount") if "amount" in form else left
        if amount > left or not left:
            words = "Refund amount is greater than unrefunded amount on charge"
            raise Refused(400, words, "charge_already_refunded" if not left else "amount_too_large", "amount")
        return self._books.refund(intent, amount, form.get("metadata", {}))

    def _refunds(self, request: Request) -> Reply:
        found = self._store.of("stripe.refund", request.query.get("payment_intent"))
        return Reply(200, {"object": "list", "data": list(reversed(found)), "has_more": False, "url": "/v1/refunds"})

    def _get_refund(self, _: Request, refund_id: str) -> Reply:
        refund = self._store.get("stripe.refund", refund_id)
        if refund is None:
            raise Refused(404, f"No such refund: '{refund_id}'", "resource_missing", "id")
        return Reply(200, refund)


def form_of(request: Request) -> dict[str, Any]:
    """`metadata[a]=b` as `{"metadata": {"a": "b"}}`; JSON is not what this vendor takes."""
    if request.body and not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Refused(400, "Invalid request: form-encoded parameters are expected", "parameter_invalid")
    form: dict[str, Any] = {}
    for name, value in parse_qsl(request.body.decode(), keep_blank_values=True):
        outer, _, inner = name.partition("[")
        if inner:
            form.setdefault(outer, {})[inner.rstrip("]")] = value
        else:
            form[outer] = value
    return form


def _whole(value: Any, member: str) -> int:
    if not isinstance(value, str) or not WHOLE.fullmatch(value):
        raise Refused(400, f"Invalid integer: {json.dumps(value)}", "parameter_invalid_integer", member)
    return int(value)
