"""Could this user do that, and why: the answer is the one their own request would get."""

from __future__ import annotations

from typing import Any

from studyspot.kit import ids

from tests.identity.test_staff import call, hired, library, role
from tests.world import Answer, Tenant, World


def ask(world: World, token: str, user: Any, permission: str, kind: str | None = None, thing: Any = None) -> Answer:
    body: dict[str, Any] = {"userId": str(user), "permission": permission}
    if kind:
        body["on"] = {"type": kind, "id": str(thing)}
    return call(world, "POST", "/roles/simulate", token, body)


def steps(answer: Answer) -> list[tuple[str, bool]]:
    return [(check["step"], check["passed"]) for check in answer.data["path"]]


def student(world: World, tenant: Tenant, library_id: str) -> str:
    phone = f"+9198{ids.uuid7().int % 10**8:08}"
    body = {"firstName": "Reader", "phone": phone, "libraryId": library_id}
    made = world.call("students", "POST", "/students", tenant.owner, body)
    assert made.status == 201, made.raw
    return str(made.data["id"])


def test_only_owners_and_administrators_ask(world: World) -> None:
    tenant = world.tenant()
    for who in ("student", "library_staff"):
        asked = ask(world, world.token(who, tenant.id), tenant.owner_id, "students:read")
        assert asked.code == "forbidden"


def test_nobody_and_nothing_of_another_organisation_is_explained(world: World) -> None:
    tenant, other = world.tenant(), world.tenant()
    theirs, _ = hired(world, other)
    mine, _ = hired(world, tenant)
    room = library(world, other)
    assert ask(world, tenant.owner, theirs, "students:read").status == 404
    assert ask(world, tenant.owner, other.owner_id, "students:read").status == 404
    assert ask(world, tenant.owner, mine, "libraries:read", "library", room).status == 404
    assert ask(world, tenant.owner, mine, "make:coffee").status == 422


def test_the_way_to_a_decision_is_told(world: World) -> None:
    tenant = world.tenant()
    here, there = library(world, tenant), library(world, tenant)
    desk = role(world, tenant, "students:read", "students:update", name="Front desk")
    user, pair = hired(world, tenant, role=desk, libraryIds=[here], permissions=["bookings:read"])
    inside, outside = student(world, tenant, here), student(world, tenant, there)

    yes = ask(world, tenant.owner, user, "students:update", "student", inside)
    assert (yes.data["allowed"], steps(yes)) == (
        True, [("organisation", True), ("account", True), ("permission", True), ("thing", True)],
    )  # fmt: skip
    assert yes.data["path"][2]["because"] == "the role Front desk"
    no = ask(world, tenant.owner, user, "students:update", "student", outside)
    assert (no.data["allowed"], steps(no)[-1]) == (False, ("thing", False))
    assert "bound to 1" in no.data["path"][-1]["because"]
    grant = ask(world, tenant.owner, user, "bookings:read")
    assert (grant.data["allowed"], grant.data["path"][-1]["because"]) == (True, "a grant of their own")
    refund = ask(world, tenant.owner, user, "payments:refund", "library", here)
    assert (refund.data["allowed"], steps(refund)[-1]) == (False, ("permission", False))
    assert "library_owner" in refund.data["path"][-1]["because"]

    for thing, expected in ((inside, 200), (outside, 404)):
        path = f"/students/{thing}"
        assert world.call("students", "PUT", path, pair["accessToken"], {"notes": "x"}).status == expected

    call(world, "POST", f"/staff/{user}/suspend", tenant.owner, {})
    gone = ask(world, tenant.owner, user, "students:read")
    assert (gone.data["allowed"], steps(gone)[-1]) == (False, ("account", False))


def test_an_administrator_asks_for_an_organisation_and_for_the_platform(world: World) -> None:
    tenant = world.tenant()
    user, _ = hired(world, tenant)
    body = {"userId": user, "permission": "students:read"}
    acting = call(world, "POST", "/roles/simulate", world.admin(), body, x_tenant_id=str(tenant.id))
    assert acting.data["allowed"] is True
    assert call(world, "POST", "/roles/simulate", world.admin(), body).status == 404
