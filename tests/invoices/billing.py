"""A library that bills: members who owe, payments that settle, and what stands in the documents and the books."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.invoices import service as invoices
from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.ledger import service as ledger
from studyspot.memberships import paying
from studyspot.payments import refunds, states

from tests.memberships.test_renewing import Desk
from tests.world import Answer, World

GSTIN, OTHER_GSTIN = "29ABCPE1234F1ZZ", "27ABCPE1234F1Z3"
REGULAR = {"taxMode": "regular", "legalName": "Silent Study LLP"}


def valid_gstin(state: str, pan: str = "ABCPE1234F") -> str:
    from studyspot.kyc.models import check_character

    first = f"{state}{pan}1Z"
    return first + check_character(first)


class Office:
    """One organisation's desk, with what belongs to invoices."""

    def __init__(self, world: World, mode: str = "regular", **plan: Any) -> None:
        self.world, self.desk = world, Desk(world, seats=4, **plan)
        with world.db(self.tenant) as db:
            db.run("UPDATE libraries SET state = 'Karnataka', address_line1 = '1 Long Street', city = 'Mysuru'")
        if mode != "unregistered":
            changed = self.put("/invoices/settings", REGULAR | {"taxMode": mode, "gstin": valid_gstin("29")})
            assert changed.status == 200, changed.json

    @property
    def tenant(self) -> UUID:
        return self.desk.scene.tenant.id

    @property
    def owner(self) -> str:
        return self.desk.owner

    def send(self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> Answer:
        return self.world.call("invoices", method, path, token or self.owner, body, **headers)

    def get(self, path: str, token: str | None = None) -> Answer:
        return self.send("GET", path, None, token)

    def put(self, path: str, body: Any) -> Answer:
        return self.send("PUT", path, body)

    def join(self, seat: int = 0, **facts: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """A new member and what they owe."""
        member = self.desk.join(seat, **facts)
        (due,) = self.desk.shown(member["id"])["dues"]
        return member, due

    def bill(self, due: str, **more: Any) -> Answer:
        return self.send("POST", "/invoices", {"purpose": "dues", "purposeId": due, **more})

    def pay(self, due: dict[str, Any], purpose: str = "dues") -> UUID:
        """What the settler does, in one transaction: capture, delivery, ledger, invoice."""
        with self.world.db(self.tenant) as db, db.transaction():
            return settle(db, due, purpose)

    def refund(self, payment: UUID, paise: int) -> UUID:
        with self.world.db(self.tenant) as db, db.transaction():
            return give_back(db, payment, paise)

    def invoice(self, invoice: str) -> dict[str, Any]:
        answer = self.get(f"/invoices/{invoice}")
        assert answer.status == 200, answer.json
        found: dict[str, Any] = answer.data
        return found

    def invoices(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/invoices").data
        return found

    def books(self) -> dict[str, int]:
        """The balances, after checking that everything sums to zero and no number is missing."""
        with self.world.db(self.tenant) as db:
            assert ledger.differences(db) == []
            assert invoices.gaps(db) == []
            balances = {b.account: b.balance_paise for b in ledger.trial_balance(db)}
        assert sum(balances.values()) == 0
        return {account: paise for account, paise in balances.items() if paise}


def settle(db: Db, due: dict[str, Any], purpose: str = "dues", method: str = "upi") -> UUID:
    """A captured payment of a sum that is owed."""
    payment, capture, now = ids.uuid7(), ids.uuid7(), clock.now()
    student = db.value("SELECT student_id FROM membership_dues WHERE id = %(id)s", id=due["id"])
    db.run(
        "INSERT INTO payments (id, student_id, purpose, purpose_id, amount_paise, gateway, method, status, description,"
        " expires_at, captured_paise, captured_at, activated_at, created_at, updated_at) VALUES (%(id)s, %(student)s,"
        " %(purpose)s, %(due)s, %(paise)s, 'razorpay', %(method)s, 'captured', 'Dues', %(now)s, %(paise)s, %(now)s,"
        " %(now)s, %(now)s, %(now)s)",
        id=payment, student=student, purpose=purpose, due=due["id"], paise=due["amountPaise"], method=method, now=now,
    )  # fmt: skip
    db.run(
        "INSERT INTO payment_captures (id, payment_id, gateway, gateway_order_id, gateway_payment_id, amount_paise,"
        " fee_paise, tax_paise, fee_known, surplus, captured_at, created_at) VALUES (%(id)s, %(payment)s, 'razorpay',"
        " %(order)s, %(order)s, %(paise)s, 0, 0, true, false, %(now)s, %(now)s)",
        id=capture, payment=payment, order=str(capture), paise=due["amountPaise"], now=now,
    )  # fmt: skip
    assert paying.paid(db, UUID(due["id"]), payment)
    lines = [("asset.gateway_receivable.razorpay", due["amountPaise"]), (f"revenue.{purpose}", -due["amountPaise"])]
    ledger.post(db, "capture", capture, lines, "Dues")
    paid = {"purpose": purpose, "purpose_id": due["id"], "amount_paise": due["amountPaise"], "method": method}
    assert invoices.of_payment(db, invoices.Paid(payment_id=payment, **paid))
    return payment


def give_back(db: Db, payment: UUID, paise: int) -> UUID:
    """A refund that the gateway has carried out."""
    refund, now = ids.uuid7(), clock.now()
    db.run(
        "INSERT INTO refunds (id, payment_id, capture_id, amount_paise, status, kind, reason, gateway, reference,"
        " created_at, updated_at) SELECT %(id)s, payment_id, id, %(paise)s, 'pending', 'requested', 'asked for',"
        " 'razorpay', %(id)s::text, %(now)s, %(now)s FROM payment_captures WHERE payment_id = %(payment)s",
        id=refund, payment=payment, paise=paise, now=now,
    )  # fmt: skip
    found = refunds.find(db, refund)
    from studyspot.payments import service as payments

    after = found.model_copy(update={"status": "succeeded"})
    db.run("UPDATE refunds SET status = 'succeeded', succeeded_at = %(now)s WHERE id = %(id)s", id=refund, now=now)
    refunds._book(db, payments.find(db, payment), after, came_back=False)
    return refund


__all__ = ["Office", "states", "valid_gstin"]
