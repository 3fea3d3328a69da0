"""What an organisation shows: its page to everybody, how far it is to its owner, nothing of it while it is shut."""

from __future__ import annotations

import pytest
from studyspot.kit import ids

from tests.bookings.scene import Scene
from tests.world import Answer, World


def page(world: World, slug: str) -> Answer:
    return world.call("settings", "GET", f"/public/tenants/{slug}", None)


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_branding_is_set_by_the_owner_and_read_by_anybody(world: World, isolation: str) -> None:
    tenant = world.tenant(isolation)
    body = {"displayName": "North Hall", "logoUrl": "https://cdn.example.org/logo.svg", "primaryColour": "#113355"}
    student = world.token("student", tenant.id)
    assert world.call("settings", "PUT", "/tenants/me/branding", student, body).code == "forbidden"
    assert world.call("settings", "PUT", "/tenants/me/branding", tenant.owner, body).data["version"] == 1
    shown = world.call("settings", "GET", f"/tenants/me/branding?slug={tenant.slug}", None).data
    assert {name: shown[name] for name in body} == body
    for wrong in ({"logoUrl": "http://cdn.example.org/x"}, {"logoUrl": "javascript:alert(1)"}, {"primaryColour": "red"},
                  {"website": "https://user:pass@example.org"}):  # fmt: skip
        assert world.call("settings", "PUT", "/tenants/me/branding", tenant.owner, wrong).code == "validation_failed"
    cleared = world.call("settings", "PUT", "/tenants/me/branding", tenant.owner, {"logoUrl": None}).data
    assert (cleared["logoUrl"], cleared["displayName"]) == (None, "North Hall")


def test_the_page_shows_what_is_open_and_public_and_no_more(world: World) -> None:
    scene = Scene.open(world, seats=3)
    scene.student()
    with world.db(scene.tenant.id) as db:
        db.run("UPDATE fee_plans SET is_public = false WHERE id = %(id)s", id=scene.monthly)
    shown = page(world, scene.tenant.slug)
    data = shown.data
    assert [(one["code"], one["seats"], one["openingTime"]) for one in data["libraries"]] == [("L1", 3, "06:00")]
    assert [plan["id"] for plan in data["plans"]] == [str(scene.hourly)]
    assert str(scene.tenant.id) not in shown.raw.decode()


@pytest.mark.parametrize("status", ["suspended", "provisioning", "offboarding", "deleted"])
def test_a_shut_or_unknown_organisation_has_no_page(world: World, status: str) -> None:
    tenant = world.tenant(status=status)
    nobody = page(world, "nobody-here")
    for path in (f"/public/tenants/{tenant.slug}", f"/tenants/me/branding?slug={tenant.slug}"):
        answer = world.call("settings", "GET", path, None)
        assert (answer.status, answer.code) == (nobody.status, nobody.code) == (404, "not_found")


def test_the_checklist_is_read_off_what_is_there(world: World) -> None:
    tenant = world.tenant()
    bare = world.call("settings", "GET", "/tenants/me/onboarding", tenant.owner).data
    assert bare["done"] == 0
    codes = ["library", "seats", "plan", "gateway", "dlt", "first_student"]
    assert [step["code"] for step in bare["steps"]] == codes
    scene = Scene.open(world)
    scene.student()
    done = world.call("settings", "GET", "/tenants/me/onboarding", scene.tenant.owner).data
    assert {step["code"] for step in done["steps"] if step["done"]} == {"library", "seats", "plan", "first_student"}
    assert world.call("settings", "GET", "/tenants/me/onboarding", world.token("student", tenant.id)).status == 403


def test_tenants_are_listed_by_their_health(world: World) -> None:
    tenant = world.tenant()
    with world.db(ids.PLATFORM) as core:
        core.run("UPDATE tenants SET health = 'at_risk', health_score = 40 WHERE id = %(id)s", id=tenant.id)
    found = world.call("tenants", "GET", "/tenants?health=at_risk&plan=trial&isolation=pool", world.admin()).data
    assert [one["id"] for one in found] == [str(tenant.id)]
    assert world.call("tenants", "GET", "/tenants?health=unwell", world.admin()).code == "validation_failed"


def test_the_page_tells_the_hours_that_hold(world: World) -> None:
    scene = Scene.open(world)
    shown = page(world, scene.tenant.slug).data["libraries"][0]
    assert shown["weekly"][0] == {"day": 1, "opens": "06:00", "closes": "23:00"}
    assert (len(shown["weekly"]), shown["openNow"]) == (7, True)
    weekly = [{"day": 2, "opens": "06:00", "closes": "08:00"}, {"day": 2, "opens": "20:00", "closes": "02:00"}]
    path = f"/libraries/{scene.library}/hours"
    assert world.call("spaces", "PUT", path, scene.tenant.owner, {"weekly": weekly}).status == 200
    shown = page(world, scene.tenant.slug).data["libraries"][0]
    assert (shown["weekly"], shown["openNow"]) == (weekly, False)
