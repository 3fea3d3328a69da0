"""Students from a spreadsheet: every bad row is named, no bad row stops a good one, bad files store nothing."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from studyspot.identity.service.directory import hash_of
from studyspot.kit import cells, ids
from studyspot.students.sheets import XLSX

from tests.libraries.test_libraries import add
from tests.world import Answer, Tenant, World

HEADER = "firstName,lastName,phone,email,city\n"


def bring(
    world: World, tenant: Tenant, file: bytes | str, query: str = "", kind: str = "text/csv", token: str | None = None
) -> Answer:
    content = file.encode() if isinstance(file, str) else file
    path = f"/students/bulk-import?{query}"
    return world.call("imports", "POST", path, token or tenant.owner, content, content_type=kind)


def some(count: int, first: int = 0, header: str = HEADER) -> str:
    rows = (f"Student,{n:05d},98{first + n:08d},s{n}@example.org,Pune\n" for n in range(count))
    return header + "".join(rows)


def stored(world: World, tenant: Tenant) -> int:
    with world.db(tenant.id) as db:
        count: int = db.value("SELECT count(*) FROM students")
    return count


def workbook(*rows: list[Any]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


@pytest.fixture
def tenant(world: World) -> Tenant:
    """With one library."""
    tenant = world.tenant()
    add(world, tenant)
    return tenant


def test_students_import_nobody(world: World, tenant: Tenant) -> None:
    assert bring(world, tenant, some(1), token=world.token("student", tenant.id)).code == "forbidden"
    assert world.call("imports", "POST", "/students/bulk-import", None, b"x", content_type="text/csv").status == 401
    job = bring(world, tenant, some(1)).data["jobId"]
    assert world.call("imports", "GET", f"/students/imports/{job}", world.tenant().owner).status == 404


def test_a_dry_run_stores_nothing(world: World, tenant: Tenant) -> None:
    report = bring(world, tenant, some(3) + "x,y,123,,\n", "dryRun=true")
    assert report.status == 200 and report.data["jobId"] is None
    assert {k: report.data[k] for k in ("rows", "valid", "invalid", "imported")} == {
        "rows": 4, "valid": 3, "invalid": 1, "imported": 0,
    }  # fmt: skip
    assert report.data["errors"] == [
        {"line": 5, "field": "phone", "code": "invalid", "message": "not an Indian mobile number"}
    ]
    assert stored(world, tenant) == 0


def test_good_rows_come_in_and_bad_ones_are_named(world: World, tenant: Tenant) -> None:
    bring(world, tenant, some(1, first=77))
    file = (
        "\ufeffFull Name,Mobile No,EMAIL,favourite colour,date_of_birth,gender\r\n"
        "Student One,9876543210.0,one@example.org,red,17/05/2001,F\r\n"
        "\r\n"
        ',"+91 98765-43211",,,,\r\n'
        "Student\u200d Two,098765 43212,nonsense,,,\r\n"
        '"Student\nThree",9876543213,,,,\r\n'
        "Student Four,+919876543213,,,,\r\n"
        "Student Five,9800000077,,,2999-01-01,\r\n"
        "=cmd|' /C calc'!A0,9876543214,,,,\r\n"
        "Student Six,9876543216,,,,m,too,many\r\n"
        "Student Seven,9800000077,,,,\r\n"
        "Student Eight,9876543218\r\n"
    )
    report = bring(world, tenant, file).data
    assert [(e["line"], e["field"], e["code"]) for e in report["errors"]] == [
        (4, "firstName", "required"),
        (5, "email", "invalid"),
        (8, "phone", "duplicate_in_file"),
        (9, "dateOfBirth", "invalid"),
        (10, "firstName", "invalid"),
        (11, "row", "invalid"),
        (12, "phone", "phone_exists"),
    ]
    assert (report["rows"], report["imported"], report["invalid"]) == (10, 3, 7)
    assert report["ignoredColumns"] == ["favourite colour"]
    shown = world.call("students", "GET", "/students?limit=200", tenant.owner).data
    assert [(s["firstName"], s["lastName"], s["phone"]) for s in shown[1:]] == [
        ("Student", "One", "+919876543210"),
        ("Student", "Three", "+919876543213"),
        ("Student", "Eight", "+919876543218"),
    ]
    assert (shown[1]["dateOfBirth"], shown[1]["gender"]) == ("2001-05-17", "female")


def test_imported_students_can_be_found_at_sign_in(world: World, tenant: Tenant) -> None:
    number = f"97{ids.uuid7().int % 10**8:08d}"
    bring(world, tenant, f"name,phone\nStudent,{number}\n")
    student = world.call("students", "GET", "/students", tenant.owner).data[0]
    assert student["studentCode"] == "S00001"
    with cells.core_db() as core:
        query = "SELECT user_id FROM identities WHERE hash = %(h)s AND tenant_id = %(t)s"
        known = core.value(query, h=hash_of("phone", f"+91{number}"), t=tenant.id)
    assert str(known) == student["id"]


def test_atomic_means_all_or_nothing(world: World, tenant: Tenant) -> None:
    refused = bring(world, tenant, some(2) + "x,y,123,,\n", "atomic=true")
    assert (refused.status, refused.code, refused.json["errors"][0]["line"]) == (422, "row_invalid", 4)
    assert stored(world, tenant) == 0
    bring(world, tenant, some(1))
    refused = bring(world, tenant, some(2), "atomic=true")
    assert (refused.code, refused.json["errors"][0]["code"], stored(world, tenant)) == (
        "row_invalid",
        "phone_exists",
        1,
    )


def test_the_same_file_is_not_taken_twice_unless_forced(world: World, tenant: Tenant) -> None:
    first = bring(world, tenant, some(2)).data
    assert bring(world, tenant, some(2)).code == "import_file_duplicate"
    again = bring(world, tenant, some(2), "force=true").data
    assert (again["imported"], {e["code"] for e in again["errors"]}) == (0, {"phone_exists"})
    shown = world.call("imports", "GET", f"/students/imports/{first['jobId']}", tenant.owner).data
    assert (shown["status"], shown["rows"], shown["imported"], shown["errors"]) == ("done", 2, 2, [])


def test_the_library_of_a_row(world: World, tenant: Tenant) -> None:
    second = add(world, tenant, code="C2").data["id"]
    file = "name,phone,Library Code\nA,9876543210,c2\nB,9876543211,\nC,9876543212,C9\n"
    report = bring(world, tenant, file).data
    assert [(e["line"], e["field"], e["code"]) for e in report["errors"]] == [
        (3, "libraryCode", "required"), (4, "libraryCode", "invalid"),
    ]  # fmt: skip
    assert bring(world, tenant, file, f"libraryId={second}&force=true").data["imported"] == 1
    listed = world.call("students", "GET", f"/students?libraryId={second}", tenant.owner).data
    assert [row["firstName"] for row in listed] == ["A", "B"]
    assert bring(world, tenant, some(1), f"libraryId={ids.uuid7()}").status == 404
    staff = world.token("library_staff", tenant.id, libraryIds=[second])
    assert bring(world, tenant, "name,phone,libraryCode\nD,9876543219,C1\n", token=staff).data["imported"] == 0


def test_five_thousand_rows_are_a_job(world: World, tenant: Tenant) -> None:
    bring(world, tenant, some(1, first=4321))
    taken = bring(world, tenant, some(5000) + "x,y,123,,\n")
    assert (taken.status, taken.data["status"], taken.data["rows"]) == (202, "queued", 5001)
    here = f"/students/imports/{taken.data['jobId']}"
    assert world.call("imports", "GET", here, tenant.owner).data["status"] == "queued"
    (message,) = world.outbox(tenant.id, "imports")
    for _ in range(2):
        assert world.deliver("importer", message)["batchItemFailures"] == []
    done = world.call("imports", "GET", here, tenant.owner).data
    assert (done["status"], done["imported"], done["invalid"]) == ("done", 4999, 2)
    assert [(e["line"], e["code"]) for e in done["errors"]] == [(4323, "phone_exists"), (5002, "invalid")]
    assert stored(world, tenant) == 5000
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(DISTINCT student_code) FROM students") == 5000
        assert db.value("SELECT count(*) FROM jobs WHERE file IS NOT NULL") == 0
    with cells.core_db() as core:
        count = "SELECT count(*) FROM identities WHERE tenant_id = %(t)s AND kind = 'phone'"
        assert core.value(count, t=tenant.id) == 5000


def test_an_atomic_job_that_fails_says_so(world: World, tenant: Tenant) -> None:
    taken = bring(world, tenant, some(600) + "x,y,123,,\n", "atomic=true")
    world.deliver("importer", *world.outbox(tenant.id, "imports"))
    done = world.call("imports", "GET", f"/students/imports/{taken.data['jobId']}", tenant.owner).data
    assert (done["status"], done["imported"], done["errors"][0]["line"], stored(world, tenant)) == ("failed", 0, 602, 0)


def test_notify_welcomes_and_silence_is_the_default(world: World, tenant: Tenant) -> None:
    bring(world, tenant, some(2))
    assert world.outbox(tenant.id, "sms-service") == []
    bring(world, tenant, some(2, first=10), "notify=true")
    with world.db(tenant.id) as db:
        sent = db.value("SELECT count(*) FROM communications WHERE template_id = 'admission_welcome'")
    assert sent == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_of_spreadsheets(world: World, tenant: Tenant, encoding: str) -> None:
    file = "name;phone\nJosé García;9876543210\n".encode(encoding)
    assert bring(world, tenant, file).data["imported"] == 1
    (student,) = world.call("students", "GET", "/students", tenant.owner).data
    assert (student["firstName"], student["lastName"]) == ("José", "García")


def test_a_declared_charset_is_taken_at_its_word(world: World, tenant: Tenant) -> None:
    file = "name,phone\nJosé,9876543210\n"
    assert bring(world, tenant, file.encode("cp1252"), kind="text/csv; charset=utf-8").code == "import_file_invalid"
    assert bring(world, tenant, file, kind="text/csv; charset=klingon").code == "import_file_invalid"
    assert bring(world, tenant, file.encode("cp1252"), kind='text/csv; charset="iso-8859-1"').data["imported"] == 1


def test_a_workbook(world: World, tenant: Tenant) -> None:
    rows = [["Name", "Contact", "DateOfBirth"], ["Student One", 9876543210.0, None], [], ["=1+1", 9876543211, None]]
    report = bring(world, tenant, workbook(*rows), kind=XLSX).data
    assert (report["imported"], [(e["line"], e["code"]) for e in report["errors"]]) == (1, [(4, "invalid")])
    (student,) = world.call("students", "GET", "/students", tenant.owner).data
    assert student["phone"] == "+919876543210"


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (65 * 1024 * 1024))
    return out.getvalue()


def laughs() -> bytes:
    source, out = zipfile.ZipFile(io.BytesIO(workbook(["name", "phone"]))), io.BytesIO()
    with source, zipfile.ZipFile(out, "w") as archive:
        for name in source.namelist():
            entities = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'
            archive.writestr(name, entities if name.endswith("sheet1.xml") else source.read(name))
    return out.getvalue()


BAD_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "text/csv"),
    "blank": (lambda: b"  \n\n", "text/csv"),
    "nul": (lambda: b"name,phone\nA,98\x00\n", "text/csv"),
    "half of a character": (lambda: b"\xff\xfe\x00\xd8x", "text/csv"),
    "other columns": (lambda: b"a,b\n1,2\n", "text/csv"),
    "no phone": (lambda: b"name\nA\n", "text/csv"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n\x00\x00", "text/csv"),
    "no encoding": (lambda: b"name,phone\nA\x81,9876543210\n\xe9", "text/csv"),
    "a workbook said to be text": (lambda: workbook(["name", "phone"]), "text/csv"),
    "text said to be a workbook": (lambda: b"name,phone\nA,9876543210\n", XLSX),
    "garbage": (lambda: b"PK\x03\x04garbage", XLSX),
    "a bomb": (bomb, XLSX),
    "a billion laughs": (laughs, XLSX),
    "a million columns": (lambda: b"phone" + b",x" * 1_000_000, "text/csv"),
    "a cell without end": (lambda: b'name,phone\n"' + b"x" * 200_000 + b'",9876543210\n', "text/csv"),
    "too many rows": (lambda: b"name,phone\n" + b"A,9\n" * 50_001, "text/csv"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused_with_nothing_stored(world: World, tenant: Tenant, name: str) -> None:
    file, kind = BAD_FILES[name]
    refused = bring(world, tenant, file(), kind=kind)
    assert (refused.status, refused.code) == (422, "import_file_invalid"), refused.json
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM jobs") == 0


def test_other_types_and_too_large_files(world: World, tenant: Tenant) -> None:
    assert bring(world, tenant, b"{}", kind="application/pdf").status == 415
    assert bring(world, tenant, b"x" * (4 * 1024 * 1024 + 1)).status == 413
