"""Students taken away as a file, taken back after a mistaken import, and shown on a card."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import openpyxl
import pytest
from studyspot.identity.service.directory import hash_of
from studyspot.kit import cells, clock, ids
from studyspot.students import card, exporting, sample
from studyspot.students.models import IdCard

from tests.bookings.scene import Scene
from tests.students.test_import import bring, some, stored, workbook
from tests.students.test_import import tenant as one_library
from tests.world import ROOT, Answer, Tenant, World, function

__all__ = ["one_library"]


@pytest.fixture
def tenant(one_library: Tenant) -> Tenant:
    return one_library


def export(world: World, tenant: Tenant, token: str | None = None, **asked: Any) -> Answer:
    return world.call("imports", "POST", "/students/export", token or world.proven(tenant.owner), asked)


def rows_of(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.raw.decode())))


def roll_back(world: World, token: str, job: str) -> Answer:
    return world.call("imports", "POST", f"/students/imports/{job}/rollback", token)


def test_the_template_is_a_file_the_import_takes(world: World, tenant: Tenant) -> None:
    told = world.call("imports", "GET", "/students/import-template", tenant.owner)
    assert (told.status, told.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    report = bring(world, tenant, told.raw).data
    assert (report["imported"], report["invalid"], report["ignoredColumns"]) == (2, 0, [])
    assert world.call("imports", "GET", "/students/import-template", world.token("student", tenant.id)).status == 403
    assert sample.template().encode() == told.raw


def test_who_takes_students_away_proved_it_once_more(world: World, tenant: Tenant) -> None:
    fresh = world.token("library_owner", tenant.id, tenant.owner_id)
    assert export(world, tenant, fresh).status == 403
    assert export(world, tenant, world.proven(world.token("library_staff", tenant.id))).code == "forbidden"
    bring(world, tenant, some(2))
    assert export(world, tenant).status == 200
    with world.db(tenant.id) as db:
        trail = db.dicts("SELECT after FROM audit_logs WHERE action = 'students.export'")
    assert trail[0]["after"]["rows"] == 2


def test_cells_are_not_run_by_a_spreadsheet(world: World, tenant: Tenant) -> None:
    bring(world, tenant, some(1))
    with world.db(tenant.id) as db:
        db.run("UPDATE students SET city = '=HYPERLINK(1)', address = '@x', state = '-1', notes = E'\\ty'")
    (row,) = rows_of(export(world, tenant))
    assert (row["city"], row["address"], row["state"]) == ("'=HYPERLINK(1)", "'@x", "'-1")
    book = openpyxl.load_workbook(io.BytesIO(export(world, tenant, format="xlsx").raw))
    header, cells_ = list(book.worksheets[0].iter_rows())
    told = dict(zip((c.value for c in header), cells_, strict=True))
    assert told["city"].value == "'=HYPERLINK(1)"
    assert not [c for c in cells_ if c.data_type == "f"]
    again = bring(world, world.tenant(), export(world, tenant).raw)
    assert again.status == 200


def test_a_filter_and_a_bound_member_of_staff(world: World) -> None:
    scene = Scene.open(world)
    first, second = scene.student(), scene.student("suspended")
    shown = rows_of(export(world, scene.tenant, status="suspended"))
    assert [row["id"] for row in shown] == [str(second)]
    rights = ["students:export", "students:read"]
    here = world.token("library_staff", scene.tenant.id, permissions=rights, libraryIds=[str(scene.library)])
    elsewhere = world.token("library_staff", scene.tenant.id, permissions=rights, libraryIds=[str(ids.uuid7())])
    assert {row["id"] for row in rows_of(export(world, scene.tenant, world.proven(here)))} == {str(first), str(second)}
    assert rows_of(export(world, scene.tenant, world.proven(elsewhere))) == []


def test_a_large_export_is_a_job_of_the_minute(world: World, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(world, tenant, some(7))
    monkeypatch.setattr(exporting, "AT_ONCE", 3)
    monkeypatch.setattr(exporting, "PART", 2)
    kept: dict[str, Any] = {}

    def store(db: Any, purpose: str, name: str, content: Any, *more: Any) -> None:
        kept.update(name=name, content=content.read(), more=more)

    monkeypatch.setattr(exporting.files, "store", store)
    told = export(world, tenant)
    assert told.status == 202
    job = told.data["jobId"]
    with world.worker():
        function("schedules", "minute").JOBS["timers"]()
    state = world.call("developer", "GET", f"/jobs/{job}", tenant.owner).data
    assert (state["status"], state["result"]["rows"]) == ("done", 7)
    assert len(list(csv.reader(io.StringIO(kept["content"].decode())))) == 8
    assert kept["more"] == ("text/csv", tenant.owner_id, None, UUID(job))


def test_an_import_is_taken_back(world: World, tenant: Tenant) -> None:
    before = bring(world, tenant, some(1, first=500)).data
    job = bring(world, tenant, some(4)).data["jobId"]
    assert world.call("students", "GET", "/students/analytics", tenant.owner).data["bySource"] == {"import": 5}
    assert roll_back(world, world.token("library_staff", tenant.id), job).code == "forbidden"
    assert roll_back(world, world.tenant().owner, job).status == 404
    told = roll_back(world, tenant.owner, job)
    assert (told.status, told.data["removed"], told.data["kept"]) == (200, 4, 0)
    assert stored(world, tenant) == before["imported"]
    with cells.core_db() as core:
        found = core.value(
            "SELECT count(*) FROM identities WHERE tenant_id = %(t)s AND hash = ANY (%(h)s)",
            t=tenant.id, h=[hash_of("phone", "+919800000000"), hash_of("email", "s3@example.org")],
        )  # fmt: skip
    assert found == 0
    assert roll_back(world, tenant.owner, job).data["removed"] == 0
    assert bring(world, tenant, some(4)).data["imported"] == 4
    assert "student.import_rolled_back" in {m.get("type") for m in world.outbox(tenant.id)}


def test_whom_somebody_touched_stays_and_is_named(world: World) -> None:
    scene = Scene.open(world)
    tenant = scene.tenant
    job = bring(world, tenant, some(5)).data["jobId"]
    with world.db(tenant.id) as db:
        people = [row["id"] for row in db.dicts("SELECT id FROM students ORDER BY id")]
    changed, member, paid, known, _ = people
    world.advance(timedelta(seconds=1))
    world.call("students", "PUT", f"/students/{changed}", tenant.owner, {"city": "Nagpur"})
    scene.member(member)
    with world.db(tenant.id) as db:
        db.run(
            "INSERT INTO users (id, phone, role, created_at, updated_at)"
            " VALUES (%(id)s, '+919800000003', 'student', %(now)s, %(now)s)", id=known, now=clock.now(),
        )  # fmt: skip
        db.run(
            "INSERT INTO payments (id, student_id, purpose, purpose_id, amount_paise, description, expires_at,"
            " created_at, updated_at) VALUES (%(id)s, %(who)s, 'dues', %(id)s, 100, 'x', %(now)s, %(now)s, %(now)s)",
            id=ids.uuid7(), who=paid, now=clock.now(),
        )  # fmt: skip
    told = roll_back(world, tenant.owner, job).data
    assert (told["removed"], told["kept"]) == (1, 4)
    assert {row["studentId"]: row["why"] for row in told["stayed"]} == {
        str(changed): "changed", str(member): "used", str(paid): "used", str(known): "used",
    }  # fmt: skip


def test_a_waiting_import_is_not_taken_back(world: World, tenant: Tenant) -> None:
    job = bring(world, tenant, some(501)).data["jobId"]
    assert roll_back(world, tenant.owner, job).code == "state_conflict"


def test_a_workbook_of_formulas_brings_text_or_nothing(world: World, tenant: Tenant) -> None:
    book = workbook(["firstName", "phone"], ["=1+1", "9800000009"])
    assert bring(world, tenant, book, "dryRun=true", kind=exporting.sheets.XLSX).data["valid"] == 0


def test_a_card_says_whose_it_is_and_cannot_be_forged(world: World) -> None:
    scene = Scene.open(world)
    student, other = scene.student(), scene.student()
    with world.db(scene.tenant.id) as db:
        db.run("UPDATE students SET last_name = '<b>&', membership_end = '2031-02-01' WHERE id = %(id)s", id=student)
    shown = world.call("records", "GET", f"/students/{student}/id-card", scene.token(student)).data
    assert (shown["library"], shown["validUntil"]) == ("Library", "2031-01-31")
    assert card.student_of(scene.tenant.id, shown["qr"]) == student
    assert card.student_of(world.tenant().id, shown["qr"]) is None
    body, _, mac = shown["qr"].partition(".")
    for forged in (f"{body}.{'0' * len(mac)}", f"{body[:-2]}AA.{mac}", mac, "", "."):
        assert card.student_of(scene.tenant.id, forged) is None
    assert world.call("records", "GET", f"/students/{other}/id-card", scene.token(student)).status == 404
    picture = world.call("records", "GET", f"/students/{student}/id-card.svg", scene.tenant.owner)
    assert picture.headers["Content-Type"].startswith("image/svg+xml")
    root = ET.fromstring(picture.raw)
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert {"title", "desc", "path"} <= names and not names & {"script", "image", "foreignObject"}
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", "card-title card-desc")


def test_the_card_in_the_documentation_is_the_one_that_is_drawn() -> None:
    shown = IdCard(
        student_id=UUID(int=1), student_code="S00001", name="Student One", photo_url=None, library="Station Road",
        seat="A-01", valid_until=date(2027, 1, 31), status="active",
        qr="MDE5MzQ1Njc4OS1leGFtcGxlOjAxOTM0NTY3ODk.0123456789abcdef0123456789abcdef",
    )  # fmt: skip
    assert (ROOT / "docs" / "id-card.svg").read_text() == card.drawn(shown)
