"""What goes out comes back the same, nothing secret goes out, and nothing that was touched comes in."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from studyspot.gateways import store
from studyspot.kit import cells, crypto
from studyspot.leaving import importing, tables
from studyspot.leaving.archive import Reader
from studyspot.leaving.models import ArchiveRefused
from studyspot.leaving.tables import MOVES, RETAINED, STAYS, TOLD, WITHHELD
from studyspot.privacy import datamap
from studyspot.schema import telling

from tests.architecture.sources import none_of
from tests.leaving import scene
from tests.store import BUCKET
from tests.tenants.machine import Killed
from tests.world import Tenant, World

SECRET = re.compile(r"password|secret|token|credential|sealed|hash|_key$|^key$")
SLOW = pytest.mark.slow
HARMLESS = {
    "jobs.file_hash": "of an import's file, to refuse it twice",
    "mandates.token_id": "the vendor's name of a mandate, of no use without the vendor's key",
    "payments.idempotency_key": "chosen by a client",
    "refunds.idempotency_key": "chosen by a client",
}
"""Names that sound secret and are not."""


def tables_of(world: World) -> list[telling.Table]:
    tenant = world.tenant()
    with telling.snapshot(cells.place_of(tenant.id), tenant.id) as at:
        return telling.tables(at)


def counts(tenant: Tenant) -> dict[str, int]:
    with telling.snapshot(cells.place_of(tenant.id), tenant.id) as at:
        return {table.name: telling.count(at, table) for table in telling.tables(at) if table.name in MOVES}


def test_every_table_leaves_or_stays_with_its_reason(world: World) -> None:
    known = {table.name for table in tables_of(world)}
    none_of(f"{name} is not declared" for name in sorted(known - MOVES - set(TOLD) - set(STAYS)))
    none_of(f"{name} is no table" for name in sorted((MOVES | set(TOLD) | set(STAYS)) - known))
    none_of(name for name, why in (TOLD | STAYS).items() if not why)
    assert not MOVES & set(TOLD) and not (MOVES | set(TOLD)) & set(STAYS)


def test_no_column_that_leaves_sounds_like_a_secret(world: World) -> None:
    none_of(
        f"{table.name}.{column}"
        for table in tables_of(world)
        if table.name not in STAYS
        for column in table.columns
        if SECRET.search(column)
        and column not in WITHHELD.get(table.name, ())
        and f"{table.name}.{column}" not in HARMLESS
    )


def test_nothing_that_is_classified_as_secret_leaves(world: World) -> None:
    told = {table.name: set(table.columns) - tables.withheld(table.name) for table in tables_of(world)}
    none_of(
        f"{name}.{column}"
        for name, table in datamap.tables().items()
        if name in MOVES or name in TOLD
        for column in table.secret
        if column in told[name]
    )


def test_what_is_kept_for_the_law_has_its_columns(world: World) -> None:
    known = {table.name: set(table.columns) for table in tables_of(world)}
    none_of(
        f"{table}.{column}" for table, columns in RETAINED.items() for column in columns if column not in known[table]
    )


def test_tables_come_after_those_they_refer_to(world: World) -> None:
    order = [table.name for table in tables_of(world)]
    for later, earlier in (("seats", "zones"), ("bookings", "students"), ("ledger_entries", "ledger_transactions")):
        assert order.index(later) > order.index(earlier)


def test_only_owners_and_administrators_take_data_out_and_only_administrators_bring_it(world: World) -> None:
    tenant, other = world.tenant(), world.tenant()
    staff, operator = world.token("library_staff", tenant.id), world.token("platform_staff", cells.PLATFORM)
    for token in (staff, operator):
        assert world.call("tenants", "POST", f"/tenants/{tenant.id}/export", token).code == "forbidden"
        assert world.call("tenants", "GET", f"/tenants/{tenant.id}/exports", token).code == "forbidden"
    refused = world.call("tenants", "POST", f"/tenants/{tenant.id}/export", tenant.owner)
    assert (refused.status, refused.code) == (403, "step_up_required")
    world.proven(tenant.owner)
    assert world.call("tenants", "POST", f"/tenants/{other.id}/export", tenant.owner).status == 404
    asked = {"fileId": str(tenant.id)}
    assert world.call("tenants", "POST", f"/tenants/{tenant.id}/import", tenant.owner, asked).code == "forbidden"
    nothing = world.call("tenants", "POST", f"/tenants/{tenant.id}/import", world.admin(), asked)
    assert (nothing.status, nothing.json["errors"][0]["field"]) == (422, "fileId")


@pytest.mark.parametrize(
    ("here", "there"),
    [("pool", "silo"), pytest.param("silo", "pool", marks=SLOW), pytest.param("pool", "pool", marks=SLOW)],
)
def test_out_and_in_again_gives_the_same_checksums(world: World, bucket: Any, here: str, there: str) -> None:
    old, new = scene.furnished(world, here), world.tenant(there)
    archive = scene.content(bucket, export := scene.exported(world, old))
    assert (export["status"], export["sizeBytes"], export["sha256"]) == (
        "done", len(archive), hashlib.sha256(archive).hexdigest(),
    )  # fmt: skip
    ended = scene.imported(world, bucket, new, archive)
    assert ended["status"] == "done", str(ended)
    again = scene.content(bucket, scene.exported(world, new))
    before, after = scene.manifest(archive)["tables"], scene.manifest(again)["tables"]
    none_of(name for name in sorted(MOVES) if before[name] != after[name])
    none_of(f"{name} is empty" for name in sorted(scene.ONE_OF_EVERYTHING) if not before[name]["rows"])
    assert scene.manifest(archive)["files"] == scene.manifest(again)["files"]
    with world.db(new.id) as db:
        assert db.value("SELECT count(*) FROM students") == 2
        found = db.value("SELECT id FROM files WHERE purpose = 'logo'")
    assert store.opened(f"{new.id}/logo/{found}").read().endswith(b"logo")
    with cells.core_db() as core:
        people = core.value("SELECT count(*) FROM identities WHERE tenant_id = %(t)s", t=new.id)
    assert people >= 2  # the students are found by their phones
    assert not [key for key in keys(bucket) if key.startswith(f"{cells.PLATFORM}/")]  # no second copy stays


def test_no_secret_value_is_in_an_archive(world: World, bucket: Any) -> None:
    tenant = scene.furnished(world)
    with world.db(tenant.id) as db:
        db.run("UPDATE users SET password_hash = 'canary-of-a-password'")
        db.run("UPDATE gateway_accounts SET credentials = 'canary-of-a-credential'")
        db.run("UPDATE communications SET sealed = 'canary-of-a-code'")
    archive = zipfile.ZipFile(io.BytesIO(scene.content(bucket, scene.exported(world, tenant))))
    none_of(name for name in archive.namelist() if b"canary-of-a-" in archive.read(name))
    assert set(STAYS) <= set(json.loads(archive.read("manifest.json"))["left_out"])


def test_people_can_read_it_and_their_spreadsheet_computes_nothing(world: World, bucket: Any) -> None:
    tenant = scene.furnished(world, people=1)
    with world.db(tenant.id) as db:
        db.run("UPDATE students SET first_name = '=cmd|calc', notes = 'one\ntwo, \"three\"'")
    archive = zipfile.ZipFile(io.BytesIO(scene.content(bucket, scene.exported(world, tenant))))
    sheet = archive.read("csv/students.csv").decode()
    assert "'=cmd|calc" in sheet and '"one\ntwo, ""three"""' in sheet
    line = archive.read("data/students.jsonl").decode()
    assert json.loads(line)["first_name"] == "=cmd|calc"
    part = json.loads(archive.read("manifest.json"))["tables"]["students"]
    assert (part["rows"], part["sha256"]) == (1, hashlib.sha256(line.encode()).hexdigest())


def test_an_export_tells_one_moment(world: World, bucket: Any) -> None:
    """What is written while it is made is wholly out of it."""
    tenant = scene.furnished(world, people=1)
    real, students = telling.tables, 0

    def tables(at: telling.Rows) -> list[telling.Table]:
        nonlocal students
        found = real(at)
        with world.db(tenant.id) as db:
            students = db.run("UPDATE students SET notes = 'later'")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telling, "tables", tables)
        export = scene.exported(world, tenant)
    assert students == 1
    archive = zipfile.ZipFile(io.BytesIO(scene.content(bucket, export)))
    assert "later" not in archive.read("data/students.jsonl").decode()


def test_one_export_at_a_time_and_a_lost_execution_is_started_again(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    assert world.call("tenants", "POST", f"/tenants/{tenant.id}/export", world.proven(tenant.owner)).status == 202
    second = world.call("tenants", "POST", f"/tenants/{tenant.id}/export", tenant.owner)
    assert (second.status, second.code) == (409, "export_in_progress")
    given = scene.command(world, tenant.id, "data_export")
    for strike in ("kill_before", "kill_after"):
        with pytest.raises(Killed):
            scene.machine(world, "data_export", "exporting", given, **{strike: "Write"})
    assert not world.outbox(tenant.id, "data_export")  # the work was done before the second death
    assert scene.machine(world, "data_export", "exporting", given) == "Succeed"
    (only,) = world.call("tenants", "GET", f"/tenants/{tenant.id}/exports", tenant.owner).data
    assert only["status"] == "done"


def test_an_export_that_fails_says_so_and_can_be_asked_for_again(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    assert world.call("tenants", "POST", f"/tenants/{tenant.id}/export", world.proven(tenant.owner)).status == 202
    given = scene.command(world, tenant.id, "data_export")
    assert scene.machine(world, "data_export", "exporting", given, break_at="Write") == "Fail"
    (only,) = world.call("tenants", "GET", f"/tenants/{tenant.id}/exports", tenant.owner).data
    assert (only["status"], only["url"]) == ("failed", None)
    assert scene.exported(world, tenant)["status"] == "done"


def test_who_has_data_of_their_own_takes_no_archive(world: World, bucket: Any) -> None:
    tenant, full = scene.furnished(world, people=1), scene.furnished(world, people=1)
    archive = scene.content(bucket, scene.exported(world, tenant))
    file_id = scene.brought(world, bucket, archive)
    answer = world.call("tenants", "POST", f"/tenants/{full.id}/import", world.admin(), {"fileId": file_id})
    assert (answer.status, answer.code) == (409, "tenant_not_empty")


@SLOW
def test_an_import_that_is_killed_is_finished_by_the_next_start(world: World, bucket: Any) -> None:
    old = scene.furnished(world, people=1)
    whole = counts(old)
    archive = scene.content(bucket, scene.exported(world, old))
    for state in ("StoreAll", "Settle"):
        for strike in ("kill_before", "kill_after"):
            new = world.tenant()
            with pytest.raises(Killed):
                scene.imported(world, bucket, new, archive, **{strike: state})
            ending = world.outbox(new.id, "data_import")
            assert bool(ending) == ((strike, state) != ("kill_after", "Settle"))
            for given in ending:
                assert scene.machine(world, "data_import", "importing", given) == "Succeed"
            assert counts(new) == whole, (state, strike)


def test_an_import_that_dies_in_the_middle_leaves_nothing(world: World, bucket: Any) -> None:
    old, new = scene.furnished(world, people=1), world.tenant()
    whole = counts(old)
    archive = scene.content(bucket, scene.exported(world, old))
    empty, real = counts(new), importing._checksum

    def die(*_: Any) -> str:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "_checksum", die)
        with pytest.raises(Killed):
            scene.imported(world, bucket, new, archive)
    assert counts(new) == empty
    assert importing._checksum is real
    (given,) = world.outbox(new.id, "data_import")
    scene.machine(world, "data_import", "importing", given)
    assert counts(new) == whole


def keys(bucket: Any) -> list[str]:
    return [entry["Key"] for entry in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


Change = Callable[[dict[str, bytes]], None]


def resealed(parts: dict[str, bytes], change: Callable[[dict[str, Any]], None]) -> None:
    """A manifest that was changed by somebody who knows the seal: the rest has to hold by itself."""
    told = json.loads(parts["manifest.json"])
    change(told)
    parts["manifest.json"] = json.dumps(told).encode()
    parts["manifest.seal"] = crypto.keyed_hash("export-manifest", json.dumps(told)).encode()


def _flip(parts: dict[str, bytes]) -> None:
    parts["data/students.jsonl"] = parts["data/students.jsonl"].replace(b"active", b"actibe", 1)


def _other_checksum(parts: dict[str, bytes]) -> None:
    _flip(parts)
    parts["manifest.json"] = parts["manifest.json"].replace(
        json.loads(parts["manifest.json"])["tables"]["students"]["sha256"].encode(),
        hashlib.sha256(parts["data/students.jsonl"]).hexdigest().encode(),
    )


def _bomb(parts: dict[str, bytes]) -> None:
    parts["data/students.jsonl"] = b" " * 50_000_000


def _climbing_file(parts: dict[str, bytes]) -> None:
    def change(told: dict[str, Any]) -> None:
        name, part = next(iter(told["files"].items()))
        told["files"] = {f"../{name}": {**part, "path": f"files/../{name}"}}
        parts[f"files/../{name}"] = parts.pop(f"files/{name}")

    resealed(parts, change)


def _foreign_row(parts: dict[str, bytes]) -> None:
    """Consistent in itself, but a row refers to nothing."""
    lines = parts["data/seats.jsonl"].splitlines()
    row = json.loads(lines[0]) | {"zone_id": "01900000-0000-7000-8000-000000000001"}
    parts["data/seats.jsonl"] = json.dumps(row).encode() + b"\n"

    def change(told: dict[str, Any]) -> None:
        told["tables"]["seats"] |= {
            "rows": 1, "size": len(parts["data/seats.jsonl"]),
            "sha256": hashlib.sha256(parts["data/seats.jsonl"]).hexdigest(),
        }  # fmt: skip

    resealed(parts, change)


OUTSIDE: dict[str, Change] = {
    "a changed row with its checksum": _other_checksum,
    "a table is missing": lambda parts: parts.pop("data/students.jsonl") and None,
    "a file is missing": lambda parts: parts.pop(next(n for n in parts if n.startswith("files/"))) and None,
    "no manifest": lambda parts: parts.pop("manifest.json") and None,
    "a stowaway": lambda parts: parts.update({"data/evil.jsonl": b"{}\n"}),
    "a path that climbs": lambda parts: parts.update({"../../etc/passwd": b"x"}),
    "a bomb": _bomb,
}
"""Seen by who opens the archive."""
INSIDE: dict[str, Change] = {
    "a changed row": _flip,
    "a file that climbs": _climbing_file,
    "a newer release": lambda parts: resealed(parts, lambda told: told.update(schema_version=9999)),
    "an unknown column": lambda parts: resealed(
        parts, lambda told: told["tables"]["zones"]["columns"].append("tenant_id")
    ),
    "a secret that comes in": lambda parts: resealed(
        parts, lambda told: told["tables"]["users"]["columns"].append("password_hash")
    ),
    "a reference to nothing": _foreign_row,
}
"""Seen by who puts it in."""


def touched(archive: bytes, change: Change) -> bytes:
    source = zipfile.ZipFile(io.BytesIO(archive))
    parts = {entry.filename: source.read(entry.filename) for entry in source.infolist()}
    first = next(iter(parts))
    change(parts)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for part in sorted(parts, key=lambda n: n != first):
            made.writestr(part, parts[part])
    return target.getvalue()


def test_whatever_was_touched_is_refused_and_nothing_is_stored(world: World, bucket: Any) -> None:
    old, new = scene.furnished(world, people=1), world.tenant()
    archive = scene.content(bucket, scene.exported(world, old))
    empty = counts(new)
    for name, change in INSIDE.items():
        ended = scene.imported(world, bucket, new, touched(archive, change))
        assert ended["status"] == "failed" and ended["failure"], name
        assert counts(new) == empty, name
        assert not [key for key in keys(bucket) if key.startswith(f"{new.id}/")], name
    for change in OUTSIDE.values():
        with pytest.raises(ArchiveRefused):
            Reader(io.BytesIO(touched(archive, change))).verify()
    for place in range(0, len(archive), len(archive) // 60):
        damaged = bytearray(archive)
        damaged[place] ^= 0xFF
        read_or_refused(bytes(damaged), archive)
    assert scene.imported(world, bucket, new, archive)["status"] == "done"


def read_or_refused(damaged: bytes, whole: bytes) -> None:
    """A flipped byte of the container, such as a time stamp, may go unseen: all that counts is as it was."""
    try:
        reader = Reader(io.BytesIO(damaged))
        reader.verify()
    except ArchiveRefused:
        return
    assert reader.manifest == Reader(io.BytesIO(whole)).manifest


def test_an_archive_of_an_older_release_comes_in(world: World, bucket: Any) -> None:
    """It knew a column less; the new one has its default, and the checksum over the old ones is the same."""
    old, new = scene.furnished(world, people=1), world.tenant()
    real = telling.tables

    def older(at: telling.Rows) -> list[telling.Table]:
        from dataclasses import replace

        found = real(at)
        return [replace(t, columns=tuple(c for c in t.columns if c != "amenities")) for t in found]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telling, "tables", older)
        archive = scene.content(bucket, scene.exported(world, old))
    assert scene.imported(world, bucket, new, archive)["status"] == "done"
    with world.db(new.id) as db:
        assert db.value("SELECT amenities FROM libraries") == []


@SLOW
def test_more_than_the_plan_allows_does_not_come_in(world: World, bucket: Any) -> None:
    old, new = scene.furnished(world), world.tenant()
    archive = scene.content(bucket, scene.exported(world, old))
    with psycopg.connect(world.postgres.dsn("pool_1"), autocommit=True) as conn:
        limits = "UPDATE tenant_gate SET limits = '{\"students\": 1}' WHERE tenant_id = %s"
        conn.execute(limits, (new.id,))
    ended = scene.imported(world, bucket, new, archive)
    assert ended["status"] == "failed" and "plan" in ended["failure"]
    assert not counts(new)["students"]
