"""A student's day, and everything that happened in one list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from studyspot.kit import ids, tally

from tests.memberships.test_renewing import Desk
from tests.students.test_history import visit
from tests.world import Answer, World


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def get(desk: Desk, path: str, token: str | None = None) -> Answer:
    return desk.world.call("records", "GET", f"/students/{path}", token or desk.owner)


def test_the_day_of_a_student(desk: Desk) -> None:
    student = desk.scene.student()
    own = desk.scene.token(student)
    empty = get(desk, "me/dashboard", own).data
    assert (empty["membership"], empty["booking"], empty["minutesToday"], empty["due"]) == (None, None, 0, None)
    member = desk.join(0, student)
    booked = desk.scene.book(own, 1).data["id"]
    visit(desk.scene, student, None, timedelta(minutes=20))
    day = get(desk, "me/dashboard", own).data
    assert tally.current.trips == 1
    assert (day["membership"]["id"], day["membership"]["seatId"]) == (member["id"], str(desk.scene.seats[0]))
    assert (day["booking"]["id"], day["inside"]) == (booked, True)
    assert 0 <= day["minutesToday"] <= 20
    assert day["due"]["amountPaise"] == 150000
    assert get(desk, "me/dashboard").code == "forbidden"


def test_everything_that_happened_newest_first(desk: Desk) -> None:
    student, other = desk.scene.student(), desk.scene.student()
    call = desk.world.call
    desk.join(None, student)
    desk.scene.book(desk.scene.token(student), 1)
    visit(desk.scene, student, 5, timedelta(minutes=20))
    call("records", "POST", f"/students/{student}/notes", desk.owner, {"note": "x"})
    visit(desk.scene, other, 5)
    kinds = ["note", "visit", "booking", "membership"]
    assert [row["kind"] for row in get(desk, f"{student}/timeline").data] == kinds
    seen: list[str] = []
    cursor: Any = ""
    while cursor is not None:
        page = get(desk, f"{student}/timeline?limit=1{cursor and '&cursor=' + cursor}")
        seen += [row["kind"] for row in page.data]
        cursor = page.json["meta"]["nextCursor"]
    assert seen == kinds
    narrow = desk.world.token("library_staff", desk.scene.tenant.id, permissions=["students:read", "attendance:read"])
    assert [row["kind"] for row in get(desk, f"{student}/timeline", narrow).data] == ["note", "visit"]
    assert get(desk, f"{student}/timeline", desk.scene.token(student)).code == "forbidden"
    assert get(desk, f"{student}/timeline", desk.world.tenant().owner).code == "not_found"
    assert get(desk, f"{ids.uuid7()}/timeline").code == "not_found"
