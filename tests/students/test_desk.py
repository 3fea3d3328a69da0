"""Students at the desk: created, found, changed, suspended, archived."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from studyspot.identity.service.directory import hash_of
from studyspot.kit import cells, clock, ids

from tests.libraries.test_libraries import add
from tests.statutes import binding
from tests.world import Answer, Tenant, World

__all__ = ["binding"]

WHO = {"firstName": "Student", "lastName": "017", "phone": "+919876543210"}


def send(world: World, token: str | None, method: str, path: str = "", body: Any = None, **headers: str) -> Answer:
    group = "records" if path.count("/") > 1 else "students"
    return world.call(group, method, f"/students{path}", token, body, **headers)


def create(world: World, tenant: Tenant, **facts: Any) -> dict[str, Any]:
    made = send(world, tenant.owner, "POST", "", WHO | facts)
    assert made.status == 201, made.json
    data: dict[str, Any] = made.data
    return data


def found_by(kind: Any, value: str) -> list[Any]:
    with cells.core_db() as core:
        return [
            core.value(
                "SELECT user_id FROM identities WHERE kind = %(k)s AND hash = %(h)s", k=kind, h=hash_of(kind, value)
            )
        ]


def test_students_do_not_create_or_list_students(world: World) -> None:
    tenant = world.tenant()
    assert send(world, None, "POST", "", {}).status == 401
    student = world.token("student", tenant.id)
    for method, path in (("POST", ""), ("GET", ""), ("DELETE", f"/{ids.uuid7()}"), ("POST", f"/{ids.uuid7()}/suspend")):
        assert send(world, student, method, path, {} if method == "POST" else None).code == "forbidden"
    assert send(world, world.token("library_staff", tenant.id), "DELETE", f"/{ids.uuid7()}").code == "forbidden"


def test_a_student_is_created_and_can_be_found_at_sign_in(world: World) -> None:
    tenant = world.tenant()
    library = add(world, tenant).data["id"]
    phone = f"+9198{ids.uuid7().int % 10**8:08d}"
    made = create(world, tenant, phone=phone, email=f"{phone[1:]}@example.org", libraryId=library)
    assert (made["studentCode"], made["status"], made["libraryId"]) == ("S00001", "active", library)
    assert create(world, tenant, phone="98765 43211")["studentCode"] == "S00002"
    assert found_by("phone", phone) == found_by("email", f"{phone[1:]}@example.org") == [ids.UUID(made["id"])]
    assert "student.created" in {m.get("type") for m in world.outbox(tenant.id)}


def test_a_phone_belongs_to_one_student_of_a_tenant(world: World) -> None:
    ours, theirs = world.tenant(), world.tenant()
    first = create(world, ours)
    assert send(world, ours.owner, "POST", "", WHO).code == "phone_exists"
    other = create(world, ours, phone="+919876543211")
    assert send(world, ours.owner, "PUT", f"/{other['id']}", {"phone": first["phone"]}).code == "phone_exists"
    assert create(world, theirs)["studentCode"] == "S00001"


def test_a_foreign_student_does_not_exist(world: World) -> None:
    ours, theirs = world.tenant(), world.tenant()
    student = create(world, ours)["id"]
    library = add(world, ours).data["id"]
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/suspend"), ("POST", "/reactivate")):
        answer = send(world, theirs.owner, method, f"/{student}{path}", {"x": 1} if method in ("PUT", "POST") else None)
        assert (answer.status, answer.code) == (404, "not_found")
    assert send(world, theirs.owner, "POST", "", WHO | {"libraryId": library}).status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"phone": "12345"}, {"phone": "+14155550100"}, {"email": "x"}, {"firstName": " "},
        {"dateOfBirth": "2999-01-01"}, {"dateOfBirth": 0}, {"gender": "m"}, {"pincode": "12"},
        {"tenantId": "x"}, {"lastName": "a\x00"},
        {"photoUrl": "javascript:1"},
    ],
)  # fmt: skip
def test_a_student_that_makes_no_sense_is_refused(world: World, wrong: dict[str, Any]) -> None:
    assert send(world, world.tenant().owner, "POST", "", WHO | wrong).code == "validation_failed"


def test_students_see_and_change_themselves_within_limits(world: World) -> None:
    tenant = world.tenant()
    mine, other = create(world, tenant)["id"], create(world, tenant, phone="+919876543211")["id"]
    me = world.token("student", tenant.id, ids.UUID(mine))
    assert send(world, me, "GET", "/me").data["id"] == send(world, me, "GET", f"/{mine}").data["id"] == mine
    assert (
        send(world, me, "GET", f"/{other}").status == send(world, me, "PUT", f"/{other}", {"city": "X"}).status == 404
    )
    assert send(world, me, "PUT", f"/{mine}", {"city": "Pune"}).data["city"] == "Pune"
    assert send(world, me, "PUT", f"/{mine}", {"phone": "+919876543212"}).code == "forbidden"
    assert send(world, tenant.owner, "GET", "/me").code == "forbidden"


def test_a_change_of_phone_moves_the_sign_in(world: World) -> None:
    tenant = world.tenant()
    old, new = (f"+9197{ids.uuid7().int % 10**8:08d}" for _ in range(2))
    student = create(world, tenant, phone=old)["id"]
    tag = send(world, tenant.owner, "GET", f"/{student}").headers["ETag"]
    assert send(world, tenant.owner, "PUT", f"/{student}", {"phone": new}, if_match=tag).status == 200
    assert (found_by("phone", old), found_by("phone", new)) == ([None], [ids.UUID(student)])
    assert send(world, tenant.owner, "PUT", f"/{student}", {"city": "X"}, if_match=tag).code == "version_conflict"


def test_search_and_filters(world: World) -> None:
    tenant = world.tenant()
    library, other = add(world, tenant).data["id"], add(world, tenant, code="C2").data["id"]
    kumar = create(world, tenant, firstName="Kumar", lastName=None, libraryId=library)["id"]
    second = create(world, tenant, phone="+918765432109", libraryId=other)["id"]

    def listed(query: str, token: str = tenant.owner) -> list[str]:
        return [row["id"] for row in send(world, token, "GET", f"?{query}").data]

    assert listed("q=kUM") == [kumar] and listed("q=765432109") == [second] and listed("q=S00002") == [second]
    assert listed("q=%25") == [] and listed(f"libraryId={other}") == [second]
    assert listed("", world.token("library_staff", tenant.id, libraryIds=[library])) == [kumar]
    assert listed("limit=1") == [kumar] and listed("status=suspended") == [] and listed("expiring=7") == []
    csv = send(world, tenant.owner, "GET", "", accept="text/csv")
    assert csv.raw.decode().splitlines()[1].split(",")[4] == "Kumar"


def test_staff_bound_to_a_library_stay_in_it(world: World) -> None:
    tenant = world.tenant()
    library, other = add(world, tenant).data["id"], add(world, tenant, code="C2").data["id"]
    staff = world.token("library_staff", tenant.id, libraryIds=[library])
    student = create(world, tenant, libraryId=other)["id"]
    assert send(world, staff, "GET", f"/{student}").status == 404
    assert send(world, staff, "POST", f"/{student}/suspend", {"reason": "x"}).status == 404
    assert send(world, staff, "POST", "", WHO | {"phone": "+919876543219", "libraryId": other}).status == 404
    assert send(world, staff, "POST", "", WHO | {"phone": "+919876543219", "libraryId": library}).status == 201


def test_a_suspended_student_is_signed_out_at_once(world: World) -> None:
    tenant = world.tenant()
    student = create(world, tenant)["id"]
    me = world.token("student", tenant.id, ids.UUID(student))
    suspended = send(world, tenant.owner, "POST", f"/{student}/suspend", {"reason": "noise"})
    assert (suspended.status, suspended.data["status"]) == (200, "suspended")
    assert send(world, me, "GET", "/me").code == "token_revoked"
    assert send(world, tenant.owner, "POST", f"/{student}/suspend", {"reason": "noise"}).code == "state_conflict"
    assert send(world, tenant.owner, "POST", f"/{student}/reactivate").data["status"] == "active"
    assert send(world, tenant.owner, "POST", f"/{student}/reactivate").code == "state_conflict"


def test_an_archived_student_is_out_of_the_lists(world: World) -> None:
    tenant = world.tenant()
    phone = f"+9196{ids.uuid7().int % 10**8:08d}"
    student = create(world, tenant, phone=phone)["id"]
    assert send(world, tenant.owner, "DELETE", f"/{student}").status == 204
    assert send(world, tenant.owner, "DELETE", f"/{student}").status == 404
    assert send(world, tenant.owner, "GET").data == []
    assert send(world, tenant.owner, "GET", f"/{student}").data["status"] == "archived"
    assert len(send(world, tenant.owner, "GET", "?status=archived").data) == 1
    assert found_by("phone", phone) == [None]
    assert send(world, tenant.owner, "PUT", f"/{student}", {"city": "X"}).code == "student_not_active"


def test_identity_numbers_are_encrypted_and_masked(world: World) -> None:
    tenant = world.tenant()
    made = create(world, tenant, idProofType="aadhaar", idProofNumber="2345 6789 0123")
    assert made["idProofNumber"] == "XXXX0123"
    with world.db(tenant.id) as db:
        stored = db.value("SELECT id_proof_number FROM students")
        noted = db.value("SELECT after->>'id_proof_number' FROM audit_logs WHERE action = 'students.create'")
    assert "6789" not in stored and noted == "***"


def test_a_minor_without_consent_is_listed_until_the_rule_binds(world: World, binding: date) -> None:
    tenant = world.tenant()
    born = (clock.now() - timedelta(days=365 * 12)).date().isoformat()
    minor = create(world, tenant, dateOfBirth=born)["id"]
    create(world, tenant, phone="+919876543211", dateOfBirth=born, guardianConsent={"name": "A Guardian"})
    shown = send(world, tenant.owner, "GET", "?withoutConsent=true").data
    assert [row["id"] for row in shown] == [minor]
    world.advance_to(datetime.combine(binding, time(), clock.INDIA))
    late = WHO | {"phone": "+919876543212", "dateOfBirth": born}
    owner = world.token("library_owner", tenant.id, tenant.owner_id)
    assert send(world, owner, "POST", "", late).code == "guardian_consent_required"
    assert send(world, owner, "POST", "", late | {"guardianConsent": {"name": "A Guardian"}}).status == 201


def test_the_rule_binds_from_13_may_2027_on(world: World) -> None:
    with world.db(world.tenant().id) as db:
        found = db.value("SELECT valid_from FROM statutory_params WHERE code = 'guardian_consent_required'")
    assert found == date(2027, 5, 13)
