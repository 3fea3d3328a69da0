"""Students sign in by a code on their phone; nobody learns which phones are known."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.identity import service as identity
from studyspot.kit import cells, ids, tally, tokens

from tests.identity.people import audited, student_with_phone, told
from tests.world import Answer, Tenant, World

phones = (f"+9198{n:08d}" for n in itertools.count(1))


def ask(world: World, tenant: UUID, phone: str) -> Answer:
    return world.call("auth", "POST", "/auth/otp/request", None, {"phone": phone}, x_tenant_id=str(tenant))


def answer(world: World, tenant: UUID, phone: str, code: str) -> Answer:
    body = {"phone": phone, "code": code}
    return world.call("auth", "POST", "/auth/otp/verify", None, body, x_tenant_id=str(tenant))


def code_for(tenant: Tenant, phone: str) -> str:
    return told(tenant.id, phone)[-1]["code"]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def test_without_a_tenant_or_with_an_unknown_one_there_is_no_code(world: World) -> None:
    missing = world.call("auth", "POST", "/auth/otp/request", None, {"phone": next(phones)})
    assert (missing.status, missing.code) == (400, "bad_request")
    assert ask(world, ids.uuid7(), next(phones)).code == "not_found"
    tenant = world.tenant()
    assert (
        world.call("auth", "POST", "/auth/otp/request", None, {"phone": "12"}, x_tenant_id=str(tenant.id)).status == 422
    )
    with world.db(tenant.id) as db:
        db.run("UPDATE tenant_gate SET status = 'suspended'")
    assert ask(world, tenant.id, next(phones)).code == "tenant_suspended"


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_a_student_signs_in_by_a_code(world: World, isolation: str) -> None:
    tenant, phone = world.tenant(isolation), next(phones)
    student = student_with_phone(tenant, phone)
    asked = ask(world, tenant.id, phone)
    assert (asked.status, asked.data) == (202, {"expiresIn": 300})
    assert len(world.outbox(tenant.id, "sms-otp")) == 1
    code = code_for(tenant, phone)
    assert len(code) == 6
    pair = answer(world, tenant.id, phone, code).data
    claims = tokens.verify(pair["accessToken"])
    assert (claims["userId"], claims["userType"], claims["userTable"]) == (str(student), "student", "students")
    assert pair["user"]["phone"] == phone
    assert world.call("auth", "GET", "/auth/me", pair["accessToken"]).data["user"]["id"] == str(student)
    assert world.call("auth", "POST", "/auth/refresh", None, {"refreshToken": pair["refreshToken"]}).status == 200
    assert answer(world, tenant.id, phone, code).code == "otp_invalid", "a code is good once"
    with world.db(tenant.id) as db:
        assert db.value("SELECT last_login_at FROM users WHERE id = %(i)s", i=student)
    assert audited(tenant.id, "auth.login", actor_id=student)
    assert audited(tenant.id, "auth.login_failed")


def test_no_code_is_kept_or_queued_in_the_clear(world: World) -> None:
    tenant, phone = world.tenant(), next(phones)
    student_with_phone(tenant, phone)
    ask(world, tenant.id, phone)
    code = code_for(tenant, phone)
    with world.db(tenant.id) as db:
        kept = [db.dicts(f"SELECT * FROM {t}") for t in ("otp_codes", "outbox", "communications", "audit_logs")]
    rows = [value for table in kept for row in table for key, value in row.items() if key != "sealed"]
    assert not any(code in str(value).replace("-", "").split() or f" {code} " in f" {value} " for value in rows)


def test_a_phone_nobody_has_gets_the_same_answer_and_no_message(world: World) -> None:
    tenant, phone, unknown = world.tenant(), next(phones), next(phones)
    student_with_phone(tenant, phone)
    known, nobody = ask(world, tenant.id, phone), ask(world, tenant.id, unknown)
    assert (known.status, known.raw) == (nobody.status, nobody.raw)
    assert told(tenant.id, unknown) == []
    assert len(world.outbox(tenant.id, "sms-otp")) == 1
    guesses = [[answer(world, tenant.id, p, "abc").code for _ in range(6)] for p in (phone, unknown)]
    assert guesses[0] == guesses[1] == ["otp_invalid"] * 5 + ["otp_attempts_exceeded"]


def test_a_phone_nobody_has_costs_the_same_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from studyspot.kit import aws

    tenant, phone, unknown = world.tenant(), next(phones), next(phones)
    student_with_phone(tenant, phone)
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(aws, "send_message", lambda queue, message: sent.append({"queue": queue, **message}))
    trips = []
    ask(world, tenant.id, next(phones))
    for to in (phone, unknown):
        ask(world, tenant.id, to)
        trips.append(tally.current.trips)
    assert abs(trips[0] - trips[1]) <= 1, trips
    assert [s["queue"] for s in sent[1:]] == ["sms-otp", "sms-otp"]
    with world.db(tenant.id) as db:
        states = [
            db.value("SELECT done_at IS NULL FROM outbox WHERE id = %(id)s", id=UUID(s["outboxId"])) for s in sent
        ]
    assert states == [False, True, False], "the sender drops what is done already"


def test_a_student_of_one_library_is_nobody_at_another(world: World) -> None:
    ours, theirs, phone = world.tenant(), world.tenant(), next(phones)
    student_with_phone(ours, phone)
    ask(world, ours.id, phone)
    ask(world, theirs.id, phone)
    assert told(theirs.id, phone) == []
    assert answer(world, theirs.id, phone, code_for(ours, phone)).code == "otp_invalid"


def test_five_wrong_codes_spend_the_code(world: World) -> None:
    tenant, phone = world.tenant(), next(phones)
    student_with_phone(tenant, phone)
    ask(world, tenant.id, phone)
    code = code_for(tenant, phone)
    for _ in range(5):
        assert answer(world, tenant.id, phone, wrong(code)).code == "otp_invalid"
    spent = answer(world, tenant.id, phone, code)
    assert (spent.status, spent.code) == (429, "otp_attempts_exceeded")
    ask(world, tenant.id, phone)
    assert answer(world, tenant.id, phone, code_for(tenant, phone)).status == 200


def test_a_code_expires_after_five_minutes_and_a_new_one_replaces_it(world: World) -> None:
    tenant, phone = world.tenant(), next(phones)
    student_with_phone(tenant, phone)
    ask(world, tenant.id, phone)
    first = code_for(tenant, phone)
    world.advance(timedelta(minutes=5, seconds=1))
    late = answer(world, tenant.id, phone, first)
    assert (late.status, late.code) == (410, "otp_expired")
    ask(world, tenant.id, phone)
    second = code_for(tenant, phone)
    if first != second:
        assert answer(world, tenant.id, phone, first).code == "otp_invalid"
    assert answer(world, tenant.id, phone, second).status == 200


def test_a_phone_gets_one_code_a_minute_five_an_hour_ten_a_day(world: World) -> None:
    tenant = world.tenant()
    with world.setting(rate_limit_factor="1"):
        for phone in (next(phones), next(phones)):
            student_with_phone(tenant, phone)
            assert [ask(world, tenant.id, phone).status for _ in range(2)] == [202, 429]
            for _ in range(4):
                world.advance(timedelta(seconds=61))
                assert ask(world, tenant.id, phone).status == 202
            world.advance(timedelta(seconds=61))
            hourly = ask(world, tenant.id, phone)
            assert (hourly.status, hourly.code) == (429, "rate_limited")
            world.advance(timedelta(seconds=int(hourly.headers["Retry-After"])))
            for _ in range(5):
                assert ask(world, tenant.id, phone).status == 202
                world.advance(timedelta(minutes=13))
            assert int(ask(world, tenant.id, phone).headers["Retry-After"]) > 3600


def test_a_suspended_student_is_told_so_and_comes_back_when_reactivated(world: World) -> None:
    tenant, phone = world.tenant(), next(phones)
    student = student_with_phone(tenant, phone)
    with cells.tenant_db(tenant.id) as db:
        identity.suspend(db, student, "student", "fees")
    ask(world, tenant.id, phone)
    assert answer(world, tenant.id, phone, code_for(tenant, phone)).code == "account_suspended"
    with cells.tenant_db(tenant.id) as db:
        identity.reactivate(db, student, "student")
    ask(world, tenant.id, phone)
    assert answer(world, tenant.id, phone, code_for(tenant, phone)).status == 200
