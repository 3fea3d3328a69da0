"""Documents of a student, the way to another library, renewals by the list, and the risk that somebody leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from studyspot.kit import clock, ids
from studyspot.messaging.service import seed_templates

from tests.bookings.scene import INDIA, Scene
from tests.files.test_files import PNG
from tests.libraries.test_libraries import add
from tests.store import BUCKET
from tests.world import Answer, World


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world)


def call(scene: Scene, method: str, path: str, body: Any = None, token: str | None = None) -> Answer:
    group = "records" if "/" in path else "students"
    return scene.world.call(group, method, f"/students/{path}", token or scene.tenant.owner, body)


def enrol(scene: Scene, student: UUID, **more: Any) -> Any:
    body = {"studentId": student, "feePlanId": scene.monthly, "libraryId": scene.library, **more}
    made = scene.world.call("memberships", "POST", "/memberships", scene.tenant.owner, body)
    assert made.status == 201, made.json
    return made.data


def other_library(scene: Scene) -> tuple[str, str]:
    """With one seat."""
    library = add(scene.world, scene.tenant, code="L2").data["id"]
    zone = {"name": "Hall"}
    scene.world.call("libraries", "POST", f"/libraries/{library}/zones", scene.tenant.owner, zone)
    seats = {"zone": "Hall", "rows": 1, "columns": 1, "prefix": "H"}
    made = scene.world.call("libraries", "POST", f"/libraries/{library}/seats", scene.tenant.owner, seats)
    assert made.status == 201, made.json
    return library, made.data[0]["id"]


def test_who_may_not(scene: Scene) -> None:
    student, other = scene.student(), scene.student()
    library, _ = other_library(scene)
    photo = {"kind": "photo", "name": "me.png", "contentType": "image/png", "sizeBytes": 10}
    move = {"libraryId": library, "preview": True}
    own, staff, stranger = scene.token(student), scene.staff(), scene.world.tenant().owner
    for method, path, body in (
        ("POST", "documents", photo), ("GET", "documents", None), ("GET", "risk", None), ("POST", "transfer", move),
    ):  # fmt: skip
        assert call(scene, method, f"{student}/{path}", body, stranger).status == 404, path
        assert call(scene, method, f"{other}/{path}", body, own).status in (403, 404), path
    assert call(scene, "POST", f"{student}/transfer", move, staff).code == "forbidden"
    assert call(scene, "GET", f"{student}/risk", None, own).code == "forbidden"


def test_documents_are_the_students_whoever_brings_them(scene: Scene, bucket: Any) -> None:
    student = scene.student()
    photo = {"kind": "photo", "name": "me.png", "contentType": "image/png", "sizeBytes": len(PNG)}
    proof = {"kind": "id_proof", "name": "pan.pdf", "contentType": "application/pdf", "sizeBytes": 20}
    by_desk = call(scene, "POST", f"{student}/documents", photo, scene.staff())
    by_self = call(scene, "POST", f"{student}/documents", proof, scene.token(student))
    assert (by_desk.status, by_self.status) == (201, 201)
    key = urlsplit(by_desk.data["url"]).path.lstrip("/")
    bucket.put_object(Bucket=BUCKET, Key=key, Body=PNG)
    looked = scene.world.call("developer", "GET", f"/files/{by_desk.data['id']}", scene.token(student))
    assert looked.data["status"] == "ready", "the student reads what the desk brought"
    with scene.world.db(scene.tenant.id) as db:
        owners = {row["owner_id"] for row in db.dicts("SELECT owner_id FROM files")}
    assert owners == {student}
    shown = call(scene, "GET", f"{student}/documents", None, scene.token(student)).data
    assert [(one["purpose"], one["status"]) for one in shown] == [("id_proof", "pending"), ("student_photo", "ready")]
    assert shown[1]["url"] and not shown[0]["url"]
    (only,) = call(scene, "GET", f"{student}/documents?kind=photo").data
    assert only["id"] == by_desk.data["id"]
    wrong = call(scene, "POST", f"{student}/documents", photo | {"contentType": "text/html"})
    assert (wrong.status, wrong.code) == (415, "file_type_not_allowed")
    assert call(scene, "POST", f"{student}/documents", photo | {"kind": "archive"}).status == 422
    assert call(scene, "POST", f"{student}/documents", photo | {"sizeBytes": 10**9}).status == 422


def test_a_student_goes_with_membership_seat_and_dues(scene: Scene) -> None:
    student = scene.student()
    member = enrol(scene, student, seatId=scene.seats[0])
    library, seat = other_library(scene)
    asked = {"libraryId": library, "memberships": [{"membershipId": member["id"], "seatId": seat}], "preview": True}
    seen = call(scene, "POST", f"{student}/transfer", asked).data
    assert call(scene, "GET", str(student)).data["libraryId"] == str(scene.library)
    told = call(scene, "POST", f"{student}/transfer", asked | {"preview": False}).data
    assert told["duesPaise"] == seen["duesPaise"] == member["duesPaise"] > 0
    (moved,) = told["memberships"]
    assert (moved["libraryId"], moved["seatId"], moved["endDate"]) == (library, seat, member["endDate"])
    assert call(scene, "GET", str(student)).data["libraryId"] == library
    with scene.world.db(scene.tenant.id) as db:
        query = "SELECT DISTINCT seat_id::text FROM seat_occupancy WHERE kind = 'allotment' AND ends_at > %(n)s"
        held = db.dicts(query, n=clock.now() + timedelta(hours=1))
    assert [row["seat_id"] for row in held] == [seat], "the old seat is free again"
    again = call(scene, "POST", f"{student}/transfer", asked | {"memberships": []})
    assert again.code == "state_conflict"


def test_what_cannot_go_along_keeps_everything_where_it_is(scene: Scene) -> None:
    first, second = scene.student(), scene.student()
    member = enrol(scene, first, seatId=scene.seats[0])
    library, seat = other_library(scene)
    enrol(scene, second, libraryId=library, seatId=seat)
    taken = {"libraryId": library, "memberships": [{"membershipId": member["id"], "seatId": seat}], "preview": False}
    assert call(scene, "POST", f"{first}/transfer", taken).status == 409
    wrong = {"libraryId": library, "memberships": [{"membershipId": str(ids.uuid7())}], "preview": False}
    assert call(scene, "POST", f"{first}/transfer", wrong).code == "validation_failed"
    foreign = {"libraryId": library, "memberships": [{"membershipId": member["id"], "seatId": scene.seats[1]}],
               "preview": False}  # fmt: skip
    assert call(scene, "POST", f"{first}/transfer", foreign).status == 404
    assert call(scene, "POST", f"{first}/transfer", {"libraryId": str(ids.uuid7()), "preview": False}).status == 404
    scene.world.call(
        "memberships", "PUT", f"/fee-plans/{scene.monthly}", scene.tenant.owner, {"libraryIds": [str(scene.library)]}
    )
    assert call(scene, "POST", f"{first}/transfer", {"libraryId": library, "preview": False}).code == "plan_not_offered"
    assert call(scene, "GET", str(first)).data["libraryId"] == str(scene.library)
    with scene.world.db(scene.tenant.id) as db:
        query = "SELECT library_id, seat_id FROM memberships WHERE id = %(id)s"
        (row,) = db.dicts(query, id=UUID(member["id"]))
    assert (row["library_id"], row["seat_id"]) == (scene.library, scene.seats[0])


def test_many_are_renewed_by_a_filter(scene: Scene) -> None:
    members, without = [scene.student() for _ in range(3)], scene.student()
    for student in members:
        scene.member(student, days=3)
    with scene.world.db(scene.tenant.id) as db:
        seed_templates(db)
    asked = {"action": "renew", "filter": {"ids": [str(one) for one in [*members, without]]}}

    def bulk(body: Any, token: str | None = None) -> Answer:
        return scene.world.call("students", "POST", "/students/bulk-actions", token or scene.tenant.owner, body)

    seen = bulk(asked)
    assert (seen.data["preview"], seen.data["count"], seen.data["done"]) == (True, 3, 0), seen.json
    assert bulk(asked | {"expected": 3}).code == "filter_moved"
    told = bulk(asked | {"expected": 4}).data
    assert (told["count"], told["done"]) == (3, 3)
    with scene.world.db(scene.tenant.id) as db:
        assert db.value("SELECT count(*) FROM membership_dues WHERE kind = 'renewal' AND status = 'open'") == 3
    powerless = scene.staff(permissions=["students:update", "students:read"])
    assert bulk(asked, powerless).code == "forbidden"


def visit(scene: Scene, student: UUID, days_ago: int) -> None:
    at = clock.now() - timedelta(days=days_ago, hours=1)
    with scene.world.db(scene.tenant.id) as db:
        db.run(
            "INSERT INTO attendance (id, student_id, library_id, check_in_at, check_out_at, method, created_at)"
            " VALUES (%(id)s, %(student)s, %(library)s, %(at)s, %(at)s, 'desk', %(at)s)",
            id=ids.uuid7(), student=student, library=scene.library, at=at,
        )  # fmt: skip


def risk(scene: Scene, student: UUID) -> tuple[int, int, dict[str, int]]:
    told = call(scene, "GET", f"{student}/risk").data
    points = {reason["code"]: reason["points"] for reason in told["reasons"]}
    for of in ("churn", "default"):
        assert told[of] == min(100, sum(r["points"] for r in told["reasons"] if r["of"] == of))
        assert told[f"{of}Level"] == ("high" if told[of] >= 60 else "medium" if told[of] >= 30 else "low")
    return told["churn"], told["default"], points


def test_risk_is_what_the_formula_says(scene: Scene) -> None:
    regular, fading, gone, newcomer = (scene.student() for _ in range(4))
    for student, days in ((regular, range(1, 42)), (fading, [10, *range(15, 35)]), (gone, range(30, 40))):
        for day in days:
            visit(scene, student, day)
    scene.member(regular, days=60)
    scene.member(fading, days=5)
    scene.member(gone, ended=10)
    assert risk(scene, regular) == (0, 0, {})
    assert risk(scene, fading) == (70, 0, {"attendance_decay": 45, "absent": 10, "ending": 15})
    assert risk(scene, gone) == (100, 0, {"attendance_decay": 50, "absent": 20, "lapsed": 30})
    assert risk(scene, newcomer) == (0, 0, {})


def test_risk_of_who_pays_late(scene: Scene) -> None:
    student = scene.student()
    member = UUID(enrol(scene, student)["id"])
    today = clock.now().astimezone(INDIA).date()
    with scene.world.db(scene.tenant.id) as db:
        db.run("DELETE FROM membership_dues")
        for late, paid in ((40, None), (3, None), (9, 5), (4, 4), (8, 8)):
            db.run(
                "INSERT INTO membership_dues (id, membership_id, student_id, kind, description, lines, amount_paise,"
                " due_on, status, paid_at, created_at) VALUES (%(id)s, %(member)s, %(student)s, 'renewal', 'x', '[]',"
                " 100, %(due)s, %(status)s, %(paid)s, %(now)s)",
                id=ids.uuid7(), member=member, student=student, due=today - timedelta(days=late),
                status="open" if paid is None else "paid", now=clock.now(),
                paid=None if paid is None else clock.now() - timedelta(days=paid),
            )  # fmt: skip
    churn, default, points = risk(scene, student)
    assert points == {"overdue": 50, "several_overdue": 10, "paid_late": 10}
    assert (churn, default) == (0, 70)
