"""Weekly hours decide wherever opening hours are asked for, and nobody is cut silently by them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bookings.scene import Scene, next_day
from tests.world import Answer, World


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world)


def every_day(*spans: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"day": day, "opens": a, "closes": b} for day in range(1, 8) for a, b in spans]


def put(scene: Scene, weekly: Any, **more: Any) -> Answer:
    body = {"weekly": weekly, **more}
    return scene.world.call("spaces", "PUT", f"/libraries/{scene.library}/hours", scene.tenant.owner, body)


def get(scene: Scene) -> Any:
    named = {"x_tenant_id": str(scene.tenant.id)}
    return scene.world.call("spaces", "GET", f"/libraries/{scene.library}/hours", **named).data


def test_anybody_reads_them_and_the_plain_ones_hold_until_weekly_ones_are_set(scene: Scene) -> None:
    plain = get(scene)
    assert (plain["source"], len(plain["weekly"])) == ("plain", 7)
    assert plain["weekly"][0] == {"day": 1, "opens": "06:00", "closes": "23:00"}
    weekly = every_day(("06:00", "12:00"), ("14:00", "22:00"))
    assert put(scene, weekly).data["weekly"] == weekly
    told = get(scene)
    assert (told["source"], told["timezone"]) == ("weekly", "Asia/Kolkata")
    assert put(scene, None).data["source"] == "plain"


def test_a_booking_lies_within_one_interval(scene: Scene) -> None:
    put(scene, every_day(("06:00", "12:00"), ("14:00", "22:00")))
    token = scene.token(scene.student())
    assert scene.book(token, start=next_day(11)).code == "outside_hours"
    assert scene.book(token, start=next_day(12)).code == "outside_hours"
    assert scene.book(token, start=next_day(14)).status == 201
    assert scene.book(token, 1, start=next_day(10)).status == 201


def test_intervals_that_touch_are_one_and_a_night_belongs_to_its_day(scene: Scene) -> None:
    tomorrow = next_day(12).isoweekday()
    spans = (("18:00", "22:00"), ("22:00", "04:00"))
    put(scene, [{"day": tomorrow, "opens": opens, "closes": closes} for opens, closes in spans])
    token = scene.token(scene.student())
    assert scene.book(token, start=next_day(21), hours=6).status == 201
    assert scene.book(token, 1, start=next_day(3, days=2), hours=2).code == "outside_hours"
    assert scene.book(token, 1, start=next_day(10, days=2)).code == "weekday_closed"


@pytest.mark.parametrize(
    "weekly",
    [
        [], [{"day": 8, "opens": "06:00", "closes": "07:00"}], [{"day": 1, "opens": "6", "closes": "07:00"}],
        [{"day": 1, "opens": "06:00", "closes": "12:00"}, {"day": 1, "opens": "11:59", "closes": "13:00"}],
        [{"day": 1, "opens": "22:00", "closes": "06:00"}, {"day": 2, "opens": "05:00", "closes": "07:00"}],
        [{"day": 7, "opens": "22:00", "closes": "06:00"}, {"day": 1, "opens": "05:00", "closes": "07:00"}],
        [{"day": 1, "opens": "06:00:30", "closes": "07:00"}],
    ],
)  # fmt: skip
def test_hours_that_overlap_or_are_none_are_refused(scene: Scene, weekly: Any) -> None:
    assert put(scene, weekly).code == "validation_failed"
    assert get(scene)["source"] == "plain"


def test_the_door_follows_the_weekly_hours(scene: Scene, world: World) -> None:
    body = {"libraryId": scene.library, "name": "Door"}
    owner = world.token("library_owner", scene.tenant.id, scene.tenant.owner_id)
    step_up = "UPDATE sessions SET stepped_up_until = expires_at"
    with world.db(scene.tenant.id) as db:
        db.run(step_up)
    device = world.call("factors", "POST", "/auth/device-token", owner, body).data["token"]
    put(scene, every_day(("06:00", "12:00"), ("14:00", "22:00")))
    for hour, status in ((11, 200), (13, 403), (15, 200)):
        world.advance_to(next_day(hour) if hour == 11 else next_day(hour, days=0))
        told = world.call("attendance", "GET", f"/attendance/qr?libraryId={scene.library}", device)
        assert told.status == status, (hour, told.raw)


def test_bookings_outside_the_new_hours_need_a_choice(scene: Scene) -> None:
    kept = scene.book(scene.token(scene.student()), start=next_day(20)).data["id"]
    inside = scene.book(scene.token(scene.student()), 1, start=next_day(10)).data["id"]
    shorter = every_day(("06:00", "18:00"))
    asked = {"hours": {"weekly": shorter}}
    told = scene.world.call("spaces", "POST", f"/libraries/{scene.library}/impact", scene.tenant.owner, asked).data
    assert [one["id"] for one in told["affected"]] == [kept]
    refused = put(scene, shorter)
    assert (refused.status, refused.code) == (409, "impact_not_accepted")
    assert [one["id"] for one in refused.json["affected"]] == [kept]
    assert get(scene)["source"] == "plain"
    assert put(scene, shorter, bookings="keep").status == 200
    assert (scene.status(kept), scene.status(inside)) == ("held", "held")
    assert put(scene, every_day(("06:00", "17:00"))).status == 200, "what was kept is not asked about again"
    put(scene, None)
    assert put(scene, shorter, bookings="cancel").status == 200
    assert (scene.status(kept), scene.status(inside)) == ("cancelled", "held")


def test_only_the_owner_sets_hours(scene: Scene) -> None:
    path = f"/libraries/{scene.library}/hours"
    for token in (scene.staff(), scene.token(scene.student())):
        assert scene.world.call("spaces", "PUT", path, token, {"weekly": None}).code == "forbidden"
