"""Operators create, find and suspend organisations; owners read and edit their own; nobody sees another's."""

from __future__ import annotations

from typing import Any

import pytest
from studyspot.kit import cells, ids
from studyspot.subscriptions import service as subscriptions
from studyspot.tenants import service
from studyspot.tenants.models import SignedUp

from tests.world import Answer, World


@pytest.fixture(autouse=True)
def plans(world: World) -> None:
    with cells.core_db() as core:
        subscriptions.seed_plans(core)


def fresh(**more: Any) -> dict[str, Any]:
    return {"name": "Test Library", "email": f"{ids.uuid7().hex[-12:]}@example.org", **more}


def call(world: World, method: str, path: str, token: str | None, body: Any = None, **headers: str) -> Answer:
    return world.call("tenants", method, path, token, body, **headers)


def test_only_operators_create_list_suspend_and_retry(world: World) -> None:
    tenant = world.tenant()
    student = world.token("student", tenant.id)
    for method, path in (
        ("POST", "/tenants"),
        ("GET", "/tenants"),
        ("POST", f"/tenants/{tenant.id}/suspend"),
        ("POST", f"/tenants/{tenant.id}/reactivate"),
        ("POST", f"/tenants/{tenant.id}/provisioning/retry"),
    ):
        assert call(world, method, path, None).code == "unauthenticated"
        assert call(world, method, path, tenant.owner).code == "forbidden"
        assert call(world, method, path, student).code == "forbidden"


def test_an_owner_sees_his_own_and_no_other_organisation(world: World) -> None:
    ours, theirs = world.tenant(), world.tenant()
    for path in ("", "/provisioning", "/stats"):
        assert call(world, "GET", f"/tenants/{ours.id}{path}", ours.owner).status == 200
        foreign = call(world, "GET", f"/tenants/{theirs.id}{path}", ours.owner)
        nothing = call(world, "GET", f"/tenants/{ids.uuid7()}{path}", ours.owner)
        assert (foreign.status, nothing.status) == (404, 404)
    assert call(world, "PUT", f"/tenants/{theirs.id}", ours.owner, {"name": "Mine"}).code == "not_found"
    assert call(world, "PUT", f"/tenants/{ids.uuid7()}", ours.owner, {"typo": "Mine"}).code == "not_found"
    assert call(world, "GET", "/tenants/me", ours.owner).data["id"] == str(ours.id)


def test_a_name_and_an_address_are_enough_and_the_default_is_a_database_of_its_own(world: World) -> None:
    made = call(world, "POST", "/tenants", world.admin(), fresh())
    assert made.status == 202
    assert made.data["status"] == "provisioning"
    assert made.data["isolation"] == "silo"
    assert made.data["slug"].startswith("test-library")
    trial = call(world, "POST", "/tenants", world.admin(), fresh(plan="trial"))
    assert trial.data["isolation"] == "pool"
    assert call(world, "GET", f"/tenants/{made.data['id']}", world.admin()).data == made.data


def test_a_slug_is_unique_chosen_or_made(world: World) -> None:
    slug = f"reading-{ids.uuid7().hex[-8:]}"
    first = call(world, "POST", "/tenants", world.admin(), fresh(slug=slug))
    second = call(world, "POST", "/tenants", world.admin(), fresh(slug=slug))
    assert (first.status, second.status, second.code) == (202, 409, "slug_taken")
    made = {call(world, "POST", "/tenants", world.admin(), fresh()).data["slug"] for _ in range(3)}
    assert len(made) == 3
    assert call(world, "GET", f"/tenants/check-slug?slug={slug}", None).data["available"] is False
    assert call(world, "POST", "/tenants", world.admin(), fresh(slug="No Slug")).code == "validation_failed"


def test_what_is_wrong_is_refused_and_leaves_nothing(world: World) -> None:
    admin, taken = world.admin(), fresh()
    assert call(world, "POST", "/tenants", admin, taken).status == 202
    assert call(world, "POST", "/tenants", admin, taken).code == "email_taken"
    assert call(world, "POST", "/tenants", admin, {"name": "x"}).code == "validation_failed"
    assert call(world, "POST", "/tenants", admin, fresh(plan="none")).json["errors"][0]["field"] == "plan"
    found = call(world, "GET", f"/tenants?q={taken['email']}", admin).data
    assert len(found) == 1


def test_a_repeated_request_creates_one_organisation(world: World) -> None:
    admin, body = world.admin(), fresh()
    first = call(world, "POST", "/tenants", admin, body, idempotency_key="k")
    again = call(world, "POST", "/tenants", admin, body, idempotency_key="k")
    assert (again.status, again.raw) == (202, first.raw)


def test_the_list_is_filtered_and_paged_without_gaps(world: World) -> None:
    admin, mark = world.admin(), ids.uuid7().hex[-10:]
    made = [call(world, "POST", "/tenants", admin, fresh(name=f"Hall {mark} {n}")).data["id"] for n in range(3)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = call(world, "GET", f"/tenants?q={mark}&limit=2&status=provisioning{cursor}", admin)
        seen += [t["id"] for t in page.data]
        if not page.json["meta"]["nextCursor"]:
            break
        cursor = f"&cursor={page.json['meta']['nextCursor']}"
    assert seen == made[::-1]
    assert call(world, "GET", f"/tenants?q={mark}&isolation=pool", admin).data == []
    assert call(world, "GET", "/tenants?status=happy", admin).code == "validation_failed"


def test_an_owner_edits_what_is_his_and_a_stale_version_is_refused(world: World) -> None:
    tenant = world.tenant()
    path = f"/tenants/{tenant.id}"
    etag = call(world, "GET", path, tenant.owner).headers["ETag"]
    changed = call(world, "PUT", path, tenant.owner, {"name": "Quiet Hall", "timezone": "Asia/Dubai"}, if_match=etag)
    assert (changed.status, changed.data["name"]) == (200, "Quiet Hall")
    with world.db(tenant.id) as db:
        assert db.value("SELECT timezone FROM tenant_gate") == "Asia/Dubai"
    assert call(world, "PUT", path, tenant.owner, {"name": "X"}, if_match=etag).code == "version_conflict"
    assert call(world, "PUT", path, tenant.owner, {"email": "new@example.org"}).code == "validation_failed"
    assert call(world, "PUT", path, tenant.owner, {"timezone": "Mars"}).code == "validation_failed"
    assert call(world, "PUT", path, tenant.owner, {"planCode": "pro"}).code == "validation_failed"
    assert call(world, "PUT", path, world.admin(), {"email": "new@example.org"}).data["email"] == "new@example.org"


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_a_suspension_reaches_tokens_already_issued(world: World, isolation: str) -> None:
    tenant, admin = world.tenant(isolation), world.admin()
    path = f"/tenants/{tenant.id}"
    suspended = call(world, "POST", f"{path}/suspend", admin, {"reason": "unpaid"})
    assert (suspended.data["status"], suspended.data["scope"]) == ("suspended", "all")
    assert call(world, "GET", "/tenants/me", tenant.owner).code == "tenant_suspended"
    assert call(world, "POST", f"{path}/reactivate", admin).data["status"] == "active"
    assert call(world, "GET", "/tenants/me", tenant.owner).data["scope"] is None
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM audit_logs WHERE action LIKE 'tenants.%%'") == 2


def test_a_suspension_of_writes_leaves_reading(world: World) -> None:
    tenant, admin = world.tenant(), world.admin()
    path = f"/tenants/{tenant.id}"
    call(world, "POST", f"{path}/suspend", admin, {"reason": "unpaid", "scope": "writes"})
    assert call(world, "GET", path, tenant.owner).status == 200
    assert call(world, "PUT", path, tenant.owner, {"name": "X"}).code == "tenant_suspended"
    assert call(world, "GET", path, tenant.owner).data["name"] != "X"
    call(world, "POST", f"{path}/suspend", admin, {"reason": "spam", "scope": "messaging"})
    assert call(world, "PUT", path, tenant.owner, {"name": "X"}).status == 200


def test_only_a_working_organisation_is_suspended_and_only_a_failed_one_retried(world: World) -> None:
    admin = world.admin()
    fresh_one = call(world, "POST", "/tenants", admin, fresh()).data["id"]
    assert (
        call(world, "POST", f"/tenants/{fresh_one}/suspend", admin, {"reason": "x"}).code == "provisioning_in_progress"
    )
    assert call(world, "POST", f"/tenants/{fresh_one}/provisioning/retry", admin).code == "provisioning_in_progress"
    working = world.tenant()
    assert call(world, "POST", f"/tenants/{working.id}/provisioning/retry", admin).code == "state_conflict"
    assert call(world, "POST", f"/tenants/{ids.uuid7()}/suspend", admin, {"reason": "x"}).code == "not_found"


def test_the_figures_are_counted_in_the_tenants_cell_and_the_look_is_noted(world: World) -> None:
    tenant = world.tenant()
    found = call(world, "GET", f"/tenants/{tenant.id}/stats", world.admin()).data
    names = ("students", "activeStudents", "libraries", "seats", "occupancy", "revenuePaise", "messages")
    assert found == dict.fromkeys(names, 0)
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM audit_logs WHERE action = 'tenants.stats'") == 1


def test_who_signs_up_gets_a_trial_in_the_pool_once_per_address(world: World) -> None:
    email = f"{ids.uuid7().hex[-12:]}@example.org"

    def sign_up() -> SignedUp:
        with cells.core_db() as core:
            return service.sign_up(core, "Owner 1", email, "$2b$04$hash", "पुस्तकालय")

    made = sign_up()
    assert made.status == "provisioning"
    assert made.slug.startswith("library")
    with pytest.raises(service.EmailTaken):
        sign_up()
    (begun,) = [m for m in world.outbox(ids.PLATFORM, "tenant_provisioning") if m["subject"] == str(made.tenant_id)]
    assert (begun["isolation"], begun["invite"], begun["resume"]) == ("pool", False, "begin")


@pytest.mark.parametrize(
    ("name", "stem"),
    [("Test Library", "test-library"), ("  Café & Books!! ", "cafe-books"), ("पुस्तकालय", "library"), ("A", "library-a")],
)
def test_a_slug_is_made_from_the_name(name: str, stem: str) -> None:
    slugs = service.slugs_of(name, ids.uuid7())
    assert slugs[0] == stem
    assert len(set(slugs)) == len(slugs)
