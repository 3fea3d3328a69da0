"""Students from a spreadsheet: looked at, taken at once, or as a job part by part when there are many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from studyspot.identity import service as identity
from studyspot.kit import audit, ids, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import LimitReached, NotFound, Problem
from studyspot.libraries import service as libraries
from studyspot.students import sheets, taking, undoing
from studyspot.students.models import (
    ImportFileDuplicate,
    ImportFileInvalid,
    ImportJob,
    ImportOptions,
    ImportReport,
    Newcomer,
    RowFault,
    RowsInvalid,
    StoredOptions,
)
from studyspot.students.queries import imports, people
from studyspot.students.rows import Surroundings, columns_of
from studyspot.students.taking import SHOWN_FAULTS

QUEUE = "imports"
AT_ONCE = 500
PART = 5_000
"""Rows that are stored, and told as done, together."""
DIRECTORY_BATCH = 5_000
Brought = tuple[bytes, str, str | None]
"""A file, what it is said to be, and in which charset."""


def bring(
    db: Db, core: Db, actor: Actor, options: ImportOptions, brought: Brought, errors_from: int = 0
) -> ImportReport:
    """Take a file: look at it only (`dry_run`), work it off, or queue it when it has more than 500 rows."""
    bound = sorted(actor.library_ids) if actor.library_ids is not None else None
    stored = StoredOptions(**options.model_dump(), charset=brought[2], bound_to=bound)
    around = _around(db, stored)
    if options.dry_run:
        return shown(_looked_at(db, brought, around, stored), errors_from)
    first, rows = _counted(brought, around)
    job_id, later = ids.uuid7(), rows > AT_ONCE
    with db.transaction():
        _open(db, actor, job_id, stored, brought, rows, keep=later)
        if later:
            outbox.send(db, QUEUE, {"jobId": job_id})
            return ImportReport(job_id=job_id, status="queued", rows=rows)
        job = imports.job(db, job_id)
        report = taking.take(db, job, first, around, ImportReport(rows=rows), PART)
        imports.advance(db, job_id, report)
        imports.close_job(db, job_id, "done", None)
        _tell_event(db, report)
        _tell_directory(db, core, imports.of_run(db, job.first_id, job.last_id))
        _tell_changed(db, core, job_id)
    return shown(report.model_copy(update={"job_id": job_id}))


def work_off(db: Db, core: Db, job_id: UUID) -> None:
    """A queued import. Each part and how far that is are one transaction, so that a repetition goes on where the one
    before was stopped, and two at a time do every part once."""
    with db.transaction():
        content = imports.begin(db, job_id, *_run())
    db.commit()
    if content is None:
        return
    try:
        for part in _parts(db, job_id, content):
            _tell_directory(db, core, part)
        _tell_changed(db, core, job_id)
        db.commit()
        with db.transaction():
            job = imports.job(db, job_id, "FOR UPDATE")
            imports.close_job(db, job_id, "done", None)
            _tell_event(db, job.result or ImportReport())
    except LimitReached as refusal:
        undoing.take_back(db, core, imports.job(db, job_id))
        _fail(db, job_id, "limit_reached", refusal)
    except RowsInvalid as refusal:
        faults = [RowFault.model_validate(fault) for fault in refusal.members["errors"]]
        report = ImportReport(rows=refusal.members["rows"], invalid=refusal.members["invalid"], errors=faults)
        imports.close_job(db, job_id, "failed", report)
    except (ImportFileInvalid, NotFound) as refusal:
        _fail(db, job_id, "invalid", refusal)


def progress(db: Db, job_id: UUID, errors_from: int) -> ImportReport:
    """How far an import is and what came of it."""
    job = imports.job(db, job_id)
    report = job.result or ImportReport()
    rows = job.steps_total if job.steps_total is not None else report.rows
    return shown(report.model_copy(update={"job_id": job.id, "status": job.status, "rows": rows}), errors_from)


def faults(db: Db, job_id: UUID) -> list[RowFault]:
    """All that was wrong with the rows of an import."""
    report = imports.job(db, job_id).result
    return report.errors if report else []


def shown(report: ImportReport, errors_from: int = 0) -> ImportReport:
    """With as many faults as fit into an answer."""
    part = report.errors[errors_from : errors_from + SHOWN_FAULTS]
    omitted = max(0, len(report.errors) - errors_from - len(part))
    return report.model_copy(update={"errors": part, "errors_omitted": omitted})


def _parts(db: Db, job_id: UUID, content: bytes) -> Iterator[list[Newcomer]]:
    """Whom each part brought; those of a part that was done before are named once more."""
    job = imports.job(db, job_id)
    around = _around(db, job.options)
    size = sheets.MOST_ROWS if job.options.atomic else PART
    parts = sheets.parts(content, job.file_type, job.options.charset, size)
    end = 0
    for sheet in parts:
        end += len(sheet.rows)
        with db.transaction():
            job = imports.job(db, job_id, "FOR UPDATE")
            if job.status != "running":
                return
            if _done(job) < end:
                report = job.result or ImportReport(rows=job.steps_total or end)
                imports.advance(db, job_id, taking.take(db, job, sheet, around, report, size))
            else:
                taking.skip(sheet, around)
        db.commit()
        yield imports.of_run(db, *taking.ids_of(job, sheet))


def _done(job: ImportJob) -> int:
    """The release before told what came when all rows were done, and counted none."""
    return job.result.rows if job.result and not job.steps_done else job.steps_done


def _run() -> tuple[UUID, UUID]:
    """The ids of an import: one for every line a file can have."""
    first = ids.uuid7()
    return first, UUID(int=first.int + sheets.MOST_LINES)


def _open(db: Db, actor: Actor, job_id: UUID, options: StoredOptions, brought: Brought, rows: int, keep: bool) -> None:
    """The same file twice is a mistake unless somebody insists: ImportFileDuplicate."""
    content, media_type, _ = brought
    first_id, last_id = _run()
    opened = imports.open_job(
        db,
        job_id,
        status="queued" if keep else "running",
        options=options.model_dump_json(exclude_defaults=True),
        file=content if keep else None,
        file_type=media_type,
        file_hash=hashlib.sha256(content).hexdigest(),
        forced=options.force,
        created_by=actor.id,
        steps_total=rows,
        interruptible=keep,
        first_id=first_id,
        last_id=last_id,
    )
    if not opened:
        raise ImportFileDuplicate
    audit.note(db, "students.import", "jobs", job_id, after=options.model_dump() | {"bytes": len(content)})


def _counted(brought: Brought, around: Surroundings) -> tuple[sheets.Sheet, int]:
    """The first part, and how many rows there are: the whole file can be read, or nothing of it is taken."""
    parts = sheets.parts(*brought, PART)
    first = next(parts)
    columns_of(first.header, around.key)
    return first, len(first.rows) + sum(len(part.rows) for part in parts)


def _looked_at(db: Db, brought: Brought, around: Surroundings, options: StoredOptions) -> ImportReport:
    report = ImportReport()
    for sheet in sheets.parts(*brought, PART):
        report = taking.look(db, sheet, around, options, report)
    return report.model_copy(update={"rows": report.processed})


def _around(db: Db, options: StoredOptions) -> Surroundings:
    """This tenant's libraries and today's rules; `libraryId` must name a library one may use."""
    bound = options.bound_to
    places = {library.code.lower(): library.id for library in libraries.open_libraries(db)}
    usable = [library for library in places.values() if bound is None or library in bound]
    if options.library_id is not None and options.library_id not in usable:
        raise NotFound("libraryId names no library")
    around = Surroundings(
        libraries=places,
        library_id=options.library_id or (usable[0] if len(usable) == 1 else None),
        bound_to=bound,
        rule=people.consent_rule(db),
        today=people.today(db),
        key=options.key,
    )
    knows = options.mode == "upsert" and around.rule.in_force(around.today)
    return replace(around, consented=imports.consented(db)) if knows else around


def _fail(db: Db, job_id: UUID, code: str, refusal: Problem) -> None:
    told = RowFault.model_validate({"line": 1, "field": "file", "code": code, "message": refusal.detail})
    imports.close_job(db, job_id, "failed", ImportReport(errors=[told]))


def _tell_event(db: Db, report: ImportReport) -> None:
    facts = {"imported": report.imported, "updated": report.updated, "invalid": report.invalid}
    outbox.emit(db, "student.imported", report.job_id or ids.uuid7(), facts)


def _tell_directory(db: Db, core: Db, newcomers: list[Newcomer]) -> None:
    """So that they can sign in by phone and e-mail; safe to repeat."""
    for start in range(0, len(newcomers), DIRECTORY_BATCH):
        batch = newcomers[start : start + DIRECTORY_BATCH]
        identity.add_identities(core, "phone", "student", db.tenant, {p.id: p.phone for p in batch})
        mails = {p.id: p.email for p in batch if p.email}
        if mails:
            identity.add_identities(core, "email", "student", db.tenant, mails)


def _tell_changed(db: Db, core: Db, job_id: UUID) -> None:
    """Those whose phone or e-mail is another one are found by that alone; safe to repeat."""
    moved = imports.changed_by(db, job_id, "phone", "email")
    identity.forget(core, db.tenant, [one.id for one in moved])
    _tell_directory(db, core, moved)
