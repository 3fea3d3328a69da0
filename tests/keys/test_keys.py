"""API keys: a caller of its own, never more than its owner, ended at once."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.keys import service as keys
from studyspot.kit import clock, ids, opaque, tally
from studyspot.kit import keys as kernel

from tests.world import Answer, Tenant, World


def ask(world: World, who: Tenant | str | None, method: str = "GET", path: str = "", body: Any = None) -> Answer:
    token = world.token("library_owner", who.id, who.owner_id) if isinstance(who, Tenant) else who
    if token and not token.startswith(kernel.MARK):
        world.proven(token)
    return world.call("developer", method, f"/api-keys{path}", token, body)


def test_a_key_is_made_by_who_proves_it_once_more(world: World) -> None:
    body = {"name": "app", "scopes": ["libraries:read"]}
    assert world.call("developer", "POST", "/api-keys", world.tenant().owner, body).code == "step_up_required"


def make(world: World, who: Tenant | str, *scopes: str, **facts: Any) -> dict[str, Any]:
    given = {"name": "app", "scopes": list(scopes) or ["libraries:read"]} | facts
    made: dict[str, Any] = ask(world, who, "POST", "", given).data
    return made


def use(world: World, key: str, **how: Any) -> Answer:
    return world.call("libraries", "GET", "/libraries", key, **how)


def test_only_who_may_makes_keys(world: World) -> None:
    tenant = world.tenant()
    for who in (world.token("library_staff", tenant.id), world.token("student", tenant.id)):
        assert ask(world, who).status == 403
        assert ask(world, who, "POST", "", {"name": "x", "scopes": ["libraries:read"]}).status == 403
    assert ask(world, None).status == 401


def test_a_key_calls_with_its_scopes_and_no_more(world: World) -> None:
    tenant = world.tenant()
    key = make(world, tenant)["key"]
    assert use(world, key).status == 200
    assert world.call("students", "GET", "/students", key).code == "forbidden"
    assert world.call("libraries", "POST", "/libraries", key, {"name": "x"}).code == "forbidden"


def test_it_is_shown_once_and_kept_as_a_hash(world: World) -> None:
    tenant = world.tenant()
    made = make(world, tenant)
    (listed,) = ask(world, tenant).data
    assert "key" not in listed
    assert made["key"].startswith(f"{listed['prefix']}_")
    secret = made["key"].partition("_")[2].partition("_")[2]
    assert len(base64.urlsafe_b64decode(secret.partition(".")[0])) == 16 + 16 + 32
    with world.db(tenant.id) as db:
        kept = str(db.dicts("SELECT * FROM api_keys")) + str(db.dicts("SELECT * FROM audit_logs"))
    assert secret not in kept
    assert secret.partition(".")[0] not in kept


def test_nobody_gives_a_key_more_than_they_hold(world: World) -> None:
    tenant = world.tenant()
    body = {"name": "x", "scopes": ["libraries:read", "tenants:suspend"]}
    assert (ask(world, tenant, "POST", "", body).status, ask(world, tenant, "POST", "", body).code) == (
        403,
        "scope_exceeds",
    )
    for scope in ("api_keys:manage", "tenants:act", "no:such", "*"):
        assert ask(world, tenant, "POST", "", body | {"scopes": [scope]}).code == "scope_exceeds"


def test_a_key_makes_no_keys_and_touches_no_account(world: World) -> None:
    tenant = world.tenant()
    key = make(world, tenant, *sorted(keys_of_owner()))["key"]
    assert ask(world, key).code == "forbidden"
    assert ask(world, key, "POST", "", {"name": "x", "scopes": ["libraries:read"]}).code == "forbidden"
    change = {"currentPassword": "old-Password-1!", "newPassword": "new-Password-1!"}
    assert world.call("auth", "POST", "/auth/password/change", key, change).code == "forbidden"
    assert world.call("auth", "GET", "/auth/me", key).code == "forbidden"
    assert world.call("auth", "POST", "/auth/logout", key).code == "forbidden"
    assert world.call("developer", "GET", f"/jobs/{ids.uuid7()}", key).status == 404


def keys_of_owner() -> frozenset[str]:
    from studyspot.kit.permissions import NEVER_BY_KEY, OWNER

    return OWNER - NEVER_BY_KEY


def test_a_key_speaks_for_its_own_organisation_only(world: World) -> None:
    tenant, other = world.tenant(), world.tenant()
    key = make(world, tenant)["key"]
    assert use(world, key, x_tenant_id=str(other.id)).status == 403
    admin = world.admin()
    body = {"name": "x", "scopes": ["libraries:read"]}
    answer = world.call("developer", "POST", "/api-keys", admin, body, x_tenant_id=str(tenant.id))
    assert answer.status == 403
    forged = opaque.mint(kernel.PURPOSE, other.id, UUID(make(world, tenant)["id"]))
    assert use(world, f"ssk_{key[4:12]}_{forged}").status == 401


@pytest.mark.parametrize("spoil", ["first", "last", "mark", "other key", "empty"])
def test_a_changed_key_is_refused_before_any_database_is_asked(world: World, spoil: str) -> None:
    tenant = world.tenant()
    key = make(world, tenant)["key"]
    spoilt = {
        "first": key.replace(key[14], "B" if key[14] != "B" else "C", 1) if key[14] not in key[:14] else key[:-1],
        "last": key[:-1] + ("0" if key[-1] != "0" else "1"),
        "mark": f"ssk_{'0' * 8}{key[12:]}",
        "other key": key[:13] + make(world, tenant)["key"][13:],
        "empty": "ssk_",
    }[spoil]
    answer = use(world, spoilt)
    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert tally.current.trips == 0


def test_revoked_is_revoked_at_once(world: World) -> None:
    tenant = world.tenant()
    made = make(world, tenant)
    assert use(world, made["key"]).status == 200
    assert ask(world, tenant, "DELETE", f"/{made['id']}").status == 204
    assert use(world, made["key"]).code == "token_revoked"
    assert ask(world, tenant).data == []
    assert ask(world, tenant, "DELETE", f"/{made['id']}").status == 404


def test_after_a_rotation_both_work_for_a_day(world: World) -> None:
    tenant = world.tenant()
    first = make(world, tenant)
    second = ask(world, tenant, "POST", f"/{first['id']}/rotate").data
    assert second["key"] != first["key"]
    assert [use(world, made["key"]).status for made in (first, second)] == [200, 200]
    third = ask(world, tenant, "POST", f"/{first['id']}/rotate").data
    assert [use(world, made["key"]).status for made in (first, second, third)] == [401, 200, 200]
    world.advance(keys.OVERLAP)
    assert use(world, second["key"]).code == "token_revoked"
    assert use(world, third["key"]).status == 200


def test_nobody_rotates_a_key_into_more_than_they_hold(world: World) -> None:
    tenant = world.tenant()
    made = make(world, tenant, "payments:refund")
    clerk = world.token("library_staff", tenant.id, permissions=["api_keys:manage", "libraries:read"])
    assert ask(world, clerk, "POST", f"/{made['id']}/rotate").code == "scope_exceeds"


def test_expired_and_foreign_addresses_are_refused(world: World) -> None:
    tenant = world.tenant()
    bound = make(world, tenant, addresses=["203.0.113.0/24", "2001:db8::/32"])["key"]
    assert use(world, bound, address="203.0.113.9").status == 200
    assert use(world, bound, address="2001:db8::5").status == 200
    assert use(world, bound, address="198.51.100.1").code == "ip_not_allowed"
    brief = make(world, tenant, expiresAt=(clock.now() + timedelta(hours=1)).isoformat())["key"]
    assert use(world, brief).status == 200
    world.advance(timedelta(hours=1))
    assert use(world, brief).code == "token_expired"
    past = {"name": "x", "scopes": ["libraries:read"], "expiresAt": clock.now().isoformat()}
    assert ask(world, tenant, "POST", "", past).status == 422
    assert ask(world, tenant, "POST", "", past | {"addresses": ["203.0.113.9/24"]}).status == 422


def clerk_of(world: World, tenant: Tenant) -> tuple[UUID, str]:
    """A member of staff who may make keys and see students."""
    clerk = ids.uuid7()
    with world.db(tenant.id) as db:
        db.run(
            "INSERT INTO users (id, email, role, permissions, created_at, updated_at)"
            " VALUES (%(id)s, 'clerk@example.org', 'library_staff', '{api_keys:manage}', %(now)s, %(now)s)",
            id=clerk,
            now=clock.now(),
        )
    held = [*sorted(staff_permissions()), "api_keys:manage"]
    return clerk, world.token("library_staff", tenant.id, clerk, permissions=held)


def staff_permissions() -> frozenset[str]:
    from studyspot.kit.permissions import STAFF

    return STAFF


def test_what_its_owner_loses_the_key_loses(world: World) -> None:
    tenant = world.tenant()
    clerk, token = clerk_of(world, tenant)
    key = make(world, token, "students:read", "libraries:read")["key"]
    assert world.call("students", "GET", "/students", key).status == 200
    role = ids.uuid7()
    with world.db(tenant.id) as db:
        db.run(
            "INSERT INTO roles (id, name, permissions, created_at, updated_at)"
            " VALUES (%(id)s, 'Porter', '{libraries:read}', %(now)s, %(now)s)",
            id=role,
            now=clock.now(),
        )
        db.run("UPDATE users SET role_id = %(role)s WHERE id = %(id)s", role=role, id=clerk)
    assert world.call("students", "GET", "/students", key).status == 403
    assert use(world, key).status == 200
    with world.db(tenant.id) as db:
        db.run("UPDATE users SET status = 'suspended' WHERE id = %(id)s", id=clerk)
    assert use(world, key).code == "token_revoked"


def test_all_keys_of_a_person_end_together_and_nobody_else_s(world: World) -> None:
    tenant = world.tenant()
    clerk, token = clerk_of(world, tenant)
    theirs = [make(world, token)["key"] for _ in range(2)]
    other = make(world, tenant)["key"]
    with world.db(tenant.id) as db:
        assert len(keys.end_all_of(db, clerk)) == 2
        assert keys.end_all_of(db, clerk) == []
    assert [use(world, key).code for key in theirs] == ["token_revoked"] * 2
    assert use(world, other).status == 200


def test_a_key_of_bound_staff_is_bound_to_the_same_libraries(world: World) -> None:
    tenant = world.tenant()
    clerk, token = clerk_of(world, tenant)
    with world.db(tenant.id) as db:
        db.run("UPDATE users SET library_ids = %(none)s WHERE id = %(id)s", none=[ids.uuid7()], id=clerk)
    key = make(world, token, "libraries:read")["key"]
    library = {"name": "Main", "code": "M1", "city": "Pune", "state": "Maharashtra", "pincode": "411001",
               "addressLine1": "1 Road", "openingTime": "06:00", "closingTime": "22:00"}  # fmt: skip
    assert world.call("libraries", "POST", "/libraries", tenant.owner, library).status == 201
    assert use(world, key).data == []
    assert len(use(world, tenant.owner).data) == 1


def test_who_is_bound_to_a_library_takes_over_nobody_s_key(world: World) -> None:
    """Its scopes one may hold, its reach not: rotated, the owner's key would open every library."""
    tenant = world.tenant()
    clerk, _ = clerk_of(world, tenant)
    with world.db(tenant.id) as db:
        db.run("UPDATE users SET library_ids = %(one)s WHERE id = %(id)s", one=[ids.uuid7()], id=clerk)
    held = [*sorted(staff_permissions()), "api_keys:manage"]
    bound = world.token("library_staff", tenant.id, clerk, permissions=held, libraryIds=[str(ids.uuid7())])
    wide = make(world, tenant)
    for method, path in (("POST", f"/{wide['id']}/rotate"), ("DELETE", f"/{wide['id']}")):
        assert ask(world, bound, method, path).code == "not_found"
    assert use(world, wide["key"]).status == 200
    own = make(world, bound)
    assert ask(world, bound, "POST", f"/{own['id']}/rotate").status == 200
    assert ask(world, bound, "DELETE", f"/{own['id']}").status == 204


def test_a_key_has_a_limit_of_its_own(world: World) -> None:
    tenant = world.tenant()
    one, two = make(world, tenant), make(world, tenant)
    with world.db(tenant.id) as db:
        db.run("UPDATE tenant_gate SET rate_limit = 1")
    with world.setting(rate_limit_factor="2"):
        assert [use(world, one["key"]).status for _ in range(3)] == [200, 200, 429]
        assert use(world, two["key"]).status == 200


def test_a_suspended_organisation_s_keys_stop(world: World) -> None:
    tenant = world.tenant()
    key = make(world, tenant)["key"]
    with world.db(tenant.id) as db:
        db.run("UPDATE tenant_gate SET status = 'suspended'")
    assert use(world, key).code == "tenant_suspended"


def test_signing_in_by_key_costs_one_trip_more_and_is_noted_once_a_minute(world: World) -> None:
    tenant = world.tenant()
    key = make(world, tenant)["key"]
    use(world, tenant.owner)
    use(world, tenant.owner)
    by_token = tally.current.trips
    noted = []
    for _ in range(2):
        assert use(world, key).status == 200
        assert tally.current.trips == by_token + 1
        noted.append(ask(world, tenant).data[0]["lastUsedAt"])
        world.advance(timedelta(seconds=20))
    assert noted[0] == noted[1]
    world.advance(timedelta(minutes=1))
    use(world, key)
    assert ask(world, tenant).data[0]["lastUsedAt"] > noted[0]


def test_what_a_key_does_is_audited_as_the_key_s(world: World) -> None:
    tenant = world.tenant()
    made = make(world, tenant, "webhooks:manage")
    answer = world.call("developer", "POST", "/webhooks/endpoints", made["key"], {"url": "https://93.184.215.14/"})
    assert answer.status == 201
    with world.db(tenant.id) as db:
        (row,) = db.dicts("SELECT actor_id, actor_type FROM audit_logs WHERE action = 'webhooks.add'")
    assert (str(row["actor_id"]), row["actor_type"]) == (made["id"], "api_key")
