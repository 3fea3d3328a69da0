"""A member who owes the next month, and everything that is done with a mandate for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.gateways import razorpay_mandates
from studyspot.kit import cells, clock
from studyspot.kit.clock import INDIA
from studyspot.mandates import debiting
from studyspot.mandates.models import Debit

from tests.fulfilment.shop import Shop
from tests.world import Answer

MOST = 1_000_000


class Account:
    """One student's membership."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.world = shop, shop.world
        with self.world.db(shop.tenant) as db:
            db.run("UPDATE students SET email = 'student@example.org' WHERE id = %(id)s", id=shop.student)
        wish = {"studentId": shop.student, "feePlanId": shop.scene.monthly, "libraryId": shop.scene.library}
        made = self.world.call("memberships", "POST", "/memberships", shop.owner, wish)
        assert made.status == 201, made.json
        self.membership = made.data["id"]

    def owe(self) -> str:
        """What waits for its money: joining at first, then one more month."""
        if open_ := self._open():
            return open_
        path = f"/memberships/{self.membership}/renew"
        self.number = getattr(self, "number", 0) + 1
        answer = self.world.call("memberships", "POST", path, self.shop.token, {}, idempotency_key=f"r{self.number}")
        assert answer.status in (200, 201), answer.json
        due = self._open()
        assert due
        return due

    def _open(self) -> str | None:
        with self.world.db(self.shop.tenant) as db:
            due = db.value("SELECT id FROM membership_dues WHERE status = 'open'")
        return str(due) if due else None

    def create(self, kind: str = "upi", token: str | None = None, key: str = "m", **more: Any) -> Answer:
        body = {"purpose": "membership", "purposeId": self.membership, "kind": kind, "maxAmountPaise": MOST} | more
        return self.call("POST", "", token, body, idempotency_key=key)

    def call(self, method: str, path: str, token: str | None = None, body: Any = None, **headers: str) -> Answer:
        return self.world.call("mandates", method, f"/mandates{path}", token or self.shop.token, body, **headers)

    def approve(self, made: dict[str, Any]) -> None:
        """The payer confirms it at the gateway, who tells us."""
        self.shop.simulators.pay(made["checkout"]["orderId"], "success")
        self.arrive()

    def arrive(self) -> None:
        self.shop.webhooks()
        self.shop.background()

    def owe_nothing(self) -> None:
        due = self.owe()
        payment = self.shop.create(due, purpose="dues").data
        self.shop.verify(payment["id"], self.shop.pay(payment))
        self.arrive()

    def active(self, kind: str = "upi", **more: Any) -> str:
        """A mandate that the payer approved by paying what they owed."""
        self.owe()
        made = self.create(kind, key=f"active-{self.due(self.owe())}-{kind}-{self.owe()}", **more)
        assert made.status == 201, made.json
        self.approve(made.data)
        assert self.read(made.data["id"])["status"] == "active"
        return str(made.data["id"])

    def read(self, mandate: str) -> dict[str, Any]:
        data: dict[str, Any] = self.call("GET", f"/{mandate}").data
        return data

    def debits(self, mandate: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.call("GET", f"/{mandate}/debits").data
        return rows

    def announce(self, mandate: str, due: str, at: datetime) -> Debit:
        with self.world.worker(), cells.tenant_db(self.shop.tenant) as db, cells.core_db() as core:
            return debiting.announce(db, core, UUID(mandate), UUID(due), at)

    def ask(self, debit: UUID) -> Debit:
        with self.world.worker(), cells.tenant_db(self.shop.tenant) as db:
            return debiting.ask(db, debit)

    def look(self, debit: UUID) -> Debit:
        with self.world.worker(), cells.tenant_db(self.shop.tenant) as db:
            return debiting.look(db, debit)

    def due(self, due: str) -> str:
        with self.world.db(self.shop.tenant) as db:
            status: str = db.value("SELECT status FROM membership_dues WHERE id = %(id)s", id=due)
        return status


def morning(days: int = 2, hour: int = 8) -> datetime:
    """That hour in India, inside a window of UPI."""
    day = clock.now().astimezone(INDIA) + timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


__all__ = ["MOST", "Account", "morning", "razorpay_mandates"]
