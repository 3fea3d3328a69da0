"""A kiosk's token works at the door of its own library, in its hours, and nowhere else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import clock, ids, permissions

from tests.architecture.sources import apps
from tests.bookings.scene import INDIA, Scene, next_day
from tests.world import Answer, World, function


def owner(world: World, scene: Scene) -> str:
    """Signed in anew: time moves here."""
    return world.token("library_owner", scene.tenant.id, scene.tenant.owner_id)


def mint(world: World, token: str, library: UUID) -> Answer:
    return world.call("factors", "POST", "/auth/device-token", token, {"libraryId": str(library), "name": "Door"})


def code(world: World, token: str, library: UUID) -> Answer:
    return world.call("attendance", "GET", f"/attendance/qr?libraryId={library}", token)


def kiosk(world: World, hour: int = 10) -> tuple[Scene, dict[str, Any]]:
    """In the opening hours of the library, 06:00 to 23:00."""
    scene = Scene.open(world)
    world.advance_to(next_day(hour))
    made = mint(world, owner(world, scene), scene.library)
    assert made.status == 201, made.json
    return scene, made.data


def test_it_shows_the_code_of_its_library_and_of_no_other(world: World) -> None:
    scene, made = kiosk(world)
    other = ids.uuid7()
    with world.db(scene.tenant.id) as db:
        db.run(
            "INSERT INTO libraries (id, name, code, created_at, updated_at) VALUES (%(i)s, 'B', 'B', %(n)s, %(n)s)",
            i=other, n=clock.now(),
        )  # fmt: skip
    assert code(world, made["token"], scene.library).status == 200
    assert code(world, made["token"], other).code == "not_found"
    assert code(world, made["token"], Scene.open(world).library).code == "not_found"


def test_it_lets_in_and_out_and_the_visit_says_which_device(world: World) -> None:
    scene, made = kiosk(world)
    student = scene.student()
    start = clock.now() + timedelta(minutes=5)
    booking = scene.book(scene.token(student), None, start=start).data["id"]
    world.call("bookings", "POST", f"/bookings/{booking}/confirm", owner(world, scene))
    body = {"studentId": str(student), "libraryId": str(scene.library)}
    entered = world.call("attendance", "POST", "/attendance/check-in", made["token"], body)
    assert entered.status == 200, entered.json
    with world.db(scene.tenant.id) as db:
        (visit,) = db.dicts("SELECT device_id, marked_by FROM attendance")
    assert (str(visit["device_id"]), visit["marked_by"]) == (made["id"], None)
    out = {"studentId": str(student)}
    assert world.call("attendance", "POST", "/attendance/check-out", made["token"], out).status == 200
    by_hand = {**body, "checkInAt": clock.now().isoformat(), "reason": "forgotten"}
    assert world.call("attendance", "POST", "/attendance/manual", made["token"], by_hand).code == "forbidden"


@pytest.mark.parametrize(("hour", "minute", "open_"), [(5, 59, False), (6, 0, True), (22, 59, True), (23, 0, False)])
def test_it_works_in_the_opening_hours_only(world: World, hour: int, minute: int, open_: bool) -> None:
    scene, made = kiosk(world)
    world.advance_to(next_day(hour, minute))
    answer = code(world, made["token"], scene.library)
    assert (answer.status == 200) is open_, (clock.now().astimezone(INDIA), answer.json)
    assert open_ or answer.code == "outside_opening_hours"


def test_a_night_belongs_to_the_day_it_began_on_and_holidays_are_closed(world: World) -> None:
    scene, made = kiosk(world)
    night = next_day(2)
    weekday = night.isoweekday()
    began = (weekday - 2) % 7 + 1
    world.advance_to(night)

    def hours(days: list[int]) -> int:
        with world.db(scene.tenant.id) as db:
            db.run(
                "UPDATE libraries SET opening_time = '20:00', closing_time = '04:00', operating_days = %(d)s", d=days
            )
        return code(world, made["token"], scene.library).status

    assert hours([began]) == 200
    assert hours([weekday]) == 403
    with world.db(scene.tenant.id) as db:
        db.run("INSERT INTO holidays (id, library_id, day, name, created_at) VALUES (%(i)s, %(l)s, %(d)s, 'H', %(n)s)",
               i=ids.uuid7(), l=scene.library, d=night.date() - timedelta(days=1), n=clock.now())  # fmt: skip
    assert hours([began]) == 403


def test_of_all_routes_only_those_of_the_door_know_it(world: World) -> None:
    """Over the whole inventory: 403 wherever the door's permissions are not what is asked for."""
    _, made = kiosk(world)
    doors = permissions.KIOSK
    tried = 0
    for kind, name in apps():
        if kind != "api":
            continue
        for route in function(kind, name).api.routes:
            allow = route.signature.allow
            if route.public or allow is None or doors & set(allow.any_of):
                continue
            path = route.path.replace("{", "").replace("}", "")
            answer = world.call(name, route.method, path, made["token"])
            assert answer.status in (403, 404, 415), (route.name, answer.raw)
            assert answer.status != 404 or "{" not in route.path or allow.any_of, route.name
            tried += 1
    assert tried > 50


def test_it_is_listed_and_revoked_and_then_opens_nothing(world: World) -> None:
    scene, made = kiosk(world)
    (shown,) = world.call("factors", "GET", "/auth/device-token", owner(world, scene)).data
    assert (shown["id"], shown["name"], "token" in shown) == (made["id"], "Door", False)
    gone = world.call("factors", "DELETE", f"/auth/device-token/{made['id']}", owner(world, scene))
    assert gone.status == 204
    assert code(world, made["token"], scene.library).code == "device_revoked"
    forged = made["token"][:-2] + ("aa" if made["token"][-2:] != "aa" else "bb")
    assert code(world, forged, scene.library).code == "unauthenticated"


def test_staff_hand_out_none_for_a_library_that_is_not_theirs(world: World) -> None:
    scene, other = Scene.open(world), Scene.open(world)
    assert mint(world, world.token("library_staff", scene.tenant.id), scene.library).code == "forbidden"
    assert mint(world, scene.tenant.owner, other.library).code == "not_found"
    rights = ["devices:manage"]
    bound = world.token("library_staff", scene.tenant.id, permissions=rights, libraryIds=[str(ids.uuid7())])
    assert mint(world, bound, scene.library).code == "not_found"
