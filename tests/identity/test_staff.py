"""Staff and roles: nobody gives more than they hold, and what is taken away is gone at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest
from studyspot.identity.queries import links, people
from studyspot.keys import queries as keys
from studyspot.kit import cells, clock, ids, permissions

from tests.identity.people import PASSWORD, audited, sign_in, staff_with_password, told
from tests.world import Answer, Tenant, World


def call(world: World, method: str, path: str, token: str | None, body: Any = None, **headers: str) -> Answer:
    return world.call("staff", method, path, token, body, **headers)


def address() -> str:
    return f"staff-{ids.uuid7()}@example.org"


def library(world: World, tenant: Tenant) -> str:
    body = {"name": "Reading room", "code": f"L{ids.uuid7().hex[-6:]}"}
    made = world.call("libraries", "POST", "/libraries", tenant.owner, body)
    assert made.status == 201, made.raw
    return str(made.data["id"])


def role(world: World, tenant: Tenant, *granted: str, name: str | None = None) -> str:
    body = {"name": name or f"Role {ids.uuid7()}", "permissions": list(granted)}
    made = call(world, "POST", "/roles", tenant.owner, body)
    assert made.status == 201, made.raw
    return str(made.data["id"])


def hired(world: World, tenant: Tenant, **invitation: Any) -> tuple[str, dict[str, Any]]:
    """Invited, accepted, signed in: the id and the tokens."""
    email = address()
    made = call(world, "POST", "/staff", tenant.owner, {"email": email, "name": "New", **invitation})
    assert made.status == 201, made.raw
    token = told(tenant.id, email)[-1]["token"]
    accepted = world.call("auth", "POST", f"/auth/invitations/{token}/accept", None, {"password": PASSWORD})
    assert accepted.status == 200, accepted.raw
    pair = sign_in(world, email).data
    return pair["user"]["id"], pair


def alive(world: World, token: str) -> str | None:
    answer = world.call("users", "GET", "/users/me", token)
    return None if answer.status == 200 else answer.code


MANAGING = [
    ("POST", "/staff"), ("PUT", "/staff/{id}"), ("DELETE", "/staff/{id}"), ("POST", "/staff/{id}/suspend"),
    ("POST", "/staff/{id}/reactivate"), ("GET", "/staff/{id}/activity"), ("GET", "/staff/invitations"),
    ("GET", "/roles"), ("POST", "/roles"), ("PUT", "/roles/{id}"), ("DELETE", "/roles/{id}"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), MANAGING)
def test_only_who_manages_staff_manages_staff(world: World, method: str, path: str) -> None:
    tenant = world.tenant()
    there = path.replace("{id}", str(ids.uuid7()))
    assert call(world, method, there, None, {}).status == 401
    for who in ("student", "library_staff"):
        assert call(world, method, there, world.token(who, tenant.id), {}).code == "forbidden"


def test_an_administrator_of_the_platform_hires_nobody_into_the_platform(world: World) -> None:
    body = {"email": address(), "name": "New"}
    assert call(world, "POST", "/staff", world.admin(), body).code == "forbidden"
    tenant = world.tenant()
    with cells.core_db() as core:
        admin = ids.uuid7()
        people.add_admin(core, admin, address(), "Admin", "x")
    token = world.token("platform_admin", ids.PLATFORM, admin)
    assert call(world, "POST", "/staff", token, body, x_tenant_id=str(tenant.id)).status == 201


def test_nobody_grants_what_they_lack(world: World) -> None:
    tenant = world.tenant()
    manager = role(world, tenant, "staff:read", "staff:invite", "staff:manage", "roles:manage", "students:read")
    refund = role(world, tenant, "payments:refund")
    _, pair = hired(world, tenant, role=manager)
    other, _ = hired(world, tenant, role=role(world, tenant, "students:read"))
    token = pair["accessToken"]
    for path, method, body in (
        ("/roles", "POST", {"name": "More", "permissions": ["payments:refund"]}),
        ("/staff", "POST", {"email": address(), "name": "New", "role": refund}),
        ("/staff", "POST", {"email": address(), "name": "New", "role": manager, "permissions": ["payments:refund"]}),
        ("/staff", "POST", {"email": address(), "name": "New", "role": "library_owner"}),
        ("/staff", "POST", {"email": address(), "name": "New"}),
        (f"/staff/{other}", "PUT", {"permissions": ["payments:refund"]}),
        (f"/staff/{other}", "PUT", {"role": refund}),
        (f"/staff/{pair['user']['id']}", "PUT", {"permissions": []}),
        (f"/staff/{pair['user']['id']}", "PUT", {"name": "Another"}),
        (f"/roles/{refund}", "PUT", {"name": "Mine"}),
        (f"/roles/{refund}", "DELETE", None),
        (f"/roles/{manager}", "PUT", {"permissions": ["staff:read"]}),
    ):
        refused = call(world, method, path, token, body)
        assert (refused.status, refused.code) == (403, "privilege_escalation"), (path, refused.raw)
    unknown = call(world, "POST", "/roles", tenant.owner, {"name": "No", "permissions": ["make:coffee"]})
    assert (unknown.status, unknown.code) == (422, "validation_failed")
    platform = call(world, "POST", "/roles", tenant.owner, {"name": "No", "permissions": ["tenants:suspend"]})
    assert platform.code == "privilege_escalation"
    assert call(world, "PUT", f"/staff/{other}", token, {"name": "Renamed"}).data["name"] == "Renamed"


def test_nobody_acts_on_who_holds_more(world: World) -> None:
    tenant = world.tenant()
    lesser = role(world, tenant, "staff:read", "staff:manage")
    _, pair = hired(world, tenant, role=lesser)
    boss, _ = hired(world, tenant)
    for method, path, body in (
        ("PUT", f"/staff/{boss}", {"permissions": []}),
        ("POST", f"/staff/{boss}/suspend", {}),
        ("DELETE", f"/staff/{boss}", None),
    ):
        assert call(world, method, path, pair["accessToken"], body).code == "privilege_escalation"


def test_who_is_bound_to_a_library_gives_no_other(world: World) -> None:
    tenant = world.tenant()
    here, there = library(world, tenant), library(world, tenant)
    manager = role(world, tenant, "staff:read", "staff:invite", "staff:manage", *permissions.STAFF)
    _, pair = hired(world, tenant, role=manager, libraryIds=[here])
    both, _ = hired(world, tenant, libraryIds=[here, there])
    theirs, _ = hired(world, tenant, libraryIds=[there])
    everywhere, _ = hired(world, tenant)
    token = pair["accessToken"]
    invitation = {"email": address(), "name": "New"}
    assert call(world, "POST", "/staff", token, invitation).code == "privilege_escalation"
    assert call(world, "POST", "/staff", token, {**invitation, "libraryIds": [there]}).status == 422
    assert call(world, "POST", "/staff", token, {**invitation, "libraryIds": [here]}).status == 201
    shown = {m["id"]: m["libraryIds"] for m in call(world, "GET", "/staff", token).data}
    assert theirs not in shown
    assert (shown[both], shown[everywhere]) == ([here], None)
    assert call(world, "GET", f"/staff/{theirs}", token).status == 404
    for untouchable in (both, everywhere):
        assert call(world, "DELETE", f"/staff/{untouchable}", token).code == "privilege_escalation"
    listed = call(world, "GET", "/staff/invitations", token).data
    assert [i["email"] for i in listed] == [invitation["email"]]


def test_who_is_bound_to_a_library_changes_no_role_of_the_organisation(world: World) -> None:
    """Its holders work in other libraries too, where the author of the change sees nobody."""
    tenant = world.tenant()
    here, there = library(world, tenant), library(world, tenant)
    desk = role(world, tenant, "students:read")
    manager = role(world, tenant, "roles:read", "roles:manage", *permissions.STAFF)
    _, pair = hired(world, tenant, role=manager, libraryIds=[here])
    _, theirs = hired(world, tenant, role=desk, libraryIds=[there])
    wanted = {"permissions": ["students:read", "students:update"]}
    for method, path, body in (("PUT", f"/roles/{desk}", wanted), ("DELETE", f"/roles/{desk}", None),
                               ("POST", "/roles", {"name": "Mine", **wanted})):  # fmt: skip
        assert call(world, method, path, pair["accessToken"], body).code == "forbidden"
    assert call(world, "GET", "/roles", pair["accessToken"]).status == 200
    assert alive(world, theirs["accessToken"]) is None


def test_a_library_that_is_not_there_is_no_library_to_work_in(world: World) -> None:
    tenant, other = world.tenant(), world.tenant()
    foreign = library(world, other)
    body = {"email": address(), "name": "New", "libraryIds": [foreign]}
    refused = call(world, "POST", "/staff", tenant.owner, body)
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "libraryIds")


def test_less_rights_reach_the_tokens_that_are_out(world: World) -> None:
    tenant = world.tenant()
    user_id, pair = hired(world, tenant)
    desk = role(world, tenant, "students:read", "staff:read")
    changed = call(world, "PUT", f"/staff/{user_id}", tenant.owner, {"role": desk})
    assert (changed.data["role"], changed.data["rolePermissions"]) == (desk, ["staff:read", "students:read"])
    assert alive(world, pair["accessToken"]) == "token_revoked"
    with world.db(tenant.id) as db:
        email = db.value("SELECT email FROM users WHERE id = %(id)s", id=UUID(user_id))
    again = sign_in(world, email).data
    assert again["user"]["permissions"] == ["staff:read", "students:read"]
    assert again["user"]["roles"][0].startswith("custom:")
    assert call(world, "GET", "/staff", again["accessToken"]).status == 200
    assert call(world, "PUT", f"/roles/{desk}", tenant.owner, {"permissions": ["students:read"]}).status == 200
    assert alive(world, again["accessToken"]) == "token_revoked"
    row = audited(tenant.id, "staff.change")[-1]
    assert (row["before"]["role"], row["after"]["role"]) == ("library_staff", desk)


def test_more_rights_come_with_the_next_token(world: World) -> None:
    tenant = world.tenant()
    desk = role(world, tenant, "students:read")
    _, pair = hired(world, tenant, role=desk)
    call(world, "PUT", f"/roles/{desk}", tenant.owner, {"permissions": ["students:read", "staff:read"]})
    assert alive(world, pair["accessToken"]) is None
    assert call(world, "GET", "/staff", pair["accessToken"]).code == "forbidden"
    fresh = world.call("auth", "POST", "/auth/refresh", None, {"refreshToken": pair["refreshToken"]}).data
    assert call(world, "GET", "/staff", fresh["accessToken"]).status == 200


def test_a_suspension_ends_every_session_at_once(world: World) -> None:
    tenant = world.tenant()
    user_id, pair = hired(world, tenant)
    assert (
        call(world, "POST", f"/staff/{user_id}/suspend", tenant.owner, {"reason": "left keys"}).data["status"]
        == "suspended"
    )
    assert alive(world, pair["accessToken"]) == "token_revoked"
    refused = world.call("auth", "POST", "/auth/refresh", None, {"refreshToken": pair["refreshToken"]})
    assert refused.status in (401, 403)
    assert call(world, "POST", f"/staff/{user_id}/suspend", tenant.owner, {}).code == "state_conflict"
    assert call(world, "POST", f"/staff/{user_id}/reactivate", tenant.owner, {}).data["status"] == "active"
    row = audited(tenant.id, "staff.suspend")[-1]
    assert (row["before"]["status"], row["after"]["status"]) == ("active", "suspended")


def test_a_removal_reports_what_it_ended(world: World) -> None:
    tenant = world.tenant()
    manager = role(world, tenant, "staff:invite", *permissions.STAFF)
    user_id, pair = hired(world, tenant, role=manager)
    invited = address()
    call(world, "POST", "/staff", pair["accessToken"], {"email": invited, "name": "Next"})
    with world.db(tenant.id) as db:
        keys.add(db, ids.uuid7(), name="Report", prefix="abc", key_hash="h", scopes=["students:read"],
                 owner_id=UUID(user_id), owner_type="library_staff")  # fmt: skip
    link = told(tenant.id, invited)[-1]["token"]
    gone = call(world, "DELETE", f"/staff/{user_id}", tenant.owner)
    assert gone.status == 200
    assert len(gone.data["sessions"]) == 1
    assert [key["name"] for key in gone.data["apiKeys"]] == ["Report"]
    with world.db(tenant.id) as db:
        assert keys.count(db) == 0
    assert [i["email"] for i in gone.data["invitations"]] == [invited]
    assert alive(world, pair["accessToken"]) == "token_revoked"
    assert world.call("auth", "GET", f"/auth/invitations/{link}").code == "invitation_expired"
    assert sign_in(world, pair["user"]["email"]).code == "invalid_credentials"
    assert call(world, "DELETE", f"/staff/{user_id}", tenant.owner).status == 404
    assert user_id not in [m["id"] for m in call(world, "GET", "/staff", tenant.owner).data]
    removed = call(world, "GET", "/staff?status=removed", tenant.owner).data
    assert [(m["id"], m["email"]) for m in removed] == [(user_id, None)]
    again = call(world, "POST", "/staff", tenant.owner, {"email": pair["user"]["email"], "name": "Back"})
    assert again.status == 201, "the address is free again"


def test_a_resent_invitation_kills_the_old_link(world: World) -> None:
    tenant, email = world.tenant(), address()
    made = call(world, "POST", "/staff", tenant.owner, {"email": email, "name": "New"}).data
    twice = call(world, "POST", "/staff", tenant.owner, {"email": email, "name": "New"})
    assert (twice.status, twice.code) == (409, "email_taken")
    listed = call(world, "GET", "/staff/invitations", tenant.owner)
    assert ([i["id"] for i in listed.data], "token" in listed.raw.decode()) == ([made["id"]], False)
    assert call(world, "POST", f"/staff/invitations/{made['id']}/resend", tenant.owner).status == 200
    old, new = (told(tenant.id, email)[n]["token"] for n in (0, 1))
    accept = {"password": PASSWORD}
    assert world.call("auth", "POST", f"/auth/invitations/{old}/accept", None, accept).status == 404
    assert world.call("auth", "POST", f"/auth/invitations/{new}/accept", None, accept).status == 200
    assert call(world, "POST", f"/staff/invitations/{made['id']}/resend", tenant.owner).status == 404


def test_a_revoked_invitation_lets_nobody_in(world: World) -> None:
    tenant, email = world.tenant(), address()
    made = call(world, "POST", "/staff", tenant.owner, {"email": email, "name": "New"}).data
    assert call(world, "DELETE", f"/staff/invitations/{made['id']}", tenant.owner).status == 204
    link = told(tenant.id, email)[0]["token"]
    refused = world.call("auth", "POST", f"/auth/invitations/{link}/accept", None, {"password": PASSWORD})
    assert refused.code == "invitation_expired"
    assert call(world, "GET", "/staff/invitations", tenant.owner).data == []


def test_an_invitation_is_accepted_once_however_often_at_once(world: World) -> None:
    """Eight connections race for one row: the conditional update lets one through."""
    tenant, email = world.tenant(), address()
    made = call(world, "POST", "/staff", tenant.owner, {"email": email, "name": "New"}).data
    place = cells.place_of(tenant.id)

    def accept(_: int) -> int:
        dsn = world.postgres.dsn(place.dbname)
        with psycopg.connect(dsn) as conn:
            conn.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant.id),))
            (token_hash,) = conn.execute("SELECT token_hash FROM invitations WHERE id = %s", (made["id"],)).fetchone()
            row = {"id": made["id"], "hash": token_hash, "now": clock.now()}
            return conn.execute(links.ACCEPT, row).rowcount

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(accept, range(8))) == [0] * 7 + [1]


def test_a_plan_s_places_are_not_exceeded(world: World) -> None:
    tenant = world.tenant()
    with world.db(tenant.id) as db:
        db.run("UPDATE tenant_gate SET limits = '{\"staff\": 2}'")
    hired(world, tenant)
    assert call(world, "POST", "/staff", tenant.owner, {"email": address(), "name": "Two"}).status == 201
    full = call(world, "POST", "/staff", tenant.owner, {"email": address(), "name": "Three"})
    assert (full.status, full.code, full.json["limit"]) == (402, "staff_limit_reached", 2)
    pending = call(world, "GET", "/staff/invitations", tenant.owner).data[0]["id"]
    call(world, "DELETE", f"/staff/invitations/{pending}", tenant.owner)
    assert call(world, "POST", "/staff", tenant.owner, {"email": address(), "name": "Three"}).status == 201


def test_a_role_in_use_stays(world: World) -> None:
    tenant = world.tenant()
    desk, waiting = role(world, tenant, "students:read"), role(world, tenant, "students:read")
    user_id, _ = hired(world, tenant, role=desk)
    made = call(world, "POST", "/staff", tenant.owner, {"email": address(), "name": "New", "role": waiting}).data
    for held in (desk, waiting):
        refused = call(world, "DELETE", f"/roles/{held}", tenant.owner)
        assert (refused.status, refused.code) == (409, "role_in_use")
    call(world, "DELETE", f"/staff/invitations/{made['id']}", tenant.owner)
    call(world, "DELETE", f"/staff/{user_id}", tenant.owner)
    for free in (desk, waiting):
        assert call(world, "DELETE", f"/roles/{free}", tenant.owner).status == 204


def test_roles_are_told_with_who_holds_them(world: World) -> None:
    tenant = world.tenant()
    desk = role(world, tenant, "students:read", "students:read", name="Front desk")
    hired(world, tenant, role=desk)
    hired(world, tenant)
    told_roles = {r["name"]: r for r in call(world, "GET", "/roles", tenant.owner).data}
    assert told_roles["Front desk"]["permissions"] == ["students:read"]
    assert {name: (r["builtIn"], r["members"]) for name, r in told_roles.items()} == {
        "Owner": (True, 1), "Staff": (True, 1), "Front desk": (False, 1),
    }  # fmt: skip
    same = call(world, "POST", "/roles", tenant.owner, {"name": "front DESK", "permissions": ["students:read"]})
    assert (same.status, same.code) == (409, "role_exists")
    assert call(world, "PUT", f"/roles/{desk}", tenant.owner, {"permissions": None}).status == 422
    assert [r["action"] for r in audited(tenant.id, "roles.create")]


def test_staff_are_found_and_told_with_hours(world: World) -> None:
    tenant = world.tenant()
    user_id, pair = hired(world, tenant)
    hours = [{"day": 1, "from": "22:00", "to": "06:00"}]
    changed = call(world, "PUT", f"/staff/{user_id}", tenant.owner, {"workingHours": hours, "phone": "9812345678"})
    assert (changed.data["workingHours"], changed.data["phone"]) == (hours, "+919812345678")
    assert alive(world, pair["accessToken"]) is None, "hours are no rights"
    assert [m["id"] for m in call(world, "GET", "/staff?q=12345", tenant.owner).data] == [user_id]
    assert call(world, "GET", "/staff?q=nobody", tenant.owner).data == []
    assert call(world, "PUT", f"/staff/{user_id}", tenant.owner, {"workingHours": None}).data["workingHours"] is None
    done = call(world, "GET", f"/staff/{user_id}/activity", tenant.owner).data
    assert {d["action"] for d in done} >= {"auth.accept", "auth.login"}
    only = call(world, "GET", f"/staff/{user_id}/activity?action=auth.login*", tenant.owner).data
    assert {d["action"] for d in only} == {"auth.login"}


def test_a_shift_hands_over_what_it_counted(world: World) -> None:
    tenant = world.tenant()
    here, there = library(world, tenant), library(world, tenant)
    _, pair = hired(world, tenant, libraryIds=[here])
    token = pair["accessToken"]
    body = {
        "libraryId": here,
        "note": "Key is with the guard",
        "cashPaise": 70000,
        "denominations": {"500": 1, "100": 2},
    }
    assert call(world, "POST", "/staff/handover", world.token("student", tenant.id), body).code == "forbidden"
    assert call(world, "POST", "/staff/handover", token, {**body, "libraryId": there}).status == 404
    wrong = call(world, "POST", "/staff/handover", token, {**body, "cashPaise": 60000})
    assert (wrong.status, wrong.code) == (422, "validation_failed")
    made = call(world, "POST", "/staff/handover", token, body)
    assert (made.status, made.data["cashPaise"]) == (201, 70000)
    call(world, "POST", "/staff/handover", tenant.owner, {**body, "libraryId": there})
    assert [h["id"] for h in call(world, "GET", "/staff/handover", token).data] == [made.data["id"]]
    assert len(call(world, "GET", "/staff/handover", tenant.owner).data) == 2


def test_staff_of_another_organisation_are_nobody(world: World) -> None:
    tenant, other = world.tenant(), world.tenant()
    theirs = staff_with_password(other, address())
    assert call(world, "DELETE", f"/staff/{theirs}", tenant.owner).status == 404
    foreign = role(world, other, "students:read")
    refused = call(world, "POST", "/staff", tenant.owner, {"email": address(), "name": "New", "role": foreign})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "role")


def test_nobody_overwrites_what_they_have_not_seen(world: World) -> None:
    tenant = world.tenant()
    user_id, _ = hired(world, tenant)
    seen = call(world, "GET", f"/staff/{user_id}", tenant.owner).headers["ETag"]
    first = call(world, "PUT", f"/staff/{user_id}", tenant.owner, {"name": "First"}, if_match=seen)
    assert first.status == 200
    second = call(world, "PUT", f"/staff/{user_id}", tenant.owner, {"name": "Second"}, if_match=seen)
    assert (second.status, second.code) == (409, "version_conflict")
    mine = world.call("users", "GET", "/users/me", tenant.owner).headers["ETag"]
    for status in (200, 409):
        changed = world.call("users", "PUT", "/users/me", tenant.owner, {"name": f"N{status}"}, if_match=mine)
        assert changed.status == status
