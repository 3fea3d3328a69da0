"""Booking a seat: who may, what is held, what stands against it, and how it is given back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from studyspot.bookings import service
from studyspot.kit import clock, ids, tally, timers

from tests.bookings.scene import Scene, next_day
from tests.world import World


def fire_due(world: World) -> None:
    with world.worker():
        timers.fire_due({"booking_release": service.release_unpaid})


def test_nobody_books_without_signing_in_or_without_the_permission(world: World) -> None:
    scene = Scene.open(world)
    assert scene.book("").status == 401
    provider = world.token("provider", scene.tenant.id)
    assert world.call("bookings", "POST", "/bookings", provider, {"x": 1}).code == "forbidden"
    assert world.call("bookings", "GET", "/bookings", provider).code == "forbidden"


def test_a_student_books_for_nobody_else(world: World) -> None:
    scene = Scene.open(world)
    one, other = scene.student(), scene.student()
    assert scene.book(scene.token(one), studentId=other).code == "forbidden"
    assert scene.book(scene.staff()).json["errors"][0]["field"] == "studentId"
    assert scene.book(scene.staff(), studentId=other).data["studentId"] == str(other)


def test_what_belongs_to_another_tenant_does_not_exist(world: World) -> None:
    scene, theirs = Scene.open(world), Scene.open(world)
    student = scene.student()
    token = scene.token(student)
    booking = scene.book(token).data["id"]
    for part in ({"libraryId": theirs.library}, {"seatId": theirs.seats[0]}, {"feePlanId": theirs.hourly}):
        assert scene.book(token, start=next_day(15), **part).code == "not_found", part
    assert scene.book(scene.staff(), start=next_day(15), studentId=theirs.student()).code == "not_found"
    for method, path in (
        ("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/confirm"), ("POST", "/check-in"),
        ("POST", "/check-out"), ("POST", "/reject"), ("POST", "/no-show"),
    ):  # fmt: skip
        body = None if method in ("GET", "DELETE") else {"seatId": theirs.seats[0]} if method == "PUT" else {}
        answer = world.call("bookings", method, f"/bookings/{booking}{path}", theirs.tenant.owner, body)
        assert answer.code == "not_found", (method, path, answer.raw)
    assert scene.status(booking) == "held"


def test_another_student_sees_and_cancels_nothing(world: World) -> None:
    scene = Scene.open(world)
    booking = scene.book(scene.token(scene.student())).data["id"]
    stranger = scene.token(scene.student())
    assert world.call("bookings", "GET", f"/bookings/{booking}", stranger).code == "not_found"
    assert world.call("bookings", "POST", f"/bookings/{booking}/cancel", stranger, {}).code == "not_found"
    assert world.call("bookings", "GET", "/bookings", stranger).data == []
    assert world.call("bookings", "POST", f"/bookings/{booking}/reject", stranger, {}).code == "forbidden"
    elsewhere = scene.staff(libraryIds=[str(ids.uuid7())])
    assert world.call("bookings", "GET", f"/bookings/{booking}", elsewhere).code == "not_found"
    assert world.call("bookings", "DELETE", f"/bookings/{booking}", elsewhere).code == "not_found"


def test_a_seat_is_held_for_ten_minutes_at_the_servers_price(world: World) -> None:
    scene = Scene.open(world, price=5000)
    token = scene.token(scene.student())
    booked = scene.book(token, hours=1.5)
    assert (booked.status, booked.data["status"], booked.data["amountPaise"]) == (201, "held", 7500)
    read = world.call("bookings", "GET", f"/bookings/{booked.data['id']}", token).data
    assert read == booked.data
    remaining = datetime.fromisoformat(read["holdExpiresAt"]) - clock.now()
    assert timedelta(minutes=9) < remaining <= timedelta(minutes=10)
    assert [e["type"] for e in world.outbox(scene.tenant.id)] == ["booking.held"]


def test_booking_is_two_round_trips(world: World) -> None:
    scene = Scene.open(world)
    token = scene.token(scene.student())
    scene.book(token)
    assert scene.book(token, start=next_day(14)).status == 201
    assert tally.current.trips == 2
    assert scene.book(token, None, start=next_day(17)).status == 201
    assert tally.current.trips == 2


def test_the_loser_of_a_seat_is_offered_others(world: World) -> None:
    scene = Scene.open(world)
    scene.book(scene.token(scene.student()))
    lost = scene.book(scene.token(scene.student()), start=next_day(11))
    assert (lost.status, lost.code) == (409, "seat_taken")
    assert [seat["code"] for seat in lost.json["alternatives"]] == ["A-02", "A-03"]
    later = scene.book(scene.token(scene.student()), start=next_day(12))
    assert later.status == 201, "half-open: the next one begins when this one ends"


def test_any_free_seat_until_none_is_left(world: World) -> None:
    scene = Scene.open(world)
    won = {scene.book(scene.token(scene.student()), None).data["seatId"] for _ in scene.seats}
    assert won == {str(seat) for seat in scene.seats}
    assert scene.book(scene.token(scene.student()), None).code == "location_full"


def test_a_student_sits_on_one_seat_at_a_time(world: World) -> None:
    scene = Scene.open(world)
    token = scene.token(scene.student())
    scene.book(token)
    second = scene.book(token, 1, start=next_day(11))
    assert (second.status, second.code) == (409, "too_many_concurrent")
    assert len(scene.claims()) == 1, "the refused one gave its seat back"


def test_every_rule_has_its_own_code(world: World) -> None:
    scene = Scene.open(world)
    token = scene.token(scene.student())
    assert scene.book(token, hours=0.2).code == "duration_too_short"
    assert scene.book(token, hours=-1).code == "duration_invalid"
    assert scene.book(token, start=next_day(6), hours=16.5).code == "duration_invalid"
    assert scene.book(token, start=clock.now() - timedelta(hours=1)).code == "in_past"
    assert scene.book(token, start=next_day(10, days=62)).code == "too_far_ahead"
    assert scene.book(token, start=next_day(5)).code == "outside_hours"
    assert scene.book(token, start=next_day(22)).code == "outside_hours"
    assert scene.book(token, feePlanId=scene.monthly).code == "membership_required"
    assert scene.book(scene.token(scene.student("suspended"))).code == "not_allowed_here"
    with world.db(scene.tenant.id) as db:
        days = [d for d in range(1, 8) if d != next_day(10).isoweekday()]
        db.run("UPDATE libraries SET operating_days = %(days)s", days=days)
    assert scene.book(token).code == "weekday_closed"
    assert scene.book(token, start=next_day(10, days=2)).status == 201
    assert len(scene.claims()) == 1, "a refusal leaves no claim"


def test_an_ended_session_is_told_before_a_broken_rule(world: World) -> None:
    scene = Scene.open(world)
    token = scene.token(scene.student())
    with world.db(scene.tenant.id) as db:
        db.run("UPDATE sessions SET revoked_at = created_at")
    assert scene.book(token, hours=-1).code == "token_revoked"


def test_overnight_and_round_the_clock_libraries(world: World) -> None:
    night = Scene.open(world, opening="20:00", closing="08:00")
    token = night.token(night.student())
    assert night.book(token, start=next_day(22), hours=9).status == 201
    assert night.book(token, start=next_day(5, days=3), hours=4).code == "outside_hours"
    always = Scene.open(world, opening=None, closing=None)
    assert always.book(always.token(always.student()), start=next_day(22), hours=9).status == 201


def test_a_holiday_is_a_closed_day(world: World) -> None:
    scene = Scene.open(world)
    with world.db(scene.tenant.id) as db:
        db.run(
            "INSERT INTO holidays (id, library_id, day, name, created_at)"
            " VALUES (%(id)s, %(l)s, %(d)s, 'Fair', %(now)s)",
            id=ids.uuid7(), l=scene.library, d=next_day(10).date(), now=clock.now(),
        )  # fmt: skip
    assert scene.book(scene.token(scene.student())).code == "weekday_closed"


def test_a_live_membership_confirms_at_once_and_for_nothing(world: World) -> None:
    scene = Scene.open(world)
    student = scene.student()
    scene.member(student)
    booked = scene.book(scene.token(student), feePlanId=scene.monthly).data
    assert (booked["status"], booked["amountPaise"], booked["holdExpiresAt"]) == ("confirmed", 0, None)
    assert scene.status(booked["id"]) == "confirmed"


def test_a_hold_lapses_by_its_timer_and_tells_once(world: World) -> None:
    scene = Scene.open(world)
    booking = scene.book(scene.token(scene.student())).data["id"]
    world.advance(timedelta(minutes=11))
    fire_due(world)
    fire_due(world)
    assert (scene.status(booking), scene.claims()) == ("expired", [])
    assert [e["type"] for e in world.outbox(scene.tenant.id)] == ["booking.held", "booking.expired"]


def test_a_late_release_blocks_nobody(world: World) -> None:
    scene = Scene.open(world)
    student = scene.student()
    token = scene.token(student)
    lapsed = scene.book(token).data["id"]
    world.advance(timedelta(minutes=11))
    other = scene.token(scene.student())
    assert scene.book(other, start=next_day(11)).status == 201
    assert scene.status(lapsed) == "expired"
    assert scene.book(token, 1).status == 201, "nor is its own student kept from booking again"
    fire_due(world)
    assert [e["type"] for e in world.outbox(scene.tenant.id)].count("booking.expired") == 1


def test_availability_says_what_can_be_booked(world: World) -> None:
    scene = Scene.open(world)
    token = scene.token(scene.student())

    def free() -> dict[str, bool]:
        start, end = next_day(9), next_day(11)
        query = f"libraryId={scene.library}&from={start.isoformat()}&to={end.isoformat()}".replace("+", "%2B")
        answer = world.call("bookings", "GET", f"/bookings/availability?{query}", token).data
        assert answer["free"] == sum(seat["free"] for seat in answer["seats"])
        return {seat["code"]: seat["free"] for seat in answer["seats"]}

    scene.book(token)
    assert free() == {"A-01": False, "A-02": True, "A-03": True}
    world.advance(timedelta(minutes=11))
    assert free()["A-01"], "a lapsed hold is no claim, released or not"
    missing = f"libraryId={ids.uuid7()}&from=2099-01-01T00:00:00Z&to=2099-01-01T01:00:00Z"
    assert world.call("bookings", "GET", f"/bookings/availability?{missing}", token).code == "not_found"


def test_cancelling_frees_the_seat_and_only_before_the_start(world: World) -> None:
    scene = Scene.open(world)
    student = scene.student()
    token = scene.token(student)
    booking = scene.book(token).data["id"]
    cancelled = world.call("bookings", "POST", f"/bookings/{booking}/cancel", token, {"reason": "ill"}).data
    assert (cancelled["status"], cancelled["reason"], scene.claims()) == ("cancelled", "ill", [])
    assert world.call("bookings", "DELETE", f"/bookings/{booking}", token).code == "state_conflict"
    scene.member(student)
    late = scene.book(token, start=next_day(10), feePlanId=scene.monthly).data["id"]
    world.advance_to(next_day(10) + timedelta(minutes=1))
    token = scene.token(student)
    assert world.call("bookings", "DELETE", f"/bookings/{late}", token).code == "cancel_too_late"
    assert scene.status(late) == "confirmed"
    assert world.call("bookings", "DELETE", f"/bookings/{late}", scene.staff()).status == 204


def test_only_staff_confirm_what_is_not_paid(world: World) -> None:
    scene = Scene.open(world)
    token = scene.token(scene.student())
    booking = scene.book(token).data["id"]
    assert world.call("bookings", "POST", f"/bookings/{booking}/confirm", token).code == "payment_required"
    assert world.call("bookings", "POST", f"/bookings/{booking}/confirm", scene.staff()).data["status"] == "confirmed"
    assert world.call("bookings", "POST", f"/bookings/{booking}/confirm", token).data["status"] == "confirmed"
    world.advance(timedelta(minutes=11))
    fire_due(world)
    assert scene.status(booking) == "confirmed", "what is confirmed does not lapse"


def test_who_does_not_come_loses_the_seat_after_the_grace(world: World) -> None:
    scene = Scene.open(world)
    student = scene.student()
    scene.member(student)
    booking = scene.book(scene.token(student), feePlanId=scene.monthly).data["id"]
    world.advance_to(next_day(10) + timedelta(minutes=31))
    fire_due(world)
    assert (scene.status(booking), scene.claims()) == ("no_show", [])


def test_moving_to_another_time_or_seat(world: World) -> None:
    scene = Scene.open(world)
    token = scene.token(scene.student())
    other = scene.book(scene.token(scene.student()), start=next_day(14)).data
    booking = scene.book(token).data["id"]

    def move(**change: object) -> object:
        answer = world.call("bookings", "PUT", f"/bookings/{booking}", token, change)
        return answer.code if answer.status != 200 else answer.data

    assert move() == "validation_failed"
    assert move(endAt=next_day(15).isoformat()) == "seat_taken"
    assert move(endAt=next_day(13).isoformat())["amountPaise"] == 18000  # type: ignore[index]
    assert move(seatId=scene.seats[1])["seatCode"] == "A-02"  # type: ignore[index]
    assert (
        move(startAt=next_day(14).isoformat(), endAt=next_day(15).isoformat(), seatId=other["seatId"]) == "seat_taken"
    )
    assert move(seatId=ids.uuid7()) == "not_found"
    assert move(startAt=next_day(4).isoformat()) == "outside_hours"
    assert len(scene.claims()) == 2


def test_a_moved_booking_meets_its_own_students_other_one(world: World) -> None:
    scene = Scene.open(world)
    token = scene.token(scene.student())
    scene.book(token, 1, start=next_day(14))
    booking = scene.book(token).data["id"]
    body = {"startAt": next_day(14).isoformat(), "endAt": next_day(15).isoformat()}
    assert world.call("bookings", "PUT", f"/bookings/{booking}", token, body).code == "too_many_concurrent"
    assert len(scene.claims()) == 2


def test_a_precheck_answers_and_leaves_nothing(world: World) -> None:
    scene = Scene.open(world)
    token = scene.token(scene.student())

    def check(**more: object) -> dict[str, object]:
        answer: dict[str, object] = world.call("bookings", "POST", "/bookings/precheck", token, scene.wish(**more)).data
        return answer

    assert (check()["accepted"], check()["amountPaise"], scene.claims()) == (True, 12000, [])
    assert (check(hours=0.1)["accepted"], check(hours=0.1)["code"]) == (False, "duration_too_short")
    scene.book(scene.token(scene.student()))
    taken = check()
    assert (taken["code"], len(taken["alternatives"])) == ("seat_taken", 2)  # type: ignore[arg-type]
    assert world.outbox(scene.tenant.id)[-1]["type"] == "booking.held"


def test_lists_are_filtered_and_paged_without_a_gap(world: World) -> None:
    scene = Scene.open(world)
    token = scene.token(scene.student())
    made = [scene.book(token, start=next_day(hour), hours=1).data["id"] for hour in range(8, 13)]
    scene.book(scene.token(scene.student()), 1)
    seen, cursor = [], ""
    while True:
        page = world.call("bookings", "GET", f"/bookings?limit=2{cursor}", token).json
        seen += [b["id"] for b in page["data"]]
        if not page["meta"]["nextCursor"]:
            break
        cursor = f"&cursor={page['meta']['nextCursor']}"
    assert seen == made[::-1]
    owner = scene.tenant.owner
    assert len(world.call("bookings", "GET", "/bookings", owner).data) == 6
    assert len(world.call("bookings", "GET", f"/bookings?seatId={scene.seats[1]}&status=held", owner).data) == 1
    assert world.call("bookings", "GET", "/bookings?status=nonsense", owner).code == "validation_failed"


@pytest.mark.parametrize("taken_meanwhile", [False, True])
def test_a_payment_after_the_hold_lapsed_wins_the_seat_only_if_it_is_free(world: World, taken_meanwhile: bool) -> None:
    scene = Scene.open(world)
    booking = scene.book(scene.token(scene.student())).data["id"]
    world.advance(timedelta(minutes=11))
    fire_due(world)
    if taken_meanwhile:
        scene.book(scene.token(scene.student()))
    payment = ids.uuid7()
    with world.db(scene.tenant.id) as db, db.transaction():
        assert service.confirm_paid(db, booking, payment) is not taken_meanwhile
    with world.db(scene.tenant.id) as db, db.transaction():
        assert service.confirm_paid(db, booking, payment) is not taken_meanwhile, "asked again, the same answer"
        assert not service.confirm_paid(db, booking, ids.uuid7()), "a second payment pays for nothing"
    assert scene.status(booking) == ("expired" if taken_meanwhile else "confirmed")
    assert len(scene.claims()) == 1


def test_a_late_payment_does_not_seat_a_student_twice(world: World) -> None:
    scene = Scene.open(world)
    token = scene.token(scene.student())
    booking = scene.book(token).data["id"]
    world.advance(timedelta(minutes=11))
    scene.book(token, 1)
    with world.db(scene.tenant.id) as db, db.transaction():
        assert not service.confirm_paid(db, booking, ids.uuid7())
    assert len(scene.claims()) == 1


def test_an_open_payment_extends_the_hold(world: World) -> None:
    from studyspot.kit.auth import Actor

    scene = Scene.open(world)
    student = scene.student()
    booking = scene.book(scene.token(student)).data["id"]
    actor = Actor(student, "student", scene.tenant.id, ids.uuid7(), "t", None, (), frozenset({"bookings:read_own"}))
    with world.db(scene.tenant.id) as db, db.transaction():
        due = service.payable(db, booking, actor)
        assert (due.amount_paise, due.student_id, due.customer_name) == (12000, student, "Student 001")
        service.await_payment(db, booking, ids.uuid7(), clock.now() + timedelta(minutes=15))
    world.advance(timedelta(minutes=11))
    fire_due(world)
    assert (scene.status(booking), len(scene.claims())) == ("pending_payment", 1)
    world.advance(timedelta(minutes=5))
    fire_due(world)
    assert (scene.status(booking), scene.claims()) == ("expired", [])
