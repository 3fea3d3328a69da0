"""Many seats are changed as they were previewed, or not at all, and nobody loses a seat by it."""

from __future__ import annotations

from typing import Any

import pytest
from studyspot.kit import ids

from tests.bookings.scene import Scene, next_day
from tests.world import Answer, World


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world)


def bulk(scene: Scene, change: dict[str, Any], token: str | None = None, **more: Any) -> Answer:
    body = {"filter": {}, "change": change, **more}
    path = f"/libraries/{scene.library}/seats/bulk"
    return scene.world.call("libraries", "POST", path, token or scene.tenant.owner, body)


def seats(scene: Scene) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scene.world.call(
        "libraries", "GET", f"/libraries/{scene.library}/seats", scene.tenant.owner
    ).data
    return found


def test_only_the_owner_changes_them(scene: Scene, world: World) -> None:
    for token in (scene.staff(), scene.token(scene.student())):
        assert bulk(scene, {"kind": "fixed"}, token).code == "forbidden"
    assert bulk(scene, {"kind": "fixed"}, world.tenant().owner, expected=3).status == 404
    assert {seat["kind"] for seat in seats(scene)} == {"flexi"}


def test_without_a_count_it_is_a_preview(scene: Scene) -> None:
    found = bulk(scene, {"priceClass": "window"}).data
    assert (found["preview"], found["count"], found["changed"]) == (True, 3, 3)
    assert found["codes"] == ["A-01", "A-02", "A-03"]
    assert {seat["priceClass"] for seat in seats(scene)} == {"standard"}


def test_exactly_those_that_were_looked_at_are_changed(scene: Scene) -> None:
    which = {"seatIds": [str(seat) for seat in scene.seats[:2]]}
    refused = bulk(scene, {"priceClass": "window"}, filter=which, expected=3)
    assert (refused.status, refused.code, refused.json["count"]) == (409, "seats_moved", 2)
    assert bulk(scene, {"priceClass": "window"}, filter=which, expected=2).data["changed"] == 2
    assert [seat["priceClass"] for seat in seats(scene)] == ["window", "window", "standard"]
    again = bulk(scene, {"priceClass": "window"}, filter={"priceClass": "window"}, expected=2).data
    assert (again["count"], again["changed"]) == (2, 0)


def test_attributes_are_set_added_and_taken_away(scene: Scene) -> None:
    assert bulk(scene, {"attributes": ["ac", "window"]}, expected=3).status == 200
    one = {"seatIds": [str(scene.seats[0])]}
    assert bulk(scene, {"addAttributes": ["power"], "removeAttributes": ["ac"]}, filter=one, expected=1).status == 200
    assert [seat["attributes"] for seat in seats(scene)] == [["window", "power"], ["ac", "window"], ["ac", "window"]]
    assert bulk(scene, {"addAttributes": ["lamp"]}, filter={"attribute": "ac"}).data["count"] == 2


@pytest.mark.parametrize(
    "change",
    [{}, {"kind": "throne"}, {"priceClass": "Über"}, {"attributes": ["a"], "addAttributes": ["b"]},
     {"status": "retired"}, {"zoneId": None}],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(scene: Scene, change: dict[str, Any]) -> None:
    assert bulk(scene, change, expected=3).code == "validation_failed"


def test_a_zone_of_another_library_takes_no_seat(scene: Scene, world: World) -> None:
    for zone in (Scene.open(world).zone, ids.uuid7()):
        assert bulk(scene, {"zoneId": str(zone)}, expected=3).code == "validation_failed"


def test_who_has_time_on_them_is_told_and_keeps_it(scene: Scene) -> None:
    booked = scene.book(scene.token(scene.student()), 1, start=next_day(10)).data["id"]
    found = bulk(scene, {"kind": "fixed"}).data["impact"]
    assert ([one["id"] for one in found["affected"]], found["people"]) == ([booked], 1)
    assert bulk(scene, {"kind": "fixed"}, expected=3).status == 200
    assert scene.status(booked) == "held"


def test_a_plan_of_a_class_sells_no_other_seat_and_what_is_booked_stays(scene: Scene) -> None:
    token = scene.token(scene.student())
    kept = scene.book(token, 0, start=next_day(10)).data["id"]
    path = f"/fee-plans/{scene.hourly}"
    told = scene.world.call("memberships", "PUT", path, scene.tenant.owner, {"priceClasses": ["window", "window"]})
    assert told.data["priceClasses"] == ["window"]
    assert bulk(scene, {"priceClass": "window"}, filter={"seatIds": [str(scene.seats[1])]}, expected=1).status == 200
    refused = scene.book(token, 2, start=next_day(14))
    assert (refused.status, refused.code) == (422, "rule_violated")
    assert scene.book(token, 1, start=next_day(14)).status == 201
    assert scene.status(kept) == "held"


def test_any_seat_is_one_that_the_plan_sells(scene: Scene) -> None:
    with scene.world.db(scene.tenant.id) as db:
        db.run("UPDATE fee_plans SET price_classes = '{window}' WHERE id = %(id)s", id=scene.hourly)
    assert bulk(scene, {"priceClass": "window"}, filter={"seatIds": [str(scene.seats[2])]}, expected=1).status == 200
    people = [scene.token(scene.student()) for _ in range(3)]
    assert scene.book(people[0], None).data["seatId"] == str(scene.seats[2])
    taken = scene.book(people[1], 2)
    assert (taken.code, taken.json["alternatives"]) == ("seat_taken", [])
    assert scene.book(people[2], None).code == "location_full"


def test_a_member_of_a_class_is_given_no_other_seat(scene: Scene) -> None:
    with scene.world.db(scene.tenant.id) as db:
        db.run("UPDATE fee_plans SET price_classes = '{window}' WHERE id = %(id)s", id=scene.monthly)
    body = {"studentId": scene.student(), "feePlanId": scene.monthly, "libraryId": scene.library}
    owner, world = scene.tenant.owner, scene.world
    refused = world.call("memberships", "POST", "/memberships", owner, body | {"seatId": scene.seats[0]})
    assert (refused.status, refused.code) == (422, "seat_policy")
    assert bulk(scene, {"priceClass": "window"}, filter={"seatIds": [str(scene.seats[0])]}, expected=1).status == 200
    assert world.call("memberships", "POST", "/memberships", owner, body | {"seatId": scene.seats[0]}).status == 201
