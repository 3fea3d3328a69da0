"""The steps of `data_import`: an archive becomes the rows of an empty tenant - all of them, checked again, or none."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import BinaryIO, cast
from uuid import UUID

import psycopg

from studyspot.files import service as files
from studyspot.gateways import store
from studyspot.identity import service as identity
from studyspot.identity.service.directory import Kind
from studyspot.jobs import service as jobs
from studyspot.kit import cells, clock
from studyspot.kit.steps import Steps
from studyspot.leaving import queries
from studyspot.leaving.archive import CHUNK, Reader, TablePart
from studyspot.leaving.exporting import names_of
from studyspot.leaving.models import ArchiveRefused, TenantNotEmpty
from studyspot.leaving.tables import MOVES, SEEDED, WITHHELD, withheld
from studyspot.schema import telling

KIND = "tenant_import"
NAME = re.compile(r"[a-z_]{1,40}/[0-9a-f-]{36}(\.\d{1,5}\.webp)?")
LIMIT = "SK402"
ENROLLED_AT_ONCE = 500
steps = Steps()


@steps.step
def store_all(given: dict[str, str]) -> dict[str, str]:
    """Rows and files; `refused` when the archive or the tenant does not allow it, with nothing left of the attempt."""
    tenant, job = UUID(given["subject"]), UUID(given["jobId"])
    with cells.tenant_db(tenant) as db, db.transaction():
        if not jobs.begin(db, job):
            return {"next": "enrol" if queries.job_is_done(db, job) else "end"}
    with _fetched(UUID(given["fileId"])) as source:
        put: list[str] = []
        try:
            archive = Reader(source)
            archive.verify()
            _must_be_empty(tenant)
            _put_files(archive, tenant, put)
            _put_rows(archive, tenant, job)
        except (ArchiveRefused, TenantNotEmpty) as refusal:
            store.delete(put)
            _refuse(tenant, job, str(refusal.detail or refusal.code))
            return {"next": "end"}
    return {"next": "enrol"}


@steps.step
def enrol(given: dict[str, str]) -> None:
    """The people who came along are found at sign-in; safe to repeat."""
    tenant = UUID(given["subject"])
    for user_type, kind, found in _people(tenant):
        while some := dict(islice(found, ENROLLED_AT_ONCE)):
            with cells.core_db() as core:
                identity.add_identities(core, kind, user_type, tenant, some)


@steps.step
def give_up(given: dict[str, str]) -> None:
    """It failed more than once. What had come in stays when it came in whole; otherwise nothing did."""
    _refuse(UUID(given["subject"]), UUID(given["jobId"]), "the import could not be finished")


@steps.step
def settle(given: dict[str, str]) -> None:
    """Nothing more to do: the archive is not kept a second time, and the command is not sent again."""
    with cells.core_db() as core:
        files.delete(core, UUID(given["fileId"]))
    with cells.tenant_db(UUID(given["subject"])) as db:
        queries.settle_command(db, UUID(given["outboxId"]))


def _refuse(tenant: UUID, job: UUID, why: str) -> None:
    with cells.tenant_db(tenant) as db, db.transaction():
        jobs.fail(db, job, why)


@contextmanager
def _fetched(file_id: UUID) -> Iterator[BinaryIO]:
    """The archive as a file that can be read from anywhere; it is too large for memory."""
    with tempfile.TemporaryFile() as source:
        with cells.core_db() as core:
            shutil.copyfileobj(files.opened(core, file_id), source, CHUNK)
        source.seek(0)
        yield cast(BinaryIO, source)


def is_empty(tenant: UUID) -> bool:
    """Nothing but what every new organisation is given."""
    with telling.snapshot(cells.place_of(tenant), tenant) as at:
        return _nothing_in(at)


def _nothing_in(at: telling.Rows) -> bool:
    ours = [table for table in telling.tables(at) if table.name in MOVES - SEEDED]
    return not any(telling.count(at, table) for table in ours)


def _must_be_empty(tenant: UUID) -> None:
    if not is_empty(tenant):
        raise TenantNotEmpty


def _put_files(archive: Reader, tenant: UUID, put: list[str]) -> None:
    """Bytes before rows, so that a row never names nothing."""
    if "files" not in archive.manifest.tables:
        return
    types: dict[str, str] = {}
    for line in archive.lines("files"):
        row = json.loads(line)
        own, *smaller = names_of(row, tenant)
        types |= {own: row["content_type"]} | dict.fromkeys(smaller, "image/webp")
    for name, part in archive.manifest.files.items():
        if name not in types or not NAME.fullmatch(name) or part.path != f"files/{name}":
            raise ArchiveRefused(f"no row of the archive names {name}")
        key = f"{tenant}/{name}"
        put.append(key)
        with tempfile.TemporaryFile() as content:
            content.writelines(archive.chunks(part.path))
            content.seek(0)
            store.put(key, cast(BinaryIO, content), types[name])


def _put_rows(archive: Reader, tenant: UUID, job: UUID) -> None:
    """One transaction: what came from elsewhere is judged by every constraint of the database, and told again."""
    try:
        with telling.writing(cells.place_of(tenant), tenant) as at:
            at.execute(queries.LOCK_GATE)
            if not _nothing_in(at):
                raise TenantNotEmpty
            _fill(at, archive)
            at.execute(queries.CLOSE_JOB, {"id": job, "now": clock.now(), "result": _result(archive)})
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as fault:
        raise ArchiveRefused(f"its rows do not fit: {fault}") from fault
    except psycopg.Error as fault:
        if fault.sqlstate == LIMIT:
            raise ArchiveRefused("it holds more than the plan of this organisation allows") from fault
        raise


def _result(archive: Reader) -> str:
    parts = archive.manifest.tables
    told = {name: part.sha256 for name, part in sorted(parts.items()) if name in MOVES}
    total = sum(parts[name].rows for name in told)
    return json.dumps({"rows": total, "tables": told, "files": len(archive.manifest.files)})


def _fill(at: telling.Rows, archive: Reader) -> None:
    known = {table.name: table for table in telling.tables(at)}
    if archive.manifest.schema_version > telling.version():
        raise ArchiveRefused("it was made by a newer release")
    coming = [
        _narrowed(table, archive.manifest.tables[name])
        for name, table in known.items()
        if name in MOVES and name in archive.manifest.tables
    ]
    for table in coming:
        if table.name in SEEDED:
            telling.clear(at, table)
        telling.stage(at, table, archive.lines(table.name))
    whole = {table.name: table for table in coming}
    for table in coming:
        if table.name not in telling.WITH_ITS_LINES.values():
            telling.put(at, table, WITHHELD.get(table.name, {}), whole.get(telling.WITH_ITS_LINES.get(table.name, "")))
    for table in coming:
        told = _checksum(at, table)
        if told != archive.manifest.tables[table.name].sha256:
            raise ArchiveRefused(f"{table.name} did not come in as it left")


def _narrowed(table: telling.Table, part: TablePart) -> telling.Table:
    """The columns the archive tells: an older release knew fewer, and the others have their defaults."""
    if not set(part.columns) <= set(table.columns) - withheld(table.name):
        raise ArchiveRefused(f"{table.name} has columns that are not known here")
    return replace(table, columns=tuple(part.columns))


def _checksum(at: telling.Rows, table: telling.Table) -> str:
    digest = hashlib.sha256()
    for line in telling.lines(at, table):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _people(tenant: UUID) -> Iterator[tuple[str, Kind, Iterator[tuple[UUID, str]]]]:
    """Who signs in by what, as a stream each."""
    with telling.snapshot(cells.place_of(tenant), tenant) as at:
        for user_type, kind, query in queries.SIGNING_IN:
            with at.cursor(name=f"people_{user_type}_{kind}") as cursor:
                yield user_type, kind, iter(cursor.execute(query))
