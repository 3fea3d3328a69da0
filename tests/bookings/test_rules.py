"""The rules of library and plan: the stricter holds, staff may act against them with a reason, strikes pause."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from studyspot.bookings import service
from studyspot.kit import clock, timers

from tests.bookings.scene import Scene, next_day
from tests.world import Answer, World


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world)


def fire_due(world: World) -> None:
    with world.worker():
        timers.fire_due({"booking_release": service.release_unpaid})


def of_organisation(scene: Scene, **rules: object) -> None:
    body = {"booking": rules}
    assert scene.world.call("settings", "PUT", "/tenants/me/settings", scene.tenant.owner, body).status == 200


def of_library(scene: Scene, **rules: object) -> None:
    path = f"/libraries/{scene.library}/settings"
    assert scene.world.call("spaces", "PUT", path, scene.tenant.owner, {"booking": rules}).status == 200


def of_plan(scene: Scene, **rules: object) -> Answer:
    return scene.world.call("bookings", "PUT", f"/bookings/policies/plans/{scene.hourly}", scene.tenant.owner, rules)


def precheck(scene: Scene, token: str, *args: Any, **more: Any) -> Any:
    return scene.world.call("bookings", "POST", "/bookings/precheck", token, scene.wish(*args, **more)).data


def test_only_the_owner_sets_what_a_plan_allows(scene: Scene) -> None:
    path = f"/bookings/policies/plans/{scene.hourly}"
    for token in (scene.staff(), scene.token(scene.student())):
        assert scene.world.call("bookings", "PUT", path, token, {"maxMinutes": 60}).code == "forbidden"
    stranger = scene.world.tenant().owner
    assert scene.world.call("bookings", "PUT", path, stranger, {"maxMinutes": 60}).code == "not_found"
    assert of_plan(scene, minMinutes=120, maxMinutes=60).code == "validation_failed"
    assert of_plan(scene, holdMinutes=60).code == "validation_failed"


def test_of_organisation_library_and_plan_the_stricter_holds(scene: Scene) -> None:
    token = scene.token(scene.student())
    of_organisation(scene, maxMinutes=240)
    assert scene.book(token, hours=5).code == "duration_invalid"
    of_library(scene, maxMinutes=360)
    assert scene.book(token, hours=5).status == 201, "the library's own word stands over the organisation's"
    of_plan(scene, maxMinutes=120, maxDaysAhead=90)
    assert scene.book(token, start=next_day(16), hours=3).code == "duration_invalid"
    assert scene.book(token, start=next_day(10, days=61)).code == "too_far_ahead", "a plan allows no more"
    of_plan(scene, maxMinutes=None)
    assert scene.book(token, start=next_day(16), hours=3).status == 201


def test_the_rules_in_force_are_told_with_what_is_used(scene: Scene) -> None:
    student = scene.student()
    token = scene.token(student)
    of_library(scene, maxDayMinutes=180, leadMinutes=30)
    of_plan(scene, leadMinutes=60)
    scene.book(token, start=clock.now() + timedelta(hours=2), hours=1)
    path = f"/bookings/policies/effective?libraryId={scene.library}&feePlanId={scene.hourly}"
    told = scene.world.call("bookings", "GET", path, token).data
    assert (told["rules"]["leadMinutes"], told["rules"]["maxDayMinutes"], told["rules"]["strikes"]) == (60, 180, 3)
    assert (told["ahead"], told["dayMinutes"], told["noShows"], told["pausedUntil"]) == (1, 60, 0, None)
    other = f"{path}&studentId={scene.student()}"
    assert scene.world.call("bookings", "GET", other, token).code == "not_found"
    assert scene.world.call("bookings", "GET", other, scene.staff()).data["ahead"] == 0
    assert scene.world.call("bookings", "GET", path, scene.world.tenant().owner).code == "not_found"


def test_each_rule_has_its_code_and_a_precheck_names_them_all(scene: Scene) -> None:
    token = scene.token(scene.student())
    of_library(scene, slotMinutes=30, leadMinutes=120, maxDayMinutes=240, maxOpen=1)
    assert scene.book(token, start=next_day(10, 10)).code == "off_grid"
    assert scene.book(token, start=next_day(10, 30, days=0), hours=1).code == "too_short_notice"
    assert scene.book(token, hours=4.5).code == "booking_quota_exceeded"
    assert scene.book(token, hours=3).status == 201
    scene.book(scene.token(scene.student()), 1)
    found = precheck(scene, token, 1, start=next_day(10, 10), hours=1.5)
    codes = [rule["code"] for rule in found["refusals"]]
    assert codes == ["off_grid", "too_many_upcoming", "booking_quota_exceeded", "seat_taken"]
    assert (found["accepted"], found["code"], len(found["alternatives"])) == (False, "off_grid", 1)
    assert len(scene.claims()) == 2, "a precheck leaves nothing"


@pytest.mark.parametrize(("period", "allowed"), [("Day", 180), ("Week", 300), ("Month", 300)])
def test_hours_are_counted_by_the_organisation_s_own_days(scene: Scene, period: str, allowed: int) -> None:
    of_library(scene, **{f"max{period}Minutes": allowed})
    token = scene.token(scene.student())
    assert scene.book(token, start=next_day(6), hours=3).status == 201
    over = scene.book(token, start=next_day(22), hours=1) if period == "Day" else scene.book(token, hours=2.5)
    assert (over.code, over.json["usedMinutes"], over.json["period"]) == ("booking_quota_exceeded", 180, period.lower())
    assert scene.book(token, start=next_day(6, days=32), hours=3).status == 201, "another day, week and month"


def test_the_minutes_after_a_booking_are_nobody_s(scene: Scene) -> None:
    of_library(scene, bufferMinutes=15)
    mine, other = scene.token(scene.student()), scene.token(scene.student())
    booking = scene.book(mine).data["id"]
    assert scene.book(other, start=next_day(12)).code == "seat_taken"
    assert scene.book(other, start=next_day(12, 15)).status == 201
    body = {"endAt": next_day(12, 10).isoformat()}
    assert scene.world.call("bookings", "POST", f"/bookings/{booking}/extend", mine, body).code == "seat_taken"
    query = f"libraryId={scene.library}&from={next_day(11, 50).isoformat()}&to={next_day(12, 5).isoformat()}"
    path = f"/bookings/availability?{query}".replace("+", "%2B")
    assert next(seat["free"] for seat in scene.world.call("bookings", "GET", path, mine).data["seats"]) is False


def test_any_seat_with_certain_attributes(scene: Scene) -> None:
    with scene.world.db(scene.tenant.id) as db:
        db.run("UPDATE seats SET attributes = '{window,power}' WHERE id = %(id)s", id=scene.seats[2])
    token = scene.token(scene.student())
    won = scene.book(token, None, attributes=["power"])
    assert won.data["seatId"] == str(scene.seats[2])
    assert scene.book(scene.token(scene.student()), None, attributes=["power"]).code == "location_full"
    assert scene.book(token, None, start=next_day(15), seatKind="fixed").code == "location_full"


def test_staff_book_against_the_rules_with_a_reason_and_it_is_on_record(scene: Scene) -> None:
    student = scene.student()
    of_library(scene, maxMinutes=60)
    assert scene.book(scene.staff(), studentId=student).code == "duration_invalid"
    why = {"studentId": student, "overrideReason": "exam week"}
    assert scene.book(scene.token(student), overrideReason="please").code == "forbidden"
    assert scene.book(scene.staff(), **why).status == 201
    assert scene.book(scene.staff(), studentId=scene.student(), overrideReason="x").code == "seat_taken"
    assert scene.book(scene.staff(), 1, **why, start=clock.now() - timedelta(hours=2)).code == "in_past"
    suspended = scene.student("suspended")
    assert scene.book(scene.staff(), 1, studentId=suspended, overrideReason="x").code == "not_allowed_here"
    with scene.world.db(scene.tenant.id) as db:
        (kept,) = db.dicts("SELECT after FROM audit_logs WHERE action = 'bookings.override'")
    assert (kept["after"]["overridden"], kept["after"]["reason"]) == (["duration_invalid"], "exam week")


def test_three_no_shows_pause_and_staff_lift_it(scene: Scene) -> None:
    student = scene.student()
    scene.member(student, days=60)
    statuses = []
    for _ in range(3):
        answer = scene.book(scene.token(student), feePlanId=scene.monthly, hours=1)
        statuses.append(answer.status)
        scene.world.advance_to(next_day(10) + timedelta(minutes=31))
        fire_due(scene.world)
    assert statuses == [201, 201, 201]
    token = scene.token(student)
    refused = scene.book(token, feePlanId=scene.monthly)
    assert refused.code == "booking_paused"
    until = datetime.fromisoformat(refused.json["until"])
    assert timedelta(days=6, hours=23) < until - clock.now() <= timedelta(days=7)
    pause = refused.json["pauseId"]
    (own,) = scene.world.call("bookings", "GET", "/bookings/pauses?live=true", token).data
    assert (own["id"], own["strikes"]) == (pause, 3)
    stranger = scene.token(scene.student())
    assert scene.world.call("bookings", "GET", "/bookings/pauses", stranger).data == []
    body = {"reason": "the bus was late"}
    for path, who in (("appeal", stranger), ("lift", scene.world.tenant().owner)):
        assert scene.world.call("bookings", "POST", f"/bookings/pauses/{pause}/{path}", who, body).code == "not_found"
    assert scene.world.call("bookings", "POST", f"/bookings/pauses/{pause}/lift", token, body).code == "forbidden"
    assert scene.world.call("bookings", "POST", f"/bookings/pauses/{pause}/appeal", token, body).data["appeal"]
    lifted = scene.world.call("bookings", "POST", f"/bookings/pauses/{pause}/lift", scene.staff(), body)
    assert lifted.data["liftedBy"]
    again = scene.world.call("bookings", "POST", f"/bookings/pauses/{pause}/lift", scene.staff(), body)
    assert again.code == "state_conflict"
    booked = scene.book(token, feePlanId=scene.monthly)
    assert booked.status == 201, "and the strikes are forgotten"
    shown = scene.world.call("bookings", "GET", "/bookings?limit=10", token).data
    assert {b["status"]: b["noShow"] for b in shown} == {"confirmed": None, "no_show": True}


def test_who_comes_after_the_release_gets_the_seat_only_while_it_is_free(scene: Scene) -> None:
    late, later = scene.student(), scene.student()
    for student, seat in ((late, 0), (later, 1)):
        scene.member(student)
        assert scene.book(scene.token(student), seat, feePlanId=scene.monthly).status == 201
    scene.world.advance_to(next_day(10) + timedelta(minutes=31))
    fire_due(scene.world)
    in_the_way = scene.student()
    scene.member(in_the_way)
    start = clock.now()
    end = start.replace(microsecond=0) + timedelta(hours=1)
    taken = scene.book(scene.token(in_the_way), 1, start=start, feePlanId=scene.monthly, endAt=end.isoformat())
    assert taken.status == 201
    codes = []
    for student in (late, later):
        shown = scene.world.call("bookings", "GET", f"/bookings?studentId={student}", scene.staff()).data[0]["id"]
        codes.append(scene.world.call("bookings", "POST", f"/bookings/{shown}/check-in", scene.staff(), {}))
    assert (codes[0].status, codes[1].code) == (200, "seat_taken")


def test_where_staff_approve_a_booking_waits_for_them(scene: Scene) -> None:
    of_library(scene, approvalHours=24)
    member, payer = scene.student(), scene.student()
    scene.member(member)
    free = scene.book(scene.token(member), feePlanId=scene.monthly).data
    paid = scene.book(scene.token(payer), 1).data
    assert {(b["status"], b["approval"]) for b in (free, paid)} == {("held", "waiting")}
    held = datetime.fromisoformat(paid["holdExpiresAt"])
    assert held - clock.now() > timedelta(hours=20), "as long as staff take to decide"
    for who in (scene.token(member), scene.token(payer)):
        assert scene.world.call("bookings", "POST", f"/bookings/{free['id']}/approve", who).code == "forbidden"
    path = f"/bookings/{paid['id']}"
    pay = {"purpose": "booking", "purposeId": paid["id"]}
    assert scene.world.call("payments", "POST", "/payments/create", scene.token(payer), pay).code == "approval_pending"
    approved = scene.world.call("bookings", "POST", f"{path}/approve", scene.staff()).data
    assert (approved["status"], approved["approval"]) == ("held", "given")
    assert datetime.fromisoformat(approved["holdExpiresAt"]) - clock.now() <= timedelta(minutes=10)
    assert scene.world.call("bookings", "POST", f"{path}/approve", scene.staff()).code == "state_conflict"
    at_once = scene.world.call("bookings", "POST", f"/bookings/{free['id']}/approve", scene.staff()).data
    assert (at_once["status"], at_once["approval"]) == ("confirmed", "given")
    third = scene.book(scene.token(scene.student()), 2).data["id"]
    assert scene.world.call("bookings", "POST", f"/bookings/{third}/reject", scene.staff(), {}).status == 422
    no = {"reason": "the hall is let"}
    rejected = scene.world.call("bookings", "POST", f"/bookings/{third}/reject", scene.staff(), no).data
    assert (rejected["status"], rejected["reason"]) == ("rejected", "the hall is let")
    scene.world.advance(timedelta(minutes=11))
    fire_due(scene.world)
    assert scene.status(paid["id"]) == "expired"
    assert scene.book(scene.staff(), 2, studentId=payer).data["approval"] is None, "staff need nobody's leave"
