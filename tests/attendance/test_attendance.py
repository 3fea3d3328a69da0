"""The door: who may scan, what it says and why, what it leaves - and that occupancy is exactly that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.attendance import qr, service
from studyspot.kit import clock, ids, tally

from tests.attendance.door import Door
from tests.world import Answer, World


@pytest.fixture
def door(world: World) -> Door:
    return Door(world)


def test_who_may_not(door: Door) -> None:
    call, scene = door.world.call, door.scene
    student, provider = scene.token(scene.student()), door.world.token("provider", scene.tenant.id)
    assert call("attendance", "POST", "/attendance/scan", None, {}).status == 401
    for token, method, path in (
        (scene.staff(), "POST", "/attendance/scan"),
        (provider, "POST", "/attendance/scan"),
        (student, "GET", f"/attendance/qr?libraryId={scene.library}"),
        (provider, "POST", "/attendance/check-in"),
        (provider, "POST", "/attendance/check-out"),
        (student, "POST", "/attendance/manual"),
        (student, "GET", "/attendance/live"),
        (student, "GET", "/attendance/today"),
        (provider, "GET", "/attendance"),
    ):
        answer = call("attendance", method, path, token, {} if method == "POST" else None)
        assert answer.code == "forbidden", (method, path)


def test_another_tenant_finds_and_opens_nothing(door: Door) -> None:
    other = Door(door.world)
    student, _ = door.booked()
    visit = door.scan(student).data["attendanceId"]
    owner = other.scene.tenant.owner
    assert door.world.call("attendance", "GET", f"/attendance/{visit}", owner).code == "not_found"
    assert door.world.call("attendance", "GET", "/attendance", owner).data == []
    path = f"/attendance/qr?libraryId={door.scene.library}"
    assert door.world.call("attendance", "GET", path, owner).code == "not_found"
    body = {"studentId": student, "libraryId": door.scene.library}
    assert door.world.call("attendance", "POST", "/attendance/check-in", owner, body).code == "not_found"
    assert door.world.call("attendance", "POST", "/attendance/check-out", owner, body | {}).status == 422
    stranger, _ = other.booked()
    assert other.scan(stranger, door.code()).code == "qr_invalid"


def test_in_and_out_with_a_booking(door: Door) -> None:
    student, booking = door.booked()
    came = door.scan(student)
    assert came.status == 200
    assert (came.data["decision"], came.data["direction"]) == ("allow", "in")
    assert door.scene.status(booking) == "checked_in"
    door.world.advance(timedelta(minutes=50))
    went = door.scan(student).data
    assert (went["direction"], went["attendanceId"]) == ("out", came.data["attendanceId"])
    assert (door.scene.status(booking), door.scene.claims()) == ("completed", [])
    token = door.scene.token(student)
    visit = door.world.call("attendance", "GET", f"/attendance/{went['attendanceId']}", token).data
    assert visit["checkOutAt"] and visit["bookingId"] == booking
    events = [e["type"] for e in door.world.outbox(door.scene.tenant.id)]
    assert events[-4:] == ["booking.checked_in", "attendance.checked_in", "booking.completed", "attendance.checked_out"]


def test_a_scan_is_two_round_trips(door: Door) -> None:
    student, _ = door.booked()
    code = door.code()
    token = door.scene.token(student)
    assert door.world.call("attendance", "POST", "/attendance/scan", token, {"code": code}).status == 200
    assert tally.current.trips == 2


def test_a_member_needs_no_booking(door: Door) -> None:
    student = door.scene.student()
    door.scene.member(student)
    assert door.scan(student).data["decision"] == "allow"
    late = door.scene.student()
    door.scene.member(late, ended=1)
    assert door.scan(late).data["decision"] == "allow_with_warning"


def test_each_denial_has_its_reason_and_is_recorded(door: Door) -> None:
    nobody, suspended, ended = (door.scene.student() for _ in range(3))
    door.scene.member(suspended)
    with door.world.db(door.scene.tenant.id) as db:
        db.run("UPDATE students SET status = 'suspended' WHERE id = %(id)s", id=suspended)
    door.scene.member(ended, ended=10)
    elsewhere, _ = door.booked()
    expected = [(nobody, "no_booking"), (suspended, "student_suspended"), (ended, "membership_expired")]
    for student, reason in expected:
        answer = door.scan(student)
        assert (answer.status, answer.code, answer.json["decision"]) == (403, reason, "deny")
    wrong = door.scan(elsewhere, libraryId=ids.uuid7())
    assert (wrong.status, wrong.code) == (403, "wrong_library")
    assert door.scans() == [("deny", reason) for _, reason in expected] + [("deny", "wrong_library")]
    assert door.occupancy()["present"] == 0


def test_a_booking_elsewhere_or_later_opens_nothing_yet(door: Door) -> None:
    student, booking = door.booked()
    with door.world.db(door.scene.tenant.id) as db:
        db.run(
            "UPDATE bookings SET start_at = start_at + interval '1 hour', end_at = end_at + interval '1 hour'"
            " WHERE id = %(id)s", id=booking,
        )  # fmt: skip
    assert door.scan(student).code == "too_early"
    other = ids.uuid7()
    with door.world.db(door.scene.tenant.id) as db:
        db.run(
            "INSERT INTO libraries (id, name, code, created_at, updated_at) VALUES (%(id)s, 'Two', 'L2', %(n)s, %(n)s)",
            id=other, n=clock.now(),
        )  # fmt: skip
    code = qr.issue(door.scene.tenant.id, other, clock.now()).code
    assert door.scan(student, code).code == "wrong_library"


def test_codes_expire_are_used_once_and_cannot_be_made_up(door: Door) -> None:
    student, _ = door.booked()
    old = door.code()
    door.world.advance(timedelta(seconds=95))
    expired = door.scan(student, old)
    assert (expired.status, expired.code) == (410, "qr_expired")
    code = door.code()
    assert door.scan(student, code).status == 200
    again = door.scan(student, code)
    assert (again.status, again.code) == (409, "qr_replayed")
    flipped = code[:30] + ("A" if code[30] != "A" else "B") + code[31:]
    assert door.scan(student, flipped).code == "qr_invalid"
    assert door.scan(student, "x").code == "qr_invalid"
    other, _ = door.booked()
    assert door.scan(other, code).status == 200, "single use for each student, not for all"


def test_a_code_is_good_one_step_either_way(door: Door) -> None:
    now = clock.now()
    tenant, library = door.scene.tenant.id, door.scene.library
    for steps, good in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        code = qr.issue(tenant, library, now + timedelta(seconds=30 * steps)).code
        if good:
            assert qr.read(tenant, code, now)[0] == library
        else:
            with pytest.raises(qr.QrExpired):
                qr.read(tenant, code, now)


def test_a_double_scan_within_a_minute_is_ignored(door: Door) -> None:
    student, booking = door.booked()
    first = door.scan(student).data
    door.world.advance(timedelta(seconds=31))
    second = door.scan(student).data
    assert (second["direction"], second["attendanceId"], second["repeated"]) == ("in", first["attendanceId"], True)
    assert (door.scene.status(booking), door.occupancy()["present"]) == ("checked_in", 1)
    door.world.advance(timedelta(seconds=31))
    assert door.scan(student).data["direction"] == "out", "ignoring one scan does not prolong the minute"


def test_entering_another_library_leaves_the_first(door: Door) -> None:
    student = door.scene.student()
    door.scene.member(student)
    door.scan(student)
    other = ids.uuid7()
    with door.world.db(door.scene.tenant.id) as db, db.transaction():
        db.run(
            "INSERT INTO libraries (id, name, code, created_at, updated_at) VALUES (%(id)s, 'Two', 'L2', %(n)s, %(n)s)",
            id=other, n=clock.now(),
        )  # fmt: skip
        db.run(
            "INSERT INTO memberships (id, student_id, library_id, fee_plan_id, fee_plan_version, start_date, end_date,"
            " price_paise, status, created_at, updated_at) SELECT %(id)s, student_id, %(id)s, fee_plan_id, 1,"
            " start_date, end_date, 0, 'active', created_at, updated_at FROM memberships", id=other,
        )  # fmt: skip
    code = qr.issue(door.scene.tenant.id, other, clock.now()).code
    assert door.scan(student, code).data["direction"] == "in"
    assert door.occupancy()["present"] == 0
    live = door.world.call("attendance", "GET", "/attendance/live", door.scene.staff()).data
    assert [(v["libraryId"], v["firstName"]) for v in live] == [(str(other), "Student 001")]


def test_the_desk_lets_in_and_out_by_the_same_rules(door: Door) -> None:
    staff = door.scene.staff()

    def desk(verb: str, student: UUID, **more: Any) -> Answer:
        return door.world.call("attendance", "POST", f"/attendance/{verb}", staff, {"studentId": student, **more})

    nobody, (student, booking) = door.scene.student(), door.booked()
    denied = desk("check-in", nobody, libraryId=door.scene.library)
    assert (denied.status, denied.code, denied.json["decision"]) == (403, "no_booking", "deny")
    assert desk("check-out", student).code == "not_inside"
    assert desk("check-in", student, libraryId=door.scene.library).data["direction"] == "in"
    assert desk("check-in", student, libraryId=door.scene.library).code == "already_inside"
    assert desk("check-out", student).data["direction"] == "out"
    assert door.scene.status(booking) == "completed"


def test_checking_a_booking_in_and_out(door: Door) -> None:
    student, booking = door.booked()
    token, staff = door.scene.token(student), door.scene.staff()

    def at(verb: str, who: str, body: dict[str, Any]) -> Answer:
        return door.world.call("bookings", "POST", f"/bookings/{booking}/{verb}", who, body)

    assert at("check-in", token, {}).code == "validation_failed"
    assert at("check-in", token, {"code": door.code()}).data["direction"] == "in"
    assert at("check-in", staff, {}).code == "state_conflict"
    assert at("check-out", token, {}).data["direction"] == "out"
    assert (door.scene.status(booking), door.scene.claims()) == ("completed", [])


def test_a_visit_entered_by_hand(door: Door) -> None:
    student, staff, now = door.scene.student(), door.scene.staff(), clock.now()

    def mark(come: timedelta, go: timedelta | None) -> Answer:
        body = {
            "studentId": student,
            "libraryId": door.scene.library,
            "checkInAt": (now - come).isoformat(),
            "checkOutAt": (now - go).isoformat() if go is not None else None,
            "reason": "power cut",
        }
        return door.world.call("attendance", "POST", "/attendance/manual", staff, body)

    assert mark(timedelta(hours=1), timedelta(hours=2)).status == 422
    assert mark(-timedelta(hours=1), None).status == 422
    assert mark(timedelta(hours=3), timedelta(hours=2)).status == 201
    assert door.occupancy()["present"] == 0
    assert mark(timedelta(hours=1), None).data["method"] == "manual"
    assert mark(timedelta(hours=1), None).code == "already_inside"
    assert door.occupancy()["present"] == 1


def test_occupancy_equals_attendance_at_any_instant(door: Door) -> None:
    first, second = door.booked()[0], door.booked()[0]
    assert door.occupancy() == {"capacity": 3, "present": 0, "booked": 0, "allotted": 0, "free": 3}
    door.scan(first)
    assert door.occupancy() == {"capacity": 3, "present": 1, "booked": 0, "allotted": 0, "free": 2}
    door.world.advance(timedelta(minutes=6))
    assert door.occupancy() == {"capacity": 3, "present": 1, "booked": 2, "allotted": 0, "free": 1}
    member = door.scene.student()
    door.scene.member(member)
    door.scan(member)
    assert door.occupancy() == {"capacity": 3, "present": 2, "booked": 2, "allotted": 0, "free": 0}
    door.scan(second)
    assert door.occupancy()["present"] == 3
    for student in (first, second, member):
        door.world.advance(timedelta(seconds=61))
        door.scan(student)
        with door.world.db(door.scene.tenant.id) as db:
            (library,) = service.occupancy(db)
            inside = db.value("SELECT count(*) FROM attendance WHERE check_out_at IS NULL")
        assert library.present == inside
        assert sum(zone.present for zone in library.zones) <= library.present
    assert door.occupancy() == {"capacity": 3, "present": 0, "booked": 0, "allotted": 0, "free": 3}


def test_blocked_allotted_and_held_seats(door: Door) -> None:
    seats, now = door.scene.seats, clock.now()
    claim = "SELECT claim_seat(%(id)s, %(seat)s, tstzrange(%(a)s, %(b)s), %(kind)s, %(id)s, %(now)s)"
    with door.world.db(door.scene.tenant.id) as db, db.transaction():
        for seat, kind in zip(seats, ("block", "allotment"), strict=False):
            times = {"a": now - timedelta(hours=1), "b": now + timedelta(hours=1), "now": now}
            assert db.value(claim, id=ids.uuid7(), seat=seat, kind=kind, **times)
            assert not db.value(claim, id=ids.uuid7(), seat=seat, kind="block", **times)
    assert door.occupancy() == {"capacity": 3, "present": 0, "booked": 0, "allotted": 1, "free": 1}


def test_today_counts_from_the_librarys_day_start(door: Door) -> None:
    student, _ = door.booked()
    door.booked()
    door.scan(student)
    door.world.advance(timedelta(minutes=6))
    (today,) = door.world.call("attendance", "GET", "/attendance/today", door.scene.staff()).data
    assert (today["visits"], today["inside"], today["left"], today["bookedAbsent"]) == (1, 1, 0, 1)


def test_students_see_their_own_visits_only(door: Door) -> None:
    student, _ = door.booked()
    visit = door.scan(student).data["attendanceId"]
    mine = door.world.call("attendance", "GET", "/attendance", door.scene.token(student)).data
    assert [v["id"] for v in mine] == [visit]
    stranger = door.scene.token(door.scene.student())
    assert door.world.call("attendance", "GET", "/attendance", stranger).data == []
    assert door.world.call("attendance", "GET", f"/attendance/{visit}", stranger).code == "not_found"
