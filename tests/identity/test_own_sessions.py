"""People see where they are signed in, end it, and go from one of their organisations to another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.identity import service as identity
from studyspot.kit import cells, ids, tokens

from tests.identity.people import (
    PASSWORD,
    admin_with_password,
    audited,
    owner_with_password,
    refresh,
    sign_in,
    staff_with_password,
    student_with_phone,
    told,
)
from tests.world import Answer, Tenant, World


def call(world: World, method: str, path: str, token: str | None, body: Any = None, **headers: str) -> Answer:
    return world.call("sessions", method, path, token, body, **headers)


def sid(pair: dict[str, Any]) -> str:
    return str(tokens.verify(pair["accessToken"])["sid"])


def me(world: World, pair: dict[str, Any]) -> str:
    answer = world.call("auth", "GET", "/auth/me", pair["accessToken"])
    return "ok" if answer.status == 200 else answer.code


def test_nobody_sees_or_ends_another_s_sessions(world: World) -> None:
    tenant, email = world.tenant(), f"staff-{ids.uuid7()}@example.org"
    staff_with_password(tenant, email)
    staff, owner = sign_in(world, email).data, sign_in(world, owner_with_password(tenant)).data
    assert call(world, "GET", "/auth/sessions", None).code == "unauthenticated"
    never = call(world, "DELETE", f"/auth/sessions/{ids.uuid7()}", owner["accessToken"])
    theirs = call(world, "DELETE", f"/auth/sessions/{sid(staff)}", owner["accessToken"])
    assert (theirs.status, theirs.code) == (never.status, never.code) == (404, "not_found")
    assert me(world, staff) == "ok"
    assert sid(staff) not in [s["id"] for s in call(world, "GET", "/auth/sessions", owner["accessToken"]).data]


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_a_lost_phone_is_signed_out_at_once(world: World, isolation: str) -> None:
    tenant = world.tenant(isolation)
    email = owner_with_password(tenant)
    phone = sign_in(world, email, user_agent="A phone").data
    laptop = sign_in(world, email, user_agent="A laptop").data
    shown = call(world, "GET", "/auth/sessions", laptop["accessToken"]).data
    assert [(s["device"], s["current"]) for s in shown[:2]] == [("A laptop", True), ("A phone", False)]
    assert shown[0]["ipAddress"] == "127.0.0.1"
    assert call(world, "DELETE", f"/auth/sessions/{sid(phone)}", laptop["accessToken"]).status == 204
    assert me(world, phone) == "token_revoked"
    assert refresh(world, phone["refreshToken"]).code == "token_revoked"
    assert me(world, laptop) == "ok"
    assert audited(tenant.id, "auth.session_revoked", resource_id=sid(phone))
    again = call(world, "DELETE", f"/auth/sessions/{sid(phone)}", laptop["accessToken"])
    assert again.code == "not_found", "ended sessions are gone from the list"


def test_all_other_devices_are_signed_out(world: World) -> None:
    tenant = world.tenant()
    email = owner_with_password(tenant)
    here, *others = (sign_in(world, email).data for _ in range(4))
    assert call(world, "DELETE", "/auth/sessions", here["accessToken"]).status == 204
    assert [me(world, pair) for pair in (here, *others)] == ["ok"] + ["token_revoked"] * 3
    assert [s["id"] for s in call(world, "GET", "/auth/sessions", here["accessToken"]).data] == [sid(here)]
    assert audited(tenant.id, "auth.sessions_revoked", actor_id=tenant.owner_id)


def test_the_list_comes_in_pages_and_leaves_out_what_ended(world: World) -> None:
    email = f"staff-{ids.uuid7()}@example.org"
    staff_with_password(world.tenant(), email)
    sign_in(world, email)
    world.advance(timedelta(days=7, seconds=1))
    pairs = [sign_in(world, email).data for _ in range(3)]
    token = pairs[-1]["accessToken"]
    first = call(world, "GET", "/auth/sessions?limit=2", token)
    second = call(world, "GET", f"/auth/sessions?limit=2&cursor={first.json['meta']['nextCursor']}", token)
    assert [s["id"] for s in first.data + second.data] == [sid(p) for p in reversed(pairs)]
    assert second.json["meta"]["nextCursor"] is None


def test_an_administrator_s_sessions_are_of_tenant_zero(world: World) -> None:
    email = f"admin-{ids.uuid7()}@example.org"
    admin_with_password(email)
    body = {"email": email, "password": PASSWORD}
    pair = world.call("auth", "POST", "/auth/admin/login", None, body).data
    shown = call(world, "GET", "/auth/sessions", pair["accessToken"], x_tenant_id=str(world.tenant().id)).data
    assert [s["id"] for s in shown] == [sid(pair)]


def test_ending_one_s_own_session_by_cookie_clears_it(world: World) -> None:
    answer = sign_in(world, owner_with_password(world.tenant()), x_session="cookie")
    session, csrf = (c.partition(";")[0] for c in answer.cookies)
    path = f"/auth/sessions/{sid(answer.data)}"
    headers = {"cookie": session, "origin": "https://app.studyspot.test"}
    assert call(world, "DELETE", path, None, **headers).code == "csrf_failed"
    out = call(world, "DELETE", path, None, **headers, x_csrf_token=csrf.partition("=")[2])
    assert out.status == 204
    assert all("Max-Age=0" in cookie for cookie in out.cookies)


def switch(world: World, pair: dict[str, Any], **body: str) -> Answer:
    return call(world, "POST", "/auth/switch-tenant", pair["accessToken"], body)


def in_two_places(world: World) -> tuple[Tenant, Tenant, str]:
    """An owner here who is staff there, with the address proved in both."""
    from studyspot.kit import clock

    here, there = world.tenant(), world.tenant("silo")
    email = owner_with_password(here)
    staff_with_password(there, email, verified_at=clock.now())
    return here, there, email


def test_nobody_switches_to_where_they_do_not_belong(world: World) -> None:
    here, _, email = in_two_places(world)
    foreign = world.tenant()
    owner_with_password(foreign)
    pair = sign_in(world, email, x_tenant_id=str(here.id)).data
    assert switch(world, pair, tenantId=str(foreign.id)).code == "not_found"
    assert switch(world, pair, tenantId=str(ids.uuid7())).code == "not_found"
    assert switch(world, pair, tenantId=str(here.id)).code == "not_found"
    assert call(world, "POST", "/auth/switch-tenant", None, {}).code == "unauthenticated"
    admin = f"admin-{ids.uuid7()}@example.org"
    admin_with_password(admin)
    body = {"email": admin, "password": PASSWORD}
    operator = world.call("auth", "POST", "/auth/admin/login", None, body).data
    assert switch(world, operator, tenantId=str(here.id)).code == "not_found", "operators act by X-Tenant-Id, audited"


def test_somebody_of_two_organisations_goes_from_one_to_the_other(world: World) -> None:
    here, there, email = in_two_places(world)
    pair = sign_in(world, email, x_tenant_id=str(here.id)).data
    asked = switch(world, pair)
    assert (asked.status, asked.code) == (409, "tenant_selection_required")
    assert [(c["tenantId"], c["userType"]) for c in asked.json["choices"]] == [(str(there.id), "library_staff")]
    moved = switch(world, pair, tenantId=str(there.id)).data
    claims = tokens.verify(moved["accessToken"])
    assert (claims["tenantId"], claims["userType"]) == (str(there.id), "library_staff")
    assert [me(world, p) for p in (pair, moved)] == ["ok", "ok"]
    assert [row["after"]["method"] for row in audited(there.id, "auth.login")] == ["switch"]
    back = switch(world, moved, tenantId=str(here.id))
    assert tokens.verify(back.data["accessToken"])["userType"] == "library_owner"


@pytest.mark.parametrize("place", ["here", "there"])
def test_an_address_that_was_not_proved_opens_no_other_account(world: World, place: str) -> None:
    """Else whoever signs up with somebody's address could walk into that person's account."""
    here, there, email = in_two_places(world)
    pair = sign_in(world, email, x_tenant_id=str(here.id)).data
    if place == "here":
        with cells.core_db() as core:
            core.run("UPDATE library_owners SET email_verified_at = NULL WHERE id = %(id)s", id=here.owner_id)
    else:
        with world.db(there.id) as db:
            db.run("UPDATE users SET email_verified_at = NULL")
    assert switch(world, pair, tenantId=str(there.id)).code == "not_found"
    assert switch(world, pair).json["choices"] == []


@pytest.mark.parametrize(("status", "code"), [("suspended", "tenant_suspended"), ("provisioning", "not_found")])
def test_a_closed_organisation_lets_nobody_switch_in(world: World, status: str, code: str) -> None:
    here, there, email = in_two_places(world)
    pair = sign_in(world, email, x_tenant_id=str(here.id)).data
    with cells.core_db() as core:
        core.run("UPDATE tenants SET status = %(s)s WHERE id = %(id)s", s=status, id=there.id)
    assert switch(world, pair, tenantId=str(there.id)).code == code


def test_a_suspended_account_is_not_switched_to(world: World) -> None:
    here, there, email = in_two_places(world)
    pair = sign_in(world, email, x_tenant_id=str(here.id)).data
    with world.db(there.id) as db:
        db.run("UPDATE users SET status = 'suspended'")
    assert switch(world, pair, tenantId=str(there.id)).code == "account_suspended"


def by_code(world: World, tenant: Tenant, phone: str) -> dict[str, Any]:
    there = {"x_tenant_id": str(tenant.id)}
    world.call("auth", "POST", "/auth/otp/request", None, {"phone": phone}, **there)
    body = {"phone": phone, "code": told(tenant.id, phone)[-1]["code"]}
    data: dict[str, Any] = world.call("auth", "POST", "/auth/otp/verify", None, body, **there).data
    return data


def test_a_student_of_two_libraries_switches_by_the_number_that_was_proved(world: World) -> None:
    here, there, phone = world.tenant(), world.tenant(), f"+9196{ids.uuid7().int % 10**8:08d}"
    student = student_with_phone(here, phone)
    student_with_phone(there, phone)
    pair = by_code(world, here, phone)
    assert switch(world, pair, tenantId=str(there.id)).code == "not_found", "not met there yet"
    by_code(world, there, phone)
    moved = switch(world, pair, tenantId=str(there.id)).data
    assert moved["user"]["tenantId"] == str(there.id)
    with cells.core_db() as core:
        identity.remove_identities(core, here.id, student, "phone")
    assert switch(world, pair, tenantId=str(there.id)).code == "not_found", "the desk gave the student another number"


def lookup(world: World, code: str) -> Answer:
    return call(world, "GET", f"/auth/tenant-lookup?code={code}", None)


def library(world: World, tenant: Tenant, code: str, name: str = "Reading room") -> UUID:
    body = {"name": name, "code": code}
    made = world.call("libraries", "POST", "/libraries", tenant.owner, body)
    assert made.status == 201, made.json
    return UUID(made.data["id"])


def test_an_organisation_is_found_by_its_short_name_and_by_a_library_s_code(world: World) -> None:
    tenant = world.tenant("silo")
    code = f"R{ids.uuid7().hex[-8:]}"
    place = library(world, tenant, code)
    by_slug, by_library = lookup(world, tenant.slug.upper()).data, lookup(world, code.lower()).data
    assert by_slug == {
        "tenantId": str(tenant.id), "name": f"Library {tenant.slug}", "slug": tenant.slug, "library": None,
        "branding": None, "loginMethods": ["otp", "password"],
    }  # fmt: skip
    assert by_library["library"] == {"id": str(place), "name": "Reading room", "code": code}
    world.call("settings", "PUT", "/tenants/me/branding", tenant.owner, {"displayName": "Quiet Rooms"})
    assert lookup(world, tenant.slug).data["branding"]["displayName"] == "Quiet Rooms"


def test_a_code_of_nobody_and_one_that_is_gone_name_nothing(world: World) -> None:
    tenant, code = world.tenant(), f"R{ids.uuid7().hex[-8:]}"
    assert lookup(world, "no-such-place").code == "not_found"
    place = library(world, tenant, code)
    changed = world.call("libraries", "PUT", f"/libraries/{place}", tenant.owner, {"code": f"{code}-2"})
    assert changed.status == 200
    assert lookup(world, code).code == "not_found"
    assert lookup(world, f"{code}-2").status == 200
    with cells.core_db() as core:
        core.run("UPDATE tenants SET status = 'suspended' WHERE id = %(id)s", id=tenant.id)
    assert lookup(world, f"{code}-2").code == lookup(world, tenant.slug).code == "not_found"


def test_a_code_that_several_have_is_chosen_from(world: World) -> None:
    code = f"R{ids.uuid7().hex[-8:]}"
    tenants = [world.tenant(), world.tenant()]
    for tenant in tenants:
        library(world, tenant, code)
    asked = lookup(world, code)
    assert (asked.status, asked.code) == (409, "tenant_selection_required")
    assert {c["slug"] for c in asked.json["choices"]} == {t.slug for t in tenants}


def test_looking_codes_up_has_its_limit(world: World) -> None:
    with world.setting(rate_limit_factor="0.05"):
        world.advance(timedelta(minutes=2))
        assert [lookup(world, "no-such-place").status for _ in range(6)][-1] == 429


def test_libraries_older_than_the_directory_of_codes_are_told_by_night(world: World) -> None:
    from tests.world import function

    tenant, code = world.tenant("silo"), f"R{ids.uuid7().hex[-8:]}"
    library(world, tenant, code)
    with cells.core_db() as core:
        core.run("DELETE FROM library_codes WHERE tenant_id = %(id)s", id=tenant.id)
    assert lookup(world, code).code == "not_found"
    with world.worker():
        function("schedules", "daily").handler({}, None)
    assert lookup(world, code).status == 200
