"""What happens on the way: pauses, other plans, shifts and seats, and leaving - to the paisa and to the day."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from studyspot.kit import ids

from tests.bookings.scene import INDIA, next_day
from tests.memberships.test_renewing import Desk, today
from tests.world import Answer, World

DAY = timedelta(days=1)


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def policy(desk: Desk, **rules: Any) -> None:
    body = {"memberships": rules}
    set_ = desk.world.call("settings", "PUT", "/tenants/me/settings", desk.owner, body)
    assert set_.status == 200, set_.json


def act(desk: Desk, member: dict[str, Any], what: str, body: Any = None, token: str | None = None) -> Answer:
    return desk.send("POST", f"/memberships/{member['id']}/{what}", body or {}, token)


def pause(desk: Desk, member: dict[str, Any], first: int, days: int, token: str | None = None, **more: Any) -> Answer:
    start = today() + first * DAY
    return act(desk, member, "freeze", {"fromDate": str(start), "toDate": str(start + days * DAY), **more}, token)


def paid(desk: Desk, member: dict[str, Any]) -> dict[str, Any]:
    for due in desk.shown(member["id"])["dues"]:
        if due["status"] == "open":
            assert desk.pay(due["id"])
    return desk.shown(member["id"])


def test_a_pause_gives_its_days_back_and_keeps_the_seat(desk: Desk) -> None:
    member = desk.join()
    answer = pause(desk, member, 8, 5)
    assert answer.status == 200, answer.json
    end = date.fromisoformat(member["endDate"]) + 5 * DAY
    assert answer.data["membership"]["endDate"] == str(end)
    assert [p["endDate"] for p in desk.shown(member["id"])["periods"]] == [str(end)]
    assert desk.book(0, next_day(10, days=9)).code == "seat_taken"
    assert pause(desk, member, 10, 5).code == "freeze_overlap"


def test_a_lent_seat_comes_back_on_the_day_of_return(desk: Desk) -> None:
    member = desk.join()
    assert pause(desk, member, 8, 5, keepSeat=False).status == 200
    assert desk.book(0, next_day(10, days=8)).status == 201
    assert desk.book(0, next_day(10, days=13)).code == "seat_taken"
    assert desk.book(0, next_day(10, days=7)).code == "seat_taken"
    back = act(desk, member, "unfreeze")
    assert back.code == "seat_taken", "whoever booked the lent seat is not moved"
    assert desk.shown(member["id"])["freezes"][0]["status"] == "approved"


def test_pauses_have_notice_and_a_yearly_limit(desk: Desk) -> None:
    member = desk.join()
    assert pause(desk, member, 6, 3).code == "freeze_notice"
    assert pause(desk, member, 8, 31).code == "freeze_limit"
    assert pause(desk, member, 8, 20).status == 200
    refused = pause(desk, member, 40, 11)
    assert (refused.code, refused.json["daysLeft"]) == ("freeze_limit", 10)
    assert pause(desk, member, 100, 1).code == "validation_failed"
    policy(desk, freezeNoticeDays=0, freezeDaysPerYear=40)
    assert pause(desk, member, 40, 11).status == 200


def test_a_pause_never_takes_days_that_somebody_else_has_paid_for(desk: Desk) -> None:
    member = desk.join()
    end = date.fromisoformat(member["endDate"])
    other = desk.join(0, startDate=str(end + 3 * DAY))
    refused = pause(desk, member, 8, 5)
    assert refused.code == "seat_taken"
    assert desk.shown(member["id"])["endDate"] == member["endDate"] and desk.shown(member["id"])["freezes"] == []
    assert desk.shown(other["id"])["seatId"] == member["seatId"]


def test_back_early_the_days_not_taken_are_returned(desk: Desk) -> None:
    policy(desk, freezeNoticeDays=0, holdingFeePerDayPaise=1000)
    member = paid(desk, desk.join())
    frozen = pause(desk, member, 0, 10).data
    assert (frozen["membership"]["status"], frozen["due"]["amountPaise"]) == ("frozen", 10000)
    desk.world.advance(4 * DAY)
    back = act(desk, member, "unfreeze").data
    assert back["membership"]["status"] == "active"
    assert back["membership"]["endDate"] == str(date.fromisoformat(member["endDate"]) + 4 * DAY)
    assert (back["freeze"]["feePaise"], back["due"]["amountPaise"]) == (4000, 4000)
    assert act(desk, member, "unfreeze").code == "state_conflict"


def test_students_ask_for_a_pause_and_the_desk_decides(desk: Desk) -> None:
    student = desk.scene.student()
    token = desk.scene.token(student)
    member = desk.join(student=student)
    asked = pause(desk, member, 8, 5, token)
    assert (asked.data["freeze"]["status"], asked.data["membership"]["endDate"]) == ("requested", member["endDate"])
    here = f"freeze/{asked.data['freeze']['id']}/decision"
    assert act(desk, member, here, {"approve": True}, token).code == "forbidden"
    assert act(desk, member, f"freeze/{ids.uuid7()}/decision", {"approve": True}).status == 404
    approved = act(desk, member, here, {"approve": True}).data
    assert approved["membership"]["endDate"] == str(date.fromisoformat(member["endDate"]) + 5 * DAY)
    assert act(desk, member, here, {"approve": False}).code == "state_conflict"
    assert pause(desk, member, 8, 5, desk.scene.token(desk.scene.student())).status == 404


def test_another_plan_credits_first_and_charges_the_same_days(desk: Desk) -> None:
    member = desk.join(startDate=str(today()))
    dear = desk.send("POST", "/fee-plans", {"name": "Gold", "kind": "monthly", "pricePaise": 300000}).data
    assert act(desk, member, "change-plan", {"feePlanId": dear["id"]}).code == "dues_outstanding"
    paid(desk, member)
    days = (date.fromisoformat(member["endDate"]) - today()).days
    desk.world.advance(10 * DAY)
    preview = act(desk, member, "change-plan?preview=true", {"feePlanId": dear["id"]}).data
    credit, charge = preview["lines"]
    left = days - 10
    assert credit["totalPaise"] == -round(150000 * left / days + 1e-9)
    assert charge["totalPaise"] > 0 and preview["netPaise"] == charge["totalPaise"] + credit["totalPaise"]
    assert desk.shown(member["id"])["feePlanId"] == desk.plan["id"], "a preview changes nothing"
    changed = act(desk, member, "change-plan", {"feePlanId": dear["id"]}).data
    assert changed["lines"] == preview["lines"] and changed["due"]["amountPaise"] == preview["netPaise"]
    assert (changed["membership"]["feePlanId"], changed["membership"]["endDate"]) == (dear["id"], member["endDate"])
    periods = desk.shown(member["id"])["periods"]
    assert [p["pricePaise"] for p in periods] == [150000 + credit["totalPaise"], charge["totalPaise"]]


def test_a_downgrade_is_credit_for_the_next_dues_never_cash(desk: Desk) -> None:
    member = paid(desk, desk.join())
    cheap = desk.send("POST", "/fee-plans", {"name": "Basic", "kind": "monthly", "pricePaise": 50000}).data
    changed = act(desk, member, "change-plan", {"feePlanId": cheap["id"]}).data
    assert (changed["netPaise"], changed["creditPaise"], changed["due"]) == (-100000, 100000, None)
    renewed = desk.renew(member["id"]).data
    assert renewed["due"] is None and desk.shown(member["id"])["creditPaise"] == 50000
    with desk.world.db(desk.scene.tenant.id) as db:
        held = db.value("SELECT sum(amount_paise) FROM ledger_entries WHERE account = 'liability.member_credit'")
    assert held == -50000


def test_a_student_s_upgrade_waits_for_its_money(desk: Desk) -> None:
    student = desk.scene.student()
    member = paid(desk, desk.join(student=student))
    dear = desk.send("POST", "/fee-plans", {"name": "Gold", "kind": "monthly", "pricePaise": 300000}).data
    asked = act(desk, member, "change-plan", {"feePlanId": dear["id"]}, desk.scene.token(student)).data
    assert asked["membership"]["feePlanId"] == desk.plan["id"]
    assert desk.pay(asked["due"]["id"])
    assert desk.shown(member["id"])["feePlanId"] == dear["id"]


def test_another_seat_frees_the_old_one(desk: Desk) -> None:
    student = desk.scene.student()
    member, other = desk.join(student=student), None
    token = desk.scene.token(student)
    to = {"seatId": str(desk.scene.seats[1])}
    assert act(desk, member, "change-seat", to, token).code == "forbidden"
    policy(desk, studentsChangeSeat=True)
    assert act(desk, member, "change-seat", to, token).data["membership"]["seatId"] == to["seatId"]
    assert desk.book(0, next_day(10)).status == 201 and desk.book(1, next_day(10)).code == "seat_taken"
    other = desk.ask(0)
    assert other.code == "shift_full", "a booking stands on it tomorrow"
    assert act(desk, member, "change-seat", {"seatId": str(ids.uuid7())}).status == 404


def test_another_shift_moves_nobody(desk: Desk) -> None:
    morning, evening = desk.shift("06:00", "12:00"), desk.shift("14:00", "20:00")
    first, second = desk.join(0, shiftId=morning), desk.join(0, shiftId=evening)
    refused = act(desk, first, "change-shift", {"shiftId": evening})
    assert refused.code == "seat_taken" and len(refused.json["alternatives"]) == 1
    assert desk.shown(first["id"])["shiftId"] == morning
    to = {"shiftId": evening, "seatId": str(desk.scene.seats[1])}
    moved = act(desk, first, "change-shift", to).data
    assert (moved["membership"]["shiftId"], moved["netPaise"]) == (evening, 0)
    assert desk.book(0, next_day(8)).status == 201, "the old hours are free"
    assert desk.shown(second["id"])["seatId"] == str(desk.scene.seats[0])


def test_leaving_is_settled_by_the_day(world: World) -> None:
    desk = Desk(world, depositPaise=50000)
    member = paid(desk, desk.join())
    days = (date.fromisoformat(member["endDate"]) - today()).days
    desk.world.advance(10 * DAY)
    preview = act(desk, member, "cancel?preview=true").data
    assert preview["unusedDays"] == days - 10 and preview["depositPaise"] == 50000
    assert preview["creditPaise"] == preview["unusedPaise"] == round(150000 * (days - 10) / days + 1e-9)
    assert desk.shown(member["id"])["status"] == "active"
    done = act(desk, member, "cancel", {"reason": "moved away"}).data
    assert (done["membership"]["status"], done["creditPaise"]) == ("cancelled", preview["creditPaise"])
    assert desk.book(0, next_day(10)).status == 201
    assert act(desk, member, "cancel").code == "membership_over"
    assert desk.renew(member["id"]).code == "membership_over"


def test_who_leaves_unpaid_owes_the_days_that_were_used(desk: Desk) -> None:
    member = desk.join()
    (due,) = desk.shown(member["id"])["dues"]
    days = (date.fromisoformat(member["endDate"]) - today()).days
    desk.world.advance(10 * DAY)
    done = act(desk, member, "cancel").data
    assert (done["creditPaise"], done["owedPaise"]) == (0, 150000 - round(150000 * (days - 10) / days + 1e-9))
    assert not desk.pay(due["id"]), "money for what is void goes back"
    (left,) = desk.shown(member["id"])["dues"]
    assert (left["kind"], left["amountPaise"]) == ("settlement", done["owedPaise"])


def test_students_ask_to_leave(desk: Desk) -> None:
    student = desk.scene.student()
    member = desk.join(student=student)
    asked = act(desk, member, "cancel", None, desk.scene.token(student)).data
    assert asked["requested"] and desk.shown(member["id"])["status"] == "active"
    assert act(desk, member, "cancel", None, desk.scene.token(desk.scene.student())).status == 404


def test_days_of_grace_hold_the_seat_until_they_are_over(desk: Desk) -> None:
    member = desk.join()
    end = date.fromisoformat(member["endDate"])
    desk.world.advance_to(datetime.combine(end - DAY, time(12), INDIA))
    assert desk.book(0, next_day(10, days=3)).code == "seat_taken"
    assert desk.book(0, next_day(10, days=4)).status == 201
