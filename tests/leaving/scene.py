"""An organisation with a row of everything, taken out and brought back as people do it."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from studyspot.files import service as files
from studyspot.kit import cells, clock, ids
from studyspot.leaving.tables import MOVES
from studyspot.ledger import service as ledger

from tests.architecture.furniture import LibraryFurniture
from tests.store import BUCKET
from tests.tenants.machine import Machine
from tests.world import Tenant, World, function

BY_HAND = {
    "ledger_transactions", "ledger_entries", "invoices", "invoice_items", "files", "tenant_settings", "student_numbers",
    "tenant_kyc", "invoice_sequences",
}  # fmt: skip
ONE_OF_EVERYTHING = sorted(MOVES - BY_HAND)


SEVERAL = ("bookings", "attendance", "memberships", "communications")
INVOICE = """
    INSERT INTO invoices (id, number, series, financial_year, customer_id, subject_type, subject_id, taxable_paise,
                          cgst_paise, sgst_paise, igst_paise, total_paise, status, issued_at)
    VALUES (%(id)s, 'LIB/2627/1', 'LIB', '2627', %(id)s, 'membership', %(id)s, 100, 9, 9, 0, 118, 'paid', %(now)s)"""


def furnished(world: World, isolation: str = "pool", people: int = 2) -> Tenant:
    """Rows in every table that moves, of several people; a file, an invoice, and a sale in the ledger."""
    tenant = world.tenant(isolation)
    for turn in range(people):
        made = LibraryFurniture(world, tenant.id)
        for table in SEVERAL if turn else ONE_OF_EVERYTHING:
            made.row(table)
    with cells.tenant_db(tenant.id) as db, db.transaction():
        files.store(db, "logo", "logo.png", b"\x89PNG\r\n\x1a\n" + b"logo" * 50, "image/png", tenant.owner_id)
        ledger.post(db, "sample", ids.uuid7(), [("bank", 100), ("sales", -100)], "a sale")
        db.run(INVOICE, id=ids.uuid7(), now=clock.now())
    return tenant


def machine(world: World, name: str, folder: str, given: dict[str, Any], **strikes: Any) -> str:
    with world.worker():
        return Machine(name, function("steps", folder).handler, **strikes).run(given)


def exported(world: World, tenant: Tenant, token: str | None = None) -> dict[str, Any]:
    """Asked for, made, listed."""
    answer = world.call("tenants", "POST", f"/tenants/{tenant.id}/export", world.proven(token or tenant.owner))
    assert answer.status == 202, answer.json
    assert machine(world, "data_export", "exporting", command(world, tenant.id, "data_export")) == "Succeed"
    (newest, *_) = world.call("tenants", "GET", f"/tenants/{tenant.id}/exports", token or tenant.owner).data
    assert newest["jobId"] == answer.data["jobId"]
    found: dict[str, Any] = newest
    return found


def command(world: World, tenant: UUID, name: str) -> dict[str, Any]:
    (found, *_) = reversed(world.outbox(tenant, name))
    return found


def content(bucket: Any, export: dict[str, Any]) -> bytes:
    """What the link leads to."""
    key = urlsplit(export["url"]).path.lstrip("/")
    read: bytes = bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return read


def brought(world: World, bucket: Any, archive: bytes) -> str:
    """An administrator uploads an archive; answers the file."""
    facts = {"purpose": "archive", "name": "all.zip", "contentType": "application/zip", "sizeBytes": len(archive)}
    answer = world.call("developer", "POST", "/files/uploads", world.admin(), facts)
    assert answer.status == 201, answer.json
    bucket.put_object(Bucket=BUCKET, Key=urlsplit(answer.data["url"]).path.lstrip("/"), Body=archive)
    file_id: str = answer.data["id"]
    return file_id


def imported(world: World, bucket: Any, tenant: Tenant, archive: bytes, **strikes: Any) -> dict[str, Any]:
    """The job as it ended."""
    file_id = brought(world, bucket, archive)
    answer = world.call("tenants", "POST", f"/tenants/{tenant.id}/import", world.admin(), {"fileId": file_id})
    assert answer.status == 202, answer.json
    machine(world, "data_import", "importing", command(world, tenant.id, "data_import"), **strikes)
    return job(world, tenant, answer.data["jobId"])


def job(world: World, tenant: Tenant, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = world.call("developer", "GET", f"/jobs/{job_id}", tenant.owner).data
    return found


def manifest(archive: bytes) -> dict[str, Any]:
    import zipfile

    loaded: dict[str, Any] = json.loads(zipfile.ZipFile(io.BytesIO(archive)).read("manifest.json"))
    return loaded
