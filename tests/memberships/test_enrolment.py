"""Students become members, and libraries with members stay open."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from studyspot.kit import clock, ids
from studyspot.memberships import service

from tests.libraries.test_libraries import add
from tests.memberships.test_fee_plans import plan, send
from tests.world import Tenant, World


def student(world: World, tenant: Tenant, phone: str = "+919876543210", **facts: Any) -> str:
    made = world.call("students", "POST", "/students", tenant.owner, {"firstName": "Student", "phone": phone} | facts)
    assert made.status == 201, made.json
    made_id: str = made.data["id"]
    return made_id


@pytest.fixture
def tenant(world: World) -> Tenant:
    return world.tenant()


@pytest.fixture
def wish(world: World, tenant: Tenant) -> dict[str, Any]:
    library = add(world, tenant).data["id"]
    monthly = plan(world, tenant, kind="monthly", pricePaise=150000)
    return {"studentId": student(world, tenant, libraryId=library), "feePlanId": monthly["id"], "libraryId": library}


def test_students_do_not_enrol_themselves(world: World, tenant: Tenant) -> None:
    assert send(world, world.token("student", tenant.id), "POST", "/memberships", {}).code == "forbidden"


def test_a_student_joins(world: World, tenant: Tenant, wish: dict[str, Any]) -> None:
    made = send(world, tenant.owner, "POST", "/memberships", wish)
    assert (made.status, made.data["status"], made.data["pricePaise"]) == (201, "active", 150000)
    assert send(world, tenant.owner, "POST", "/memberships", wish).code == "membership_overlap"
    now = clock.now()
    with world.db(tenant.id) as db:
        assert service.has_live(db, wish["studentId"], wish["feePlanId"], now)
        assert not service.has_live(db, wish["studentId"], wish["feePlanId"], now + timedelta(days=32))
        assert not service.has_live(db, ids.uuid7(), wish["feePlanId"], now)
        assert service.price(db, wish["feePlanId"], wish["libraryId"], now, now, wish["studentId"]) == 0
    shown = world.call("students", "GET", f"/students/{wish['studentId']}", tenant.owner).data
    assert (shown["membershipStart"], shown["membershipEnd"]) == (made.data["startDate"], made.data["endDate"])
    assert {"membership.created", "membership.activated"} <= {m.get("type") for m in world.outbox(tenant.id)}


def test_members_keep_the_terms_they_bought(world: World, tenant: Tenant, wish: dict[str, Any]) -> None:
    first = send(world, tenant.owner, "POST", "/memberships", wish).data
    send(world, tenant.owner, "PUT", f"/fee-plans/{wish['feePlanId']}", {"pricePaise": 200000})
    next_one = send(world, tenant.owner, "POST", "/memberships", wish | {"startDate": first["endDate"]}).data
    assert (next_one["feePlanVersion"], next_one["pricePaise"], next_one["status"]) == (2, 200000, "scheduled")
    again = send(world, tenant.owner, "GET", f"/memberships/{first['id']}").data
    assert (again["feePlanVersion"], again["pricePaise"]) == (1, 150000)


def test_students_see_their_own_memberships_only(world: World, tenant: Tenant, wish: dict[str, Any]) -> None:
    mine = send(world, tenant.owner, "POST", "/memberships", wish).data["id"]
    me = world.token("student", tenant.id, ids.UUID(wish["studentId"]))
    other = world.token("student", tenant.id)
    assert [row["id"] for row in send(world, me, "GET", "/memberships").data] == [mine]
    assert send(world, other, "GET", "/memberships").data == []
    assert send(world, other, "GET", f"/memberships/{mine}").status == 404
    assert send(world, world.tenant().owner, "GET", f"/memberships/{mine}").status == 404
    assert len(send(world, tenant.owner, "GET", "/memberships?expiring=31&status=active").data) == 1
    assert send(world, tenant.owner, "GET", "/memberships?expiring=3").data == []


def test_what_cannot_be_joined(world: World, tenant: Tenant, wish: dict[str, Any]) -> None:
    hourly = plan(world, tenant)["id"]
    assert send(world, tenant.owner, "POST", "/memberships", wish | {"feePlanId": hourly}).code == "rule_violated"
    for name in ("studentId", "feePlanId", "libraryId", "shiftId"):
        unknown = wish | {name: str(ids.uuid7())}
        assert send(world, tenant.owner, "POST", "/memberships", unknown).status == 404, name
    world.call("records", "POST", f"/students/{wish['studentId']}/suspend", tenant.owner, {"reason": "noise"})
    assert send(world, tenant.owner, "POST", "/memberships", wish).code == "student_suspended"


def test_a_library_with_members_stays_open(world: World, tenant: Tenant, wish: dict[str, Any]) -> None:
    send(world, tenant.owner, "POST", "/memberships", wish)
    here = f"/libraries/{wish['libraryId']}"
    refused = world.call("libraries", "DELETE", here, tenant.owner)
    assert (refused.status, refused.code, refused.json["memberships"]) == (409, "library_has_active_members", 1)
    assert world.call("libraries", "GET", here, tenant.owner).data["status"] == "active"
    with world.db(tenant.id) as db:
        db.run("UPDATE memberships SET status = 'cancelled'")
    assert world.call("libraries", "DELETE", here, tenant.owner).status == 204
    assert send(world, tenant.owner, "POST", "/memberships", wish).code == "library_closed"
