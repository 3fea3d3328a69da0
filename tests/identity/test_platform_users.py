"""Platform users: invited, turned, reset; and there is always an administrator left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from studyspot.identity.queries import platform as queries
from studyspot.kit import cells, clock, ids
from studyspot.kit.ids import PLATFORM

from tests.files.test_files import PNG, read
from tests.identity.people import PASSWORD, admin_with_password, audited, staff_with_password, told
from tests.store import BUCKET
from tests.world import Answer, World

STRONG = "a very quiet reading room 27"


def call(world: World, method: str, path: str, token: str | None, body: Any = None) -> Answer:
    return world.call("users", method, path, token, body)


def address() -> str:
    return f"admin-{ids.uuid7()}@example.org"


def admin(world: World) -> tuple[UUID, str]:
    """An administrator with a row, and a token."""
    email = address()
    admin_with_password(email, STRONG)
    pair = world.call("auth", "POST", "/auth/admin/login", None, {"email": email, "password": STRONG})
    assert pair.status == 200, pair.raw
    return UUID(pair.data["user"]["id"]), pair.data["accessToken"]


def invited(world: World, token: str, **more: Any) -> tuple[str, str]:
    """The id and the address of somebody invited."""
    email = address()
    made = call(world, "POST", "/admin/users", token, {"email": email, "name": "New", **more})
    assert made.status == 201, made.raw
    return made.data["id"], email


def joined(world: World, token: str, **more: Any) -> tuple[str, str, str]:
    user_id, email = invited(world, token, **more)
    link = told(PLATFORM, email)[-1]["token"]
    accepted = world.call("auth", "POST", f"/auth/invitations/{link}/accept", None, {"password": STRONG})
    assert accepted.status == 200, accepted.raw
    pair = world.call("auth", "POST", "/auth/admin/login", None, {"email": email, "password": STRONG})
    return user_id, email, pair.data["accessToken"]


@pytest.fixture(autouse=True)
def _only_these(world: World) -> Any:
    """Administrators of other tests would stand in for the last one."""
    with psycopg.connect(world.core, autocommit=True) as conn:
        conn.execute("DELETE FROM admin_users")


WAYS = [
    ("GET", "/admin/users"), ("POST", "/admin/users"), ("GET", "/admin/users/{id}"), ("PUT", "/admin/users/{id}"),
    ("DELETE", "/admin/users/{id}"), ("GET", "/admin/users/{id}/activity"), ("POST", "/admin/users/{id}/suspend"),
    ("POST", "/admin/users/{id}/reactivate"), ("POST", "/admin/users/{id}/reset-password"), ("GET", "/admin/roles"),
    ("POST", "/admin/roles"), ("PUT", "/admin/roles/{id}"), ("DELETE", "/admin/roles/{id}"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WAYS)
def test_nobody_of_an_organisation_manages_the_platform(world: World, method: str, path: str) -> None:
    there = path.replace("{id}", str(ids.uuid7()))
    assert call(world, method, there, None, {}).status == 401
    tenant = world.tenant()
    for token in (tenant.owner, world.token("library_staff", tenant.id), world.token("student", tenant.id)):
        assert call(world, method, there, token, {}).code == "forbidden"
    if method != "GET" or "roles" in path or "activity" in path:
        assert call(world, method, there, world.token("platform_staff", PLATFORM), {}).code == "forbidden"


def test_a_platform_user_joins_by_mail(world: World) -> None:
    _, token = admin(world)
    user_id, email = invited(world, token)
    assert call(world, "GET", f"/admin/users/{user_id}", token).data["status"] == "invited"
    again = call(world, "POST", "/admin/users", token, {"email": email, "name": "New"})
    assert (again.status, again.code) == (409, "email_taken")
    login = {"email": email, "password": STRONG}
    assert world.call("auth", "POST", "/auth/admin/login", None, login).code == "invalid_credentials"
    link = told(PLATFORM, email)[-1]["token"]
    path = f"/auth/invitations/{link}/accept"
    assert world.call("auth", "POST", path, None, {"password": "shortpass"}).code == "weak_password"
    assert world.call("auth", "POST", path, None, {"password": STRONG}).status == 200
    assert world.call("auth", "POST", path, None, {"password": STRONG}).code == "invitation_expired"
    pair = world.call("auth", "POST", "/auth/admin/login", None, login).data
    assert pair["user"]["userType"] == "platform_staff"
    found = call(world, "GET", f"/admin/users?q={email}&status=active", pair["accessToken"]).data
    assert [u["id"] for u in found] == [user_id]
    assert audited(PLATFORM, "admin_users.create", resource_id=user_id)


def test_nobody_raises_themselves_or_others_above(world: World) -> None:
    _, token = admin(world)
    body = {
        "name": f"Helpers {ids.uuid7()}",
        "permissions": ["admin_users:read", "admin_users:manage", "admin_roles:manage"],
    }
    made = call(world, "POST", "/admin/roles", token, body)
    user_id, _, helper = joined(world, token, role=made.data["id"])
    other, _, _ = joined(world, token)
    for method, path, asked in (
        ("PUT", f"/admin/users/{user_id}", {"permissions": ["tenants:delete"]}),
        ("PUT", f"/admin/users/{other}", {"role": "platform_admin"}),
        ("POST", "/admin/users", {"email": address(), "name": "New", "role": "platform_admin"}),
        ("POST", "/admin/users", {"email": address(), "name": "New", "permissions": ["tenants:delete"]}),
        ("POST", "/admin/users", {"email": address(), "name": "New", "role": "library_owner"}),
        ("POST", "/admin/roles", {"name": "More", "permissions": ["tenants:delete"]}),
        ("POST", f"/admin/users/{other}/suspend", {}),
        ("POST", f"/admin/users/{other}/reset-password", {}),
        ("DELETE", f"/admin/users/{other}", None),
    ):
        refused = call(world, method, path, helper, asked)
        assert (refused.status, refused.code) == (403, "privilege_escalation"), (path, refused.raw)
    assert call(world, "DELETE", f"/admin/roles/{made.data['id']}", token).code == "role_in_use"
    less = call(world, "PUT", f"/admin/roles/{made.data['id']}", token, {"permissions": ["admin_users:read"]})
    assert (less.data["permissions"], less.data["members"]) == (["admin_users:read"], 1)
    assert call(world, "GET", "/admin/users", helper).code == "token_revoked"


def test_suspension_and_deactivation_end_what_was_open(world: World) -> None:
    _, token = admin(world)
    user_id, email, theirs = joined(world, token)
    assert (
        call(world, "POST", f"/admin/users/{user_id}/suspend", token, {"reason": "away"}).data["status"] == "suspended"
    )
    assert call(world, "GET", "/users/me", theirs).code == "token_revoked"
    login = {"email": email, "password": STRONG}
    assert world.call("auth", "POST", "/auth/admin/login", None, login).code == "account_suspended"
    assert call(world, "POST", f"/admin/users/{user_id}/suspend", token, {}).code == "state_conflict"
    assert call(world, "POST", f"/admin/users/{user_id}/reactivate", token).data["status"] == "active"
    assert world.call("auth", "POST", "/auth/admin/login", None, login).status == 200
    assert call(world, "DELETE", f"/admin/users/{user_id}", token).status == 204
    assert world.call("auth", "POST", "/auth/admin/login", None, login).code == "invalid_credentials"
    assert call(world, "POST", f"/admin/users/{user_id}/reactivate", token).data["status"] == "active"
    assert world.call("auth", "POST", "/auth/admin/login", None, login).code == "invalid_credentials"
    link = told(PLATFORM, email)[-1]["token"]
    reset = {"token": link, "password": "another quiet reading room 28"}
    assert world.call("auth", "POST", "/auth/reset-password", None, reset).status == 204
    login["password"] = reset["password"]
    assert world.call("auth", "POST", "/auth/admin/login", None, login).status == 200
    trail = call(world, "GET", f"/admin/users/{user_id}/activity", token).data
    assert {"auth.login", "auth.login_failed", "auth.accept"} <= {row["action"] for row in trail}


def test_a_deactivated_invitation_is_void(world: World) -> None:
    _, token = admin(world)
    user_id, email = invited(world, token)
    assert call(world, "DELETE", f"/admin/users/{user_id}", token).status == 204
    link = told(PLATFORM, email)[-1]["token"]
    refused = world.call("auth", "POST", f"/auth/invitations/{link}/accept", None, {"password": STRONG})
    assert refused.code == "invitation_expired"


def test_a_forced_reset_leaves_no_way_in_but_the_mail(world: World) -> None:
    _, token = admin(world)
    user_id, email, theirs = joined(world, token)
    assert call(world, "POST", f"/admin/users/{user_id}/reset-password", token).status == 204
    assert call(world, "GET", "/users/me", theirs).code == "token_revoked"
    login = {"email": email, "password": STRONG}
    assert world.call("auth", "POST", "/auth/admin/login", None, login).code == "invalid_credentials"
    assert len(told(PLATFORM, email)) == 2


def test_the_last_administrator_stays(world: World) -> None:
    mine, token = admin(world)
    other, theirs = admin(world)
    for method, path, body in (
        ("PUT", f"/admin/users/{mine}", {"role": "platform_staff"}),
        ("POST", f"/admin/users/{mine}/suspend", {}),
        ("DELETE", f"/admin/users/{mine}", None),
    ):
        assert call(world, method, path, token, body).code == "privilege_escalation"
    assert call(world, "POST", f"/admin/users/{other}/suspend", token, {}).status == 200
    with cells.core_db() as core:
        core.run("UPDATE sessions SET revoked_at = NULL WHERE user_id = %(id)s", id=other)
    for method, path, body in (
        ("PUT", f"/admin/users/{mine}", {"role": "platform_staff"}),
        ("POST", f"/admin/users/{mine}/suspend", {}),
        ("DELETE", f"/admin/users/{mine}", None),
    ):
        refused = call(world, method, path, theirs, body)
        assert (refused.status, refused.code) == (409, "last_admin"), refused.raw


def test_two_administrators_cannot_remove_each_other_at_once(world: World) -> None:
    """Each in a transaction of its own, both begun before either ends: the database lets one through, every time."""
    for _ in range(10):
        with psycopg.connect(world.core, autocommit=True) as conn:
            conn.execute("DELETE FROM admin_users")
        pair = [admin(world)[0] for _ in range(2)]

        def deactivate(user_id: UUID) -> str:
            with psycopg.connect(world.core) as conn:
                row = {"id": user_id, "from": ["active"], "to": "deactivated", "now": clock.now()}
                try:
                    conn.execute(queries.TURN, row)
                except psycopg.Error as refusal:
                    return str(refusal.sqlstate)
                return "done"

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(deactivate, pair)) == [queries.LAST_ADMIN, "done"]


def test_permissions_are_told_to_who_may_give_them(world: World) -> None:
    tenant = world.tenant()
    told_owner = {p["permission"]: p for p in call(world, "GET", "/admin/permissions", tenant.owner).data}
    assert told_owner["payments:refund"]["grantable"] is True
    assert "tenants:suspend" not in told_owner
    _, token = admin(world)
    told_admin = {p["permission"]: p for p in call(world, "GET", "/admin/permissions", token).data}
    assert told_admin["tenants:suspend"]["roles"] == ["platform_admin"]
    assert call(world, "GET", "/admin/permissions", world.token("library_staff", tenant.id)).code == "forbidden"
    roles = call(world, "GET", "/admin/roles", token).data
    assert [(r["id"], r["members"]) for r in roles if r["builtIn"]] == [("platform_admin", 1), ("platform_staff", 0)]


def test_oneself_is_seen_and_edited(world: World) -> None:
    tenant = world.tenant()
    shown = call(world, "GET", "/users/me", tenant.owner).data
    assert (shown["id"], shown["name"], shown["userType"]) == (str(tenant.owner_id), "Owner", "library_owner")
    changed = call(world, "PUT", "/users/me", tenant.owner, {"name": "Better name", "phone": "9812345678"}).data
    assert (changed["name"], changed["phone"]) == ("Better name", "+919812345678")
    assert call(world, "GET", "/users/me", tenant.owner).data == changed
    assert call(world, "PUT", "/users/me", tenant.owner, {"name": None}).status == 422
    assert call(world, "PUT", "/users/me", tenant.owner, {"permissions": []}).status == 422
    assert call(world, "PUT", "/users/me", world.token("student", tenant.id), {"name": "X"}).code == "forbidden"
    _, token = admin(world)
    assert call(world, "PUT", "/users/me", token, {"phone": "9812345678"}).json["errors"][0]["field"] == "phone"
    assert call(world, "PUT", "/users/me", token, {"name": "Operator"}).data["name"] == "Operator"
    rows = call(world, "GET", "/users/me/activity", tenant.owner).data
    assert [row["action"] for row in rows][:1] == ["users.change"]
    (row,) = audited(tenant.id, "users.change")
    assert row["after"].keys() == {"name", "phone"}


def test_one_changes_ones_password_here_too(world: World) -> None:
    _, token = admin(world)
    body = {"currentPassword": STRONG, "newPassword": "the next quiet reading room 9"}
    wrong = call(world, "PUT", "/users/me/password", token, {**body, "currentPassword": PASSWORD})
    assert wrong.code == "invalid_credentials"
    assert call(world, "PUT", "/users/me/password", token, body).status == 204
    assert call(world, "GET", "/users/me", token).status == 200


def test_one_closes_ones_own_account(world: World) -> None:
    tenant = world.tenant()
    assert call(world, "DELETE", "/users/me", None).status == 401
    refused = call(world, "DELETE", "/users/me", tenant.owner)
    assert (refused.status, refused.code) == (409, "last_admin")
    staff = staff_with_password(tenant, address())
    first, second = (world.token("library_staff", tenant.id, staff) for _ in range(2))
    closing = call(world, "DELETE", "/users/me", first)
    assert (closing.status, closing.data["status"]) == (202, "erasure_requested")
    assert (closing.data["request"]["kind"], closing.data["request"]["userId"]) == ("erasure", str(staff))
    for token in (first, second):
        assert call(world, "GET", "/users/me", token).code == "token_revoked"
    again = call(world, "DELETE", "/users/me", world.token("library_staff", tenant.id, staff))
    assert (again.status, again.code) == (409, "request_open")


def test_the_last_administrator_does_not_resign(world: World) -> None:
    _, token = admin(world)
    assert call(world, "DELETE", "/users/me", token).code == "last_admin"
    assert call(world, "GET", "/users/me", token).status == 200
    _, theirs = admin(world)
    assert call(world, "DELETE", "/users/me", theirs).data == {"status": "deactivated", "request": None}
    assert call(world, "GET", "/users/me", theirs).code == "token_revoked"


def test_ones_picture_is_ones_own(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    asked = {"contentType": "image/png", "sizeBytes": len(PNG)}
    assert call(world, "POST", "/users/me/avatar", None, asked).status == 401
    assert call(world, "POST", "/users/me/avatar", tenant.owner, {**asked, "contentType": "text/html"}).status == 415

    def upload(token: str) -> str:
        made = call(world, "POST", "/users/me/avatar", token, asked)
        assert made.status == 201, made.raw
        bucket.put_object(Bucket=BUCKET, Key=urlsplit(made.data["url"]).path.lstrip("/"), Body=PNG)
        return str(made.data["id"])

    empty = call(world, "POST", "/users/me/avatar", tenant.owner, asked).data["id"]
    refused = call(world, "PUT", "/users/me", tenant.owner, {"avatarFileId": empty})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "avatarFileId")
    first = upload(tenant.owner)
    changed = call(world, "PUT", "/users/me", tenant.owner, {"avatarFileId": first})
    assert changed.data["avatarUrl"] == f"/api/v1/files/{first}"
    other = world.tenant()
    assert call(world, "PUT", "/users/me", other.owner, {"avatarFileId": first}).status == 404
    second = upload(tenant.owner)
    assert call(world, "PUT", "/users/me", tenant.owner, {"avatarFileId": second}).status == 200
    assert read(world, tenant.owner, first).status == 404, "the one before is gone"
    assert read(world, tenant.owner, second).status == 200
    assert call(world, "PUT", "/users/me", tenant.owner, {"avatarFileId": None}).data["avatarUrl"] is None
    assert read(world, tenant.owner, second).status == 404


def test_an_empty_search_of_the_trail_is_refused(world: World) -> None:
    admin, tenant = world.admin(), world.tenant()
    for path, token in (("/users/me/activity", admin), ("/users/me/activity", tenant.owner)):
        assert world.call("users", "GET", f"{path}?action=", token).status == 422
        assert world.call("users", "GET", f"{path}?action={'x' * 201}", token).status == 422
        assert world.call("users", "GET", f"{path}?action=auth.*", token).status == 200
