"""Caps and a library's own policies, each tried where it decides."""

from __future__ import annotations

from typing import Any

import pytest
from studyspot.kit import ids

from tests.bookings.scene import Scene, next_day
from tests.world import Answer, World


@pytest.fixture
def scene(world: World) -> Scene:
    scene = Scene.open(world, seats=4)
    with world.db(scene.tenant.id) as db:
        db.run("UPDATE libraries SET total_seats = 4")
    return scene


def cap(scene: Scene, **asked: Any) -> Answer:
    owner = scene.world.token("library_owner", scene.tenant.id, scene.tenant.owner_id)
    return scene.world.call("spaces", "PUT", f"/libraries/{scene.library}/capacity", owner, asked)


def test_a_cap_sells_no_more_at_one_moment(scene: Scene) -> None:
    assert cap(scene, capacity=2).data["library"]["capacity"] == 2
    tokens = [scene.token(scene.student()) for _ in range(4)]
    assert scene.book(tokens[0], 0).status == 201
    assert scene.book(tokens[1], 1, start=next_day(12)).status == 201, "one after the other is one at a time"
    assert scene.book(tokens[2], 2, start=next_day(11), hours=2).status == 201
    refused = scene.book(tokens[3], 3, start=next_day(11), hours=2)
    assert (refused.status, refused.code, refused.json["capacity"]) == (409, "capacity_reached", 2)
    assert len(scene.claims()) == 3, "the refused one gave its seat back"


def test_a_cap_below_the_load_is_taken_with_a_warning_and_stops_sales(scene: Scene, world: World) -> None:
    for seat in range(2):
        scene.book(scene.token(scene.student()), seat)
    world.advance_to(next_day(11))
    told = cap(scene, zones=[{"id": scene.zone, "capacity": 1}]).data
    (zone,) = told["zones"]
    assert (zone["capacity"], zone["load"], zone["warning"]) == (1, 2, "capacity_below_load")
    assert told["library"]["warning"] is None
    late = scene.book(scene.token(scene.student()), 2, start=next_day(11, days=0), hours=0.5)
    assert late.code == "capacity_reached"
    assert len(scene.claims()) == 2
    assert cap(scene, zones=[{"id": scene.zone, "capacity": None}]).data["zones"][0]["capacity"] is None


def test_a_shift_s_cap_holds_at_the_sale(scene: Scene) -> None:
    body = {"name": "Day", "startTime": "06:00", "endTime": "14:00"}
    path = f"/libraries/{scene.library}/shifts"
    shift = scene.world.call("libraries", "POST", path, scene.tenant.owner, body).data["id"]
    assert cap(scene, shifts=[{"id": shift, "capacity": 1}]).data["shifts"][0]["capacity"] == 1
    first, second = scene.student(), scene.student()

    def enrol(student: Any) -> Answer:
        asked = {"studentId": student, "feePlanId": scene.monthly, "libraryId": scene.library, "shiftId": shift}
        return scene.world.call("memberships", "POST", "/memberships", scene.tenant.owner, asked)

    assert enrol(first).status == 201
    assert enrol(second).code == "capacity_reached"
    for change in ({"startTime": "07:00"}, {"days": [1]}):
        refused = scene.world.call("libraries", "PUT", f"{path}/{shift}", scene.tenant.owner, change)
        assert (refused.status, refused.code) == (409, "impact_not_accepted")
        assert refused.json["affected"][0]["studentId"] == str(first)
    assert scene.world.call("libraries", "DELETE", f"{path}/{shift}", scene.tenant.owner).status == 409
    renamed = scene.world.call("libraries", "PUT", f"{path}/{shift}", scene.tenant.owner, {"name": "Morning"})
    assert renamed.status == 200


def test_caps_are_of_this_library_and_not_above_its_seats(scene: Scene) -> None:
    assert cap(scene, capacity=5).code == "capacity_above_seats"
    assert cap(scene, zones=[{"id": ids.uuid7(), "capacity": 1}]).status == 404
    assert cap(scene, shifts=[{"id": ids.uuid7(), "capacity": 1}]).status == 404
    assert cap(scene, capacity=-1).code == "validation_failed"


def settings(scene: Scene, body: Any = None, **more: Any) -> Answer:
    path = f"/libraries/{scene.library}/settings"
    return scene.world.call("spaces", "PUT" if body is not None else "GET", path, scene.tenant.owner, body, **more)


def test_each_value_says_whose_word_it_is(scene: Scene) -> None:
    of_all = {"booking": {"holdMinutes": 20, "maxMinutes": 240}}
    scene.world.call("settings", "PUT", "/tenants/me/settings", scene.tenant.owner, of_all)
    changed = settings(scene, {"booking": {"maxMinutes": 60}}).data
    assert (changed["booking"]["maxMinutes"], changed["booking"]["holdMinutes"], changed["version"]) == (60, 20, 1)
    origins = changed["origins"]
    assert origins["booking.maxMinutes"] == "library"
    assert origins["booking.holdMinutes"] == "organisation"
    assert origins["booking.minMinutes"] == "product"
    assert settings(scene).data == changed
    token = scene.token(scene.student())
    assert scene.book(token, hours=2).code == "duration_invalid"
    assert scene.book(token, hours=1).data["policy"]["holdMinutes"] == 20
    assert settings(scene, {"booking": None}).data["booking"]["maxMinutes"] == 240
    assert scene.book(token, 1, start=next_day(14), hours=2).status == 201


def test_two_changes_at_once_lose_none(scene: Scene) -> None:
    etag = settings(scene).headers["ETag"]
    assert settings(scene, {"booking": {"minMinutes": 30}}, if_match=etag).status == 200
    assert settings(scene, {"booking": {"minMinutes": 45}}, if_match=etag).code == "version_conflict"
    assert settings(scene, {"booking": {"minMinutes": 90, "maxMinutes": 60}}).code == "validation_failed"
    assert settings(scene).data["booking"]["minMinutes"] == 30
    path = f"/libraries/{scene.library}/settings"
    assert scene.world.call("spaces", "PUT", path, scene.staff(), {}).code == "forbidden"
