"""Platform staff act as somebody: with a reason, for half an hour, only looking unless the owner consents."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import ids, tokens
from studyspot.kit.ids import PLATFORM

from tests.identity.people import audited
from tests.world import Answer, Tenant, World

REASON = "an owner asked why a list is empty"


def ask(world: World, path: str, token: str | None, body: Any = None, method: str = "POST", **headers: str) -> Answer:
    return world.call("factors", method, f"/auth/{path}", token, body, **headers)


def stand_in(world: World, tenant: Tenant, staff: str | None = None) -> Any:
    body = {"tenantId": str(tenant.id), "userId": str(tenant.owner_id), "reason": REASON}
    answer = ask(world, "impersonate", staff or world.token("platform_staff", PLATFORM), body)
    assert answer.status == 201, answer.json
    return answer.data


def add_library(world: World, token: str) -> Answer:
    return world.call("libraries", "POST", "/libraries", token, {"name": "Library", "code": ids.uuid7().hex[-6:]})


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_they_see_what_the_owner_sees_and_change_nothing(world: World, isolation: str) -> None:
    tenant, helper = world.tenant(isolation), ids.uuid7()
    acting = stand_in(world, tenant, world.token("platform_staff", PLATFORM, helper))
    token = acting["accessToken"]
    claims = tokens.verify(token)
    assert claims["act"] == {"sub": str(helper), "userType": "platform_staff"}
    assert claims["exp"] - claims["iat"] == 1800
    assert world.call("libraries", "GET", "/libraries", token).status == 200
    refused = add_library(world, token)
    assert (refused.status, refused.code) == (403, "impersonation_read_only")
    assert not acting["mayWrite"]
    for trail in (tenant.id, PLATFORM):
        (row,) = audited(trail, "auth.impersonated", actor_id=helper)
        assert row["after"]["reason"] == REASON
    looked = audited(tenant.id, "GET /api/v1/libraries")
    assert looked[-1]["impersonator_id"] == helper


def test_only_the_platform_s_staff_may_and_only_with_a_reason(world: World) -> None:
    tenant, other = world.tenant(), world.tenant()
    body = {"tenantId": str(other.id), "userId": str(other.owner_id), "reason": REASON}
    assert ask(world, "impersonate", tenant.owner, body).code == "forbidden"
    staff = world.token("platform_staff", PLATFORM)
    assert ask(world, "impersonate", staff, {**body, "reason": " "}).status == 422
    assert ask(world, "impersonate", staff, {**body, "userId": str(tenant.owner_id)}).code == "not_found"
    assert ask(world, "impersonate", staff, {**body, "tenantId": str(ids.uuid7())}).code == "not_found"


def test_with_consent_they_change_things_but_never_what_proves_who_one_is(world: World) -> None:
    tenant, helper = world.tenant(), ids.uuid7()
    token = stand_in(world, tenant, world.token("platform_staff", PLATFORM, helper))["accessToken"]
    given = ask(world, "impersonation-consent", tenant.owner, {"hours": 2})
    assert given.status == 201
    assert add_library(world, token).status == 201
    with world.db(tenant.id) as db:
        row = db.dicts(
            "SELECT actor_id, impersonator_id, after FROM audit_logs WHERE resource_type = 'libraries' ORDER BY id"
        )[-1]
    assert (row["actor_id"], row["impersonator_id"]) == (tenant.owner_id, helper)
    assert "impersonator" not in row["after"]
    library = world.call("libraries", "GET", "/libraries", token).data[0]["id"]
    own = {"name": "app", "scopes": ["libraries:read"]}
    world.proven(tenant.owner)
    key = world.call("developer", "POST", "/api-keys", tenant.owner, own).data["id"]
    forbidden = [
        ("auth", "POST", "/auth/password/change", {"currentPassword": "x", "newPassword": "y"}),
        ("factors", "POST", "/auth/mfa/totp/enroll", None),
        ("factors", "POST", "/auth/mfa/totp/confirm", {"code": "123456"}),
        ("factors", "DELETE", "/auth/mfa/totp", None),
        ("factors", "POST", "/auth/step-up", {"password": "x"}),
        ("factors", "POST", "/auth/impersonation-consent", {}),
        ("factors", "POST", "/auth/device-token", {"libraryId": library, "name": "Door"}),
        ("developer", "POST", "/api-keys", {"name": "stays behind", "scopes": ["libraries:read"]}),
        ("developer", "POST", f"/api-keys/{key}/rotate", None),
        ("settings", "PUT", "/tenants/me/gateways/razorpay", {"mode": "test"}),
        ("settings", "DELETE", "/tenants/me/gateways/razorpay", None),
    ]
    for group, method, path, body in forbidden:
        answer = world.call(group, method, path, token, body)
        assert answer.status == 403, (path, answer.json)
    assert ask(world, "impersonation-consent", tenant.owner, None, "DELETE").status == 204
    assert add_library(world, token).code == "impersonation_read_only", "withdrawn at once"


def test_consent_ends_by_itself_and_no_platform_user_gives_it(world: World) -> None:
    tenant = world.tenant()
    token = stand_in(world, tenant)["accessToken"]
    acting = ask(world, "impersonation-consent", world.admin(), {}, x_tenant_id=str(tenant.id))
    assert acting.code == "forbidden"
    assert ask(world, "impersonation-consent", world.token("library_staff", tenant.id), {}).code == "forbidden"
    with world.db(tenant.id) as db:
        db.run("INSERT INTO impersonation_consents (id, given_by, given_at, ends_at) VALUES"
               " (%(i)s, %(i)s, %(now)s, %(now)s)", i=ids.uuid7(), now="2020-01-01T00:00:00Z")  # fmt: skip
    assert add_library(world, token).code == "impersonation_read_only"
    assert ask(world, "impersonation-consent", tenant.owner, None, "GET").code == "not_found"


def test_it_ends_after_half_an_hour_or_when_said(world: World) -> None:
    tenant, helper = world.tenant(), ids.uuid7()
    staff = world.token("platform_staff", PLATFORM, helper)
    first, second = (stand_in(world, tenant, staff)["accessToken"] for _ in range(2))
    assert ask(world, "impersonate/end", first).status == 204
    assert world.call("libraries", "GET", "/libraries", first).code == "token_revoked"
    assert audited(tenant.id, "auth.impersonation_ended", actor_id=helper)
    assert audited(PLATFORM, "auth.impersonation_ended", actor_id=helper)
    assert ask(world, "impersonate/end", tenant.owner).code == "not_impersonating"
    world.advance(timedelta(minutes=30, seconds=1))
    assert world.call("libraries", "GET", "/libraries", second).code == "token_expired"


def test_a_claim_about_who_acts_opens_nothing_that_the_session_does_not_hold(world: World) -> None:
    """A session that nobody acts in is not made writable by the claim, and its rights stay its own."""
    tenant = world.tenant()
    forged = world.token("library_owner", tenant.id, tenant.owner_id, act={"sub": str(UUID(int=7)), "userType": "x"})
    ask(world, "impersonation-consent", tenant.owner, {})
    assert add_library(world, forged).code == "impersonation_read_only"
