"""What goes wrong with payments and refunds, and who puts it right: another try, approval, two people who agree."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from studyspot.kit import ids

from tests.desk.till import PRICE, Till
from tests.fulfilment.shop import Shop
from tests.world import Answer, World

EVIDENCE = "seen in the gateway's dashboard, ticket 4711"


def resolve(shop: Shop, payment: str, who: str, outcome: str = "captured", **more: Any) -> Answer:
    body: dict[str, Any] = {"outcome": outcome, "evidence": EVIDENCE, **more}
    if outcome == "captured":
        body.setdefault("gatewayPaymentId", "pay_found0001")
    path = f"/payments/{payment}/manual-resolve"
    return shop.world.call("payments", "POST", path, who, body, x_tenant_id=str(shop.tenant))


@pytest.fixture
def lost(shop: Shop) -> dict[str, Any]:
    """A payment whose outcome nobody knows."""
    payment: dict[str, Any] = shop.create(shop.book()).data
    with shop.world.db(shop.tenant) as db:
        db.run("UPDATE payments SET status = 'unknown' WHERE id = %(id)s", id=payment["id"])
    return payment


def staff(world: World) -> str:
    return world.token("platform_staff", ids.PLATFORM)


def test_who_may_not_resolve(shop: Shop, lost: dict[str, Any]) -> None:
    path = f"/payments/{lost['id']}/manual-resolve"
    body = {"outcome": "failed", "evidence": EVIDENCE}
    for token in (shop.owner, shop.token, shop.scene.staff()):
        assert shop.world.call("payments", "POST", path, token, body).status == 403
        assert shop.world.call("payments", "GET", "/payments/unresolved", token).status == 403
    foreign = str(shop.world.tenant().id)
    assert shop.world.call("payments", "POST", path, staff(shop.world), body, x_tenant_id=foreign).status == 404


def test_one_person_alone_resolves_nothing(shop: Shop, lost: dict[str, Any]) -> None:
    one, two = staff(shop.world), staff(shop.world)
    for _ in range(2):
        said = resolve(shop, lost["id"], one)
        assert (said.status, said.data["status"]) == (200, "proposed")
    assert shop.payment(lost["id"])["status"] == "unknown"
    assert resolve(shop, lost["id"], two, gatewayPaymentId="pay_other0001").data["status"] == "proposed"
    agreed = resolve(shop, lost["id"], one, gatewayPaymentId="pay_other0001").data
    assert (agreed["status"], agreed["proposedBy"] != agreed["agreedBy"]) == ("applied", True)
    seen = shop.payment(lost["id"])
    assert (seen["status"], seen["gatewayPaymentId"]) == ("captured", "pay_other0001")
    assert shop.books()["revenue.booking"] == -12_000
    assert shop.count("bookings", "status = 'confirmed'") == 1
    assert resolve(shop, lost["id"], two, "failed").code == "payment_resolved"
    trail = shop.count("audit_logs", "action = 'payments.resolve' AND actor_type = 'platform_staff'")
    assert trail == 4


def test_two_agree_that_nothing_came_and_late_money_still_counts(shop: Shop, lost: dict[str, Any]) -> None:
    one, two = staff(shop.world), staff(shop.world)
    resolve(shop, lost["id"], one, "failed")
    assert resolve(shop, lost["id"], two, "failed").data["status"] == "applied"
    assert shop.payment(lost["id"])["status"] == "failed"
    shop.pay(lost)
    shop.webhooks()
    shop.background()
    seen = shop.payment(lost["id"])
    assert (seen["status"], seen["late"]) == ("captured", True)


def test_what_nobody_resolved_is_listed_over_all_organisations(shop: Shop, lost: dict[str, Any]) -> None:
    who = staff(shop.world)
    assert shop.world.call("payments", "GET", "/payments/unresolved", who).data == []
    shop.world.advance(timedelta(minutes=16))
    who = staff(shop.world)
    (found,) = shop.world.call("payments", "GET", "/payments/unresolved?olderThan=15", who).data
    assert (found["id"], found["tenantId"], found["amountPaise"]) == (lost["id"], str(shop.tenant), 12_000)
    assert shop.world.call("payments", "GET", "/payments/unresolved?olderThan=600", who).data == []


def test_only_what_failed_is_tried_once_more(shop: Shop) -> None:
    booking = shop.book()
    first = shop.create(booking).data

    def again(payment: str, token: str | None = None) -> Answer:
        return shop.world.call("payments", "POST", f"/payments/{payment}/retry", token or shop.token, {})

    assert again(first["id"]).code == "state_conflict"
    shop.pay(first, "failure")
    shop.webhooks()
    shop.background()
    assert shop.payment(first["id"])["status"] == "failed"
    other = shop.scene.token(shop.scene.student())
    assert again(first["id"], other).status == 404 == again(first["id"], shop.world.tenant().owner).status
    second = again(first["id"])
    assert second.status == 201, second.json
    assert second.data["id"] != first["id"] and second.data["checkout"]
    assert again(first["id"]).code == "payment_in_progress"
    shop.verify(second.data["id"], shop.pay(second.data))
    shop.webhooks()
    shop.background()
    assert (shop.scene.status(booking), shop.net_captured()) == ("confirmed", 12_000)
    assert again(first["id"]).code == "already_paid"


def test_refunds_are_seen_by_whom_they_concern(shop: Shop) -> None:
    payment = shop.create(shop.book()).data
    shop.verify(payment["id"], shop.pay(payment))
    made = shop.refund(payment["id"], 2000).data
    call = shop.world.call
    path = f"/refunds/{made['id']}"
    assert [r["id"] for r in shop.get("/refunds")] == [made["id"]]
    assert call("payments", "GET", "/refunds", shop.token).status == 403
    assert call("payments", "GET", path, shop.token).data["amountPaise"] == 2000
    stranger, other = shop.world.tenant().owner, shop.scene.token(shop.scene.student())
    assert call("payments", "GET", path, stranger).status == 404 == call("payments", "GET", path, other).status
    assert call("payments", "GET", "/refunds", stranger).data == []
    assert shop.get("/refunds?status=failed") == []


def test_a_failed_refund_is_tried_again_once(shop: Shop) -> None:
    payment = shop.create(shop.book(hours=12)).data
    shop.verify(payment["id"], shop.pay(payment))
    failed = shop.refund(payment["id"], reason="FAILED", key="a").data
    assert failed["status"] == "failed"

    def again(refund: str, token: str | None = None) -> Answer:
        return shop.world.call("payments", "POST", f"/refunds/{refund}/retry", token or shop.owner, {})

    assert again(failed["id"], shop.token).status == 403
    assert again(failed["id"], shop.world.tenant().owner).status == 404
    second = again(failed["id"])
    assert second.status == 200, second.json
    assert (second.data["retryOf"], second.data["id"] != failed["id"]) == (failed["id"], True)
    twice = again(failed["id"])
    assert (twice.code, twice.json["refundId"]) == ("refund_retried", second.data["id"])
    shop.webhooks()
    shop.background()
    assert shop.net_captured() in (0, 72_000)
    assert sum(shop.books().values()) == 0


def test_a_refund_above_the_limit_waits_for_somebody_who_may(world: World) -> None:
    till = Till(world)
    till.policies(refundApprovalAbovePaise=50_000)
    _, due = till.join()
    payment = till.take(due["id"]).data["id"]
    clerk = world.token("library_staff", till.tenant, permissions=["payments:refund", "payments:read"])

    def refund(paise: int, token: str | None = None) -> Answer:
        body = {"amountPaise": paise, "reason": "asked for"}
        path = f"/payments/{payment}/refund"
        return till.ask("payments", "POST", path, body, token, idempotency_key=str(ids.uuid7()))

    def decide(refund: str, decision: str, token: str | None = None) -> Answer:
        return till.ask("payments", "POST", f"/refunds/{refund}/decision", {"decision": decision}, token)

    assert refund(30_000, clerk).data["status"] == "succeeded"
    waits = refund(30_000, clerk).data
    assert (waits["status"], waits["approval"]) == ("pending", "waiting"), "in parts it comes to as much"
    assert refund(PRICE - 59_999).code == "refund_exceeds", "what waits is reserved"
    assert till.books()["asset.cash"] == PRICE - 30_000
    assert till.ask("payments", "POST", f"/refunds/{waits['id']}/retry", {}).code == "refund_approval_needed"
    assert decide(waits["id"], "approve", clerk).status == 403
    assert [r["id"] for r in till.ask("payments", "GET", "/refunds?approval=waiting").data] == [waits["id"]]
    refused = decide(waits["id"], "refuse").data
    assert (refused["status"], refused["approval"]) == ("failed", "refused")
    assert decide(waits["id"], "approve").code == "refund_decided"
    assert till.ask("payments", "POST", f"/refunds/{waits['id']}/retry", {}).code == "state_conflict"
    again = refund(30_000, clerk).data
    assert decide(again["id"], "approve").data["status"] == "succeeded"
    assert till.books()["asset.cash"] == PRICE - 60_000
    assert refund(PRICE - 60_000).data["status"] == "succeeded", "the owner needs nobody"
    assert till.books() == {}


def test_a_refund_is_kept_for_the_next_dues_at_once(world: World) -> None:
    till = Till(world)
    till.policies(refundApprovalAbovePaise=50_000)
    member, due = till.join()
    payment = till.take(due["id"]).data["id"]

    def refund(paise: int, token: str | None = None, key: str = "k") -> Answer:
        body = {"amountPaise": paise, "reason": "a week away", "to": "credit"}
        path = f"/payments/{payment}/refund"
        return till.ask("payments", "POST", path, body, token, idempotency_key=key)

    made, again = refund(40_000), refund(40_000)
    assert (made.data["status"], made.data["gateway"], again.raw == made.raw) == ("succeeded", "credit", True)
    books = till.books()
    assert (books["asset.cash"], books["liability.member_credit"]) == (PRICE, -40_000)
    assert till.sql("SELECT sum(amount_paise) FROM member_accounts WHERE account = 'credit'") == 40_000
    assert till.collections() == (PRICE - 40_000, PRICE - 40_000)
    assert till.day()["expectedPaise"] == PRICE
    clerk = world.token("library_staff", till.tenant, permissions=["payments:refund"])
    waits = refund(20_000, clerk, "w").data
    assert (waits["approval"], till.books()) == ("waiting", books)
    decision = f"/refunds/{waits['id']}/decision"
    assert till.ask("payments", "POST", decision, {"decision": "approve"}).data["status"] == "succeeded"
    assert till.books()["liability.member_credit"] == -60_000
    till.desk.renew(member["id"])
    (open_,) = [one for one in till.desk.shown(member["id"])["dues"] if one["status"] == "open"]
    assert open_["amountPaise"] == PRICE - 60_000
    assert "liability.member_credit" not in till.books()


def test_a_seat_is_nobodys_credit(shop: Shop) -> None:
    payment = shop.create(shop.book()).data
    shop.verify(payment["id"], shop.pay(payment))
    refused = shop.refund(payment["id"], 1000, to="credit")
    assert (refused.status, refused.code) == (422, "no_member_credit")
    assert shop.count("refunds") == 0


def test_what_waits_for_approval_is_not_voided_away(world: World) -> None:
    till = Till(world)
    till.policies(refundApprovalAbovePaise=0)
    _, due = till.join()
    payment = till.take(due["id"]).data["id"]
    clerk = world.token("library_staff", till.tenant, permissions=["payments:refund"])
    path = f"/payments/{payment}/refund"
    waits = till.ask("payments", "POST", path, {"reason": "x"}, clerk, idempotency_key="k").data
    assert till.void(payment).code == "refund_exceeds"
    assert till.due(till.sql("SELECT id FROM memberships"))["status"] == "paid"
    assert till.ask("payments", "POST", f"/refunds/{waits['id']}/decision", {"decision": "refuse"}).status == 200
    assert till.void(payment).status == 200
    assert till.books() == {}


def test_after_the_window_nothing_is_refunded(world: World) -> None:
    till = Till(world)
    till.policies(refundWithinDays=7)
    _, due = till.join()
    payment = till.take(due["id"]).data["id"]
    path = f"/payments/{payment}/refund"

    def refund(key: str) -> Answer:
        return till.ask("payments", "POST", path, {"amountPaise": 1, "reason": "x"}, idempotency_key=key)

    world.advance(timedelta(days=7, minutes=-1))
    assert refund("in").status == 201
    world.advance(timedelta(minutes=2))
    refused = refund("late")
    assert (refused.status, refused.code) == (422, "refund_window")


def test_the_database_knows_that_one_is_not_two(shop: Shop, lost: dict[str, Any]) -> None:
    import psycopg

    resolve(shop, lost["id"], staff(shop.world))
    with shop.world.db(shop.tenant) as db, pytest.raises(psycopg.errors.CheckViolation):
        db.run("UPDATE payment_resolutions SET status = 'applied', agreed_by = proposed_by")


def test_a_refund_takes_back_what_was_bought_when_that_is_asked(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    shop.verify(payment["id"], shop.pay(payment))
    assert shop.refund(payment["id"], 1000, key="part", effects="undo").code == "refund_exceeds"
    assert shop.scene.status(booking) == "confirmed", "what was refused left nothing behind"
    shop.fault("razorpay", "error_500", "refund")
    made = shop.refund(payment["id"], key="all", effects="undo")
    assert (made.status, made.data["status"], shop.scene.status(booking)) == (201, "pending", "cancelled")
    assert (shop.books()["revenue.booking"], shop.books()["liability.refunds_due"]) == (0, -12_000)
    assert shop.refund(payment["id"], key="all", effects="undo").data["id"] == made.data["id"]
    shop.pass_time(timedelta(minutes=3))
    shop.webhooks()
    shop.background()
    assert (shop.payment(payment["id"])["status"], shop.net_captured()) == ("refunded", 0)
    books = shop.books()
    assert (books["revenue.booking"], books["liability.refunds_due"]) == (0, 0)
    assert shop.book(), "the seat is free"


def test_a_fee_that_went_back_is_owed_again(world: World) -> None:
    till = Till(world, depositPaise=20_000)
    member, due = till.join()
    for n in range(2):
        payment = till.take(due["id"]).data["id"]
        body = {"reason": "wrong plan", "effects": "undo", "to": ("source", "credit")[n]}
        path = f"/payments/{payment}/refund"
        made = till.ask("payments", "POST", path, body, idempotency_key=f"k{n}")
        assert made.data["status"] == "succeeded", made.json
        assert (till.due(member["id"])["status"], till.payment(payment)["status"]) == ("open", "refunded")
    whole = PRICE + 20_000
    assert till.books() == {"asset.cash": whole, "liability.member_credit": -whole}
    assert till.collections() == (0, 0)
    assert till.count("credit_notes") == 2
    assert till.take(due["id"]).status == 201
    assert till.books()["revenue.dues"] == -100_000


def test_what_was_used_is_kept(shop: Shop) -> None:
    booking = shop.book()
    payment = shop.create(booking).data
    shop.verify(payment["id"], shop.pay(payment))
    with shop.world.db(shop.tenant) as db:
        db.run("UPDATE bookings SET status = 'checked_in' WHERE id = %(id)s", id=booking)
    refused = shop.refund(payment["id"], effects="undo")
    assert (refused.status, refused.code, shop.count("refunds")) == (409, "delivered", 0)
    assert shop.refund(payment["id"], key="keep").status == 201
