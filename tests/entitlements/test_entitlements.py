"""What a plan includes is what there can be: no way in goes past it, and no two at once take the last place."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.entitlements import service
from studyspot.kit import cells, clock, connections, ids, timers
from studyspot.kit.db import Db
from studyspot.kit.errors import LimitReached
from studyspot.libraries import queries
from studyspot.libraries.models import LibraryRequest
from studyspot.subscriptions import service as subscriptions

from tests.alongside import at_once
from tests.bookings.scene import Scene
from tests.world import Answer, Tenant, World, function


@pytest.fixture(autouse=True)
def plans(world: World) -> None:
    with cells.core_db() as core:
        subscriptions.seed_plans(core)


def entitle(world: World, tenant: UUID, token: str | None = None, **asked: Any) -> Answer:
    body = {"reason": "agreed by phone", **asked}
    return world.call("tenants", "PUT", f"/tenants/{tenant}/entitlements", token or world.admin(), body)


def library(world: World, tenant: Tenant) -> Answer:
    body = {"name": "Library", "code": ids.uuid7().hex[-8:], "city": "Pune", "state": "MH", "pincode": "411001"}
    return world.call("libraries", "POST", "/libraries", tenant.owner, body)


def test_administrators_set_owners_read_and_nobody_another_s(world: World) -> None:
    ours, theirs = world.tenant(), world.tenant()
    staff = world.token("platform_staff", ids.PLATFORM)
    for token in (ours.owner, staff):
        assert entitle(world, ours.id, token, limits={"students": 1}).code == "forbidden"
    for path in ("entitlements", "usage"):
        assert world.call("tenants", "GET", f"/tenants/{ours.id}/{path}", ours.owner).status == 200
        assert world.call("tenants", "GET", f"/tenants/{ours.id}/{path}", staff).status == 200
        assert world.call("tenants", "GET", f"/tenants/{theirs.id}/{path}", ours.owner).status == 404
    assert entitle(world, ids.uuid7(), limits={"students": 1}).code == "not_found"


@pytest.mark.parametrize(
    "asked",
    [{}, {"limits": {"chairs": 1}}, {"limits": {"students": -1}}, {"limits": {"students": True}},
     {"limits": {"requestsPerMinute": None}}, {"features": {"isolation": True}},
     {"limits": {"students": 1}, "expiresAt": "2020-01-01T00:00:00Z"}],
)  # fmt: skip
def test_what_cannot_be_allowed_is_refused(world: World, asked: dict[str, Any]) -> None:
    assert entitle(world, world.tenant().id, **asked).code == "validation_failed"


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_the_last_place_is_taken_once_however_many_try(world: World, isolation: str) -> None:
    tenant = world.tenant(isolation)
    entitle(world, tenant.id, limits={"libraries": 3})

    def create(db: Db, number: int) -> bool:
        asked = LibraryRequest.model_validate(
            {"name": "Library", "code": f"L{number}", "city": "Pune", "state": "MH", "pincode": "411001"}
        )
        try:
            queries.create(db, asked)
        except LimitReached:
            return False
        return True

    assert sum(at_once(tenant.id, create, range(12))) == 3
    refused = library(world, tenant)
    assert (refused.status, refused.code) == (402, "limit_reached")
    assert (refused.json["limit"], refused.json["allowed"]) == ("libraries", 3)
    entitle(world, tenant.id, limits={"libraries": 4})
    assert library(world, tenant).status == 201
    assert library(world, tenant).status == 402


def test_seats_and_students_come_whole_or_not_at_all(world: World) -> None:
    scene = Scene.open(world, seats=2)
    entitle(world, scene.tenant.id, limits={"seats": 5, "students": 2})
    seats = {"zone": "Silent", "rows": 2, "columns": 2, "prefix": "N"}
    path = f"/libraries/{scene.library}/seats"
    assert world.call("libraries", "POST", path, scene.tenant.owner, seats).code == "limit_reached"
    assert world.call("libraries", "POST", path, scene.tenant.owner, seats | {"rows": 1, "columns": 3}).status == 201
    sheet = "name,phone\n" + "".join(f"Student {n},98{n:08}\n" for n in range(3))
    brought = world.call("imports", "POST", "/students/bulk-import", scene.tenant.owner, sheet, content_type="text/csv")
    assert (brought.status, brought.code) == (402, "limit_reached")
    for number, status in ((1, 201), (2, 201), (3, 402)):
        student = {"firstName": "Student", "phone": f"+9198000000{number:02}", "libraryId": str(scene.library)}
        assert world.call("students", "POST", "/students", scene.tenant.owner, student).status == status


def test_staff_bound_to_one_library_do_not_get_round_a_limit_of_the_whole(world: World) -> None:
    scene = Scene.open(world)
    elsewhere = ids.uuid7()
    with world.db(scene.tenant.id) as db:
        db.run(
            "INSERT INTO libraries (id, name, code, created_at, updated_at) VALUES"
            " (%(id)s, 'B', 'B', %(now)s, %(now)s)",
            id=elsewhere, now=clock.now(),
        )  # fmt: skip
    scene.student()
    entitle(world, scene.tenant.id, limits={"students": 1})
    bound = world.token("library_staff", scene.tenant.id, libraryIds=[str(elsewhere)])
    student = {"firstName": "Student", "phone": "+919800000001", "libraryId": str(elsewhere)}
    assert world.call("students", "POST", "/students", bound, student).code == "limit_reached"


def test_a_limit_below_what_is_there_takes_nothing_away(world: World) -> None:
    scene = Scene.open(world, seats=3)
    entitle(world, scene.tenant.id, limits={"seats": 1})
    used = world.call("tenants", "GET", f"/tenants/{scene.tenant.id}/usage", scene.tenant.owner).data
    seats = next(m for m in used["measures"] if m["name"] == "seats")
    assert (seats["used"], seats["allowed"]) == (3, 1)
    one = {"zone": "Silent", "rows": 1, "columns": 1, "prefix": "N"}
    path = f"/libraries/{scene.library}/seats"
    assert world.call("libraries", "POST", path, scene.tenant.owner, one).code == "limit_reached"


def test_an_override_ends_by_itself_and_the_plan_holds_again(world: World) -> None:
    tenant = world.tenant(plan="starter")
    until = clock.now() + timedelta(days=1)
    given = entitle(
        world, tenant.id, limits={"libraries": 0}, features={"beta": True}, expiresAt=until.isoformat()
    ).data
    assert (given["limits"]["libraries"], given["features"]["beta"]) == (0, True)
    assert {o["name"] for o in given["overrides"]} == {"libraries", "beta"}
    assert library(world, tenant).code == "limit_reached"
    world.advance(timedelta(days=1, minutes=1))
    with world.worker():
        timers.fire_due(function("schedules", "minute").AT_ONCE)
    later = replace(tenant, owner=world.token("library_owner", tenant.id, tenant.owner_id))
    assert library(world, later).status == 201
    after = world.call("tenants", "GET", f"/tenants/{tenant.id}/entitlements", world.admin()).data
    assert (after["limits"]["libraries"], after["overrides"]) == (3, [])


def test_a_reset_gives_the_plan_back_and_the_rate_of_requests_follows(world: World) -> None:
    tenant = world.tenant(plan="growth")
    entitle(world, tenant.id, limits={"requestsPerMinute": 7})
    with world.db(tenant.id) as db:
        assert db.value("SELECT rate_limit FROM tenant_gate") == 7
    back = entitle(world, tenant.id, reset=["requestsPerMinute"]).data
    assert back["limits"]["requestsPerMinute"] == 200
    with world.db(tenant.id) as db:
        assert db.dicts("SELECT rate_limit, tenant_rate_limit FROM tenant_gate") == [
            {"rate_limit": 200, "tenant_rate_limit": 12000}
        ]


def test_another_plan_reaches_the_cell(world: World) -> None:
    tenant = world.tenant(plan="starter")
    with cells.core_db() as core:
        core.run("UPDATE tenants SET plan_code = 'growth' WHERE id = %(id)s", id=tenant.id)
        service.apply_soon(core, tenant.id, "test")
    with world.worker():
        timers.fire_due(function("schedules", "minute").AT_ONCE)
    with world.db(tenant.id) as db:
        assert service.allowed(db, "libraries") == 10


def gate(world: World, tenant: Tenant) -> dict[str, Any]:
    with world.db(tenant.id) as db:
        return db.dicts("SELECT limits, modules, rate_limit, version FROM tenant_gate")[0]


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_an_organisation_older_than_limits_has_them_after_the_next_night(world: World, isolation: str) -> None:
    old, closed = world.tenant(isolation, plan="starter"), world.tenant(status="deleted")
    assert gate(world, old)["limits"] == gate(world, closed)["limits"] == {}
    night = function("schedules", "daily").JOBS["limits"]
    with world.worker():
        assert night() == 1
    told = gate(world, old)
    assert (told["limits"]["libraries"], told["version"]) == (3, 2)
    with world.worker():
        assert night() == 0
    assert gate(world, old) == told, "a cell that knows is left alone"
    for number in range(4):
        assert library(world, old).status == (201 if number < 3 else 402)
    assert gate(world, closed)["limits"] == {}


def test_the_night_keeps_what_was_allowed_apart_and_mends_a_cell_that_has_something_else(world: World) -> None:
    tenant = world.tenant(plan="starter")
    entitle(world, tenant.id, limits={"libraries": 7})
    before = gate(world, tenant)
    with world.worker():
        assert service.apply_everywhere() == 0
    with world.db(tenant.id) as db:  # as from a copy of another day
        db.run("UPDATE tenant_gate SET limits = '{}', rate_limit = 5")
    with world.worker():
        assert service.apply_everywhere() == 1
    after = gate(world, tenant)
    assert (after["limits"], after["rate_limit"]) == (before["limits"], before["rate_limit"])


def test_a_cell_out_of_reach_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lost, found = world.tenant(plan="starter"), world.tenant(plan="starter")
    real = cells.place_of

    def place_of(tenant: UUID) -> connections.Place:
        return real(tenant) if tenant != lost.id else connections.Place("127.0.0.1", 1, "none")

    with world.worker(), monkeypatch.context() as patch:
        patch.setattr(cells, "place_of", place_of)
        assert service.apply_everywhere() == 1
    assert gate(world, found)["limits"] and not gate(world, lost)["limits"]
    with world.worker():
        assert service.apply_everywhere() == 1
    assert gate(world, lost)["limits"] == gate(world, found)["limits"]
