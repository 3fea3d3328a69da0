"""The door by the library's own policy: where and how one may scan, what is owed, how many fit, when a visit ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.attendance import qr
from studyspot.attendance.models import DeskRequest
from studyspot.attendance.service import check_in
from studyspot.kit import clock, ids, tally
from studyspot.kit.db import Db
from studyspot.kit.errors import Problem

from tests.alongside import at_once
from tests.attendance.door import Door
from tests.attendance.kiosk import OfflineKiosk
from tests.attendance.test_crowd import actor
from tests.bookings.scene import next_day
from tests.world import World

HERE = {"latitude": 18.5204, "longitude": 73.8567}
KILOMETRE_NORTH = {"latitude": 18.5294, "longitude": 73.8567}
PHONE = "installation-0001"


@pytest.fixture
def door(world: World) -> Door:
    """Wednesday, 2 December 2026, ten in the morning; open from 06:00 to 23:00."""
    door = Door(world)
    world.advance_to(next_day(10))
    return door


def shift(door: Door, start: str, end: str, days: str = "{1,2,3,4,5,6,7}") -> UUID:
    made = ids.uuid7()
    with door.world.db(door.scene.tenant.id) as db:
        db.run(
            "INSERT INTO shifts (id, library_id, name, start_time, end_time, days, created_at, updated_at)"
            " VALUES (%(id)s, %(library)s, %(id)s::text, %(start)s, %(end)s, %(days)s, %(now)s, %(now)s)",
            id=made, library=door.scene.library, start=start, end=end, days=days, now=clock.now(),
        )  # fmt: skip
    return made


def weekly(door: Door, *spans: tuple[int, int, int]) -> None:
    with door.world.db(door.scene.tenant.id) as db:
        for day, opens, closes in spans:
            db.run(
                "INSERT INTO library_hours (library_id, day, opens, closes)"
                " VALUES (%(library)s, %(day)s, %(opens)s, %(closes)s)",
                library=door.scene.library, day=day, opens=opens, closes=closes,
            )  # fmt: skip


def placed(door: Door) -> None:
    with door.world.db(door.scene.tenant.id) as db:
        db.run("UPDATE libraries SET latitude = %(latitude)s, longitude = %(longitude)s", **HERE)


def owes(door: Door, student: UUID, since: int) -> None:
    with door.world.db(door.scene.tenant.id) as db:
        db.run(
            "INSERT INTO membership_dues (id, membership_id, student_id, kind, description, lines, amount_paise,"
            " due_on, created_at) SELECT %(id)s, m.id, m.student_id, 'renewal', 'Monthly', '[]', 50000,"
            " (%(now)s AT TIME ZONE 'Asia/Kolkata')::date - %(since)s, %(now)s FROM memberships m"
            " WHERE m.student_id = %(student)s", id=ids.uuid7(), since=since, student=student, now=clock.now(),
        )  # fmt: skip


def test_a_library_decides_otherwise_than_its_organisation(door: Door) -> None:
    body = {"attendance": {"repeatedScanSeconds": 120}}
    assert door.world.call("settings", "PUT", "/tenants/me/settings", door.owner(), body).status == 200
    student = door.member()
    other = door.second_library()
    door.policy(repeatedScanSeconds=20)
    assert door.scan(student).data["direction"] == "in"
    door.world.advance(timedelta(seconds=40))
    assert door.scan(student).data["direction"] == "out", "no longer the same scan here"

    def there() -> Any:
        return door.scan(student, qr.issue(door.scene.tenant.id, other, clock.now()).code).data

    assert there()["direction"] == "in"
    door.world.advance(timedelta(seconds=40))
    assert there()["repeated"], "there the organisation's word holds"


@pytest.mark.parametrize(
    ("start", "end", "days", "tolerance", "admitted"),
    [
        ("06:00", "12:00", "{3}", 15, True),
        ("06:00", "12:00", "{1,2,4,5,6,7}", 15, False),
        ("10:10", "12:00", "{3}", 15, True),
        ("10:10", "12:00", "{3}", 5, False),
        ("22:00", "09:50", "{2}", 15, True),
        ("22:00", "09:50", "{3}", 15, False),
        ("22:00", "09:50", "{2}", 0, False),
        ("10:30", "10:30", "{2}", 0, True),
    ],
)
def test_a_shift_is_on_its_days_give_or_take(
    door: Door, start: str, end: str, days: str, tolerance: int, admitted: bool
) -> None:
    student = door.member(shift=shift(door, start, end, days))
    door.policy(shiftToleranceMinutes=tolerance)
    door.world.advance_to(next_day(10, days=0))
    answer = door.scan(student)
    assert (answer.status == 200) is admitted, answer.json
    assert admitted or answer.code == "wrong_shift"


def test_a_visit_ends_with_the_hours_of_that_day_over_midnight_too(door: Door) -> None:
    weekly(door, (3, 9 * 60, 14 * 60), (3, 18 * 60, 26 * 60), (4, 9 * 60, 20 * 60))
    morning, night = door.member(), door.member()
    door.scan(morning)
    door.world.advance_to(next_day(14, 20, days=0))
    door.minute()
    assert [(v["check_out_at"], v["auto"]) for v in door.visits()] == [(next_day(14, days=0), True)]
    door.world.advance_to(next_day(23, days=0))
    door.scan(night)
    closing = next_day(2)
    door.world.advance_to(closing + timedelta(minutes=10))
    door.minute()
    assert door.visits()[-1]["check_out_at"] is None
    door.world.advance(timedelta(minutes=10))
    door.minute()
    assert (door.visits()[-1]["check_out_at"], door.visits()[-1]["auto"]) == (closing, True)


def test_a_holiday_before_which_somebody_stays_ends_the_visit_at_the_last_closing(door: Door) -> None:
    weekly(door, (3, 20 * 60, 28 * 60), (4, 0 + 5 * 60, 24 * 60))
    with door.world.db(door.scene.tenant.id) as db:
        db.run(
            "INSERT INTO holidays (id, library_id, day, name, created_at)"
            " VALUES (%(id)s, %(library)s, '2026-12-03', 'Closed', %(now)s)",
            id=ids.uuid7(), library=door.scene.library, now=clock.now(),
        )  # fmt: skip
    student = door.member()
    door.world.advance_to(next_day(23, days=0))
    door.scan(student)
    door.world.advance(timedelta(days=2))
    door.minute()
    (visit,) = door.visits()
    assert str(visit["check_out_at"].astimezone(clock.INDIA)) == "2026-12-03 04:00:00+05:30", "Wednesday's night"


def test_hours_that_change_move_the_end_of_who_is_inside(door: Door) -> None:
    student = door.member()
    door.scan(student)
    weekly(door, (3, 6 * 60, 15 * 60))
    door.world.advance_to(next_day(23, 20, days=0))
    door.minute()
    (visit,) = door.visits()
    assert visit["check_out_at"] == next_day(15, days=0)


def test_only_who_is_near_gets_in_and_where_they_were_is_not_kept(door: Door) -> None:
    student = door.member()
    placed(door)
    assert door.scan(student).status == 200, "nobody asked where"
    door.world.advance(timedelta(minutes=2))
    door.policy(geofenceMetres=100)
    assert door.scan(student).data["direction"] == "out", "whoever is inside may leave"
    door.world.advance(timedelta(minutes=2))
    for where in ({}, {"location": KILOMETRE_NORTH}, {"location": KILOMETRE_NORTH | {"accuracyMetres": 90_000}}):
        answer = door.scan(student, **where)
        assert (answer.status, answer.code, answer.json["decision"]) == (403, "geofence", "deny"), where
    near = {"latitude": 18.5217, "longitude": 73.8567}
    assert door.scan(student, location=near).code == "geofence", "145 metres"
    assert door.scan(student, location=near | {"accuracyMetres": 60}).data["direction"] == "in"
    assert tally.current.trips == 2
    with door.world.db(door.scene.tenant.id) as db:
        kept = db.value("SELECT string_agg(n::text, ' ') FROM attendance_scans n")
    assert "18.52" not in kept and "73.85" not in kept
    path = "/attendance/anomalies"
    kinds = [one["kind"] for one in door.world.call("attendance", "GET", path, door.owner()).data]
    assert kinds.count("geofence") == 4
    assert door.scan(student, location={"latitude": 91, "longitude": 0}).status == 422


def test_a_kiosk_stands_at_the_door_and_asks_no_place(door: Door) -> None:
    placed(door)
    door.policy(geofenceMetres=100, oneStudentAPhone=True)
    assert door.at_kiosk(door.device(), door.shown(door.member())).status == 200


def test_a_phone_opens_for_one_student(door: Door) -> None:
    first, second = door.member(), door.member()
    door.policy(oneStudentAPhone=True)
    assert door.scan(first).code == "phone_of_another", "it has to say which it is"
    assert door.scan(first, phoneId=PHONE).status == 200
    assert door.scan(second, phoneId=PHONE).code == "phone_of_another"
    assert door.scan(second, phoneId="installation-0002").status == 200
    door.world.advance(timedelta(hours=13))
    third = door.member()
    assert door.scan(third, phoneId=PHONE).status == 200


def test_what_is_owed_warns_and_by_policy_denies(door: Door) -> None:
    student = door.member()
    owes(door, student, 3)
    came = door.scan(student).data
    assert (came["decision"], came["warning"]) == ("allow_with_warning", "3 days overdue")
    door.world.advance(timedelta(minutes=5))
    door.policy(denyOverdueAfterDays=3)
    assert door.scan(student).data["direction"] == "out"
    door.world.advance(timedelta(minutes=5))
    assert door.scan(student).status == 200, "three days are not more than three"
    other = door.member()
    owes(door, other, 4)
    denied = door.scan(other)
    assert (denied.status, denied.code, denied.json["overdueDays"]) == (403, "dues_overdue", 4)


def test_who_has_not_come_by_now_is_absent(door: Door) -> None:
    begun, later, other_day = (
        shift(door, *hours) for hours in (("09:00", "14:00"), ("16:00", "20:00"), ("09:00", "15:00", "{4}"))
    )
    there, away, *_ = (door.member(shift=begun) for _ in range(3))
    for of in (later, other_day, None):
        door.member(shift=of)
    door.scan(there)
    leave = {"fromDate": "2026-12-02", "untilDate": "2026-12-03"}
    assert door.world.call("attendance", "POST", "/attendance/leave", door.scene.token(away), leave).status == 201
    (today,) = door.world.call("attendance", "GET", "/attendance/today", door.owner()).data
    assert (today["inside"], today["membersAbsent"]) == (1, 2), "one of the morning, and one without a shift"


def test_a_paused_member_is_told_so(door: Door) -> None:
    student = door.member()
    with door.world.db(door.scene.tenant.id) as db:
        db.run("UPDATE memberships SET status = 'frozen'")
    assert door.scan(student).code == "membership_frozen"


def test_no_more_get_in_than_find_a_place(world: World) -> None:
    door = Door(world, seats=2)
    booked, _ = door.booked()
    world.advance(timedelta(minutes=6))
    with_seat, first, second = door.member(), door.member(), door.member()
    assert door.scan(first).status == 200
    full = door.scan(second)
    assert (full.status, full.code, full.json["decision"]) == (409, "capacity_full", "deny")
    assert door.scans()[-1] == ("deny", "capacity_full")
    assert door.scan(booked).status == 200, "whose seat is kept is always let in"
    with world.db(door.scene.tenant.id) as db:
        db.run(
            "UPDATE memberships SET seat_id = %(seat)s WHERE student_id = %(id)s",
            seat=door.scene.seats[0], id=with_seat,
        )  # fmt: skip
    assert door.scan(with_seat).status == 200
    world.advance(timedelta(minutes=5))
    assert door.scan(first).data["direction"] == "out"
    door.scan(with_seat)
    assert door.scan(second).status == 200
    with world.db(door.scene.tenant.id) as db:
        db.run("UPDATE libraries SET capacity = 1")
    world.advance(timedelta(minutes=5))
    assert door.scan(second).data["direction"] == "out"
    assert door.scan(first).code == "capacity_full", "the cap counts people"


def test_a_crowd_before_the_last_places(world: World) -> None:
    door = Door(world, seats=3)
    door.always_open()
    students = [door.member() for _ in range(12)]
    device = door.device()["id"]

    def enter(db: Db, student: UUID) -> bool:
        db.actor = actor(door, device, door.scene.library)
        try:
            check_in(db, db.actor, DeskRequest(student_id=student, library_id=door.scene.library))
        except Problem:
            db.rollback()
            return False
        return True

    everybody = {"libraryId": door.scene.library, "direction": "in", "studentIds": students}
    assert sum(at_once(door.scene.tenant.id, enter, students)) == len(door.visits()) == 3
    bulk = door.world.call("attendance", "POST", "/attendance/bulk", door.owner(), everybody).data
    outcomes = [one["outcome"] for one in bulk["students"]]
    assert (outcomes.count("capacity_full"), outcomes.count("already_inside")) == (9, 3)


def guardian(door: Door, student: UUID) -> UUID:
    made = ids.uuid7()
    with door.world.db(door.scene.tenant.id) as db:
        db.run(
            "INSERT INTO student_guardians (id, student_id, user_id, name, phone, relation, agreed_by, created_at)"
            " VALUES (%(id)s, %(student)s, %(id)s, 'Guardian', '+919876500001', 'mother', 'student', %(now)s)",
            id=made, student=student, now=clock.now(),
        )  # fmt: skip
    return made


def told(door: Door) -> list[tuple[str, str]]:
    door.minute()
    with door.world.db(door.scene.tenant.id) as db:
        rows = db.dicts("SELECT template_id, body FROM communications WHERE to_address = '+919876500001' ORDER BY id")
    return [(row["template_id"], row["body"]) for row in rows]


def test_guardians_who_agreed_read_of_coming_and_going(door: Door) -> None:
    student = door.member()
    link = guardian(door, student)
    door.scan(student)
    assert told(door) == [], "not unless the library does that"
    door.policy(tellGuardians=True)
    door.world.advance_to(next_day(22, 30, days=0))
    door.scan(student)
    left = ("guardian_check_out", "Dear Guardian, Student 001 left Library at 22:30. - StudySpot")
    assert told(door) == [left], "quiet hours hold nothing back that happens now"
    assert told(door) == [left], "once"
    door.world.advance(timedelta(minutes=5))
    door.scan(student)
    assert told(door)[1:] == [("guardian_check_in", "Dear Guardian, Student 001 came to Library at 22:35. - StudySpot")]
    with door.world.db(door.scene.tenant.id) as db:
        db.run("UPDATE student_guardians SET ended_at = %(now)s WHERE id = %(id)s", id=link, now=clock.now())
    door.world.advance(timedelta(minutes=5))
    door.scan(student)
    assert len(told(door)) == 2, "who is no longer linked is told nothing"


def test_what_becomes_known_late_or_was_guessed_is_told_to_nobody(door: Door) -> None:
    student, kiosk = door.member(), OfflineKiosk(door)
    guardian(door, student)
    door.policy(tellGuardians=True)
    kiosk.sees(student)
    door.world.advance(timedelta(hours=2))
    kiosk.upload(kiosk.queue)
    door.world.advance_to(next_day(23, 30, days=0))
    assert told(door) == []
    assert door.visits()[0]["auto"]


def test_the_desk_knows_students_by_number_phone_and_code(door: Door) -> None:
    student = door.member()

    def ask(direction: str, token: str, **body: Any) -> Any:
        return door.world.call("attendance", "POST", f"/attendance/check-{direction}", token, body)

    here = {"libraryId": door.scene.library}
    with door.world.db(door.scene.tenant.id) as db:
        (row,) = db.dicts("SELECT student_code, phone FROM students WHERE id = %(id)s", id=student)
    assert ask("in", door.owner(), studentCode=row["student_code"], **here).data["direction"] == "in"
    assert tally.current.trips == 2
    assert ask("in", door.owner(), phone=row["phone"], **here).code == "already_inside"
    assert ask("out", door.owner(), phone=row["phone"]).data["direction"] == "out"
    assert ask("out", door.owner(), studentCode=row["student_code"]).code == "not_inside"
    code = door.shown(student)
    assert ask("in", door.owner(), code=code, **here).status == 200
    assert ask("out", door.device()["token"], studentCode=row["student_code"]).status == 200
    assert ask("in", door.owner(), code=code, **here).code == "qr_replayed"
    assert ask("in", door.owner(), studentCode="S9999", **here).code == "not_found"
    foreign = Door(door.world)
    stranger = {"studentCode": row["student_code"], "libraryId": foreign.scene.library}
    assert ask("in", foreign.owner(), **stranger).code == "not_found"
    for wrong in ({}, {"studentCode": "S0001", "phone": row["phone"]}):
        assert ask("in", door.owner(), **wrong, **here).status == 422
    assert ask("in", door.owner(), studentId=student).status == 422, "which library?"
    assert ask("in", door.device()["token"], studentId=student).status == 200, "a kiosk stands in one"


def test_a_student_says_in_or_out(door: Door) -> None:
    student = door.member()
    token = door.scene.token(student)

    def ask(direction: str, **body: Any) -> Any:
        return door.world.call("attendance", "POST", f"/attendance/check-{direction}", token, body)

    assert ask("out", code=door.code()).code == "not_inside"
    assert ask("in", code=door.code()).data["direction"] == "in"
    door.world.advance(timedelta(seconds=61))
    assert ask("in", code=door.code()).code == "already_inside"
    assert ask("in", studentId=door.member()).status == 422, "nobody else, and not without the library's code"
    assert ask("out", code=door.code()).data["direction"] == "out"


def test_visits_are_listed_by_shift(door: Door) -> None:
    morning, evening = (shift(door, *hours) for hours in (("06:00", "12:00"), ("09:00", "21:00")))
    first, second = door.member(shift=morning), door.member(shift=evening)
    for student in (first, second):
        assert door.scan(student).status == 200
    for of, student in ((morning, first), (evening, second)):
        found = door.world.call("attendance", "GET", f"/attendance?shiftId={of}", door.owner()).data
        assert [visit["studentId"] for visit in found] == [str(student)]
