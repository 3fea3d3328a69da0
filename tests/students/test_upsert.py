"""An import that changes who is here already, what it says about it, and how it is taken back."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from studyspot.identity.service.directory import hash_of
from studyspot.kit import cells, clock, ids
from studyspot.students import importing
from studyspot.students.queries import imports

from tests.libraries.test_libraries import add
from tests.store import BUCKET
from tests.students.test_import import bring, some, stored
from tests.students.test_import import tenant as one_library
from tests.world import Answer, Tenant, World

__all__ = ["one_library"]


@pytest.fixture
def tenant(one_library: Tenant) -> Tenant:
    return one_library


def counts(answer: Answer) -> dict[str, int]:
    return {name: answer.data[name] for name in ("rows", "imported", "updated", "unchanged", "invalid")}


def first(world: World, tenant: Tenant) -> dict[str, Any]:
    found: dict[str, Any] = world.call("students", "GET", "/students?limit=1", tenant.owner).data[0]
    return found


def known_by(kind: Any, value: str, tenant: Tenant) -> str | None:
    with cells.core_db() as core:
        query = "SELECT user_id::text FROM identities WHERE hash = %(h)s AND tenant_id = %(t)s"
        found: str | None = core.value(query, h=hash_of(kind, value), t=tenant.id)
    return found


def take_back(world: World, tenant: Tenant, job: str) -> Any:
    world.advance(timedelta(seconds=1))
    return world.call("imports", "POST", f"/students/imports/{job}/rollback", tenant.owner).data


def test_who_is_here_is_changed_and_who_is_not_comes(world: World, tenant: Tenant) -> None:
    bring(world, tenant, some(2))
    file = "name,phone,city,email\nNew One,9800000009,Delhi,\nStudent 00000,9800000000,Nagpur,\n,9800000001,,\n"
    assert bring(world, tenant, file, "mode=upsert&dryRun=true").data["updated"] == 1
    assert first(world, tenant)["city"] == "Pune"
    brought = bring(world, tenant, file, "mode=upsert")
    assert counts(brought) == {"rows": 3, "imported": 1, "updated": 1, "unchanged": 0, "invalid": 1}
    shown = first(world, tenant)
    assert (shown["city"], shown["email"], shown["lastName"]) == ("Nagpur", "s0@example.org", "00000")
    again = bring(world, tenant, file, "mode=upsert&force=true")
    assert counts(again) == {"rows": 3, "imported": 0, "updated": 0, "unchanged": 2, "invalid": 1}
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM import_changes") == 1
        codes = [row["student_code"] for row in db.dicts("SELECT student_code FROM students ORDER BY id")]
    assert codes == ["S00001", "S00002", "S00003"], "nobody who was here already uses up a number"


def test_by_number_a_phone_is_changed_and_the_directory_follows(world: World, tenant: Tenant) -> None:
    bring(world, tenant, some(2))
    student = first(world, tenant)["id"]
    file = (
        "Student Code,name,phone,email\nS00001,Student,9811111111,new@example.org\nS00077,Nobody,9811111112,\n"
        "S00002,Student,9800000000,\n,Somebody,9811111113,\n"
    )
    assert bring(world, tenant, "name,phone\nA,9811111119\n", "mode=upsert&key=studentCode").status == 422
    brought = bring(world, tenant, file, "mode=upsert&key=studentCode")
    assert [(e["line"], e["field"], e["code"]) for e in brought.data["errors"]] == [
        (3, "studentCode", "invalid"), (4, "phone", "phone_exists"),
    ]  # fmt: skip
    assert counts(brought) == {"rows": 4, "imported": 1, "updated": 1, "unchanged": 0, "invalid": 2}
    assert known_by("phone", "+919811111111", tenant) == student
    assert known_by("email", "new@example.org", tenant) == student
    assert known_by("phone", "+919800000000", tenant) is None
    told = take_back(world, tenant, brought.data["jobId"])
    assert (told["removed"], told["restored"], told["kept"]) == (1, 1, 0)
    assert known_by("phone", "+919800000000", tenant) == student
    assert known_by("phone", "+919811111111", tenant) is None


def test_what_was_changed_since_is_not_taken_back(world: World, tenant: Tenant) -> None:
    bring(world, tenant, some(3))
    before = world.call("students", "GET", "/students", tenant.owner).data
    file = "name,phone,city\n" + "".join(f"Student {n:05d},980000000{n},Delhi\n" for n in range(3))
    job = bring(world, tenant, file, "mode=upsert").data["jobId"]
    world.call("students", "PUT", f"/students/{before[0]['id']}", tenant.owner, {"city": "Goa"})
    world.call("students", "PUT", f"/students/{before[1]['id']}", tenant.owner, {"examTarget": "UPSC"})
    told = take_back(world, tenant, job)
    assert (told["removed"], told["restored"], told["kept"]) == (0, 2, 1)
    assert [(row["studentId"], row["why"]) for row in told["stayed"]] == [(before[0]["id"], "changed")]
    after = world.call("students", "GET", "/students", tenant.owner).data
    assert [(row["city"], row["examTarget"]) for row in after] == [("Goa", None), ("Pune", "UPSC"), ("Pune", None)]
    assert take_back(world, tenant, job)["restored"] == 0
    assert bring(world, tenant, file, "mode=upsert").data["updated"] == 3


def test_a_number_that_somebody_has_by_now_is_not_given_back(world: World, tenant: Tenant) -> None:
    bring(world, tenant, some(1))
    file = "studentCode,name,phone\nS00001,Student,9811111111\n"
    job = bring(world, tenant, file, "mode=upsert&key=studentCode").data["jobId"]
    bring(world, tenant, "name,phone\nOther,9800000000\n")
    told = take_back(world, tenant, job)
    assert (told["restored"], [row["why"] for row in told["stayed"]]) == (0, ["phone_taken"])
    assert first(world, tenant)["phone"] == "+919811111111"


def test_nobody_is_moved_or_called_back_by_a_file(world: World, tenant: Tenant) -> None:
    second = add(world, tenant, code="C2").data["id"]
    here = world.call("libraries", "GET", "/libraries", tenant.owner).data
    home = next(row for row in here if row["code"] != "C2")
    bring(world, tenant, some(2), f"libraryId={home['id']}")
    gone = world.call("students", "GET", "/students", tenant.owner).data[1]["id"]
    world.call("students", "DELETE", f"/students/{gone}", tenant.owner)
    file = "name,phone,libraryCode\nStudent,9800000000,C2\nStudent,9800000001,\n"
    report = bring(world, tenant, file, f"mode=upsert&libraryId={second}").data
    assert [(e["line"], e["field"], e["code"]) for e in report["errors"]] == [
        (2, "libraryCode", "invalid"), (3, "phone", "phone_exists"),
    ]  # fmt: skip
    bound = world.token("library_staff", tenant.id, libraryIds=[second])
    other = bring(world, tenant, "name,phone,city\nX,9800000000,Goa\n", "mode=upsert", token=bound).data
    assert (other["updated"], [e["code"] for e in other["errors"]]) == (0, ["phone_exists"])


def test_rows_as_json_and_their_faults(world: World, tenant: Tenant) -> None:
    rows = [
        {"firstName": "Student", "phone": 9800000001, "tags": ["night", "vip"]},
        {"firstName": None, "phone": "9800000002"},
        {"firstName": "Student", "phone": "+919800000003", "colour": True},
    ]
    report = bring(world, tenant, json.dumps({"rows": rows}), kind="application/json").data
    assert (report["imported"], report["ignoredColumns"]) == (2, ["colour"])
    assert [(e["line"], e["code"]) for e in report["errors"]] == [(3, "required")]
    assert first(world, tenant)["tags"] == ["night", "vip"]
    same = bring(world, tenant, json.dumps({"rows": rows}), kind="application/json")
    assert same.code == "import_file_duplicate"
    for body, code in (
        ("{", "malformed_json"), ("[]", "validation_failed"), ('{"rows": []}', "validation_failed"),
        ('{"rows": [[1]]}', "validation_failed"), ('{"rows": [{"phone": {"a": 1}}]}', "validation_failed"),
        ('{"rows": [{"phone": 1}], "x": 1}', "validation_failed"), ('{"fileId": "x"}', "validation_failed"),
        (f'{{"fileId": "{ids.uuid7()}"}}', "not_found"), ('{"rows": [{"city": "x"}]}', "import_file_invalid"),
        ("[" * 100_000, "malformed_json"), ('{"rows":' * 50_000, "malformed_json"),
    ):  # fmt: skip
        assert bring(world, tenant, body, kind="application/json").code == code, body[:60]


def test_a_file_that_was_uploaded_before(world: World, tenant: Tenant, bucket: Any) -> None:
    content = some(3).encode()
    asked = {"purpose": "import", "name": "s.csv", "contentType": "text/csv", "sizeBytes": len(content)}
    upload = world.call("developer", "POST", "/files/uploads", tenant.owner, asked).data
    body = json.dumps({"fileId": upload["id"]})
    assert bring(world, tenant, body, kind="application/json").code == "not_found", "nothing has come yet"
    bucket.put_object(Bucket=BUCKET, Key=urlsplit(upload["url"]).path.lstrip("/"), Body=content)
    other = world.token("library_staff", tenant.id)
    assert bring(world, tenant, body, kind="application/json", token=other).code == "not_found", "another's file"
    assert bring(world, tenant, body, kind="application/json").data["imported"] == 3
    assert bring(world, tenant, content).code == "import_file_duplicate", "the same file, however it is sent"


def test_an_import_that_is_killed_goes_on_where_it_was(
    world: World, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in every part, before and after its commit; delivered once more each time."""
    monkeypatch.setattr(importing, "PART", 200)
    known = "name,phone,city\n" + "".join(f"Known,97{n:08d},Pune\n" for n in range(30))
    bring(world, tenant, known)
    rows = [f"Student,98{n:08d},Pune\n" if n % 20 else f"Known,97{n // 20:08d},Goa\n" for n in range(600)]
    rows[450], rows[599] = rows[1], "x,123,\n"
    taken = bring(world, tenant, "name,phone,city\n" + "".join(rows), "mode=upsert")
    (message,) = world.outbox(tenant.id, "imports")
    told = importing._tell_directory
    advance = imports.advance
    here = f"/students/imports/{taken.data['jobId']}"
    seen = []

    class Killed(BaseException):
        """As if the process were gone."""

    for part in range(3):
        for owner, name, real, spared in (
            (imports, "advance", advance, 0), (importing, "_tell_directory", told, part),
        ):  # fmt: skip
            left = iter(range(spared))

            def killed(*args: Any, real: Any = real, left: Any = left) -> Any:
                if next(left, None) is None:
                    raise Killed
                return real(*args)

            monkeypatch.setattr(owner, name, killed)
            with pytest.raises(Killed):
                world.deliver("importer", message)
            monkeypatch.setattr(owner, name, real)
            data = world.call("imports", "GET", here, tenant.owner).data
            seen.append((data["status"], data["rows"], data["processed"]))
    assert seen == [("running", 600, n) for n in (0, 200, 200, 400, 400, 600)], seen
    assert world.deliver("importer", message)["batchItemFailures"] == []
    done = world.call("imports", "GET", here, tenant.owner)
    assert done.data["status"] == "done"
    assert counts(done) == {"rows": 600, "imported": 568, "updated": 30, "unchanged": 0, "invalid": 2}
    assert [(e["line"], e["code"]) for e in done.data["errors"]] == [(452, "duplicate_in_file"), (601, "invalid")]
    assert stored(world, tenant) == 598
    with world.db(tenant.id) as db:
        codes = [row["student_code"] for row in db.dicts("SELECT student_code FROM students ORDER BY student_code")]
    assert codes == [f"S{n:05d}" for n in range(1, 599)]
    with cells.core_db() as core:
        found = core.value("SELECT count(*) FROM identities WHERE tenant_id = %(t)s AND kind = 'phone'", t=tenant.id)
    assert found == 598
    told_back = take_back(world, tenant, taken.data["jobId"])
    assert (told_back["removed"], told_back["restored"], told_back["kept"]) == (568, 30, 0)


def test_the_plan_lets_in_all_of_a_file_or_nobody(
    world: World, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PART", 200)
    with world.db(tenant.id) as db:
        db.run("UPDATE tenant_gate SET limits = '{\"students\": 450}'")
    taken = bring(world, tenant, some(600))
    world.deliver("importer", *world.outbox(tenant.id, "imports"))
    done = world.call("imports", "GET", f"/students/imports/{taken.data['jobId']}", tenant.owner).data
    assert (done["status"], [e["code"] for e in done["errors"]]) == ("failed", ["limit_reached"])
    assert stored(world, tenant) == 0
    assert bring(world, tenant, some(600)).status == 202


def test_a_running_import_can_be_stopped(world: World, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PART", 200)
    job = bring(world, tenant, some(600)).data["jobId"]
    told = importing._tell_directory

    def stopped(*args: Any) -> None:
        told(*args)
        world.call("developer", "POST", f"/jobs/{job}/cancel", tenant.owner)

    monkeypatch.setattr(importing, "_tell_directory", stopped)
    world.deliver("importer", *world.outbox(tenant.id, "imports"))
    monkeypatch.undo()
    data = world.call("imports", "GET", f"/students/imports/{job}", tenant.owner).data
    assert (data["status"], data["imported"], stored(world, tenant)) == ("cancelled", 200, 200)
    assert take_back(world, tenant, job)["removed"] == 200


def test_what_was_wrong_as_a_file(world: World, tenant: Tenant) -> None:
    job = bring(world, tenant, 'name,phone\n"=1+1",9800000001\nA,12\n').data["jobId"]
    told = world.call("imports", "GET", f"/students/imports/{job}", tenant.owner, accept="text/csv")
    rows = list(csv.DictReader(io.StringIO(told.raw.decode())))
    assert told.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert [(row["line"], row["field"], row["code"]) for row in rows] == [
        ("2", "firstName", "invalid"), ("3", "phone", "invalid"),
    ]  # fmt: skip


def test_an_import_queued_by_the_release_before_is_worked_off(world: World, tenant: Tenant) -> None:
    """Its row has no ids yet and counts no rows."""
    job = bring(world, tenant, some(600)).data["jobId"]
    with world.db(tenant.id) as db:
        db.run("UPDATE jobs SET first_id = NULL, last_id = NULL, steps_total = NULL, interruptible = false")
    world.deliver("importer", *world.outbox(tenant.id, "imports"))
    data = world.call("imports", "GET", f"/students/imports/{job}", tenant.owner).data
    assert (data["status"], data["imported"], data["rows"]) == ("done", 600, 600)


LINE = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=30).filter(
    lambda said: said.isprintable() and said.strip() == said
)
PERSON = st.fixed_dictionaries(
    {"firstName": LINE, "phone": st.from_regex(r"\+91[6-9][0-9]{9}", fullmatch=True)},
    optional={
        "lastName": LINE, "city": LINE, "address": LINE, "notes": st.lists(LINE, min_size=1, max_size=3).map("\n".join),
        "gender": st.sampled_from(["male", "female", "other"]), "pincode": st.just("411001"),
        "email": st.sampled_from(["a@example.org", "+tag@example.org", "-x@example.org", "=y@example.org"]),
        "dateOfBirth": st.dates(clock.now().date().replace(year=1950, day=1), clock.now().date().replace(year=2000))
        .map(str), "alternatePhone": st.just("+919812345678"), "examTarget": LINE,
    },
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.lists(PERSON, min_size=1, max_size=4, unique_by=lambda one: one["phone"]),
    form=st.sampled_from(["csv", "xlsx"]),
)
def test_what_is_taken_away_can_be_brought_back_and_is_the_same(
    world: World, people: list[dict[str, Any]], form: str
) -> None:
    """Into the same organisation nothing changes; into an empty one the same people come."""
    home, empty = world.tenant(), world.tenant()
    for one in (home, empty):
        add(world, one)
    for person in people:
        made = world.call("students", "POST", "/students", home.owner, person)
        assert made.status == 201, made.json
        tags = {"tags": ["night", "it's", "a b"]}
        world.call("records", "PUT", f"/students/{made.data['id']}/tags", home.owner, tags)

    def export(tenant: Tenant) -> bytes:
        return world.call("imports", "POST", "/students/export", world.proven(tenant.owner), {"format": form}).raw

    kind = "text/csv" if form == "csv" else importing.sheets.XLSX
    taken = export(home)
    back = bring(world, home, taken, "mode=upsert", kind=kind)
    assert counts(back)["unchanged"] == len(people), back.json
    other = bring(world, empty, taken, kind=kind)
    assert counts(other)["imported"] == len(people), other.json
    assert facts(world, home) == facts(world, empty)


def facts(world: World, tenant: Tenant) -> list[Any]:
    """What a file can say of students."""
    own = ("id", "libraryId", "createdAt", "updatedAt", "studentCode", "seatId")
    shown = world.call("students", "GET", "/students", tenant.owner).data
    return sorted([sorted((k, str(v)) for k, v in row.items() if k not in own) for row in shown])


def test_two_imports_of_one_file_at_once_bring_everybody_once(world: World, tenant: Tenant) -> None:
    """Both stand before the same part; the second waits for the row of the job and skips it."""
    job = UUID(bring(world, tenant, some(600)).data["jobId"])
    with world.worker(), cells.core_db() as core:
        for _ in range(2):
            with world.db(tenant.id) as db:
                assert imports.begin(db, job, *importing._run()) is not None
        with world.db(tenant.id) as db:
            importing.work_off(db, core, job)
        with world.db(tenant.id) as db:
            importing.work_off(db, core, job)
    assert stored(world, tenant) == 600
