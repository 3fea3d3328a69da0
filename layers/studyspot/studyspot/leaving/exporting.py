"""The steps of `data_export`: everything of one tenant, as of one moment, in one archive in the file store.

A step that is killed leaves nothing: the archive has the job's own id as its key, so writing again overwrites.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, BinaryIO, cast
from uuid import UUID

from studyspot.files import service as files
from studyspot.files.models import Stored
from studyspot.gateways import store
from studyspot.jobs import service as jobs
from studyspot.kit import cells, clock
from studyspot.kit.steps import Steps
from studyspot.leaving import queries
from studyspot.leaving.archive import CHUNK, Manifest, Writer
from studyspot.leaving.tables import MOVES, ROWS, STAYS, TOLD, withheld
from studyspot.schema import telling

KIND = "export"
TYPE = "application/zip"
PERMISSION = "tenants:export_own"
steps = Steps()


@steps.step
def write(given: dict[str, Any]) -> None:
    """The archive, and with its row in `files` the end of the job."""
    tenant, job = UUID(given["subject"]), UUID(given["jobId"])
    with cells.tenant_db(tenant) as db, db.transaction():
        if not jobs.begin(db, job):
            queries.settle_command(db, UUID(given["outboxId"]))
            return
    with tempfile.TemporaryFile() as target:
        manifest = _written(target, tenant, job)
        size, digest = measured(target)
        with cells.tenant_db(tenant) as db, db.transaction():
            asked_by = queries.asked_by(db, job)
            name = f"studyspot-export-{clock.now():%Y-%m-%d}.zip"
            files.store(db, KIND, name, cast(BinaryIO, target), TYPE, asked_by, PERMISSION, job)
            jobs.finish(db, job, _result(job, size, digest, manifest))
            queries.settle_command(db, UUID(given["outboxId"]))


def _result(job: UUID, size: int, digest: str, manifest: Manifest) -> dict[str, Any]:
    total = sum(part.rows for part in manifest.tables.values())
    facts = {"tables": len(manifest.tables), "files": len(manifest.files), "schema_version": manifest.schema_version}
    return {"file_id": str(job), "size_bytes": size, "sha256": digest, "rows": total, **facts}


@steps.step
def give_up(given: dict[str, Any]) -> None:
    """It failed more than once: whoever asked is told so, and may ask again."""
    tenant = UUID(given["subject"])
    with cells.tenant_db(tenant) as db, db.transaction():
        jobs.fail(db, UUID(given["jobId"]), "the export could not be made")
        queries.settle_command(db, UUID(given["outboxId"]))


def _written(target: IO[bytes], tenant: UUID, job: UUID) -> Manifest:
    with cells.core_db() as core:
        facts = queries.facts(core, tenant)
    writer = Writer(target)
    with telling.snapshot(cells.place_of(tenant), tenant) as at:
        known = [table for table in telling.tables(at) if table.name in MOVES or table.name in TOLD]
        for done, table in enumerate(known):
            left = withheld(table.name)
            writer.table(
                table.name, _lines(at, table), [column for column in table.columns if column not in left]
            )  # fmt: skip
            with cells.tenant_db(tenant) as db:
                jobs.progress(db, job, done + 1, len(known) + 1)
        missing = dict(_files(at, writer, tenant))
        return writer.close(telling.version(), facts, clock.now().isoformat(), STAYS | missing)


def _lines(at: telling.Rows, table: telling.Table) -> Callable[[], Iterable[str]]:
    return lambda: telling.lines(at, table, withheld(table.name), ROWS.get(table.name, "true"))


def _files(at: telling.Rows, writer: Writer, tenant: UUID) -> Iterator[tuple[str, str]]:
    """The bytes of every file whose row leaves; answers what the store has lost, with the reason."""
    (table,) = (table for table in telling.tables(at) if table.name == "files")
    for line in _lines(at, table)():
        for name in names_of(json.loads(line), tenant):
            try:
                writer.file(name, f"files/{name}", store.opened(f"{tenant}/{name}"))
            except store.NoSuchObject:
                yield f"files/{name}", "its bytes are missing in the file store"


def names_of(row: dict[str, Any], tenant: UUID) -> list[str]:
    """What is stored for a row of `files`, without the tenant before it."""
    stored = Stored(**row, tenant_id=tenant)
    return [key.removeprefix(f"{tenant}/") for key in stored.keys if key != stored.quarantine]


def measured(target: IO[bytes]) -> tuple[int, str]:
    """Size and checksum, and the file ready to be read from its beginning."""
    digest = hashlib.sha256()
    target.seek(0)
    while chunk := target.read(CHUNK):
        digest.update(chunk)
    size = target.tell()
    target.seek(0)
    return size, digest.hexdigest()
