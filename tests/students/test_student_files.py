"""What the desk keeps of a student besides: tags, notes, guardians; two who are one; one thing done to many."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.credits.service import grant
from studyspot.identity.models import Identity
from studyspot.identity.service import otp
from studyspot.identity.service.directory import hash_of
from studyspot.kit import cells, clock, ids
from studyspot.messaging.service import seed_templates

from tests.bookings.scene import Scene
from tests.world import Answer, World

PHONE = "+919811111111"


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world)


def send(scene: Scene, method: str, path: str, body: Any = None, token: str | None = None, group: str = "") -> Answer:
    group = "records" if path.count("/") > 1 else "students"
    return scene.world.call(group, method, f"/students{path}", token or scene.tenant.owner, body)


def with_birth(scene: Scene, years: int) -> UUID:
    student = scene.student()
    born = clock.now().date() - timedelta(days=366 * years)
    with scene.world.db(scene.tenant.id) as db:
        db.run("UPDATE students SET date_of_birth = %(born)s WHERE id = %(id)s", born=born, id=student)
    return student


def guardian(**more: Any) -> dict[str, Any]:
    return {"name": "Guardian", "phone": PHONE, "relation": "mother", "agreedBy": "guardian", **more}


def test_who_may_not(scene: Scene) -> None:
    student = scene.student()
    own = scene.token(student)
    stranger = scene.world.tenant().owner
    for method, path, body in (
        ("PUT", f"/{student}/tags", {"tags": []}),
        ("POST", f"/{student}/notes", {"note": "x"}),
        ("POST", "/merge", {"studentId": str(student), "duplicateId": str(ids.uuid7()), "preview": True}),
        ("POST", "/bulk-actions", {"action": "tag", "tag": "x", "filter": {}}),
        ("GET", f"/{student}/communications", None),
    ):
        assert send(scene, method, path, body, own).code == "forbidden", path
        if path.startswith(f"/{student}"):
            assert send(scene, method, path, body, stranger).code == "not_found", path
    staff = scene.world.token("library_staff", scene.tenant.id)
    merging = {"studentId": str(student), "duplicateId": str(ids.uuid7()), "preview": True}
    assert send(scene, "POST", "/merge", merging, staff).code == "forbidden"


def test_tags_are_found_by(scene: Scene) -> None:
    student, _ = scene.student(), scene.student()
    told = send(scene, "PUT", f"/{student}/tags", {"tags": ["Night", "vip", "night"]})
    assert told.data["tags"] == ["night", "vip"]
    assert [row["id"] for row in send(scene, "GET", "?tag=VIP").data] == [str(student)]
    assert send(scene, "PUT", f"/{student}/tags", {"tags": ["=x"]}).code == "validation_failed"


def test_a_note_is_kept_and_the_trail_does_not_repeat_it(scene: Scene) -> None:
    student = scene.student()
    assert send(scene, "POST", f"/{student}/notes", {"note": "pays in cash"}).status == 201
    with scene.world.db(scene.tenant.id) as db:
        trail = db.dicts("SELECT after::text AS told FROM audit_logs WHERE action = 'students.note'")
    assert len(trail) == 1 and "cash" not in trail[0]["told"]


def test_a_guardian_reads_of_the_student_and_of_nobody_else(scene: Scene) -> None:
    minor, other = with_birth(scene, 15), scene.student()
    linked = send(scene, "POST", f"/{minor}/guardians", guardian())
    assert linked.status == 201
    token = scene.world.token("member", scene.tenant.id, UUID(linked.data["userId"]))
    for what in ("attendance", "payments"):
        assert send(scene, "GET", f"/{minor}/{what}", None, token).data == []
        assert send(scene, "GET", f"/{other}/{what}", None, token).code == "not_found"
    assert send(scene, "GET", f"/{minor}", None, token).code == "forbidden"
    assert send(scene, "GET", f"/{minor}/bookings", None, token).code == "forbidden"
    assert send(scene, "POST", f"/{minor}/guardians", guardian()).code == "state_conflict"
    unlinked = send(scene, "DELETE", f"/{minor}/guardians/{linked.data['id']}")
    assert unlinked.status == 204
    assert send(scene, "GET", f"/{minor}/attendance", None, token).code in ("token_revoked", "not_found")
    again = scene.world.token("member", scene.tenant.id, UUID(linked.data["userId"]))
    assert send(scene, "GET", f"/{minor}/attendance", None, again).code == "not_found"
    with cells.core_db() as core:
        assert not core.value("SELECT count(*) FROM identities WHERE hash = %(h)s", h=hash_of("phone", PHONE))


def test_a_guardian_signs_in_by_the_phone_and_a_student_stays_a_student(scene: Scene) -> None:
    minor = with_birth(scene, 15)
    linked = send(scene, "POST", f"/{minor}/guardians", guardian()).data
    parent = scene.world.call(
        "students", "POST", "/students", scene.tenant.owner, {"firstName": "Student", "phone": "+919822222222"}
    ).data["id"]
    send(scene, "POST", f"/{minor}/guardians", guardian(phone="+919822222222"))
    told: dict[str, Identity] = {}
    with cells.core_db() as core, cells.tenant_db(scene.tenant.id) as db:
        for phone in (PHONE, "+919822222222"):
            otp.request_otp(core, db, phone, lambda code, to, phone=phone: told.update({phone: to}))  # type: ignore[misc]
            db.finish()
    assert (told[PHONE].user_type, str(told[PHONE].user_id)) == ("member", linked["userId"])
    assert (told["+919822222222"].user_type, str(told["+919822222222"].user_id)) == ("student", parent)
    as_student = scene.token(UUID(parent))
    assert send(scene, "GET", f"/{minor}/attendance", None, as_student).data == []


def test_an_adult_decides_alone_and_a_minor_does_not(scene: Scene) -> None:
    adult, minor = with_birth(scene, 25), with_birth(scene, 15)
    assert send(scene, "POST", f"/{adult}/guardians", guardian()).code == "rule_violated"
    own = send(scene, "POST", f"/{adult}/guardians", guardian(agreedBy="student"), scene.token(adult))
    assert own.status == 201
    assert send(scene, "POST", f"/{minor}/guardians", guardian(), scene.token(minor)).code == "rule_violated"
    assert send(scene, "POST", f"/{minor}/guardians", guardian(), scene.token(adult)).code == "not_found"
    linked = send(scene, "POST", f"/{minor}/guardians", guardian()).data["id"]
    gone = send(scene, "DELETE", f"/{minor}/guardians/{linked}", None, scene.token(minor))
    assert gone.code == "rule_violated"
    path = f"/{adult}/guardians/{own.data['id']}"
    assert send(scene, "DELETE", f"/{minor}/guardians/{own.data['id']}").code == "not_found"
    assert send(scene, "DELETE", path, None, scene.token(adult)).status == 204
    assert [g["id"] for g in send(scene, "GET", f"/{minor}/guardians").data] == [linked]


def merge(scene: Scene, kept: UUID, gone: UUID, preview: bool = False) -> Answer:
    return send(scene, "POST", "/merge", {"studentId": str(kept), "duplicateId": str(gone), "preview": preview})


def test_two_who_are_one(scene: Scene) -> None:
    kept, gone = scene.student(), scene.student()
    scene.member(gone)
    booking = scene.book(scene.token(gone), 0).data["id"]
    send(scene, "POST", f"/{gone}/notes", {"note": "x"})
    send(scene, "PUT", f"/{gone}/tags", {"tags": ["vip"]})
    with scene.world.db(scene.tenant.id) as db:
        db.run("UPDATE students SET city = 'Pune', email = 'a@example.org' WHERE id = %(id)s", id=gone)
        db.run("UPDATE students SET city = 'Nagpur' WHERE id = %(id)s", id=kept)
    seen = merge(scene, kept, gone, preview=True)
    assert seen.data["moved"] == {"bookings": 1, "memberships": 1, "student_notes": 1}
    assert seen.data["learnt"] == ["email"]
    assert send(scene, "GET", f"/{gone}").data["status"] == "active"
    assert merge(scene, kept, gone).data["moved"] == seen.data["moved"]
    shown, left = send(scene, "GET", f"/{kept}").data, send(scene, "GET", f"/{gone}").data
    assert (shown["city"], shown["email"], shown["tags"]) == ("Nagpur", "a@example.org", ["vip"])
    assert (left["status"], left["mergedInto"]) == ("archived", str(kept))
    assert [b["id"] for b in send(scene, "GET", f"/{kept}/bookings").data] == [booking]
    assert merge(scene, kept, gone).code == "state_conflict"
    assert merge(scene, kept, kept).code == "validation_failed"
    assert "student.merged" in {m.get("type") for m in scene.world.outbox(scene.tenant.id)}


def test_who_is_twice_at_one_time_stays_two(scene: Scene) -> None:
    kept, gone = scene.student(), scene.student()
    scene.member(kept)
    scene.member(gone)
    assert merge(scene, kept, gone).code == "students_collide"
    assert send(scene, "GET", f"/{gone}").data["status"] == "active"
    assert [m["studentId"] for m in send(scene, "GET", f"/{gone}/memberships").data] == [str(gone)]
    assert merge(scene, kept, ids.uuid7()).code == "not_found"


def test_many_at_once_are_previewed_and_then_exactly_those(scene: Scene) -> None:
    people = [scene.student() for _ in range(3)]
    scene.student("archived")
    asked: dict[str, Any] = {"action": "tag", "tag": "Night", "filter": {"status": "active"}}
    seen = send(scene, "POST", "/bulk-actions", asked).data
    assert (seen["preview"], seen["count"], seen["done"]) == (True, 3, 0)
    assert send(scene, "GET", "?tag=night").data == []
    people.append(scene.student())
    assert send(scene, "POST", "/bulk-actions", asked | {"expected": 3}).code == "filter_moved"
    assert send(scene, "POST", "/bulk-actions", asked | {"expected": 4}).data["done"] == 4
    assert len(send(scene, "GET", "?tag=night").data) == 4
    stop = {"action": "suspend", "reason": "x", "filter": {"ids": [str(people[0])]}, "expected": 1}
    assert send(scene, "POST", "/bulk-actions", stop).data["done"] == 1
    assert send(scene, "GET", f"/{people[0]}").data["status"] == "suspended"
    back = {"action": "reactivate", "filter": {"status": "suspended"}, "expected": 1}
    assert send(scene, "POST", "/bulk-actions", back).data["done"] == 1
    foreign = {"action": "tag", "tag": "x", "filter": {"ids": [str(Scene.open(scene.world).student())]}}
    assert send(scene, "POST", "/bulk-actions", foreign).data["count"] == 0


def test_a_text_to_many_says_what_it_costs_first(scene: Scene) -> None:
    student = scene.student()
    scene.student()
    with scene.world.db(scene.tenant.id) as db:
        seed_templates(db)
        grant(db, "sms", 10, "start")
        db.finish()
    asked = {"action": "message", "templateId": "membership_expiry", "filter": {}, "variables": {"date": "31 Dec"}}
    seen = send(scene, "POST", "/bulk-actions", asked).data
    assert (seen["count"], seen["smsCredits"], seen["costPaise"]) == (2, 2, 50)
    assert send(scene, "GET", f"/{student}/communications").data == []
    told = send(scene, "POST", "/bulk-actions", asked | {"expected": 2})
    assert told.data["done"] == 2
    (message,) = send(scene, "GET", f"/{student}/communications").data
    assert "Library" in message["body"] and "31 Dec" in message["body"]
    short = {**asked, "variables": {}}
    assert send(scene, "POST", "/bulk-actions", short).status == 422
