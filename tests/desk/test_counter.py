"""Over the counter: taken once, booked, receipted and delivered in one transaction, or taken back the same day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.desk import counter
from studyspot.desk.models import OfflineRequest
from studyspot.fulfilment import refunding
from studyspot.kit import ids, tokens
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Problem
from studyspot.payments.models import RefundRequest

from tests.alongside import at_once
from tests.desk.till import PRICE, Till
from tests.fulfilment.shop import Shop
from tests.world import World


@pytest.fixture
def till(world: World) -> Till:
    return Till(world)


def test_who_may_not_take_or_void(till: Till) -> None:
    _, due = till.join()
    student = till.world.token("student", till.tenant, UUID(due["studentId"]) if "studentId" in due else ids.uuid7())
    staff, stranger = till.desk.scene.staff(), till.world.tenant().owner
    elsewhere = till.desk.scene.staff(libraryIds=[str(ids.uuid7())])
    assert till.take(due["id"], token=student).status == 403
    assert till.take(due["id"], token=stranger).status == 404 == till.take(due["id"], token=elsewhere).status
    assert till.ask("payments", "POST", "/payments/offline", {}).code == "bad_request"
    assert till.count("payments") == 0
    taken = till.take(due["id"], token=staff)
    assert taken.status == 201, taken.json
    payment = taken.data["id"]
    assert (till.void(payment, student).status, till.void(payment, staff).status) == (403, 403)
    assert till.void(payment, stranger).status == 404
    assert till.ask("payments", "GET", f"/payments/{payment}/receipt", token=stranger).status == 404


def test_cash_pays_at_once_with_a_receipt_and_the_books_know(till: Till) -> None:
    member, due = till.join()
    taken = till.take(due["id"], amountPaise=PRICE, note="paid in coins")
    seen = taken.data
    assert (taken.status, seen["status"], seen["method"], seen["amountPaise"]) == (201, "captured", "cash", PRICE)
    assert taken.headers["Location"].endswith(f"/payments/{seen['id']}")
    assert till.due(member["id"])["status"] == "paid"
    receipt = till.receipt(seen["id"]).data
    assert (receipt["number"], receipt["amountPaise"]) == (seen["receiptNumber"], PRICE)
    books = till.books()
    assert (books["asset.cash"], books["revenue.dues"], books["liability.gst_output"]) == (PRICE, -100_000, -18_000)
    day = till.day()
    assert (day["cashInPaise"], day["expectedPaise"]) == (PRICE, PRICE)
    assert [(line["method"], line["inPaise"], line["staffId"]) for line in day["lines"]] == [
        ("cash", PRICE, str(till.desk.scene.tenant.owner_id))
    ]
    assert till.collections() == (PRICE, PRICE)
    assert till.take(due["id"]).code == "already_paid"


def test_the_server_knows_what_it_costs(till: Till) -> None:
    _, due = till.join()
    for wrong in (PRICE - 1, PRICE + 1, 0, -PRICE):
        assert till.take(due["id"], amountPaise=wrong).code == "amount_mismatch"
    for nonsense in (1180.0, "118000", 2**70):
        assert till.take(due["id"], amountPaise=nonsense).status in (400, 422)
    assert till.take(due["id"], "bank").code == "validation_failed"
    assert till.take(due["id"], note="4111 1111 1111 1111").status == 422
    assert till.count("payments") == 0 == till.count("ledger_transactions")


def test_a_transfer_is_taken_once_whatever_it_is_called(till: Till) -> None:
    (_, one), (_, two) = till.join(0), till.join(1)
    assert till.take(one["id"], "bank", reference="utib12345").status == 201
    again = till.take(two["id"], "bank", reference="UTIB12345")
    assert (again.status, again.code) == (409, "utr_used")
    assert till.take(two["id"], "cheque", reference="000123").data["method"] == "cheque"
    assert till.books()["asset.bank"] == 2 * PRICE


def test_the_same_key_takes_once(till: Till) -> None:
    _, due = till.join()
    first, again = till.take(due["id"], key="k"), till.take(due["id"], key="k")
    assert (first.raw, till.count("payments"), till.books()["asset.cash"]) == (again.raw, 1, PRICE)


def test_what_was_voided_is_owed_again_and_can_be_paid_anew(till: Till) -> None:
    member, due = till.join()
    first = till.take(due["id"]).data
    voided = till.void(first["id"])
    assert (voided.status, voided.data["status"], voided.data["failure"]) == (200, "refunded", "voided")
    assert till.due(member["id"])["status"] == "open"
    assert till.books() == {}
    assert till.day()["expectedPaise"] == 0
    assert till.collections() == (0, 0)
    (note,) = till.get("/credit-notes").data
    assert note["totalPaise"] == PRICE
    assert till.receipt(first["id"]).data["voidedAt"]
    assert till.void(first["id"]).code == "delivered"
    assert till.ask(
        "payments", "POST", f"/payments/{first['id']}/refund", {"reason": "x"}, idempotency_key="r"
    ).code == ("refund_exceeds")
    second = till.take(due["id"], "bank", reference="UTIB1")
    assert second.status == 201, second.json
    assert till.due(member["id"])["status"] == "paid"
    assert till.books() == {"asset.bank": PRICE, "revenue.dues": -100_000, "liability.gst_output": -18_000}
    issued, credited = (
        [one for one in till.invoices() if (one["status"] == "credited") is undone] for undone in (False, True)
    )
    assert len(issued) == len(credited) == 1
    assert till.count("receipts") == 2


def test_what_was_billed_before_is_billed_anew_after_a_void(till: Till) -> None:
    _, due = till.join()
    assert till.bill(due["id"]).status == 201
    taken = till.take(due["id"]).data
    assert till.void(taken["id"]).status == 200
    assert till.books() == {}
    assert till.bill(due["id"]).status == 201
    assert till.take(due["id"]).status == 201
    assert till.books() == {"asset.cash": PRICE, "revenue.dues": -100_000, "liability.gst_output": -18_000}


def test_a_deposit_comes_and_goes_with_its_payment(world: World) -> None:
    till = Till(world, depositPaise=50_000)
    _, due = till.join()
    assert due["amountPaise"] == PRICE + 50_000
    for _ in range(2):
        taken = till.take(due["id"]).data
        assert till.books()["liability.deposits"] == -50_000
        assert till.void(taken["id"]).status == 200
        assert till.books() == {}
    assert till.take(due["id"]).status == 201
    assert till.books()["liability.deposits"] == -50_000


def test_a_renewal_that_was_paid_by_mistake_is_undone_exactly(till: Till) -> None:
    member, joined = till.join()
    till.take(joined["id"])
    student = till.world.token("student", till.tenant, UUID(member["studentId"]))
    renewed = till.desk.renew(member["id"], token=student).data
    before = till.desk.shown(member["id"])
    taken = till.take(renewed["due"]["id"])
    after = till.desk.shown(member["id"])
    assert after["endDate"] > before["endDate"]
    assert till.void(taken.data["id"]).status == 200
    again = till.desk.shown(member["id"])
    told = ("startDate", "endDate", "status", "pricePaise", "seatId")
    assert {k: again[k] for k in told} == {k: before[k] for k in told}
    assert till.sql("SELECT max(membership_end)::text FROM students") == before["endDate"]
    assert till.take(renewed["due"]["id"]).status == 201
    assert till.desk.shown(member["id"])["endDate"] == after["endDate"]


def test_what_was_changed_since_is_not_undone(till: Till) -> None:
    member, joined = till.join()
    till.take(joined["id"])
    student = till.world.token("student", till.tenant, UUID(member["studentId"]))
    renewed = till.desk.renew(member["id"], token=student).data
    taken = till.take(renewed["due"]["id"]).data
    till.desk.renew(member["id"])
    books = till.books()
    refused = till.void(taken["id"])
    assert (refused.status, refused.code) == (409, "delivered")
    assert (till.books(), till.payment(taken["id"])["status"]) == (books, "captured")


def test_the_next_day_it_is_refunded_not_voided(till: Till) -> None:
    """Half past midnight in India is another day, though not in UTC."""
    _, due = till.join()
    till.world.advance(timedelta(hours=13))  # 23:00
    taken = till.take(due["id"]).data
    till.world.advance(timedelta(minutes=90))
    refused = till.void(taken["id"])
    assert (refused.status, refused.code) == (422, "void_next_day")
    path = f"/payments/{taken['id']}/refund"
    back = till.ask("payments", "POST", path, {"reason": "changed her mind"}, idempotency_key="r")
    assert (back.status, back.data["status"], back.data["gateway"]) == (201, "succeeded", "cash")
    assert till.books() == {}
    assert (till.payment(taken["id"])["status"], till.day()["cashOutPaise"]) == ("refunded", PRICE)


def test_cash_of_a_closed_day_is_not_taken_a_void_of_it_is(till: Till) -> None:
    (_, one), (_, two) = till.join(0), till.join(1)
    taken = till.take(one["id"]).data
    body = {"libraryId": till.library, "day": till.day()["day"], "countedPaise": PRICE}
    assert till.ask("revenue", "POST", "/revenue/day-close", body).status == 201
    assert till.take(two["id"]).code == "day_locked"
    assert till.count("payments") == 1
    assert till.void(taken["id"]).status == 200
    assert till.books() == {}


def test_many_clerks_take_the_same_fee_once(till: Till) -> None:
    _, due = till.join()
    actor = Actor.of(tokens.verify(till.owner))

    def take(db: Db, _: int) -> str:
        try:
            asked = OfflineRequest(purpose="dues", purpose_id=due["id"], method="cash")
            return counter.record(db, actor, asked).status
        except Problem as refusal:
            db.rollback()
            return refusal.code

    told = at_once(till.tenant, take, range(8), clients=8)
    assert sorted(told) == ["already_paid"] * 7 + ["captured"]
    assert till.books()["asset.cash"] == PRICE
    assert till.count("receipts") == 1


def test_voids_and_refunds_at_once_take_it_back_once(till: Till) -> None:
    actor = Actor.of(tokens.verify(till.owner))
    for _ in range(3):
        _, due = till.join(None)
        payment = UUID(till.take(due["id"]).data["id"])

        def run(db: Db, way: str, payment: UUID = payment) -> str:
            try:
                if way == "void":
                    return counter.void(db, payment, "a slip").status
                return refunding.refund(db, actor, payment, RefundRequest(reason="x", effects="undo")).status
            except Problem as refusal:
                db.rollback()
                return refusal.code

        told = at_once(till.tenant, run, ["void", "refund", "void", "refund"], clients=4)
        assert len([one for one in told if one in ("refunded", "succeeded")]) == 1, told
        assert till.sql("SELECT status FROM membership_dues WHERE id = %(id)s", id=due["id"]) == "open"
    assert till.books() == {}


def test_many_fees_at_once_leave_no_gap_in_the_receipts(till: Till) -> None:
    dues = [till.join(None)[1]["id"] for _ in range(8)]
    actor = Actor.of(tokens.verify(till.owner))

    def take(db: Db, due: str) -> str:
        asked = OfflineRequest(purpose="dues", purpose_id=UUID(due), method="cash")
        return str(counter.record(db, actor, asked).receipt_number)

    numbers = sorted(int(number[-6:]) for number in at_once(till.tenant, take, dues, clients=8))
    assert numbers == list(range(1, 9))
    assert till.books()["asset.cash"] == 8 * PRICE


def test_a_seat_is_paid_in_cash_and_given_up_by_a_void(shop: Shop) -> None:
    booking = shop.book()
    taken = offline(shop, booking)
    assert (taken.status, shop.scene.status(booking), shop.receipts()) == (201, "confirmed", 1)
    path = f"/payments/offline/{taken.data['id']}/void"
    assert shop.world.call("payments", "POST", path, shop.owner, {"reason": "cheque bounced"}).status == 200
    assert shop.scene.status(booking) == "cancelled"
    assert not any(shop.books().values())
    assert shop.book(), "the seat is free again"


def test_an_order_that_nobody_came_back_from_gives_way_and_its_late_money_goes_back(shop: Shop) -> None:
    booking = shop.book()
    online = shop.create(booking).data
    taken = offline(shop, booking)
    assert taken.status == 201, taken.json
    assert shop.payment(online["id"])["status"] == "cancelled"
    shop.pay(online)
    shop.webhooks()
    shop.background()
    assert shop.payment(online["id"])["status"] == "refunded"
    assert (shop.net_captured(), shop.count("payments", "activated_at IS NOT NULL")) == (0, 1)
    books = shop.books()
    assert (books["asset.cash"], books["revenue.booking"]) == (12_000, -12_000)
    assert books.get("liability.refunds_due", 0) == 0


def test_while_the_outcome_is_open_nothing_is_taken(shop: Shop) -> None:
    booking = shop.book()
    online = shop.create(booking).data
    with shop.world.db(shop.tenant) as db:
        db.run("UPDATE payments SET status = 'unknown' WHERE id = %(id)s", id=online["id"])
    refused = offline(shop, booking)
    assert (refused.code, refused.json["paymentId"]) == ("payment_in_progress", online["id"])
    assert shop.books() == {}


def test_while_a_mandate_is_debited_nothing_is_taken(shop: Shop) -> None:
    from studyspot.fulfilment import purposes
    from studyspot.kit import cells, clock
    from studyspot.payments import debits

    booking = shop.book()
    actor = Actor.of(tokens.verify(shop.owner))
    with shop.world.db(shop.tenant) as db, cells.core_db() as core:
        payable = purposes.of("booking").payable(db, UUID(booking), actor)
        until = clock.now() + timedelta(minutes=15)
        debit = debits.open_debit(db, core, payable, "razorpay", "order_of_a_debit", until)
    refused = offline(shop, booking)
    assert (refused.code, refused.json["paymentId"]) == ("payment_in_progress", str(debit.id))
    assert shop.payment(str(debit.id))["status"] == "created"


def test_cash_and_a_gateway_racing_for_one_seat_leave_one_net_payment(shop: Shop) -> None:
    """Both begin at once: whoever is first has it, and what the other took goes back or is not taken."""
    from studyspot.fulfilment import settling
    from studyspot.payments import orders
    from studyspot.payments import service as payments

    actor = Actor.of(tokens.verify(shop.owner))
    for day in range(1, 5):
        booking = shop.book(days=day)
        online = shop.create(booking).data
        shop.pay(online)
        with shop.world.db(shop.tenant) as db:
            facts = orders.truth(db, payments.find(db, UUID(online["id"])))

        def run(db: Db, way: str, booking: str = booking, online: Any = online, facts: Any = facts) -> str:
            try:
                if way == "gateway":
                    return settling.settle(db, UUID(online["id"]), facts).status
                asked = OfflineRequest(purpose="booking", purpose_id=UUID(booking), method="cash")
                return counter.record(db, actor, asked).status
            except Problem as refusal:
                db.rollback()
                return refusal.code

        at_once(shop.tenant, run, ["gateway", "cash"] if day % 2 else ["cash", "gateway"], clients=2)
        assert shop.scene.status(booking) == "confirmed"
    shop.webhooks()
    shop.background()
    books = shop.books()
    assert shop.count("payments", "activated_at IS NOT NULL") == 4
    assert books.get("asset.cash", 0) + shop.net_captured() == 4 * 12_000 == -books["revenue.booking"]
    assert books.get("liability.refunds_due", 0) == 0


def offline(shop: Shop, booking: str, method: str = "cash") -> Any:
    body = {"purpose": "booking", "purposeId": booking, "method": method}
    return shop.world.call("payments", "POST", "/payments/offline", shop.owner, body, idempotency_key=str(ids.uuid7()))
