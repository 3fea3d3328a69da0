"""What attendance adds up to: each figure against visits put there by hand."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import clock, ids

from tests.attendance.door import Door
from tests.bookings.scene import INDIA, next_day
from tests.world import World


@pytest.fixture
def door(world: World) -> Door:
    door = Door(world)
    world.advance_to(next_day(12))
    return door


def today() -> date:
    return clock.now().astimezone(INDIA).date()


def was_there(door: Door, student: UUID, days_ago: int, hour: int, minutes: int) -> None:
    came = next_day(hour, days=-days_ago)
    with door.world.db(door.scene.tenant.id) as db:
        db.run(
            "INSERT INTO attendance (id, student_id, library_id, check_in_at, check_out_at, method, created_at)"
            " VALUES (%(id)s, %(student)s, %(library)s, %(came)s, %(went)s, 'desk', %(came)s)",
            id=ids.uuid7(), student=student, library=door.scene.library, came=came,
            went=came + timedelta(minutes=minutes),
        )  # fmt: skip


def summary(door: Door, token: str, days: int, **query: Any) -> Any:
    asked = {"from": today() - timedelta(days=days), "to": today() + timedelta(days=1), **query}
    path = "/attendance/summary?" + "&".join(f"{k}={v}" for k, v in asked.items())
    return door.world.call("attendance", "GET", path, token)


def test_hours_days_and_streaks_of_a_student(door: Door) -> None:
    student, other = door.scene.student(), door.scene.student()
    for days_ago in (9, 8, 7, 6, 3, 2, 1):
        was_there(door, student, days_ago, 8, 60)
    was_there(door, student, 1, 20, 30)
    was_there(door, other, 1, 8, 500)
    mine = summary(door, door.scene.token(student), 20).data
    assert (mine["minutes"], mine["visits"], mine["days"]) == (450, 8, 7)
    assert (mine["streak"], mine["longestStreak"]) == (3, 4)
    assert mine["periods"][-1] == {"start": str(today() - timedelta(days=1)), "minutes": 90, "visits": 2}
    months = summary(door, door.scene.token(student), 20, unit="month").data["periods"]
    assert sum(p["minutes"] for p in months) == 450
    assert all(p["start"].endswith("-01") for p in months)
    assert summary(door, door.scene.token(student), 20, studentId=other).code == "not_found"
    everybody = summary(door, door.owner(), 20).data
    assert (everybody["minutes"], everybody["streak"]) == (950, None)
    assert summary(door, door.owner(), 400).status == 422


def test_a_night_belongs_to_the_day_it_began_on(door: Door) -> None:
    student = door.scene.student()
    with door.world.db(door.scene.tenant.id) as db:
        db.run("UPDATE libraries SET day_start = '05:00'")
    was_there(door, student, 1, 2, 60)
    (period,) = summary(door, door.owner(), 5, studentId=student).data["periods"]
    assert period["start"] == str(today() - timedelta(days=2))


def test_punctual_is_the_first_visit_of_a_shifts_day(door: Door) -> None:
    shift, student = ids.uuid7(), door.scene.student()
    with door.world.db(door.scene.tenant.id) as db:
        db.run(
            "INSERT INTO shifts (id, library_id, name, start_time, end_time, created_at, updated_at)"
            " VALUES (%(id)s, %(library)s, 'M', '08:00', '14:00', %(now)s, %(now)s)",
            id=shift, library=door.scene.library, now=clock.now(),
        )  # fmt: skip
    door.scene.member(student, shift=shift)
    was_there(door, student, 1, 8, 60)
    was_there(door, student, 1, 11, 60)
    was_there(door, student, 2, 9, 60)
    told = summary(door, door.owner(), 5, studentId=student).data
    assert (told["onTime"], told["late"]) == (1, 1)


def test_absentees_are_members_who_stay_away_unannounced(door: Door) -> None:
    gone, fresh, inside, away, nobody = (door.scene.student() for _ in range(5))
    for student in (gone, fresh, inside, away):
        door.scene.member(student)
    was_there(door, gone, 10, 8, 60)
    was_there(door, fresh, 1, 8, 60)
    was_there(door, nobody, 10, 8, 60)
    with door.world.db(door.scene.tenant.id) as db:
        db.run(
            "INSERT INTO attendance_leaves (id, student_id, from_date, until_date, created_at)"
            " VALUES (%(id)s, %(student)s, %(start)s, %(until)s, %(now)s)",
            id=ids.uuid7(), student=away, start=today(), until=today() + timedelta(days=1), now=clock.now(),
        )  # fmt: skip
    found = door.world.call("attendance", "GET", "/attendance/absentees?days=3", door.scene.staff()).data
    assert [row["id"] for row in found] == [str(gone), str(inside)]
    assert found[0]["daysAway"] == 10
    assert found[1]["lastVisitAt"] is None
    first = door.world.call("attendance", "GET", "/attendance/absentees?days=3&limit=1", door.scene.staff())
    cursor = first.json["meta"]["nextCursor"]
    rest = door.world.call("attendance", "GET", f"/attendance/absentees?days=3&cursor={cursor}", door.scene.staff())
    assert [row["id"] for row in rest.data] == [str(inside)]
    student = door.world.call("attendance", "GET", "/attendance/absentees", door.scene.token(gone))
    assert student.code == "forbidden"


def test_the_register_as_data_table_and_page(door: Door) -> None:
    student, never = door.scene.student(), door.scene.student()
    door.scene.member(never)
    was_there(door, student, 2, 8, 95)
    with door.world.db(door.scene.tenant.id) as db:
        db.run("UPDATE students SET first_name = '=cmd', last_name = '<b>' WHERE id = %(id)s", id=student)
    start = today() - timedelta(days=6)
    path = f"/attendance/report?libraryId={door.scene.library}&from={start}&to={today() + timedelta(days=1)}"

    def asked(accept: str) -> Any:
        return door.world.call("attendance", "GET", path, door.owner(), accept=accept)

    rows = asked("application/json").data["rows"]
    assert [(row["present"], row["minutes"]) for row in rows] == [(1, 95), (0, 0)]
    assert rows[0]["days"] == {str(today() - timedelta(days=2)): 95}
    table = list(csv.reader(io.StringIO(asked("text/csv").raw.decode())))
    assert len(table[0]) == 2 + 7 + 2
    assert table[1][1].startswith("'=")
    assert (table[1][2 + 4], table[1][-2:]) == ("1:35", ["1", "1:35"])
    page = asked("text/html").raw.decode()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    foreign = Door(door.world).owner()
    assert door.world.call("attendance", "GET", path, foreign).code == "not_found"
