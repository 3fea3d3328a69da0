"""A holiday closes a day, gives what was chosen for it, and takes it back with itself."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import clock, ids

from tests.bookings.scene import INDIA, Scene, next_day
from tests.world import Answer, World


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world)


def day(days: int = 1) -> date:
    return next_day(10, days=days).date()


def add(scene: Scene, effect: str = "nothing", days: int = 1, **more: Any) -> Answer:
    body = {"day": day(days), "name": "Fair", "effect": effect} | more
    path = f"/libraries/{scene.library}/holidays"
    return scene.world.call("spaces", "POST", path, scene.tenant.owner, body)


def remove(scene: Scene, holiday: str) -> Answer:
    return scene.world.call("spaces", "DELETE", f"/libraries/{scene.library}/holidays/{holiday}", scene.tenant.owner)


def periods(scene: Scene, student: UUID) -> list[tuple[date, date]]:
    with scene.world.db(scene.tenant.id) as db:
        query = "SELECT start_date AS a, end_date AS b FROM memberships WHERE student_id = %(id)s ORDER BY 1"
        return [(row["a"], row["b"]) for row in db.dicts(query, id=student)]


def follow(scene: Scene, student: UUID, start: date, days: int = 30) -> date:
    """A period that was bought to follow."""
    with scene.world.db(scene.tenant.id) as db:
        db.run(
            "INSERT INTO memberships (id, student_id, library_id, fee_plan_id, fee_plan_version, start_date, end_date,"
            " price_paise, status, created_at, updated_at) VALUES (%(id)s, %(student)s, %(library)s, %(plan)s, 1,"
            " %(start)s, %(end)s, 0, 'scheduled', %(now)s, %(now)s)",
            id=ids.uuid7(), student=student, library=scene.library, plan=scene.monthly, start=start,
            end=start + timedelta(days=days), now=clock.now(),
        )  # fmt: skip
    return start + timedelta(days=days)


def test_a_day_more_moves_what_follows_and_is_taken_back_whole(scene: Scene) -> None:
    student, other = scene.student(), scene.student()
    scene.member(student)
    scene.member(other, ended=3)
    ((begun, end),) = periods(scene, student)
    last = follow(scene, student, follow(scene, student, end))
    before, untouched = periods(scene, student), periods(scene, other)
    made = add(scene, "extend")
    assert (made.status, made.data["members"], made.data["impact"]["people"]) == (201, 3, 1)
    one = timedelta(days=1)
    after = periods(scene, student)
    assert after[0] == (begun, end + one)
    assert after[1:] == [(a + one, b + one) for a, b in before[1:]]
    assert after[-1][1] == last + one
    assert periods(scene, other) == untouched
    assert remove(scene, made.data["id"]).status == 204
    assert periods(scene, student) == before
    assert remove(scene, made.data["id"]).status == 404


def test_a_credit_is_one_day_s_worth_and_recorded(scene: Scene, world: World) -> None:
    student = scene.student()
    scene.member(student)
    with world.db(scene.tenant.id) as db:
        db.run("UPDATE memberships SET price_paise = 100000, start_date = end_date - 30")
    ((_, end),) = periods(scene, student)
    made = add(scene, "credit").data
    assert (made["members"], made["creditPaise"]) == (1, 3333)
    assert periods(scene, student)[0][1] == end
    (listed,) = world.call("spaces", "GET", f"/libraries/{scene.library}/holidays", scene.token(student)).data
    assert (listed["id"], listed["effect"]) == (made["id"], "credit")


def test_the_effect_is_always_said_and_a_day_is_closed_once(scene: Scene) -> None:
    body = {"day": day(), "name": "Fair"}
    path = f"/libraries/{scene.library}/holidays"
    assert scene.world.call("spaces", "POST", path, scene.tenant.owner, body).code == "validation_failed"
    assert add(scene).status == 201
    assert add(scene).code == "holiday_exists"
    assert scene.book(scene.token(scene.student())).code == "weekday_closed"
    assert add(scene, days=400).code == "validation_failed"
    assert scene.world.call("spaces", "POST", path, scene.staff(), body).code == "forbidden"


def test_bookings_of_the_day_need_a_choice(scene: Scene) -> None:
    booking = scene.book(scene.token(scene.student())).data["id"]
    asked = {"holiday": {"day": day()}}
    told = scene.world.call("spaces", "POST", f"/libraries/{scene.library}/impact", scene.staff(), asked).data
    assert [one["id"] for one in told["affected"]] == [booking]
    refused = add(scene)
    assert (refused.code, refused.json["affected"]) == ("impact_not_accepted", told["affected"])
    assert add(scene, bookings="cancel").status == 201
    assert scene.status(booking) == "cancelled"


def test_a_day_that_has_passed_is_not_taken_back(scene: Scene, world: World) -> None:
    student = scene.student()
    scene.member(student)
    made = add(scene, "extend").data["id"]
    world.advance_to(next_day(10, days=2))
    owner = world.token("library_owner", scene.tenant.id, scene.tenant.owner_id)
    gone = world.call("spaces", "DELETE", f"/libraries/{scene.library}/holidays/{made}", owner)
    assert gone.code == "state_conflict"
    assert clock.now().astimezone(INDIA).date() > date.fromisoformat(str(periods(scene, student)[0][0]))


def test_a_frozen_day_gives_nothing(scene: Scene, world: World) -> None:
    student = scene.student()
    scene.member(student)
    with world.db(scene.tenant.id) as db:
        db.run(
            "INSERT INTO membership_freezes (id, membership_id, from_date, to_date, status, created_at)"
            " SELECT %(id)s, m.id, %(a)s, %(b)s, 'approved', %(now)s FROM memberships m",
            id=ids.uuid7(), a=day(), b=day(3), now=clock.now(),
        )  # fmt: skip
    before = periods(scene, student)
    assert add(scene, "extend").data["members"] == 0
    assert periods(scene, student) == before


def enrol(scene: Scene, student: UUID, start: date) -> Any:
    asked = {"studentId": student, "feePlanId": scene.monthly, "libraryId": scene.library,
             "seatId": scene.seats[0], "startDate": start}  # fmt: skip
    made = scene.world.call("memberships", "POST", "/memberships", scene.tenant.owner, asked)
    assert made.status == 201, made.raw
    return made.data


def test_the_seat_comes_with_the_day_or_the_day_s_worth_does(scene: Scene) -> None:
    first, second = scene.student(), scene.student()
    member = enrol(scene, first, day(0))
    end = date.fromisoformat(member["endDate"])
    last = max(during.upper for _, during in scene.claims())
    made = add(scene, "extend").data
    assert periods(scene, first)[0][1] == end + timedelta(days=1)
    assert max(during.upper for _, during in scene.claims()) == last + timedelta(days=1)
    assert remove(scene, made["id"]).status == 204
    assert max(during.upper for _, during in scene.claims()) == last
    enrol(scene, second, end + timedelta(days=3))
    paid = add(scene, "extend").data
    assert (paid["members"], paid["creditPaise"] > 0) == (1, True)
    assert periods(scene, first)[0][1] == end, "the seat is somebody else's on the day that would be added"
