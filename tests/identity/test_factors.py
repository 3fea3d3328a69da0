"""A second factor: without it nobody comes in, no code works twice, and what matters asks once more."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from studyspot.identity.queries import factors as queries
from studyspot.identity.service import directory, end_sessions
from studyspot.kit import cells, clock, tokens
from studyspot.kit.ids import PLATFORM

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

numbers = itertools.count(1)


def address() -> str:
    return f"factor-{next(numbers)}-{clock.now().timestamp():.6f}@example.org"


def ask(world: World, path: str, token: str | None, body: Any = None, method: str = "POST", **headers: str) -> Answer:
    return world.call("factors", method, f"/auth/{path}", token, body, **headers)


def code_of(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(clock.now().timestamp()) + steps * 30)


def with_factor(world: World, token: str) -> tuple[str, list[str]]:
    """Turns the factor on; answers the secret and the recovery codes. The next code is of a later step."""
    secret = ask(world, "mfa/totp/enroll", token).data["secret"]
    codes = ask(world, "mfa/totp/confirm", token, {"code": code_of(secret)}).data["recoveryCodes"]
    world.advance(timedelta(seconds=60))
    return secret, codes


def owner(world: World, isolation: str = "pool") -> tuple[Tenant, str, str]:
    tenant = world.tenant(isolation)
    email = owner_with_password(tenant)
    return tenant, email, sign_in(world, email).data["accessToken"]


def challenged(world: World, email: str) -> str:
    asked = sign_in(world, email)
    assert (asked.status, asked.code) == (403, "mfa_required")
    token: str = asked.json["mfaToken"]
    return token


def answer(world: World, token: str, code: str) -> Answer:
    return ask(world, "mfa/challenge", None, {"mfaToken": token, "code": code})


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_with_a_factor_the_password_alone_opens_nothing(world: World, isolation: str) -> None:
    tenant, email, token = owner(world, isolation)
    asked = ask(world, "mfa/totp/enroll", token).data
    assert asked["otpauthUri"].startswith("otpauth://totp/StudySpot:")
    assert sign_in(world, email).status == 200, "not confirmed, not on"
    world.call("auth", "POST", "/auth/logout", token)
    token = sign_in(world, email).data["accessToken"]
    secret, codes = with_factor(world, token)
    assert len(set(codes)) == 10
    mfa = challenged(world, email)
    assert "accessToken" not in sign_in(world, email).json
    assert world.call("auth", "GET", "/auth/me", mfa).code == "unauthenticated"
    assert refresh(world, mfa).code == "unauthenticated"
    pair = answer(world, mfa, code_of(secret)).data
    assert world.call("auth", "GET", "/auth/me", pair["accessToken"]).status == 200
    assert refresh(world, pair["refreshToken"]).status == 200
    assert audited(tenant.id, "auth.login", actor_id=tenant.owner_id)[-1]["after"]["method"] == "password+mfa"
    assert audited(tenant.id, "auth.mfa_on")


def test_turning_it_on_ends_sessions_that_never_proved_it(world: World) -> None:
    _tenant, email, token = owner(world)
    other = sign_in(world, email).data
    with_factor(world, token)
    assert world.call("auth", "GET", "/auth/me", token).status == 200
    assert world.call("auth", "GET", "/auth/me", other["accessToken"]).code == "token_revoked"
    assert ask(world, "mfa/totp/enroll", token).code == "mfa_already_on"


def test_secret_and_recovery_codes_cannot_be_read_from_the_database(world: World) -> None:
    tenant, _, token = owner(world)
    secret, codes = with_factor(world, token)
    with world.db(tenant.id) as db:
        kept = str(db.dicts("SELECT * FROM mfa_factors")) + str(db.dicts("SELECT * FROM recovery_codes"))
        trail = str(db.dicts("SELECT * FROM audit_logs"))
    for hidden in (secret, *codes, *(c.replace("-", "") for c in codes)):
        assert hidden not in kept
        assert hidden not in trail


def test_no_code_works_twice_nor_an_older_one_after_it(world: World) -> None:
    _, email, token = owner(world)
    secret, _ = with_factor(world, token)
    code, before = code_of(secret), code_of(secret, -1)
    first, second = challenged(world, email), challenged(world, email)
    assert answer(world, first, code).status == 200
    assert answer(world, second, code).code == "otp_invalid"
    assert answer(world, second, before).code == "otp_invalid"
    world.advance(timedelta(seconds=30))
    assert answer(world, second, code_of(secret)).status == 200


def test_of_two_at_once_with_one_code_one_comes_in(world: World) -> None:
    tenant, _, token = owner(world)
    _secret, _ = with_factor(world, token)
    step = int(clock.now().timestamp()) // 30

    def take(_: int) -> bool:
        from studyspot.kit import connections
        from studyspot.kit.db import Db

        place = cells.place_of(tenant.id)
        db = Db(connections.Connection(place), tenant.id)
        try:
            return queries.take_step(db, tenant.owner_id, step)
        finally:
            db.connection.pg.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(take, range(8))) == [False] * 7 + [True]


@pytest.mark.parametrize(("steps", "status"), [(-2, 400), (-1, 200), (0, 200), (1, 200), (2, 400)])
def test_a_clock_may_be_one_step_off(world: World, steps: int, status: int) -> None:
    _, email, token = owner(world)
    secret, _ = with_factor(world, token)
    world.advance(timedelta(seconds=120))
    assert answer(world, challenged(world, email), code_of(secret, steps)).status == status


def test_the_mfa_token_is_good_once_for_five_minutes_and_only_as_issued(world: World) -> None:
    _, email, token = owner(world)
    secret, codes = with_factor(world, token)
    used = challenged(world, email)
    assert answer(world, used, codes[0]).status == 200
    assert answer(world, used, codes[1]).code == "unauthenticated"
    late = challenged(world, email)
    assert answer(world, late[:-2] + ("aa" if late[-2:] != "aa" else "bb"), codes[1]).code == "unauthenticated"
    world.advance(timedelta(minutes=5, seconds=1))
    assert answer(world, late, code_of(secret)).code == "token_expired"


def test_a_sign_in_half_done_with_the_old_password_is_not_finished_after_a_reset(world: World) -> None:
    tenant, email, token = owner(world)
    _, codes = with_factor(world, token)
    half = challenged(world, email)
    with cells.tenant_db(tenant.id) as db:
        end_sessions(db, tenant.owner_id, "reset")
    assert answer(world, half, codes[0]).code == "unauthenticated"
    assert answer(world, challenged(world, email), codes[0]).status == 200


def test_a_recovery_code_is_good_once(world: World) -> None:
    _, email, token = owner(world)
    _, codes = with_factor(world, token)
    assert answer(world, challenged(world, email), codes[3].upper().replace("-", " ")).status == 200
    assert answer(world, challenged(world, email), codes[3]).code == "otp_invalid"
    assert answer(world, challenged(world, email), codes[4]).status == 200


def test_five_wrong_codes_lock_further_tries_whatever_the_token(world: World) -> None:
    tenant, email, token = owner(world)
    secret, _ = with_factor(world, token)
    wrong = f"{(int(code_of(secret)) + 7) % 10**6:06d}"
    first = challenged(world, email)
    assert [answer(world, first, wrong).code for _ in range(3)] == ["otp_invalid"] * 3
    second = challenged(world, email)
    assert [answer(world, second, wrong).code for _ in range(2)] == ["otp_invalid"] * 2
    refused = answer(world, second, code_of(secret))
    assert (refused.status, refused.code) == (423, "account_locked")
    assert len(audited(tenant.id, "auth.mfa_failed", actor_id=tenant.owner_id)) == 5


def test_a_student_with_a_factor_needs_it_after_the_code_by_sms_too(world: World) -> None:
    tenant, phone = world.tenant(), f"+9198{next(numbers):08d}"
    student_with_phone(tenant, phone)

    def by_sms() -> Answer:
        world.advance(timedelta(seconds=61))
        here = {"x_tenant_id": str(tenant.id)}
        world.call("auth", "POST", "/auth/otp/request", None, {"phone": phone}, **here)
        proof = {"phone": phone, "code": told(tenant.id, phone)[-1]["code"]}
        return world.call("auth", "POST", "/auth/otp/verify", None, proof, **here)

    secret, _ = with_factor(world, by_sms().data["accessToken"])
    asked = by_sms()
    assert asked.code == "mfa_required"
    assert answer(world, asked.json["mfaToken"], code_of(secret)).status == 200


def test_by_policy_staff_without_a_factor_can_do_nothing_but_enroll(world: World) -> None:
    tenant = world.tenant()
    changed = world.call("settings", "PUT", "/tenants/me/settings", tenant.owner, {"security": {"requireMfa": True}})
    assert changed.status == 200, changed.json
    email = address()
    staff_with_password(tenant, email)
    pair = sign_in(world, email).data
    token = pair["accessToken"]
    assert (pair["user"]["permissions"], tokens.verify(token)["permissions"]) == ([], [])
    assert world.call("students", "GET", "/students", token).code == "mfa_required"
    assert world.call("auth", "POST", "/auth/password/change", token, {}).code == "mfa_required"
    assert world.call("auth", "GET", "/auth/me", token).status == 200
    with_factor(world, token)
    again = refresh(world, pair["refreshToken"]).data
    assert world.call("students", "GET", "/students", again["accessToken"]).status == 200


def test_an_administrator_without_a_factor_can_only_enroll_where_the_stage_asks_for_one(world: World) -> None:
    email = address()
    admin_with_password(email)
    asked = {"email": email, "password": PASSWORD}
    with world.setting(mfa_required_for_platform="true"):
        pair = world.call("auth", "POST", "/auth/admin/login", None, asked).data
        assert world.call("tenants", "GET", "/tenants", pair["accessToken"]).code == "mfa_required"
        secret, _ = with_factor(world, pair["accessToken"])
        refused = world.call("auth", "POST", "/auth/admin/login", None, asked)
        assert refused.code == "mfa_required"
        full = answer(world, refused.json["mfaToken"], code_of(secret)).data
        assert world.call("tenants", "GET", "/tenants", full["accessToken"]).status == 200
    assert audited(PLATFORM, "auth.mfa_on")


def test_new_rights_do_not_free_a_session_that_owes_its_factor(world: World) -> None:
    from studyspot.identity.service import reissue

    tenant, email = world.tenant(), address()
    world.call("settings", "PUT", "/tenants/me/settings", tenant.owner, {"security": {"requireMfa": True}})
    staff = staff_with_password(tenant, email)
    sign_in(world, email)
    with cells.core_db() as core, cells.tenant_db(tenant.id) as db:
        known = directory.person(core, db, "library_staff", staff)
        assert known
        reissue(db, known)
        db.finish()
        claims = db.value("SELECT claims FROM sessions WHERE user_id = %(i)s AND revoked_at IS NULL", i=staff)
    assert claims["permissions"] == []


def test_turning_it_off_asks_once_more_and_the_answer_holds_five_minutes(world: World) -> None:
    tenant, email, token = owner(world)
    secret, codes = with_factor(world, token)
    for method, path in (("DELETE", "mfa/totp"), ("POST", "mfa/recovery-codes")):
        refused = ask(world, path, token, None, method)
        assert (refused.status, refused.code) == (403, "step_up_required")
    assert ask(world, "step-up", token, {"password": "not the password"}).code == "invalid_credentials"
    assert ask(world, "step-up", token, {}).status == 422
    assert ask(world, "step-up", token, {"password": PASSWORD}).status == 200
    fresh = ask(world, "mfa/recovery-codes", token).data["recoveryCodes"]
    assert not set(fresh) & set(codes)
    assert answer(world, challenged(world, email), codes[0]).code == "otp_invalid"
    other = answer(world, challenged(world, email), fresh[0]).data["accessToken"]
    assert ask(world, "mfa/totp", other, None, "DELETE").code == "step_up_required", "another session proved nothing"
    world.advance(timedelta(minutes=5, seconds=1))
    assert ask(world, "mfa/totp", token, None, "DELETE").code == "step_up_required"
    assert ask(world, "step-up", token, {"code": code_of(secret)}).status == 200
    assert ask(world, "mfa/totp", token, None, "DELETE").status == 204
    assert sign_in(world, email).status == 200
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM recovery_codes") == 0


def test_an_ended_session_cannot_touch_a_factor(world: World) -> None:
    tenant, _, token = owner(world)
    world.call("auth", "POST", "/auth/logout", token)
    assert ask(world, "mfa/totp/enroll", token).code == "token_revoked"
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM mfa_factors") == 0
