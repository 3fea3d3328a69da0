"""Webhooks on their way to the product: kept on disk, signed when sent, repeated until accepted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from local.simulators import paytm_checksum
from local.simulators.keys import Keys
from local.simulators.notices import Notices
from local.simulators.protocol import Refused, vendor_id
from local.simulators.store import Store

Post = Callable[[str, bytes, Mapping[str, str]], int]
"""(url, body, headers) -> HTTP status, 0 when nobody answered."""

MODES = frozenset({"normal", "duplicate", "late", "reordered", "lost", "bad_signature"})
LATE_MS = 5_000
WAITS = (1, 2, 4, 8, 15, 30, 60, 120, 300)
"""Seconds between attempts; the vendors take hours for the same."""
PATHS = {
    "razorpay": "/api/v1/payments/webhook/razorpay",
    "cashfree": "/api/v1/payments/webhook/cashfree",
    "paytm": "/api/v1/payments/webhook/paytm",
    "stripe": "/api/v1/payments/webhook/stripe",
    "msg91": "/api/v1/messaging/webhook/msg91",
    "ses": "/api/v1/notifications/webhook/email",
}
log = logging.getLogger(__name__)


def post_over_http(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """One attempt; vendors wait about five seconds."""
    import requests

    try:
        return requests.post(url, data=body, headers=dict(headers), timeout=(3, 10), allow_redirects=False).status_code
    except requests.RequestException:
        return 0


class Deliveries:
    """Rows of kind `delivery` are what still has to arrive; times here are the machine's, signatures the product's."""

    def __init__(
        self, store: Store, product_url: str, keys: Keys, notices: Notices, clock: Callable[[], datetime], post: Post
    ) -> None:
        self._store = store
        self._product_url = product_url.rstrip("/")
        self._keys = keys
        self._notices = notices
        self._clock = clock
        self._post = post
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._sending = threading.Lock()
        self._thread: threading.Thread | None = None

    def send(self, vendor: str, bodies: list[tuple[str, bytes]], mode: str = "normal", delay_ms: int = 0) -> None:
        """`bodies` are (event id, raw body) in the order in which things happened."""
        if mode not in MODES:
            raise Refused(422, f"one of {', '.join(sorted(MODES))}", "validation_failed", "webhook")
        if mode == "lost":
            return
        if mode == "late":
            delay_ms = delay_ms or LATE_MS
        ordered = list(reversed(bodies)) if mode == "reordered" else bodies
        due = time.time() + delay_ms / 1000
        with self._store.change():
            for event_id, body in ordered:
                for _ in range(2 if mode == "duplicate" else 1):
                    key = vendor_id("delivery_")
                    row = {
                        "id": key,
                        "vendor": vendor,
                        "eventId": event_id,
                        "body": body.decode(),
                        "due": due,
                        "attempts": 0,
                        "status": None,
                        "forged": mode == "bad_signature",
                    }
                    self._store.put("delivery", key, row)
        self._wake.set()

    def pending(self) -> list[dict[str, Any]]:
        return self._store.of("delivery")

    def deliver(self) -> int:
        """Try everything that is due, in order."""
        with self._sending:
            due = [row for row in self.pending() if row["due"] <= time.time()]
            for row in due:
                self._try(row)
        return len(due)

    def _try(self, row: dict[str, Any]) -> None:
        body = self._enveloped(row)
        url = self._product_url + PATHS[row["vendor"]]
        if row["vendor"] == "msg91":
            url += f"/{self._keys.msg91_webhook_token}"
        attempt = row["attempts"] + 1
        status = self._post(url, body, self._headers(row, body, attempt))
        log.info("webhook %s %s attempt %d: %d", row["vendor"], row["eventId"], attempt, status)
        # a forged one is a stranger's: strangers do not try again
        if 200 <= status < 300 or row["forged"] or attempt > len(WAITS):
            self._store.drop("delivery", row["id"])
            return
        later = {"attempts": attempt, "status": status, "due": time.time() + WAITS[attempt - 1]}
        self._store.put("delivery", row["id"], {**row, **later})

    def _enveloped(self, row: Mapping[str, Any]) -> bytes:
        """What leaves: Paytm and SNS carry their signature in the body, over the text of what it is about."""
        text: str = row["body"]
        if row["vendor"] == "ses":
            return self._notices.enveloped(row["eventId"], text, self._clock(), row["forged"])
        if row["vendor"] == "paytm":
            key = "forged-by-nobody" if row["forged"] else self._keys.paytm_merchant_key
            text = f'{{"head": {{"signature": "{paytm_checksum.sign(key, text)}"}}, "body": {text}}}'
        return text.encode()

    def _headers(self, row: Mapping[str, Any], body: bytes, attempt: int) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if row["vendor"] == "ses":
            return {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"}
        if row["vendor"] == "razorpay":
            secret = "forged" if row["forged"] else self._keys.razorpay_webhook_secret
            signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            return headers | {
                "X-Razorpay-Signature": signature,
                "x-razorpay-event-id": row["eventId"],
                "User-Agent": "Razorpay-Webhook/v1",
            }
        if row["vendor"] == "cashfree":
            secret = "forged" if row["forged"] else self._keys.cashfree_client_secret
            stamp = str(int(self._clock().timestamp() * 1000))
            digest = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
            return headers | {
                "x-webhook-signature": base64.b64encode(digest).decode(),
                "x-webhook-timestamp": stamp,
                "x-webhook-version": "2025-01-01",
                "x-webhook-attempt": str(attempt),
                "x-idempotency-key": row["eventId"],
            }
        if row["vendor"] == "stripe":
            secret = "forged" if row["forged"] else self._keys.stripe_webhook_secret
            seconds = int(self._clock().timestamp())
            signature = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
            return headers | {"Stripe-Signature": f"t={seconds},v1={signature},v0={'0' * 64}"}
        return headers

    def start(self) -> None:
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name="simulator-webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._wake.set()
        if self._thread:
            self._thread.join(timeout=15)
            self._thread = None

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wake.clear()
            if self.deliver() == 0:
                soonest = min((row["due"] for row in self.pending()), default=time.time() + 3600)
                self._wake.wait(timeout=max(0.01, soonest - time.time()))
