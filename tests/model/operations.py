"""What processes do about one booking's payments, as the functions do it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from studyspot.fulfilment import service as fulfilment
from studyspot.kit import cells, permissions
from studyspot.kit.auth import Actor
from studyspot.kit.db import Claim
from studyspot.kit.request import Request
from studyspot.payments.models import PayRequest, RefundRequest, VerifyRequest

from tests.fulfilment.shop import Shop
from tests.world import function, http_event

Facts = dict[str, Any]
Work = Callable[[], Any]


@dataclass
class Operations:
    """Each answers work that can be begun again from its beginning."""

    shop: Shop
    booking: UUID
    people: dict[str, Actor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.people = {
            "student": self._actor("student", self.shop.student),
            "owner": self._actor("library_owner", self.shop.scene.tenant.owner_id),
        }

    def _actor(self, kind: str, who: UUID) -> Actor:
        held = frozenset(permissions.of([kind]))
        return Actor(who, kind, self.shop.tenant, who, kind, None, (kind,), held)

    def create(self) -> Any:
        with cells.tenant_db(self.shop.tenant) as db, cells.core_db() as core:
            db.actor = self.people["student"]
            asked = PayRequest(purpose="booking", purpose_id=self.booking)
            return fulfilment.pay(db, core, db.actor, asked)

    def verify(self, order: str, callback: Facts) -> Work:
        def work() -> Any:
            with cells.tenant_db(self.shop.tenant) as db:
                found = db.value(
                    "SELECT payment_id FROM payment_attempts WHERE gateway_order_id = %(order)s", order=order
                )
                return fulfilment.verify(db, self.people["student"], VerifyRequest(payment_id=found, callback=callback))

        return work

    def by(self, who: str, verb: Callable[..., Any]) -> Work:
        def work() -> Any:
            with cells.tenant_db(self.shop.tenant) as db:
                db.actor = self.people[who]
                return verb(db, db.actor)

        return work

    def cancel(self, payment: str) -> Work:
        return self.by("student", lambda db, actor: fulfilment.cancel(db, actor, UUID(payment)))

    def retry(self, payment: str) -> Work:
        def work() -> Any:
            with cells.tenant_db(self.shop.tenant) as db, cells.core_db() as core:
                db.actor = self.people["student"]
                return fulfilment.retry(db, core, db.actor, UUID(payment))

        return work

    def sync(self, payment: str) -> Work:
        return self.by("owner", lambda db, actor: fulfilment.sync(db, actor, UUID(payment)))

    def refund(self, size: str, payment: str, number: int) -> Work:
        asked = RefundRequest(reason="asked for", amount_paise=7000 if size == "refund_part" else None)

        def verb(db: Any, actor: Actor) -> Any:
            db.claim = Claim("owner", "refund", f"{size}-{number}", "f")
            return fulfilment.refund(db, actor, UUID(payment), asked)

        return self.by("owner", verb)

    def webhook(self, row: Facts) -> Work:
        deliveries = self.shop.simulators._deliveries
        body = deliveries._enveloped(row)
        headers = {k.lower(): v for k, v in deliveries._headers(row, body, 1).items()}
        event = http_event("POST", f"/api/v1/payments/webhook/{row['vendor']}", headers, body, "127.0.0.1")

        def work() -> Any:
            with cells.core_db() as core:
                return fulfilment.receive(core, row["vendor"], Request.of(event))

        return work

    def command(self, message: Facts) -> Work:
        if message["target"] == "payment_failover":
            return lambda: self.shop.walk(message)
        record = {"messageId": "0", "body": json.dumps(message), "eventSource": "aws:sqs", "receiptHandle": "r"}
        handler = function("queues", "payment_settler").handler
        return lambda: handler({"Records": [record]}, None)
