"""Who signs up alone: owners, students by a library's code, and others where the operator says."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import ids
from studyspot.kit.ids import PLATFORM

from tests.identity.people import PASSWORD, audited, sign_in, student_with_phone, told
from tests.identity.test_own_sessions import library
from tests.world import Answer, Tenant, World


def address() -> str:
    return f"person-{ids.uuid7()}@example.org"


def number() -> str:
    return f"+9195{ids.uuid7().int % 10**8:08d}"


def register(world: World, **body: Any) -> Answer:
    return world.call("auth", "POST", "/auth/register", None, {"email": address(), "password": PASSWORD, **body})


def student(world: World, code: str, **body: Any) -> Answer:
    return register(world, libraryCode=code, name="Asha Rao", **{"phone": number(), **body})


def test_what_is_missing_is_said_field_by_field(world: World) -> None:
    for body, fields in (
        ({"accountType": "owner"}, ["name", "tenantName"]),
        ({"userType": "library_owner", "name": "Owner"}, ["tenantName"]),
        ({"libraryCode": "x"}, ["name", "phone"]),
        ({"accountType": "student"}, ["name", "phone", "libraryCode"]),
        ({"userType": "member", "libraryCode": "x"}, ["libraryCode"]),
    ):
        refused = register(world, **body)
        assert (refused.status, [e["field"] for e in refused.json["errors"]]) == (422, fields)
    assert register(world, userType="platform_admin").status == 422
    assert register(world, userType="library_staff").status == 422


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_a_student_signs_up_by_a_library_s_code(world: World, isolation: str) -> None:
    tenant, code, email, phone = world.tenant(isolation), f"R{ids.uuid7().hex[-8:]}", address(), number()
    place = library(world, tenant, code)
    made = student(world, code.lower(), email=email, phone=phone)
    assert made.status == 201
    user = made.data["user"]
    assert (user["userType"], user["emailVerified"], user["tenantId"]) == ("student", False, str(tenant.id))
    assert made.data["tenant"] == {"id": str(tenant.id), "slug": tenant.slug, "status": "active"}
    pair = sign_in(world, email).data
    assert pair["user"]["id"] == user["id"]
    shown = world.call("students", "GET", f"/students/{user['id']}", tenant.owner).data
    assert (shown["firstName"], shown["lastName"], shown["status"]) == ("Asha", "Rao", "enquiry")
    assert (shown["libraryId"], shown["phone"], shown["email"]) == (str(place), phone, email)
    token = told(PLATFORM, email)[0]["token"]
    assert world.call("auth", "POST", "/auth/verify-email", None, {"token": token}).data["emailVerified"] is True
    assert [e["subject"] for e in world.outbox(tenant.id, "user.signed_up")] == [user["id"]]
    assert audited(tenant.id, "auth.register", actor_id=UUID(user["id"]))


def test_a_student_signs_up_by_the_organisation_s_short_name(world: World) -> None:
    tenant = world.tenant()
    assert student(world, tenant.slug).data["user"]["tenantId"] == str(tenant.id)
    refused = student(world, "no-such-place")
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "libraryCode")


def test_an_address_or_number_that_is_taken_signs_nobody_up(world: World) -> None:
    tenant, email, phone = world.tenant(), address(), number()
    assert student(world, tenant.slug, email=email, phone=phone).status == 201
    taken = student(world, tenant.slug, email=email)
    assert (taken.status, taken.code) == (409, "email_taken")
    assert student(world, tenant.slug, phone=phone).code == "phone_exists"
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM students") == 1, "what was refused left nothing"
        assert db.value("SELECT count(*) FROM users") == 1
    assert student(world, world.tenant().slug, email=email, phone=phone).status == 201, "elsewhere it is free"


def test_a_number_nobody_proved_opens_no_account_by_code(world: World) -> None:
    """Else whoever signs up with somebody's number would share an account with that person."""
    tenant, phone = world.tenant(), number()
    student(world, tenant.slug, phone=phone)
    there = {"x_tenant_id": str(tenant.id)}
    assert world.call("auth", "POST", "/auth/otp/request", None, {"phone": phone}, **there).status == 202
    assert told(tenant.id, phone) == []
    known = student_with_phone(tenant, phone)
    world.call("auth", "POST", "/auth/otp/request", None, {"phone": phone}, **there)
    body = {"phone": phone, "code": told(tenant.id, phone)[-1]["code"]}
    assert world.call("auth", "POST", "/auth/otp/verify", None, body, **there).data["user"]["id"] == str(known)


@pytest.fixture
def default(world: World) -> Tenant:
    return world.tenant()


@pytest.mark.parametrize(
    ("said", "kind", "named_by"),
    [
        ({}, "member", "default_assistant_tenant"),
        ({"userType": "customer"}, "customer", "default_marketplace_tenant"),
        ({"accountType": "provider"}, "provider", "default_marketplace_tenant"),
    ],
)
def test_others_join_the_organisation_that_the_operator_named(
    world: World, default: Tenant, said: dict[str, str], kind: str, named_by: str
) -> None:
    refused = register(world, **said)
    assert (refused.status, refused.code) == (403, "sign_up_not_offered")
    email = address()
    with world.setting(**{named_by: default.slug}):
        made = register(world, email=email, **said)
        again = register(world, email=email, **said)
    assert (made.status, made.data["user"]["userType"]) == (201, kind)
    assert (again.status, again.code) == (409, "email_taken")
    signed_in = sign_in(world, email)
    assert (signed_in.data["user"]["userType"], signed_in.data["user"]["tenantId"]) == (kind, str(default.id))
    assert world.call("auth", "GET", "/auth/me", signed_in.data["accessToken"]).status == 200
    assert len(told(PLATFORM, email)) == 1


def test_signing_up_has_its_limits(world: World) -> None:
    email = address()
    with world.setting(rate_limit_factor="1"):
        tries = [register(world, email=email).status for _ in range(11)]
        assert (tries[0], tries[-1]) == (403, 429)
