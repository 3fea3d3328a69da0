"""At the desk and over weeks: staying longer, walking in, a weekly pattern, and a range that is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.attendance import qr
from studyspot.attendance.service import visits
from studyspot.bookings import service
from studyspot.kit import clock, ids, timers

from tests.bookings.scene import INDIA, Scene, next_day
from tests.world import Answer, World


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world)


def post(scene: Scene, token: str, path: str, body: Any = None) -> Answer:
    return scene.world.call(
        "bookings", "POST", f"/bookings/{path}".rstrip("/"), token, body if body is not None else {}
    )


def member(scene: Scene) -> tuple[UUID, str]:
    student = scene.student()
    scene.member(student, days=60)
    return student, scene.token(student)


def test_who_sits_there_stays_longer_unless_somebody_comes_next(scene: Scene) -> None:
    student, token = member(scene)
    scene.world.advance_to(next_day(10, days=0))
    start = clock.now()
    booking = scene.book(token, start=start, hours=1, feePlanId=scene.monthly).data["id"]
    stranger = scene.token(scene.student())
    longer = {"endAt": (start + timedelta(hours=3)).isoformat()}
    assert post(scene, stranger, f"{booking}/extend", longer).code == "not_found"
    assert post(scene, scene.world.tenant().owner, f"{booking}/extend", longer).code == "not_found"
    assert post(scene, scene.staff(), f"{booking}/check-in").status == 200
    next_one = scene.book(stranger, start=start + timedelta(hours=2), hours=1).data["id"]
    assert post(scene, token, f"{booking}/extend", longer).code == "seat_taken"
    post(scene, stranger, f"{next_one}/cancel")
    after = post(scene, token, f"{booking}/extend", longer).data
    assert (after["status"], after["endAt"][:19]) == ("checked_in", longer["endAt"][:19])
    with scene.world.worker():
        scene.world.advance(timedelta(hours=1, minutes=20))
        timers.fire_due({"booking_release": service.release_unpaid, "attendance_end": visits.end_by_itself})
    assert scene.status(booking) == "checked_in", "the visit goes on with the booking"
    back = {"endAt": (start - timedelta(hours=1)).isoformat()}
    assert post(scene, scene.token(student), f"{booking}/extend", back).code == "validation_failed"
    shorter = {"endAt": (clock.now() + timedelta(minutes=5)).isoformat()}
    assert post(scene, scene.token(student), f"{booking}/extend", shorter).status == 200
    other = scene.token(scene.student())
    assert scene.book(other, start=clock.now() + timedelta(minutes=6), hours=1).status == 201


def test_longer_than_the_library_allows_is_staff_s_word_and_money_is_not_forgotten(scene: Scene) -> None:
    _, token = member(scene)
    long = scene.book(token, start=next_day(6), hours=10, feePlanId=scene.monthly).data["id"]
    body = {"endAt": (next_day(23) + timedelta(minutes=30)).isoformat()}
    codes = {post(scene, who, f"{long}/extend", body).code for who in (token, scene.staff())}
    assert codes <= {"duration_invalid", "outside_hours"}
    assert post(scene, token, f"{long}/extend", body | {"overrideReason": "x"}).code == "forbidden"
    assert post(scene, scene.staff(), f"{long}/extend", body | {"overrideReason": "exam"}).status == 200
    payer = scene.token(scene.student())
    paid = scene.book(payer, 1).data["id"]
    post(scene, scene.staff(), f"{paid}/confirm")
    more = {"endAt": next_day(13).isoformat()}
    refused = post(scene, payer, f"{paid}/extend", more)
    assert (refused.code, refused.json["amountPaise"]) == ("price_differs", 18000)
    assert post(scene, scene.staff(), f"{paid}/extend", more).data["amountPaise"] == 18000


def test_leaving_early_frees_the_seat_at_once(scene: Scene) -> None:
    _, token = member(scene)
    start = clock.now()
    booking = scene.book(token, start=start, hours=4, feePlanId=scene.monthly).data["id"]
    assert post(scene, scene.staff(), f"{booking}/check-in").status == 200
    other = scene.token(scene.student())
    assert scene.book(other, start=start + timedelta(hours=1)).code == "seat_taken"
    assert post(scene, scene.staff(), f"{booking}/check-out").status == 200
    assert scene.status(booking) == "completed"
    assert scene.book(other, start=start + timedelta(hours=1)).status == 201


def walk(scene: Scene, **more: Any) -> dict[str, Any]:
    until = (clock.now() + timedelta(hours=2)).isoformat()
    return {"libraryId": scene.library, "endAt": until, "feePlanId": scene.hourly} | more


def test_somebody_walks_in_pays_and_sits(scene: Scene) -> None:
    student = scene.student()
    of_hours = {"studentId": student}
    assert post(scene, scene.token(student), "walk-in", walk(scene, **of_hours)).code == "forbidden"
    unpaid = post(scene, scene.staff(), "walk-in", walk(scene, **of_hours))
    assert (unpaid.status, unpaid.code) == (402, "payment_required")
    price = unpaid.json["amountPaise"]
    wrong = walk(scene, **of_hours, method="cash", amountPaise=price - 1)
    assert (post(scene, scene.staff(), "walk-in", wrong).status, scene.claims()) == (400, [])
    done = post(scene, scene.staff(), "walk-in", walk(scene, **of_hours, method="cash"))
    booking = done.data
    assert (done.status, booking["status"], booking["deskMethod"]) == (201, "checked_in", "cash")
    assert done.headers["Location"] == f"/api/v1/bookings/{booking['id']}"
    assert scene.status(booking["id"]) == "checked_in"
    twice = post(scene, scene.staff(), "walk-in", walk(scene, **of_hours, method="cash"))
    assert twice.code == "too_many_concurrent"
    with scene.world.db(scene.tenant.id) as db:
        assert db.value("SELECT count(*) FROM attendance WHERE check_out_at IS NULL") == 1
        booked = db.dicts("SELECT account, amount_paise FROM ledger_entries ORDER BY amount_paise DESC")
    amount = booking["amountPaise"]
    assert [tuple(row.values()) for row in booked] == [("asset.cash", amount), ("revenue.booking", -amount)]


def test_what_was_paid_at_the_desk_is_owed_when_the_booking_is_given_up(scene: Scene) -> None:
    student = scene.student()
    booking = post(scene, scene.staff(), "walk-in", walk(scene, studentId=student, method="upi")).data["id"]
    with scene.world.db(scene.tenant.id) as db:
        db.run("UPDATE bookings SET status = 'confirmed' WHERE id = %(id)s", id=booking)
    assert post(scene, scene.staff(), f"{booking}/cancel").status == 200
    with scene.world.db(scene.tenant.id) as db:
        rows = db.dicts("SELECT account, sum(amount_paise)::bigint AS paise FROM ledger_entries GROUP BY 1 ORDER BY 1")
    assert {r["account"]: r["paise"] for r in rows if r["paise"]} == {
        "asset.desk_upi": rows[0]["paise"], "liability.refunds_due": -rows[0]["paise"],
    }  # fmt: skip


def test_a_kiosk_seats_members_by_their_own_code_and_takes_no_money(scene: Scene) -> None:
    student, _ = member(scene)
    payer = scene.student()
    kiosk = scene.world.token("kiosk", scene.tenant.id, libraryIds=[str(scene.library)])
    code = qr.issue_own(scene.tenant.id, payer, clock.now()).code
    assert post(scene, kiosk, "walk-in", walk(scene, studentId=payer)).code == "validation_failed"
    assert post(scene, kiosk, "walk-in", walk(scene, code=code)).code == "payment_required"
    assert post(scene, kiosk, "walk-in", walk(scene, code=code, method="cash")).code == "forbidden"
    assert post(scene, kiosk, "walk-in", walk(scene, code="forged")).status == 422
    code = qr.issue_own(scene.tenant.id, student, clock.now()).code
    let_in = post(scene, kiosk, "walk-in", walk(scene, code=code, feePlanId=scene.monthly))
    assert (let_in.status, let_in.data["scan"]["direction"]) == (201, "in")
    other = Scene.open(scene.world)
    assert post(other, kiosk, "walk-in", walk(other, code=code, feePlanId=other.monthly)).code == "not_found"


def weekly(scene: Scene, weeks: int, **more: Any) -> dict[str, Any]:
    until = (next_day(10) + timedelta(weeks=weeks)).date().isoformat()
    return scene.wish(feePlanId=scene.monthly, until=until) | more


def test_a_weekly_pattern_books_what_it_can_and_says_what_it_cannot(scene: Scene) -> None:
    student, token = member(scene)
    in_the_way = scene.token(scene.student())
    scene.book(in_the_way, start=next_day(11, days=8), hours=1)
    answer = post(scene, token, "recurring", weekly(scene, 3))
    made = answer.data
    assert (answer.status, made["booked"], made["refused"]) == (201, 3, 1)
    assert [each["code"] for each in made["occurrences"]] == [None, "seat_taken", None, None]
    starts = [datetime.fromisoformat(each["startAt"]).astimezone(INDIA) for each in made["occurrences"]]
    assert {(each.hour, each.isoweekday()) for each in starts} == {(10, next_day(10).isoweekday())}
    series = scene.world.call("bookings", "GET", f"/bookings?seriesId={made['id']}", token).data
    assert {b["seriesId"] for b in series} == {made["id"]}
    assert len(series) == 3
    again = post(scene, token, "recurring", weekly(scene, 3))
    assert (again.status, again.code) == (422, "nothing_booked")
    codes = [each["code"] for each in again.json["occurrences"]]
    assert (
        codes == ["too_many_concurrent", "seat_taken", "too_many_concurrent", "too_many_concurrent"]
        or codes == ["seat_taken"] * 4
    )
    with scene.world.db(scene.tenant.id) as db:
        assert db.value("SELECT count(*) FROM booking_series") == 1, "a series without a booking leaves nothing"
    far = post(scene, token, "recurring", weekly(scene, 12, seatId=scene.seats[1]))
    assert far.data["occurrences"][-1]["code"] == "too_far_ahead"
    for bad in ({"until": "2020-01-01"}, {"weekdays": [8]}, {"weekdays": []}, {"until": "2099-01-01"}):
        assert post(scene, token, "recurring", weekly(scene, 1) | bad).code == "validation_failed", bad
    assert post(scene, token, "recurring", weekly(scene, 1, studentId=ids.uuid7())).code == "forbidden"
    assert student


def cancel_series(scene: Scene, token: str, series: str, query: str = "") -> Answer:
    return scene.world.call("bookings", "DELETE", f"/bookings/recurring/{series}{query}", token)


def test_a_series_is_given_up_whole_or_in_a_range(scene: Scene) -> None:
    _, token = member(scene)
    series = post(scene, token, "recurring", weekly(scene, 4)).data["id"]
    for stranger in (scene.token(scene.student()), scene.world.tenant().owner):
        assert cancel_series(scene, stranger, series).code == "not_found"
    start, end = (next_day(0, days=days).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for days in (7, 21))
    assert cancel_series(scene, token, series, f"?from={start}&to={end}").status == 204
    live = scene.world.call("bookings", "GET", f"/bookings?seriesId={series}&status=confirmed", token).data
    assert len(live) == 3
    assert len(scene.claims()) == 3
    scene.world.advance_to(next_day(10) + timedelta(minutes=1))
    assert cancel_series(scene, scene.token(scene.students[0]), series).status == 204, "what has begun is no part of it"
    assert len(scene.claims()) == 1


def test_too_late_for_one_of_a_series_is_told_and_the_rest_can_go(scene: Scene) -> None:
    path = f"/libraries/{scene.library}/settings"
    rule = {"booking": {"cancelBeforeMinutes": 2 * 24 * 60}}
    scene.world.call("spaces", "PUT", path, scene.tenant.owner, rule)
    _, token = member(scene)
    series = post(scene, token, "recurring", weekly(scene, 2)).data["id"]
    refused = cancel_series(scene, token, series)
    assert (refused.code, len(refused.json["kept"]), len(scene.claims())) == ("cancel_too_late", 1, 3)
    assert cancel_series(scene, token, series, "?scope=future").status == 204
    assert len(scene.claims()) == 1
    assert cancel_series(scene, scene.staff(), series).status == 204
    assert scene.claims() == []


def test_a_holiday_is_cleared_after_a_look(scene: Scene) -> None:
    paid, payment = scene.student(), ids.uuid7()
    first = scene.book(scene.token(paid)).data["id"]
    with scene.world.db(scene.tenant.id) as db, db.transaction():
        assert service.confirm_paid(db, first, payment)
    scene.book(scene.token(scene.student()), 1)
    scene.book(scene.token(scene.student()), 2, start=next_day(10, days=2))
    day = {"libraryId": scene.library, "from": next_day(0).isoformat(), "to": next_day(0, days=2).isoformat()}
    looked = post(scene, scene.staff(), "bulk-cancel", day | {"preview": True}).data
    assert (len(looked["cancelled"]), looked["refundPaise"], looked["more"]) == (2, 12000, False)
    assert len(scene.claims()) == 3
    own = post(scene, scene.token(paid), "bulk-cancel", day | {"preview": True}).data
    assert [each["id"] for each in own["cancelled"]] == [first], "students clear their own days only"
    elsewhere = scene.staff(libraryIds=[str(ids.uuid7())])
    assert post(scene, elsewhere, "bulk-cancel", day).data["cancelled"] == []
    assert post(scene, scene.world.tenant().owner, "bulk-cancel", day).data["cancelled"] == []
    done = post(scene, scene.staff(), "bulk-cancel", day | {"reason": "holiday"}).data
    assert (len(done["cancelled"]), done["refundPaise"], len(scene.claims())) == (2, 12000, 1)
    refunds = [m["refundOf"] for m in scene.world.outbox(scene.tenant.id, "payment-settler")]
    assert refunds == [str(payment)]
    assert post(scene, scene.staff(), "bulk-cancel", day).data["cancelled"] == [], "again changes nothing"
    backwards = day | {"to": day["from"]}
    assert post(scene, scene.staff(), "bulk-cancel", backwards).code == "validation_failed"


@pytest.mark.parametrize("year", ["0001", "1999", "9999"])
def test_a_time_at_the_end_of_the_calendar_is_a_clear_refusal(scene: Scene, year: str) -> None:
    _, token = member(scene)
    path = f"/libraries/{scene.library}/settings"
    scene.world.call("spaces", "PUT", path, scene.tenant.owner, {"booking": {"slotMinutes": 30}})
    booking = scene.book(token, 1, feePlanId=scene.monthly).data["id"]
    start, end = f"{year}-12-31T20:00:00Z", f"{year}-12-31T23:59:00Z"
    body = weekly(scene, 1) | {"startAt": start, "endAt": end, "until": f"{year}-12-31"}
    assert post(scene, token, "recurring", body).status == 422
    single = scene.wish(feePlanId=scene.monthly) | {"startAt": start, "endAt": end}
    assert post(scene, token, "", single).status == 422
    assert post(scene, token, f"{booking}/extend", {"endAt": end}).status == 422
    moved = scene.world.call("bookings", "PUT", f"/bookings/{booking}", token, {"startAt": start, "endAt": end})
    assert moved.status == 422
    own = {"libraryId": scene.library, "feePlanId": scene.monthly, "kind": "monthly", "startDate": f"{year}-12-31"}
    assert scene.world.call("waitlist", "POST", "/waitlist", token, own).status == 422
    seat = {"libraryId": scene.library, "feePlanId": scene.monthly, "startAt": start, "endAt": end}
    assert scene.world.call("waitlist", "POST", "/waitlist", token, seat).status in (201, 422)
