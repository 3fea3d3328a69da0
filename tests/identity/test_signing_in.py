"""Owners, staff and administrators sign in by password; who may not learns nothing."""

from __future__ import annotations

import itertools
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from studyspot.identity import passwords
from studyspot.identity import service as identity
from studyspot.identity.service import directory
from studyspot.kit import cells, clock, settings, tokens
from studyspot.kit.ids import PLATFORM

from tests.identity.people import (
    PASSWORD,
    admin_with_password,
    audited,
    owner_with_password,
    sign_in,
    staff_with_password,
)
from tests.world import World

numbers = itertools.count(1)


def address() -> str:
    return f"person-{next(numbers)}-{clock.now().timestamp():.6f}@example.org"


def same_but_for_the_request(raw: dict[str, object]) -> dict[str, object]:
    return {k: v for k, v in raw.items() if k != "requestId"}


def test_a_wrong_password_an_unknown_address_and_nobodys_password_answer_alike(world: World) -> None:
    tenant = world.tenant()
    email = owner_with_password(tenant)
    invited = world.tenant()
    with cells.core_db() as core:
        identity.add_identity(
            core, "email", f"{invited.slug}@example.org", "library_owner", invited.id, invited.owner_id
        )
    wrong = sign_in(world, email, "not the password")
    unknown = sign_in(world, address(), "not the password")
    without = sign_in(world, f"{invited.slug}@example.org", "not the password")
    assert (wrong.status, wrong.code) == (401, "invalid_credentials")
    assert same_but_for_the_request(wrong.json) == same_but_for_the_request(unknown.json)
    assert same_but_for_the_request(wrong.json) == same_but_for_the_request(without.json)
    assert audited(tenant.id, "auth.login_failed", actor_id=tenant.owner_id)


def test_an_unknown_address_costs_as_many_password_checks_as_a_known_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = owner_with_password(world.tenant())
    checks: list[bytes] = []
    check = passwords.bcrypt.checkpw
    monkeypatch.setattr(passwords.bcrypt, "checkpw", lambda p, h: checks.append(h[:7]) or check(p, h))
    sign_in(world, email, "not the password")
    sign_in(world, address(), "not the password")
    assert checks == [b"$2b$04$", b"$2b$04$"]


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_an_owner_signs_in(world: World, isolation: str) -> None:
    tenant = world.tenant(isolation)
    email = owner_with_password(tenant)
    answer = sign_in(world, email).data
    assert answer["user"]["tenantId"] == str(tenant.id)
    assert answer["user"]["userType"] == "library_owner"
    assert answer["expiresIn"] == 900
    claims = tokens.verify(answer["accessToken"])
    assert set(claims) == {
        "sub", "userId", "email", "userType", "userTable", "tenantId", "roles", "permissions", "type", "iat", "exp",
        "jti", "sid", "iss", "aud",
    }  # fmt: skip
    assert (claims["userTable"], claims["exp"] - claims["iat"]) == ("library_owners", 900)
    me = world.call("auth", "GET", "/auth/me", answer["accessToken"]).data
    assert (me["user"]["email"], me["tenant"]["slug"], me["tenant"]["status"]) == (email, tenant.slug, "active")
    assert audited(tenant.id, "auth.login", actor_id=tenant.owner_id)
    with cells.core_db() as core:
        assert core.value("SELECT last_login_at FROM library_owners WHERE id = %(i)s", i=tenant.owner_id)


def test_staff_carry_their_libraries_in_the_token(world: World) -> None:
    tenant, library = world.tenant(), UUID(int=7)
    email = address()
    staff = staff_with_password(tenant, email, library_ids=[library])
    answer = sign_in(world, email).data
    assert tokens.verify(answer["accessToken"])["libraryIds"] == [str(library)]
    assert answer["user"]["id"] == str(staff)
    with world.db(tenant.id) as db:
        assert db.value("SELECT last_login_at FROM users WHERE id = %(i)s", i=staff)


def test_an_administrator_signs_in_at_his_own_door_only(world: World) -> None:
    email = address()
    admin_with_password(email)
    assert sign_in(world, email).code == "invalid_credentials"
    answer = world.call("auth", "POST", "/auth/admin/login", None, {"email": email, "password": PASSWORD}).data
    assert answer["user"]["userType"] == "platform_admin"
    assert "tenants:suspend" in answer["user"]["permissions"]
    assert world.call("auth", "GET", "/auth/me", answer["accessToken"]).data["tenant"] is None
    assert audited(PLATFORM, "auth.login", actor_id=UUID(answer["user"]["id"]))
    owner = owner_with_password(world.tenant())
    refused = world.call("auth", "POST", "/auth/admin/login", None, {"email": owner, "password": PASSWORD})
    assert refused.code == "invalid_credentials"


def test_the_known_administrator_is_never_made_in_a_deployed_stage(world: World) -> None:
    deployed = {
        "stage": "dev",
        "core_db_sslmode": "verify-full",
        "bcrypt_cost": "12",
        "even_time_factor": "1",
        "hmac_key": "k" * 64,
        "public_base_url": "https://api.example",
        "files_endpoint_url": "",
        **{f"{vendor}_base_url": "https://vendor.example" for vendor in ("razorpay", "cashfree", "msg91")},
    }
    with cells.core_db() as core, world.setting(**deployed), pytest.raises(directory.NotInDeployedStages):
        identity.ensure_admin(core, address(), PASSWORD)


def test_an_address_in_several_places_is_asked_which_only_after_the_password_matched(world: World) -> None:
    here, there, elsewhere = world.tenant(), world.tenant(), world.tenant()
    email = owner_with_password(here, address())
    staff_with_password(there, email)
    staff_with_password(elsewhere, email, password="another quiet room")
    assert sign_in(world, email, "not the password").code == "invalid_credentials"
    asked = sign_in(world, email)
    assert (asked.status, asked.code) == (409, "tenant_selection_required")
    assert asked.json["choices"] == [
        {"tenantId": str(here.id), "tenantName": f"Library {here.slug}", "userType": "library_owner"},
        {"tenantId": str(there.id), "tenantName": f"Library {there.slug}", "userType": "library_staff"},
    ]
    chosen = sign_in(world, email, x_tenant_id=str(there.id)).data
    assert (chosen["user"]["tenantId"], chosen["user"]["userType"]) == (str(there.id), "library_staff")
    assert sign_in(world, email, x_tenant_id=str(elsewhere.id)).code == "invalid_credentials"
    assert sign_in(world, email, x_tenant_id=str(UUID(int=5))).code == "not_found"
    assert sign_in(world, email, "another quiet room").data["user"]["tenantId"] == str(elsewhere.id)


@pytest.mark.parametrize(("status", "code"), [("provisioning", "tenant_not_active"), ("suspended", "tenant_suspended")])
def test_a_tenant_that_is_not_open_lets_nobody_in_and_says_why_only_to_who_has_the_password(
    world: World, status: str, code: str
) -> None:
    tenant = world.tenant()
    email = owner_with_password(tenant)
    with psycopg.connect(world.core, autocommit=True) as conn:
        conn.execute("UPDATE tenants SET status = %s WHERE id = %s", (status, tenant.id))
    assert sign_in(world, email, "not the password").code == "invalid_credentials"
    refused = sign_in(world, email)
    assert (refused.status, refused.code) == (403, code)


def test_a_suspended_account_is_told_so_and_its_sessions_end(world: World) -> None:
    tenant, email = world.tenant(), address()
    staff = staff_with_password(tenant, email)
    signed_in = sign_in(world, email).data
    with cells.tenant_db(tenant.id) as db:
        identity.suspend(db, staff, "library_staff", "left")
    assert world.call("auth", "GET", "/auth/me", signed_in["accessToken"]).code == "token_revoked"
    assert sign_in(world, email).code == "account_suspended"
    with cells.tenant_db(tenant.id) as db:
        identity.reactivate(db, staff, "library_staff")
    assert sign_in(world, email).status == 200


def test_five_failures_lock_the_account_for_everybody_and_the_lock_doubles(world: World) -> None:
    email = owner_with_password(world.tenant())
    for _ in range(5):
        assert sign_in(world, email, "not the password").status == 401
    locked = sign_in(world, email)
    assert (locked.status, locked.code) == (423, "account_locked")
    assert 0 < int(locked.headers["Retry-After"]) <= 900
    world.advance(timedelta(minutes=15, seconds=1))
    for _ in range(5):
        assert sign_in(world, email, "not the password").status == 401
    assert 900 < int(sign_in(world, email).headers["Retry-After"]) <= 1800
    world.advance(timedelta(minutes=30, seconds=1))
    assert sign_in(world, email).status == 200


def test_an_unknown_address_locks_alike(world: World) -> None:
    email = address()
    codes = [sign_in(world, email, "not the password").status for _ in range(6)]
    assert codes == [401] * 5 + [423]


def test_four_failures_and_a_success_are_forgotten(world: World) -> None:
    email = owner_with_password(world.tenant())
    for _ in range(2):
        for _ in range(4):
            assert sign_in(world, email, "not the password").status == 401
        assert sign_in(world, email).status == 200


def test_a_lock_that_came_while_the_password_was_checked_still_holds(world: World) -> None:
    from studyspot.identity.service import accounts

    with cells.core_db() as core:
        account = accounts.account_of("people", address())
        for _ in range(5):
            accounts.failed(core, account)
            core.commit()
        with pytest.raises(accounts.AccountLocked):
            accounts.succeeded(core, account)
        with pytest.raises(accounts.AccountLocked):
            accounts.failed(core, account)


def test_an_account_and_an_address_have_their_limits(world: World) -> None:
    email = owner_with_password(world.tenant())
    with world.setting(rate_limit_factor="1"):
        world.advance(timedelta(minutes=16))
        tries = [sign_in(world, email) for _ in range(11)]
        assert [t.status for t in tries] == [200] * 10 + [429]
        assert int(tries[-1].headers["Retry-After"]) > 0
        world.advance(timedelta(minutes=2))
        others = [sign_in(world, address(), "x" * 10).status for _ in range(21)]
        assert others[-1] == 429


def test_an_older_hash_is_renewed_at_sign_in(world: World) -> None:
    tenant = world.tenant()
    with world.setting(bcrypt_cost="5"):
        email = owner_with_password(tenant)
    assert sign_in(world, email).status == 200
    with cells.core_db() as core:
        stored = core.value("SELECT password_hash FROM library_owners WHERE id = %(i)s", i=tenant.owner_id)
    assert stored.startswith("$2b$04$")
    assert sign_in(world, email).status == 200


def test_passwords_are_kept_by_bcrypt_of_cost_12_by_default(world: World) -> None:
    assert settings.Settings().bcrypt_cost == 12
    with world.setting(bcrypt_cost="12"):
        stored = passwords.hashed("a quiet reading room")
    assert stored.startswith("$2b$12$")
    assert passwords.matches("a quiet reading room", stored)


def test_every_character_of_a_long_password_counts_and_blanks_belong_to_it(world: World) -> None:
    stored = passwords.hashed("x" * 100 + "a")
    assert passwords.matches("x" * 100 + "a", stored)
    assert not passwords.matches("x" * 100 + "b", stored)
    email = owner_with_password(world.tenant(), password="  blanks around  ")
    assert sign_in(world, email, "blanks around").status == 401
    assert sign_in(world, email, "  blanks around  ").status == 200


def test_bad_bodies_are_clear_refusals(world: World) -> None:
    for body, status in (
        ("{", 400),
        ({"email": "x", "password": "y"}, 422),
        ({"email": "a@example.org", "password": "y", "tenantId": "z"}, 422),
        ({"email": "a@example.org", "password": "a\u0000b"}, 422),
        ({"email": "a@example.org", "password": "x" * 2000}, 422),
        ('{"email": "a@example.org", "password": "\\ud800"}', 400),
    ):
        answer = world.call("auth", "POST", "/auth/login", None, body, content_type="application/json")
        assert answer.status == status, (body, answer.json)


def test_many_failures_from_one_address_stop_it_for_everybody_it_tries(world: World) -> None:
    """Spraying: one guess each at many accounts locks none of them, so the address is what is counted."""
    world.advance(timedelta(seconds=1800 - clock.now().timestamp() % 900))  # a quarter of an hour begins
    email = owner_with_password(world.tenant())
    with world.setting(rate_limit_factor="0.2"):
        world.advance(timedelta(minutes=2))
        statuses = []
        for _ in range(12):
            statuses.append(sign_in(world, address(), "not the password").status)
            world.advance(timedelta(seconds=15.1))
        refused = sign_in(world, email)
        assert statuses == [401] * 10 + [429] * 2
        assert (refused.status, refused.code) == (429, "rate_limited")
        world.advance(timedelta(seconds=int(refused.headers["Retry-After"])))
        assert sign_in(world, email).status == 200


def test_a_success_does_not_count_against_the_address(world: World) -> None:
    world.advance(timedelta(minutes=31))
    email = owner_with_password(world.tenant())
    with world.setting(rate_limit_factor="0.2"):
        for _ in range(12):
            world.advance(timedelta(minutes=10))
            assert sign_in(world, email).status == 200


def test_one_learns_what_the_organisation_s_plan_allows(world: World) -> None:
    tenant = world.tenant()
    with world.db(tenant.id) as db:
        db.run(
            """UPDATE tenant_gate SET modules = '{library,billing}', limits = '{"seats": 60}',
                                      features = '{"api_keys": true, "white_label": false, "isolation": "silo"}'"""
        )
    me = world.call("auth", "GET", "/auth/me", tenant.owner).data
    assert me["entitlements"] == {
        "modules": ["library", "billing"], "limits": {"seats": 60},
        "features": {"api_keys": True, "white_label": False, "isolation": "silo"},
    }  # fmt: skip
    assert me["flags"] == ["api_keys"]


def test_a_lock_doubles_to_a_day_and_no_further(world: World) -> None:
    from studyspot.identity.service import accounts

    account, waits = accounts.account_of("people", address()), []
    with cells.core_db() as core:
        for _ in range(9):
            for _ in range(5):
                accounts.failed(core, account)
                core.commit()
            with pytest.raises(accounts.AccountLocked) as locked:
                accounts.failed(core, account)
            core.rollback()
            waits.append(int(locked.value.headers["Retry-After"]))
            world.advance(timedelta(seconds=waits[-1] + 1))
    assert [round(w / 900) for w in waits] == [1, 2, 4, 8, 16, 32, 64, 96, 96]
