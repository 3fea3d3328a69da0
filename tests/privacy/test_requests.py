"""People ask about their own data: one of a kind at a time, due by law, and an erasure leaves nothing but the books."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from studyspot.kit import clock, ids
from studyspot.privacy import datamap

from tests.architecture.furniture import Furniture
from tests.statutes import binding
from tests.store import BUCKET
from tests.world import Answer, Tenant, World

__all__ = ["binding"]

FIRST, LAST = "Qwertavani", "Zxmnoprakash"
PHONE, OTHER, GUARDIAN = "+919812300451", "+919812300452", "+919812300453"
EMAIL = "qwertavani.z@example.org"
TRACES = (FIRST, LAST, PHONE[3:], OTHER[3:], EMAIL, "Guardianxyz", GUARDIAN[3:])


@pytest.fixture
def tenant(world: World) -> Tenant:
    return world.tenant()


@pytest.fixture
def superuser(world: World) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(world.postgres.dsn("pool_1"), autocommit=True) as conn:
        yield conn


def ask(world: World, token: str, kind: str, **more: Any) -> Answer:
    return world.call("privacy", "POST", "/privacy/requests", token, {"kind": kind, **more})


def decide(world: World, token: str, request_id: str, decision: str = "fulfil", **more: Any) -> Answer:
    path = f"/privacy/requests/{request_id}/fulfil"
    return world.call("privacy", "POST", path, token, {"decision": decision, **more})


def student(world: World, tenant: Tenant) -> UUID:
    """Somebody the desk knows everything about."""
    made = world.call("students", "POST", "/students", tenant.owner, {
        "firstName": FIRST, "lastName": LAST, "phone": PHONE, "email": EMAIL, "alternatePhone": OTHER,
        "gender": "female", "dateOfBirth": "2001-02-03", "address": f"c/o {FIRST}", "city": "Kota",
        "guardianName": "Guardianxyz", "guardianPhone": GUARDIAN, "idProofType": "aadhaar",
        "idProofNumber": "123412341234", "notes": f"{FIRST} likes the window",
        "guardianConsent": {"name": "Guardianxyz", "phone": GUARDIAN, "method": "paper"},
    })  # fmt: skip
    assert made.status == 201, made.raw
    return UUID(made.data["id"])


def test_nobody_unknown_asks_and_nobody_without_the_right_decides(world: World, tenant: Tenant) -> None:
    assert world.call("privacy", "POST", "/privacy/requests", None, {"kind": "access"}).status == 401
    for who in ("student", "library_staff"):
        token = world.token(who, tenant.id)
        assert world.call("privacy", "GET", "/privacy/requests", token).status == 403
        assert decide(world, token, str(ids.uuid7())).status == 403


def test_one_of_a_kind_is_open_at_a_time_and_has_its_due_date(world: World, tenant: Tenant) -> None:
    token = world.token("student", tenant.id, student(world, tenant))
    first = ask(world, token, "access")
    assert first.status == 201
    assert first.data["dueOn"] == (clock.now().astimezone(clock.INDIA).date() + timedelta(days=30)).isoformat()
    again = ask(world, token, "access")
    assert (again.status, again.code) == (409, "request_open")
    grievance = ask(world, token, "grievance", detail="nobody answers")
    assert grievance.status == 201
    assert ask(world, token, "correction").status == 422
    assert ask(world, token, "access", changes={"city": "Pune"}).status == 422
    listed = world.call("privacy", "GET", "/privacy/requests?status=open", tenant.owner).data
    assert [row["kind"] for row in listed] == ["access", "grievance"]
    refused = decide(world, tenant.owner, grievance.data["id"], "refuse", reason="answered at the desk")
    assert (refused.data["status"], refused.data["answer"]) == ("refused", "answered at the desk")
    assert decide(world, tenant.owner, grievance.data["id"]).code == "state_conflict"
    assert decide(world, tenant.owner, first.data["id"], "refuse").status == 422


def test_the_package_has_everything_and_is_for_who_asked_alone(
    world: World, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = student(world, tenant)
    token = world.token("student", tenant.id, person)
    asked = ask(world, token, "access").data["id"]
    path = f"/privacy/requests/{asked}/download"
    assert world.call("privacy", "GET", path, token).code == "state_conflict"
    assert decide(world, tenant.owner, asked).data["status"] == "fulfilled"
    package = world.call("privacy", "GET", path, token)
    (row,) = package.data["tables"]["students"]
    assert (row["first_name"], row["phone"], row["email"]) == (FIRST, PHONE, EMAIL)
    assert package.data["tables"]["consents"][0]["given_by"] == "Guardianxyz"
    assert "audit_logs" not in package.data["tables"] or package.data["tables"]["audit_logs"]
    assert world.call("privacy", "GET", path, tenant.owner).status == 403
    assert world.call("privacy", "GET", path, world.token("student", tenant.id)).status == 404
    later = clock.now() + timedelta(days=31)
    monkeypatch.setattr(clock, "now", lambda: later)
    late = world.token("student", tenant.id, person)
    assert world.call("privacy", "GET", path, late).code == "package_gone"


def test_a_correction_is_done_when_it_is_fulfilled(world: World, tenant: Tenant) -> None:
    person = student(world, tenant)
    token = world.token("student", tenant.id, person)
    bad = ask(world, token, "correction", changes={"dateOfBirth": "yesterday"})
    assert (bad.status, bad.json["errors"][0]["field"]) == (422, "changes.dateOfBirth")
    asked = ask(world, token, "correction", changes={"lastName": "Corrected", "dateOfBirth": "2001-02-04"})
    assert decide(world, tenant.owner, asked.data["id"]).status == 200
    after = world.call("students", "GET", f"/students/{person}", tenant.owner).data
    assert (after["lastName"], after["dateOfBirth"]) == ("Corrected", "2001-02-04")


KINDS = """
    SELECT c.relname, a.attname, t.typname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    JOIN pg_type t ON t.oid = a.atttypid WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0"""
SAID = f"{FIRST} {LAST}, {PHONE}, {OTHER}, {EMAIL}"
WRITTEN: dict[str, Any] = {
    "text": SAID, "json": f'{{"said": "{SAID}"}}', "jsonb": f'{{"said": ["{SAID}"], "number": {PHONE[3:]}}}',
    "bytea": SAID.encode(), "_text": [SAID],
}  # fmt: skip


def plant(world: World, tenant: Tenant, person: UUID, superuser: psycopg.Connection[Any]) -> None:
    """The person's name, numbers and address into every column where somebody could have written them."""
    furniture = Furniture(world, tenant.id)
    kinds = {(table, column): kind for table, column, kind in superuser.execute(KINDS)}
    for table in datamap.tables().values():
        here = all((table.name, column) in kinds for column in table.columns)
        if table.erased == "kept" or table.name == "users" or not here:
            continue
        values = written(table, kinds, person)
        if values:
            row = {"id": person} if table.name == "students" else furniture.row(table.name)
            change = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values)
            query = sql.SQL("UPDATE {} SET {} WHERE tenant_id = %s").format(sql.Identifier(table.name), change)
            query += sql.SQL(" AND id = %s") if "id" in row else sql.SQL("")
            ends = [tenant.id, *([row["id"]] if "id" in row else [])]
            assert superuser.execute(query, [*values.values(), *ends]).rowcount, table.name


def written(table: datamap.Table, kinds: dict[tuple[str, str], str], person: UUID) -> dict[str, Any]:
    """What such a row would say of the person."""
    if table.name == "students":
        return {"address": SAID, "notes": SAID}
    columns = (*table.free, *(table.personal if table.person else ()))
    values = {c: WRITTEN[kinds[table.name, c]] for c in columns if kinds[table.name, c] in WRITTEN}
    if table.value:
        values[table.value] = PHONE
    if table.person and not table.via:
        values[table.person] = str(person) if kinds[table.name, table.person] == "text" else person
    return values


def traces(world: World, tenant: UUID) -> list[str]:
    """Where anything of the person still stands: every column of every table of the cell and of the core, as text."""
    found = []
    for name in ("pool_1", "studyspot"):
        with psycopg.connect(world.postgres.dsn(name)) as conn:
            tables = conn.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            ).fetchall()
            for (table,) in tables:
                whole = sql.SQL("SELECT t::text, to_jsonb(t) FROM {} t").format(sql.Identifier(table))
                for text, row in conn.execute(whole):
                    if name == "pool_1" and row.get("tenant_id", str(tenant)) != str(tenant):
                        continue
                    inner = " ".join(_readable(value) for value in row.values())
                    found += [f"{table}: {trace}" for trace in TRACES if trace.lower() in (text + inner).lower()]
    return sorted(set(found))


def _readable(value: Any) -> str:
    """Bytes as what they say."""
    if isinstance(value, str) and value.startswith("\\x"):
        return bytes.fromhex(value[2:]).decode(errors="replace")
    return str(value)


def books(superuser: psycopg.Connection[Any], tenant: UUID) -> dict[str, Any]:
    """Every row of the books, but for who it was about."""
    found = {}
    for table in datamap.tables().values():
        if table.kept and superuser.execute("SELECT to_regclass(%s)", (table.name,)).fetchone() != (None,):
            columns = sql.SQL(", ").join(map(sql.Identifier, table.kept))
            query = sql.SQL("SELECT {} FROM {} WHERE tenant_id = %s ORDER BY 1, 2, 3")
            if "tenant_id" in table.kept:
                found[table.name] = superuser.execute(
                    query.format(columns, sql.Identifier(table.name)), (tenant,)
                ).fetchall()
    return found


def test_an_erasure_leaves_no_trace_and_every_row_of_the_books(
    world: World, tenant: Tenant, superuser: psycopg.Connection[Any], bucket: Any
) -> None:
    person = student(world, tenant)
    bystander = world.call(
        "students", "POST", "/students", tenant.owner, {"firstName": "Other", "phone": "+919812399999"}
    ).data
    token = world.token("student", tenant.id, person)
    world.call("auth", "POST", "/auth/otp/request", None, {"phone": PHONE}, x_tenant_id=str(tenant.id))
    suspension = {"reason": f"{FIRST} {LAST} was loud, told {PHONE}"}
    assert world.call("records", "POST", f"/students/{person}/suspend", tenant.owner, suspension).status == 200
    plant(world, tenant, person, superuser)
    asked = ask(world, token, "erasure", detail=f"please forget {FIRST}")
    if asked.status == 401:  # the suspension ended the session
        asked = ask(world, world.token("student", tenant.id, person), "erasure", detail=f"please forget {FIRST}")
    settle = "UPDATE {} SET status = %s WHERE tenant_id = %s"
    for table, status in (("payments", "failed"), ("memberships", "expired"), ("bookings", "cancelled"),
                          ("refunds", "failed")):  # fmt: skip
        superuser.execute(sql.SQL(settle).format(sql.Identifier(table)), (status, tenant.id))
    superuser.execute("UPDATE attendance SET check_out_at = check_in_at WHERE tenant_id = %s", (tenant.id,))
    with psycopg.connect(world.core, autocommit=True) as core:
        core.execute("SELECT set_config('app.tenant', %s, false)", (str(ids.PLATFORM),))
        core.execute(
            "INSERT INTO webhook_events (id, vendor, event_id, kind, body, headers, received_at)"
            " VALUES (%s, 'razorpay', %s, 'k', %s, '{}', %s)",
            (ids.uuid7(), str(ids.uuid7()), f'{{"contact": "{PHONE}", "email": "{EMAIL}"}}'.encode(), clock.now()),
        )
    (photo,) = superuser.execute("SELECT id FROM files WHERE tenant_id = %s", (tenant.id,)).fetchone() or (None,)
    bucket.put_object(Bucket=BUCKET, Key=f"{tenant.id}/photo/{photo}", Body=b"x")
    before = books(superuser, tenant.id)
    assert {trace.split(": ")[0] for trace in traces(world, tenant.id)} >= {"students", "payments", "communications"}
    done = decide(world, tenant.owner, asked.data["id"])
    assert done.status == 200, done.raw
    assert traces(world, tenant.id) == []
    assert books(superuser, tenant.id) == before
    assert superuser.execute("SELECT 1 FROM files WHERE tenant_id = %s", (tenant.id,)).fetchone() is None
    assert done.data["erased"]["payments"] >= 1
    owner = world.token("library_owner", tenant.id, tenant.owner_id)
    shown = world.call("students", "GET", f"/students/{person}", owner).data
    assert (shown["status"], shown["firstName"]) == ("archived", "erased")
    kept = world.call("students", "GET", f"/students/{bystander['id']}", owner).data
    assert (kept["firstName"], kept["phone"]) == ("Other", "+919812399999")
    again = {"firstName": FIRST, "phone": PHONE}
    assert world.call("students", "POST", "/students", owner, again).status == 201, "the phone is free again"
    with psycopg.connect(world.core) as core:
        assert core.execute("SELECT count(*) FROM identities WHERE user_id = %s", (person,)).fetchone() == (0,)


@pytest.mark.usefixtures("binding")
def test_a_guardian_s_number_goes_with_the_student(world: World, tenant: Tenant, bucket: Any) -> None:
    born = (clock.now() - timedelta(days=16 * 365)).date().isoformat()
    consent = {"name": "Guardianxyz", "phone": GUARDIAN, "method": "paper"}
    body = {"firstName": FIRST, "lastName": LAST, "phone": PHONE, "dateOfBirth": born, "guardianConsent": consent}
    child = world.call("students", "POST", "/students", tenant.owner, body).data["id"]
    guardian = {"studentId": child, "guardianName": "Guardianxyz", "phone": GUARDIAN}
    assert world.call("privacy", "POST", "/privacy/guardian/request", tenant.owner, guardian).status < 300
    assert any(GUARDIAN[3:] in trace for trace in traces(world, tenant.id))
    asked = ask(world, world.token("student", tenant.id, UUID(child)), "erasure")
    assert decide(world, tenant.owner, asked.data["id"]).status == 200
    assert traces(world, tenant.id) == []


def test_money_in_the_air_holds_an_erasure(world: World, tenant: Tenant, superuser: psycopg.Connection[Any]) -> None:
    person = student(world, tenant)
    payment = Furniture(world, tenant.id).row("payments")["id"]
    superuser.execute("UPDATE payments SET student_id = %s, status = 'pending' WHERE id = %s", (person, payment))
    asked = ask(world, world.token("student", tenant.id, person), "erasure").data["id"]
    held = decide(world, tenant.owner, asked)
    assert (held.status, held.code, held.json["holds"]) == (409, "retention_hold", ["open_payment"])
    assert world.call("students", "GET", f"/students/{person}", tenant.owner).data["firstName"] == FIRST
    superuser.execute("UPDATE payments SET status = 'failed' WHERE id = %s", (payment,))
    assert decide(world, tenant.owner, asked).status == 200


def test_an_owner_goes_with_the_organisation(world: World, tenant: Tenant) -> None:
    asked = ask(world, tenant.owner, "erasure").data["id"]
    held = decide(world, tenant.owner, asked)
    assert (held.code, held.json["holds"]) == ("retention_hold", ["account_of_an_organisation"])
