"""What owners grant: coupons, goodwill, part payments, deposits back, newer terms, renewals by the list."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from studyspot.kit import ids, tokens
from studyspot.kit.auth import Actor
from studyspot.kit.errors import Problem
from studyspot.memberships import couponing
from studyspot.memberships.models import Enrolment
from studyspot.memberships.queries import offers
from studyspot.memberships.service import enrol

from tests.alongside import at_once
from tests.memberships.test_changing import act, paid, policy
from tests.memberships.test_renewing import Desk, today
from tests.world import World

DAY = timedelta(days=1)
TENTH = {"code": "TENTH", "kind": "percent", "value": 10}


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def coupon(desk: Desk, **facts: Any) -> dict[str, Any]:
    made = desk.send("POST", "/coupons", TENTH | facts)
    assert made.status == 201, made.json
    data: dict[str, Any] = made.data
    return data


def check(desk: Desk, code: str = "TENTH", **facts: Any) -> Any:
    return desk.send("POST", "/coupons/validate", {"code": code, "feePlanId": desk.plan["id"]} | facts)


def test_a_coupon_takes_its_part_off_the_price_and_no_more(desk: Desk) -> None:
    coupon(desk)
    assert desk.send("POST", "/coupons", TENTH | {"code": "tenth"}).code == "coupon_exists"
    assert check(desk, "tenth").data["discountPaise"] == 15000
    coupon(desk, code="FLAT", kind="flat", value=10**9)
    assert check(desk, "FLAT").data["discountPaise"] == 150000
    coupon(desk, code="CAPPED", value=50, mostPaise=20000)
    assert check(desk, "CAPPED").data["discountPaise"] == 20000
    assert check(desk, "NOBODYS").code == "coupon_invalid"
    assert desk.send("POST", "/coupons", TENTH | {"value": 101}).code == "validation_failed"
    member = desk.join(couponCode="TENTH")
    assert member["duesPaise"] == 135000
    assert [c["uses"] for c in desk.send("GET", "/coupons").data if c["code"] == "TENTH"] == [1]


def test_a_coupon_holds_only_where_and_when_it_says(desk: Desk) -> None:
    other = desk.send("POST", "/fee-plans", {"name": "Gold", "kind": "monthly", "pricePaise": 300000}).data
    coupon(desk, code="GOLD", feePlanIds=[other["id"]])
    coupon(desk, code="FIRST", firstTimeOnly=True)
    ends = coupon(desk, code="PAST", validUntil=str(today() - DAY))
    assert check(desk, "GOLD").code == check(desk, "PAST").code == "coupon_invalid"
    desk.send("PUT", f"/coupons/{ends['id']}", {"validUntil": str(today())})
    assert check(desk, "PAST").status == 200
    assert desk.send("DELETE", f"/coupons/{ends['id']}").status == 204
    assert desk.send("DELETE", f"/coupons/{ends['id']}").status == 404
    student = desk.scene.student()
    member = desk.join(student=student, couponCode="FIRST")
    assert desk.ask(1, student, couponCode="FIRST", startDate=member["endDate"]).code == "coupon_invalid"
    assert desk.send("GET", "/coupons", token=desk.scene.token(student)).code == "forbidden"
    assert desk.world.call("memberships", "PUT", f"/coupons/{ends['id']}", desk.world.tenant().owner, {}).status == 404


def test_the_last_use_of_a_coupon_is_had_once(desk: Desk) -> None:
    coupon(desk, maxUses=3)

    def use(db: Any, _: int) -> bool:
        try:
            with db.transaction():
                couponing.used(db, "TENTH", offers.plan(db, desk.plan["id"]), None)
        except Problem:
            return False
        return True

    assert sum(at_once(desk.scene.tenant.id, use, range(10))) == 3


def test_nobody_is_there_for_the_first_time_twice(desk: Desk) -> None:
    coupon(desk, code="FIRST", firstTimeOnly=True)
    student, scene = desk.scene.student(), desk.scene
    owner = Actor.of(tokens.verify(desk.owner))

    def join(db: Any, month: int) -> bool:
        wish = {"student_id": student, "fee_plan_id": desk.plan["id"], "library_id": scene.library}
        start = today() + 60 * month * DAY
        try:
            enrol(db, owner, Enrolment(**wish, seat_id=scene.seats[0], start_date=start, coupon_code="FIRST"))
        except Problem:
            db.rollback()
            return False
        return True

    assert sum(at_once(scene.tenant.id, join, range(10))) == 1


def test_goodwill_is_days_with_a_reason_and_a_limit(desk: Desk) -> None:
    policy(desk, goodwillDaysPerYear=5)
    member = desk.join()
    assert act(desk, member, "extend", {"days": 3}).code == "validation_failed"
    longer = act(desk, member, "extend", {"days": 3, "reason": "the fans were out"}).data
    assert longer["endDate"] == str(date.fromisoformat(member["endDate"]) + 3 * DAY)
    assert act(desk, member, "extend", {"days": 3, "reason": "again"}).code == "rule_violated"
    assert [(p["kind"], p["pricePaise"]) for p in desk.shown(member["id"])["periods"]][1] == ("goodwill", 0)
    assert act(desk, member, "extend", {"days": 1, "reason": "x"}, desk.scene.token(desk.scene.student())).status == 403


def test_part_payments_come_to_the_same_sum(world: World) -> None:
    desk = Desk(world, depositPaise=50000)
    member = desk.join()
    here = f"/memberships/{member['id']}/installments"
    parts = [{"amountPaise": paise, "dueOn": str(today() + n * 10 * DAY)} for n, paise in enumerate((120000, 80000))]
    assert desk.send("PUT", here, {"parts": parts[:1]}).code == "validation_failed"
    dues = desk.send("PUT", here, {"parts": parts}).data["dues"]
    assert [(d["amountPaise"], d["depositPaise"]) for d in dues] == [(120000, 50000), (80000, 0)]
    assert desk.pay(dues[0]["id"])
    shown = desk.shown(member["id"])
    assert (shown["duesPaise"], shown["depositPaise"]) == (80000, 50000)
    assert len(desk.send("GET", here).data["dues"]) == 2


def test_a_deposit_goes_back_once_nothing_is_owed(world: World) -> None:
    desk = Desk(world, depositPaise=50000)
    member = desk.join()
    here = f"/memberships/{member['id']}/deposit/refund"
    key = {"idempotency_key": "d"}
    assert desk.send("POST", here, {}, **key).code == "dues_outstanding"
    paid(desk, member)
    assert desk.send("POST", here, {"amountPaise": 50001}, idempotency_key="e").code == "no_deposit"
    back = desk.send("POST", here, {"amountPaise": 20000}, idempotency_key="f").data
    assert (back["refundedPaise"], back["depositPaise"]) == (20000, 30000)
    assert desk.send("POST", here, {}, idempotency_key="g").data["depositPaise"] == 0
    assert desk.send("POST", here, {}, idempotency_key="h").code == "no_deposit"
    with world.db(desk.scene.tenant.id) as db:
        assert db.value("SELECT sum(amount_paise) FROM ledger_entries WHERE account = 'liability.deposits'") == 0


def test_members_are_moved_to_newer_terms_from_their_next_period(desk: Desk) -> None:
    member = desk.join()
    desk.send("PUT", f"/fee-plans/{desk.plan['id']}", {"pricePaise": 200000})
    here = f"/fee-plans/{desk.plan['id']}/migrate-members"
    preview = desk.send("POST", here, {"preview": True}).data
    assert [(m["membershipId"], m["pricePaise"]) for m in preview["members"]] == [(member["id"], 150000)]
    assert (preview["pricePaise"], desk.shown(member["id"])["nextVersion"]) == (200000, None)
    desk.send("POST", here, {})
    shown = desk.shown(member["id"])
    assert (shown["nextVersion"], shown["pricePaise"]) == (2, 150000)
    assert desk.renew(member["id"]).data["period"]["pricePaise"] == 200000
    assert desk.send("POST", here, {}).data["members"] == []


def test_a_list_is_renewed_as_far_as_it_can_be(desk: Desk) -> None:
    first, second = desk.join(0), desk.join(1)
    act(desk, second, "cancel")
    stranger = str(ids.uuid7())
    answer = desk.send("POST", "/memberships/bulk-renew", {"membershipIds": [first["id"], second["id"], stranger]}).data
    assert [(one["status"], one["code"]) for one in answer] == [
        ("pending", None), (None, "membership_over"), (None, "not_found"),
    ]  # fmt: skip
    with desk.world.db(desk.scene.tenant.id) as db:
        told = db.dicts("SELECT template_id FROM communications")
    assert [row["template_id"] for row in told] == ["fee_due_reminder"]
    assert desk.pay(answer[0]["due"]["id"])
