"""What comes by mail: sign-up, proving an address, invitations, a new password."""

from __future__ import annotations

from datetime import timedelta

import pytest
from studyspot.identity import service as identity
from studyspot.kit import cells, ids
from studyspot.kit.ids import PLATFORM

from tests.identity.people import PASSWORD, audited, owner_with_password, sign_in, told
from tests.world import Answer, World


def address() -> str:
    return f"person-{ids.uuid7()}@example.org"


def post(world: World, path: str, body: object, token: str | None = None) -> Answer:
    return world.call("auth", "POST", f"/auth/{path}", token, body)


def register(world: World, email: str, password: str = PASSWORD) -> Answer:
    body = {"accountType": "owner", "email": email, "password": password, "name": "Owner", "tenantName": "Reading Room"}
    return post(world, "register", body)


@pytest.mark.parametrize("weak", ["short1!", "password123", "PASSWORD123", "aaaaaaaaaaaa", "1234567890", "qwertyuiop"])
def test_a_weak_password_signs_nobody_up(world: World, weak: str) -> None:
    refused = register(world, address(), weak)
    assert (refused.status, refused.code) == (400, "weak_password")


def test_one_cannot_use_ones_own_address_as_password(world: World) -> None:
    email = address()
    assert register(world, email, email).code == "weak_password"


def test_an_owner_signs_up_and_proves_the_address(world: World) -> None:
    email = address()
    started = register(world, email)
    assert started.status == 201
    assert started.data["tenant"]["status"] == "provisioning"
    assert (started.data["user"]["email"], started.data["user"]["emailVerified"]) == (email, False)
    taken = register(world, email)
    assert (taken.status, taken.code) == (409, "email_taken")
    assert sign_in(world, email).code == "tenant_not_active"
    token = told(PLATFORM, email)[0]["token"]
    assert post(world, "verify-email", {"token": token + "x"}).code == "link_invalid"
    assert post(world, "verify-email", {"token": token}).data == {"email": email, "emailVerified": True}
    assert post(world, "verify-email", {"token": token}).code == "link_invalid"


def test_a_second_letter_goes_only_to_who_needs_one_and_nobody_can_tell(world: World) -> None:
    email, nobody = address(), address()
    register(world, email)
    answers = [post(world, "resend-verification", {"email": e}) for e in (email, nobody)]
    assert (answers[0].status, answers[0].raw) == (202, answers[1].raw)
    assert [len(told(PLATFORM, e)) for e in (email, nobody)] == [2, 0]
    assert post(world, "verify-email", {"token": told(PLATFORM, email)[1]["token"]}).status == 200
    assert post(world, "resend-verification", {"email": email}).status == 202
    assert len(told(PLATFORM, email)) == 2


def test_a_link_to_prove_an_address_dies_after_a_day(world: World) -> None:
    email = address()
    register(world, email)
    world.advance(timedelta(hours=24, seconds=1))
    assert post(world, "verify-email", {"token": told(PLATFORM, email)[0]["token"]}).code == "link_invalid"


def test_a_student_invites_nobody_and_nobody_gives_what_they_lack(world: World) -> None:
    tenant = world.tenant()
    body = {"email": address(), "name": "New"}
    assert post(world, "invitations", body).code == "unauthenticated"
    for who in ("student", "library_staff"):
        assert post(world, "invitations", body, world.token(who, tenant.id)).code == "forbidden"
    more = {**body, "permissions": ["tenants:suspend"]}
    assert post(world, "invitations", more, tenant.owner).code == "privilege_escalation"
    with cells.core_db() as core:
        core.run("UPDATE library_owners SET email_verified_at = NULL WHERE id = %(id)s", id=tenant.owner_id)
    assert post(world, "invitations", body, tenant.owner).code == "email_not_verified"


def test_staff_join_by_invitation_once(world: World) -> None:
    tenant, email = world.tenant(), address()
    library = world.call("libraries", "POST", "/libraries", tenant.owner, {"name": "Room", "code": "R1"}).data["id"]
    made = post(world, "invitations", {"email": email, "name": "New", "libraryIds": [library]}, tenant.owner)
    assert made.status == 201
    token = told(tenant.id, email)[0]["token"]
    assert token not in made.raw.decode()
    shown = world.call("auth", "GET", f"/auth/invitations/{token}").data
    assert (shown["email"], shown["tenantName"], shown["role"]) == (email, f"Library {tenant.slug}", "library_staff")
    assert world.call("auth", "GET", f"/auth/invitations/{token}x").code == "not_found"
    assert world.call("auth", "GET", "/auth/invitations/nonsense").code == "not_found"
    assert post(world, f"invitations/{token}/accept", {"password": "short"}).code == "weak_password"
    joined = post(world, f"invitations/{token}/accept", {"password": PASSWORD})
    assert joined.data["user"]["emailVerified"] is True
    again = post(world, f"invitations/{token}/accept", {"password": PASSWORD})
    assert (again.status, again.code) == (410, "invitation_expired")
    pair = sign_in(world, email).data
    assert (pair["user"]["userType"], pair["user"]["libraryIds"]) == ("library_staff", [library])
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM library_staff") == 1
    assert audited(tenant.id, "auth.invite")


def test_an_invitation_expires_after_a_week(world: World) -> None:
    tenant, email = world.tenant(), address()
    post(world, "invitations", {"email": email, "name": "New"}, tenant.owner)
    token = told(tenant.id, email)[0]["token"]
    world.advance(timedelta(days=7, seconds=1))
    assert world.call("auth", "GET", f"/auth/invitations/{token}").code == "invitation_expired"
    assert post(world, f"invitations/{token}/accept", {"password": PASSWORD}).code == "invitation_expired"


def test_an_owner_entered_by_the_operator_joins_by_invitation(world: World) -> None:
    tenant = world.tenant()
    email = f"{tenant.slug}@example.org"
    with cells.core_db() as core:
        letter = identity.invite(core, email, "library_owner", tenant.id, tenant.owner_id, name="Owner")
    assert sign_in(world, email).code == "invalid_credentials"
    path = f"invitations/{letter.variables['token']}"
    assert world.call("auth", "GET", f"/auth/{path}").data["tenantName"] == f"Library {tenant.slug}"
    assert post(world, f"{path}/accept", {"password": PASSWORD}).data["user"]["userType"] == "library_owner"
    assert sign_in(world, email).data["user"]["tenantId"] == str(tenant.id)


def test_a_forgotten_password_is_reset_once_and_ends_every_session(world: World) -> None:
    tenant = world.tenant()
    email, nobody = owner_with_password(tenant), address()
    pair = sign_in(world, email).data
    for _ in range(5):
        sign_in(world, email, "not the password")
    answers = [post(world, "forgot-password", {"email": e}) for e in (email, nobody)]
    assert (answers[0].status, answers[0].raw) == (202, answers[1].raw)
    assert told(PLATFORM, nobody) == []
    token = told(PLATFORM, email)[0]["token"]
    assert post(world, "reset-password", {"token": token, "password": "password123"}).code == "weak_password"
    assert post(world, "verify-email", {"token": token}).code == "link_invalid", "a letter is good for its purpose only"
    assert post(world, "reset-password", {"token": token, "password": "another quiet room"}).status == 204
    assert post(world, "reset-password", {"token": token, "password": "a third quiet room"}).code == "link_invalid"
    assert world.call("auth", "GET", "/auth/me", pair["accessToken"]).code == "token_revoked"
    assert sign_in(world, email).code == "invalid_credentials"
    assert sign_in(world, email, "another quiet room").status == 200, "the lock is lifted too"


def test_a_reset_link_dies_after_an_hour_and_three_an_hour_are_given(world: World) -> None:
    email = owner_with_password(world.tenant())
    with world.setting(rate_limit_factor="1"):
        assert [post(world, "forgot-password", {"email": email}).status for _ in range(4)][-1] == 429
    world.advance(timedelta(hours=1, seconds=1))
    body = {"token": told(PLATFORM, email)[0]["token"], "password": "another quiet room"}
    assert post(world, "reset-password", body).code == "link_invalid"


def test_a_changed_password_needs_the_old_one_and_signs_other_devices_out(world: World) -> None:
    email = owner_with_password(world.tenant())
    here, there = sign_in(world, email).data, sign_in(world, email).data
    body = {"currentPassword": PASSWORD, "newPassword": "another quiet room"}
    assert post(world, "password/change", body).code == "unauthenticated"
    bad = {**body, "currentPassword": "not the password"}
    assert post(world, "password/change", bad, here["accessToken"]).code == "invalid_credentials"
    weak = {**body, "newPassword": "1234567890"}
    assert post(world, "password/change", weak, here["accessToken"]).code == "weak_password"
    assert post(world, "password/change", body, here["accessToken"]).status == 204
    assert world.call("auth", "GET", "/auth/me", here["accessToken"]).status == 200
    assert world.call("auth", "GET", "/auth/me", there["accessToken"]).code == "token_revoked"
    assert sign_in(world, email, "another quiet room").status == 200
