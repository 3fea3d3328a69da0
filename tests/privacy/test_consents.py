"""Agreed to in words that were shown, taken back as easily; for children it is the guardian's phone that answers."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import clock, ids
from studyspot.privacy import service

from tests.world import Answer, Tenant, World

GUARDIAN = "+919812311111"


@pytest.fixture
def tenant(world: World) -> Tenant:
    return world.tenant()


def student(world: World, tenant: Tenant, years: int, phone: str = "+919812322222") -> UUID:
    """Somebody of that age; 0 is nobody knows. Entered without an age, so that the desk's own rule stays out of it."""
    made = world.call("students", "POST", "/students", tenant.owner, {"firstName": "S", "phone": phone})
    assert made.status == 201, made.raw
    if years:
        with world.db(tenant.id) as db:
            born = date(clock.now().year - years, 1, 1)
            db.run("UPDATE students SET date_of_birth = %(born)s WHERE id = %(id)s", id=made.data["id"], born=born)
    return UUID(made.data["id"])


def give(world: World, token: str, purpose: str = "data_processing", version: int = 1) -> Answer:
    return world.call("privacy", "POST", "/privacy/consents", token, {"purpose": purpose, "version": version})


def sent_code(world: World, tenant: Tenant) -> str:
    """What the guardian's phone was sent: sealed on its way, so it is read as the sender would."""
    from studyspot.messaging import sealing

    with world.db(tenant.id) as db:
        (row,) = db.dicts("SELECT id, sealed FROM communications WHERE to_address = %(to)s ORDER BY id DESC LIMIT 1",
                          to=GUARDIAN)  # fmt: skip
    return sealing.unseal(row["sealed"], row["id"])["code"]


def ask(world: World, token: str, **more: Any) -> Answer:
    body = {"guardianName": "A Guardian", "phone": GUARDIAN, **more}
    return world.call("privacy", "POST", "/privacy/guardian/request", token, body)


def verify(world: World, tenant: Tenant, request_id: str, code: str) -> Answer:
    body = {"requestId": request_id, "code": code}
    return world.call("privacy", "POST", "/privacy/guardian/verify", None, body, x_tenant_id=str(tenant.id))


def test_the_notice_is_for_everybody_in_both_languages_and_every_version(world: World) -> None:
    english = world.call("privacy", "GET", "/privacy/notice").data
    assert (english["version"], english["language"], english["versions"]) == (1, "en", [1])
    assert "eighteen" in english["text"]
    assert "अभिभावक" in world.call("privacy", "GET", "/privacy/notice?language=hi&version=1").data["text"]
    assert world.call("privacy", "GET", "/privacy/notice?version=99").status == 404
    assert world.call("privacy", "GET", "/privacy/notice?language=xx").status == 422


def test_who_may_not(world: World, tenant: Tenant) -> None:
    staff = world.token("library_staff", tenant.id)
    assert world.call("privacy", "GET", "/privacy/consents", staff).status == 403
    assert give(world, tenant.owner).status == 403
    assert give(world, staff).status == 403
    mine, other = student(world, tenant, 20), student(world, tenant, 20, "+919812333333")
    given = give(world, world.token("student", tenant.id, mine)).data["id"]
    stranger = world.token("student", tenant.id, other)
    assert world.call("privacy", "POST", f"/privacy/consents/{given}/withdraw", stranger).status == 404
    assert world.call("privacy", "GET", f"/privacy/consents?studentId={mine}", stranger).data == []


def test_a_consent_says_to_which_words_when_and_how_and_ends_when_it_is_withdrawn(world: World, tenant: Tenant) -> None:
    person = student(world, tenant, 20)
    token = world.token("student", tenant.id, person)
    given = give(world, token)
    assert given.status == 201
    facts = {k: given.data[k] for k in ("purpose", "version", "language", "method", "channel", "withdrawnAt")}
    assert facts == {"purpose": "data_processing", "version": 1, "language": "en", "method": "app", "channel": "app",
                     "withdrawnAt": None}  # fmt: skip
    assert give(world, token).data["id"] == given.data["id"], "a second click makes no second record"
    assert give(world, token, version=7).status == 422
    path = f"/privacy/consents/{given.data['id']}/withdraw"
    assert world.call("privacy", "POST", path, token).data["withdrawnAt"]
    assert world.call("privacy", "POST", path, token).code == "state_conflict"
    assert give(world, token).data["id"] != given.data["id"]
    listed = world.call("privacy", "GET", f"/privacy/consents?studentId={person}", tenant.owner).data
    assert [row["withdrawnAt"] is None for row in listed] == [False, True]


def test_nobody_under_age_is_observed_and_nobody_of_unknown_age(world: World, tenant: Tenant) -> None:
    people = {years: student(world, tenant, years, f"+9198123400{years:02}") for years in (16, 0, 20)}
    for years, person in people.items():
        answer = give(world, world.token("student", tenant.id, person), "behaviour")
        assert answer.status == (422 if years == 16 else 201), (years, answer.raw)
    with world.db(tenant.id) as db:
        assert {years: service.may_be_observed(db, p) for years, p in people.items()} == {16: False, 0: False, 20: True}


@pytest.mark.parametrize(("day", "status"), [("2027-05-12", 201), ("2027-05-14", 422)])
def test_from_its_day_on_the_rule_wants_the_guardian_first(
    world: World, monkeypatch: pytest.MonkeyPatch, day: str, status: int
) -> None:
    moment = datetime.fromisoformat(f"{day}T12:00:00+05:30")
    monkeypatch.setattr(clock, "now", lambda: moment)
    tenant = world.tenant()
    answer = give(world, world.token("student", tenant.id, student(world, tenant, 15)))
    assert answer.status == status
    assert status == 201 or answer.code == "consent_required"


def test_the_guardian_s_phone_decides(world: World, tenant: Tenant) -> None:
    child = student(world, tenant, 15)
    token = world.token("student", tenant.id, child)
    assert ask(world, token, phone="+919812322222").code == "rule_violated", "the student's own phone"
    assert ask(world, token, studentId=str(ids.uuid7())).status == 404
    assert ask(world, tenant.owner).status == 422, "staff say whose guardian"
    asked = ask(world, token)
    assert asked.status == 201, asked.raw
    code = sent_code(world, tenant)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    assert verify(world, tenant, asked.data["id"], wrong).code == "otp_invalid"
    assert verify(world, tenant, str(ids.uuid7()), code).code == "otp_invalid"
    assert verify(world, world.tenant(), asked.data["id"], code).code == "otp_invalid", "another organisation"
    given = verify(world, tenant, asked.data["id"], code)
    assert (given.data["purpose"], given.data["method"], given.data["studentId"]) == ("guardian", "otp", str(child))
    assert verify(world, tenant, asked.data["id"], code).code == "otp_invalid", "once"
    back = f"/privacy/consents/{given.data['id']}/withdraw"
    assert world.call("privacy", "POST", back, token).code == "rule_violated"
    assert world.call("privacy", "POST", back, tenant.owner).status == 200


def test_a_code_lapses_and_is_tried_five_times(world: World, tenant: Tenant) -> None:
    token = world.token("student", tenant.id, student(world, tenant, 15))
    first = ask(world, token).data["id"]
    code = sent_code(world, tenant)
    for _ in range(5):
        assert verify(world, tenant, first, f"{(int(code) + 1) % 10**6:06d}").code == "otp_invalid"
    assert verify(world, tenant, first, code).code == "otp_attempts_exceeded"
    second = ask(world, token).data["id"]
    code = sent_code(world, tenant)
    for _ in range(3):
        assert ask(world, token).status == 201
    assert ask(world, token).status == 429
    world.advance(timedelta(minutes=16))
    assert verify(world, tenant, second, code).code == "otp_expired"
