"""A desk that takes money: members who owe, somebody behind the counter, and the books afterwards."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids

from tests.bookings.scene import INDIA
from tests.invoices.billing import Office
from tests.world import Answer, World

PRICE = 118_000


class Till(Office):
    """One organisation, asked about money that no gateway carried."""

    def __init__(self, world: World, mode: str = "regular", **plan: Any) -> None:
        super().__init__(world, mode, **({"pricePaise": PRICE} | plan))

    @property
    def library(self) -> UUID:
        return self.desk.scene.library

    def ask(self, group: str, method: str, path: str, body: Any = None, token: str | None = None, **how: str) -> Answer:
        return self.world.call(group, method, path, token or self.owner, body, **how)

    def take(self, due: str, method: str = "cash", token: str | None = None, **more: Any) -> Answer:
        key = more.pop("key", None) or str(ids.uuid7())
        body = {"purpose": "dues", "purposeId": due, "method": method, **more}
        return self.ask("payments", "POST", "/payments/offline", body, token, idempotency_key=key)

    def void(self, payment: str, token: str | None = None) -> Answer:
        return self.ask("payments", "POST", f"/payments/offline/{payment}/void", {"reason": "a slip"}, token)

    def payment(self, payment: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("payments", "GET", f"/payments/{payment}").data
        return found

    def receipt(self, payment: str) -> Answer:
        return self.ask("payments", "GET", f"/payments/{payment}/receipt")

    def due(self, member: str) -> dict[str, Any]:
        (found,) = self.desk.shown(member)["dues"]
        return dict(found)

    def day(self) -> dict[str, Any]:
        today = clock.now().astimezone(INDIA).date()
        path = f"/revenue/day-book?libraryId={self.library}&day={today}"
        found: dict[str, Any] = self.ask("revenue", "GET", path).data
        return found

    def collections(self) -> tuple[int, int]:
        """What came in and went back this month, by the report and by the ledger."""
        found = self.ask("revenue", "GET", "/revenue/reports/collections").data
        return found["totalPaise"], found["ledgerPaise"]

    def sql(self, query: str, **facts: Any) -> Any:
        with self.world.db(self.tenant) as db:
            return db.value(query, **facts)

    def count(self, table: str, where: str = "true") -> int:
        return int(self.sql(f"SELECT count(*) FROM {table} WHERE {where}"))

    def policies(self, **payments: Any) -> None:
        changed = self.ask("settings", "PUT", "/tenants/me/settings", {"payments": payments})
        assert changed.status == 200, changed.json

    def upi(self, due: str, token: str | None = None, **more: Any) -> Answer:
        body = {"purpose": "dues", "purposeId": due, **more}
        return self.ask("collections", "POST", "/payments/upi", body, token)

    def claim(self, due: str, rrn: str = "412345678901", token: str | None = None, **more: Any) -> Answer:
        body = {"purpose": "dues", "purposeId": due, "rrn": rrn, "amountPaise": PRICE, "paidAt": clock.now(), **more}
        return self.ask("collections", "POST", "/payments/upi/verify", body, token)

    def decide(self, claim: str, decision: str = "approve", token: str | None = None, **more: Any) -> Answer:
        path = f"/payments/upi/claims/{claim}/decision"
        return self.ask("collections", "POST", path, {"decision": decision, **more}, token)

    def claims(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("collections", "GET", f"/payments/upi/claims{query}").data
        return found

    def statement(self, *lines: tuple[str, int]) -> Answer:
        told = [{"rrn": rrn, "amountPaise": paise, "creditedAt": clock.now()} for rrn, paise in lines]
        return self.ask("collections", "POST", "/payments/upi/statement", {"lines": told})

    def student(self, member: dict[str, Any]) -> str:
        return self.world.token("student", self.tenant, UUID(member["studentId"]))

    def link(self, due: str, token: str | None = None, **more: Any) -> Answer:
        body = {"purpose": "dues", "purposeId": due, **more}
        return self.ask("collections", "POST", "/payments/links", body, token, idempotency_key=str(ids.uuid7()))
