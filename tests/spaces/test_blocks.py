"""A block claims its seat's time as a booking does: never over anybody, and nobody over it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from studyspot.kit import clock, ids

from tests.bookings.scene import Scene, next_day
from tests.world import Answer, World


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world)


def at(scene: Scene, seat: int = 0) -> str:
    return f"/libraries/{scene.library}/seats/{scene.seats[seat]}"


def block(
    scene: Scene, seat: int = 0, hour: int = 9, hours: float = 6, token: str | None = None, **more: Any
) -> Answer:
    start = next_day(hour)
    body = {"startAt": start, "endAt": start + timedelta(hours=hours), "reason": "broken lamp"} | more
    return scene.world.call("spaces", "POST", f"{at(scene, seat)}/block", token or scene.staff(), body)


def test_a_blocked_seat_is_neither_free_nor_booked(scene: Scene) -> None:
    made = block(scene)
    assert (made.status, made.data["impact"]["people"]) == (201, 0)
    assert made.headers["Location"].endswith(f"/block/{made.data['id']}")
    token = scene.token(scene.student())
    assert scene.book(token).code == "seat_taken"
    span = f"from={next_day(10).isoformat().replace('+', '%2B')}&to={next_day(11).isoformat().replace('+', '%2B')}"
    free = scene.world.call("bookings", "GET", f"/bookings/availability?libraryId={scene.library}&{span}", token)
    assert [seat["free"] for seat in free.data["seats"]] == [False, True, True]


def test_who_holds_the_seat_is_named_and_stays(scene: Scene) -> None:
    student = scene.student()
    booking = scene.book(scene.token(student)).data
    refused = block(scene)
    assert (refused.status, refused.code) == (409, "seat_held")
    (affected,) = refused.json["affected"]
    assert (affected["id"], affected["studentId"], affected["amountPaise"]) == (booking["id"], str(student), 12000)
    assert scene.status(booking["id"]) == "held"
    assert len(scene.claims()) == 1, "the refused block claims nothing"


def test_the_preview_tells_the_same_and_changes_nothing(scene: Scene) -> None:
    booking = scene.book(scene.token(scene.student())).data
    asked = {"block": {"seatId": scene.seats[0], "startAt": next_day(9), "endAt": next_day(15)}}
    told = scene.world.call("spaces", "POST", f"/libraries/{scene.library}/impact", scene.staff(), asked).data
    assert [one["id"] for one in told["affected"]] == [booking["id"]]
    assert (told["people"], told["amountPaise"]) == (1, 12000)
    removal = {"seat": {"id": scene.seats[0]}}
    gone = scene.world.call("spaces", "POST", f"/libraries/{scene.library}/impact", scene.staff(), removal).data
    assert gone == told
    both = scene.world.call("spaces", "POST", f"/libraries/{scene.library}/impact", scene.staff(), asked | removal)
    assert both.status == 422
    assert len(scene.claims()) == 1


def test_a_booking_in_the_way_is_moved_or_given_up_by_name(scene: Scene) -> None:
    first = scene.book(scene.token(scene.student())).data["id"]
    second = scene.book(scene.token(scene.student()), start=next_day(13)).data["id"]
    half = block(scene, resolutions=[{"bookingId": first, "moveTo": scene.seats[1]}])
    assert half.code == "seat_held", "one of two is not enough"
    assert scene.claims()[0][0] == scene.seats[0], "and the first was not moved for nothing"
    both = [{"bookingId": first, "moveTo": scene.seats[1]}, {"bookingId": second, "cancel": True}]
    made = block(scene, resolutions=both)
    assert (made.status, made.data["impact"]["people"]) == (201, 2)
    assert scene.status(second) == "cancelled"
    moved = scene.world.call("bookings", "GET", f"/bookings/{first}", scene.staff()).data
    assert (moved["seatId"], moved["status"]) == (str(scene.seats[1]), "held")
    other = scene.book(scene.token(scene.student()), 2).data["id"]
    wrong = block(scene, 1, 20, 1, resolutions=[{"bookingId": other, "cancel": True}])
    assert (wrong.status, scene.status(other)) == (422, "held")


def test_lifting_gives_the_time_back_once(scene: Scene) -> None:
    made = block(scene).data["id"]
    here = f"{at(scene)}/block/{made}"
    other = f"{at(scene, 1)}/block/{made}"
    assert scene.world.call("spaces", "DELETE", other, scene.staff()).status == 404
    assert scene.world.call("spaces", "DELETE", here, scene.staff()).status == 204
    assert scene.world.call("spaces", "DELETE", here, scene.staff()).status == 404
    assert scene.claims() == []
    assert scene.book(scene.token(scene.student())).status == 201


def test_a_block_without_an_end_lasts_until_it_is_lifted_and_its_past_stays(scene: Scene, world: World) -> None:
    made = world.call("spaces", "POST", f"{at(scene)}/block", scene.staff(), {"reason": "no lamp"})
    assert (made.status, made.data["endAt"]) == (201, None)
    assert scene.book(scene.token(scene.student()), start=next_day(10, days=50)).code == "seat_taken"
    world.advance(timedelta(hours=3))
    assert world.call("spaces", "DELETE", f"{at(scene)}/block/{made.data['id']}", scene.staff()).status == 204
    ((_, during),) = scene.claims()
    assert during.upper <= clock.now()


@pytest.mark.parametrize(
    "wrong",
    [{"endAt": "2020-01-01T00:00:00Z"}, {"startAt": "2020-01-01T00:00:00Z"}, {"reason": ""}, {"colour": "red"},
     {"resolutions": [{"bookingId": str(ids.uuid7())}]}],
)  # fmt: skip
def test_a_block_that_makes_no_sense_is_refused(scene: Scene, wrong: dict[str, Any]) -> None:
    assert block(scene, **wrong).code == "validation_failed"
    assert scene.claims() == []


def test_students_block_nothing_and_staff_only_their_library(scene: Scene) -> None:
    assert block(scene, token=scene.token(scene.student())).code == "forbidden"
    elsewhere = scene.staff(libraryIds=[str(ids.uuid7())])
    assert block(scene, token=elsewhere).code == "not_found"
    assert scene.world.call("spaces", "GET", f"{at(scene)}/schedule", elsewhere).code == "not_found"


def test_the_schedule_says_who_sits_here_at_night(scene: Scene) -> None:
    body = {"name": "Night", "startTime": "20:00", "endTime": "02:00"}
    scene.world.call("libraries", "POST", f"/libraries/{scene.library}/shifts", scene.tenant.owner, body)
    student = scene.student()
    booking = scene.book(scene.token(student), start=next_day(20)).data["id"]
    made = block(scene).data["id"]
    told = scene.world.call("spaces", "GET", f"{at(scene)}/schedule", scene.staff()).data
    assert [(one["kind"], one["sourceId"]) for one in told["holdings"]] == [("block", made), ("booking", booking)]
    assert told["holdings"][1]["studentId"] == str(student)
    nights = {shift["day"]: shift["heldBy"] for shift in told["shifts"]}
    assert nights[next_day(20).date().isoformat()] == [booking]
    assert nights[next_day(20, days=2).date().isoformat()] == []
    wide = f"{at(scene)}/schedule?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z"
    assert scene.world.call("spaces", "GET", wide, scene.staff()).status == 422


def test_a_blocked_seat_can_be_retired_and_a_held_one_not(scene: Scene) -> None:
    block(scene)
    with scene.world.db(scene.tenant.id) as db:
        db.run("UPDATE libraries SET total_seats = 3")
    assert scene.world.call("libraries", "DELETE", at(scene), scene.tenant.owner).status == 204
    assert block(scene, hour=20, hours=1).status == 404, "a retired seat is no seat"
    scene.book(scene.token(scene.student()), 1)
    assert scene.world.call("libraries", "DELETE", at(scene, 1), scene.tenant.owner).code == "seat_in_use"
