"""Students from a spreadsheet: read, checked, stored in one go - at once, or as a job when there are many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from studyspot.identity import service as identity
from studyspot.kit import audit, ids, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import LimitReached, NotFound
from studyspot.libraries import service as libraries
from studyspot.messaging import service as messaging
from studyspot.students import sheets
from studyspot.students.models import (
    ImportFileDuplicate,
    ImportOptions,
    ImportReport,
    RowFault,
    RowsInvalid,
    StoredOptions,
)
from studyspot.students.queries import imports, people
from studyspot.students.rows import Checked, Surroundings, checked

QUEUE = "imports"
AT_ONCE = 500
SHOWN_FAULTS = 20_000
"""As many as an answer of a function can carry."""
DIRECTORY_BATCH = 5_000
Run = tuple[UUID | None, UUID | None]
"""The first and last id that an import gave out."""


def bring(
    db: Db, core: Db, actor: Actor, options: ImportOptions, content: bytes, media_type: str, charset: str | None
) -> ImportReport:
    """Take a file: look at it only (`dry_run`), work it off, or queue it when it has more than 500 rows."""
    sheet = sheets.read(content, media_type, charset)
    bound = sorted(actor.library_ids) if actor.library_ids is not None else None
    stored = StoredOptions(**options.model_dump(), charset=charset, bound_to=bound)
    if options.dry_run:
        return shown(_looked_at(db, sheet, stored))
    job_id, later = ids.uuid7(), len(sheet.rows) > AT_ONCE
    with db.transaction():
        _open(db, actor, job_id, stored, content, media_type, keep=later)
        if later:
            outbox.send(db, QUEUE, {"jobId": job_id})
            return ImportReport(job_id=job_id, status="queued", rows=len(sheet.rows))
        report, run = _taken(db, job_id, sheet, stored)
        imports.run_job(db, job_id, report, *run)
        imports.close_job(db, job_id, "done", None)
        _tell_directory(db, core, run)
    return shown(report)


def work_off(db: Db, core: Db, job_id: UUID) -> None:
    """A queued import: its students in one transaction, then the directory; repeating it changes nothing twice."""
    try:
        with db.transaction():
            job = imports.job(db, job_id, "FOR UPDATE")
            if job.file is None:
                return
            if job.result is None:
                sheet = sheets.read(job.file, job.file_type, job.options.charset)
                report, run = _taken(db, job_id, sheet, job.options)
                imports.run_job(db, job_id, report, *run)
            else:
                run = (job.first_id, job.last_id)
        db.commit()
        _tell_directory(db, core, run)
        imports.close_job(db, job_id, "done", None)
    except LimitReached as refusal:
        told = RowFault(line=1, field="file", code="limit_reached", message=refusal.detail)
        imports.close_job(db, job_id, "failed", ImportReport(errors=[told]))
    except RowsInvalid as refusal:
        faults = [RowFault.model_validate(fault) for fault in refusal.members["errors"]]
        report = ImportReport(rows=refusal.members["rows"], invalid=refusal.members["invalid"], errors=faults)
        imports.close_job(db, job_id, "failed", report)


def progress(db: Db, job_id: UUID, errors_from: int) -> ImportReport:
    """How far an import is and what came of it."""
    job = imports.job(db, job_id)
    report = job.result or ImportReport()
    return shown(report.model_copy(update={"job_id": job.id, "status": job.status}), errors_from)


def shown(report: ImportReport, errors_from: int = 0) -> ImportReport:
    """With as many faults as fit into an answer."""
    part = report.errors[errors_from : errors_from + SHOWN_FAULTS]
    omitted = max(0, len(report.errors) - errors_from - len(part))
    return report.model_copy(update={"errors": part, "errors_omitted": omitted})


def _open(
    db: Db, actor: Actor, job_id: UUID, options: StoredOptions, content: bytes, media_type: str, keep: bool
) -> None:
    """The same file twice is a mistake unless somebody insists: ImportFileDuplicate."""
    opened = imports.open_job(
        db,
        job_id,
        status="queued" if keep else "running",
        options=options.model_dump_json(),
        file=content if keep else None,
        file_type=media_type,
        file_hash=hashlib.sha256(content).hexdigest(),
        forced=options.force,
        created_by=actor.id,
    )
    if not opened:
        raise ImportFileDuplicate
    audit.note(db, "students.import", "jobs", job_id, after=options.model_dump() | {"bytes": len(content)})


def _looked_at(db: Db, sheet: sheets.Sheet, options: StoredOptions) -> ImportReport:
    found = _checked(db, sheet, options)
    phones = found.columns["phone"]
    known = imports.known_phones(db, phones)
    found.drop(_known(line for line, phone in zip(found.lines, phones, strict=True) if phone in known))
    return _report(None, found, imported=0)


def _taken(db: Db, job_id: UUID, sheet: sheets.Sheet, options: StoredOptions) -> tuple[ImportReport, Run]:
    """Store what is good, within the caller's transaction; answers what came of it and the ids it has."""
    found = _checked(db, sheet, options)
    _refuse_whole(found, options)
    count = len(found.lines)
    run: Run = (None, None)
    if count:
        first_number, first_id = imports.numbers(db, count), ids.uuid7()
        run = (first_id, UUID(int=first_id.int + count - 1))
        found.columns["id"] = [f"{number:032x}" for number in range(first_id.int, first_id.int + count)]
        found.columns["student_code"] = [f"S{number:05d}" for number in range(first_number, first_number + count)]
        if imports.store(db, list(found.columns), _copied(found)) < count:
            found.drop(_known(imports.left_out(db)))
            _refuse_whole(found, options)
    report = _report(job_id, found, imported=len(found.lines))
    if options.notify:
        _welcome(db, run)
    outbox.emit(db, "student.imported", job_id, {"imported": report.imported, "invalid": report.invalid})
    return report, run


def _checked(db: Db, sheet: sheets.Sheet, options: StoredOptions) -> Checked:
    """The sheet against this tenant's libraries and today's rules; `libraryId` must name a library one may use."""
    bound = options.bound_to
    places = {library.code.lower(): library.id for library in libraries.open_libraries(db)}
    usable = [library for library in places.values() if bound is None or library in bound]
    if options.library_id is not None and options.library_id not in usable:
        raise NotFound("libraryId names no library")
    only = usable[0] if len(usable) == 1 else None
    around = Surroundings(
        libraries=places,
        library_id=options.library_id or only,
        bound_to=bound,
        rule=people.consent_rule(db),
        today=people.today(db),
    )
    return checked(sheet, around)


def _refuse_whole(found: Checked, options: StoredOptions) -> None:
    if options.atomic and found.faults:
        errors = [fault.model_dump(by_alias=True) for fault in found.faults[:SHOWN_FAULTS]]
        raise RowsInvalid(rows=found.rows, invalid=found.rows - len(found.lines), errors=errors)


def _known(lines: Iterable[int]) -> list[RowFault]:
    text = "a student with this phone is here already"
    return [RowFault(line=line, field="phone", code="phone_exists", message=text) for line in lines]


def _report(job_id: UUID | None, found: Checked, imported: int) -> ImportReport:
    return ImportReport(
        job_id=job_id,
        rows=found.rows,
        valid=len(found.lines),
        imported=imported,
        invalid=found.rows - len(found.lines),
        errors=found.faults,
        warnings=found.notices,
        ignored_columns=found.ignored,
    )


def _copied(found: Checked) -> str:
    """The columns and the line as COPY's text: checked cells hold no control characters, only backslashes."""
    columns = [_escaped(values) for values in found.columns.values()]
    rows = zip(*columns, map(str, found.lines), strict=True)
    return "\n".join(map("\t".join, rows)) + "\n"


def _escaped(values: Sequence[Any]) -> list[str]:
    return [r"\N" if v is None else v.replace("\\", r"\\") if isinstance(v, str) else str(v) for v in values]


def _welcome(db: Db, run: Run) -> None:
    names = {library.id: library.name for library in libraries.open_libraries(db)}
    for person in imports.of_run(db, *run):
        facts = {"library": names[person.library_id], "name": person.first_name, "number": person.student_code}
        messaging.send(db, "admission_welcome", person.phone, facts, person.id, "student")


def _tell_directory(db: Db, core: Db, run: Run) -> None:
    """So that they can sign in by phone and e-mail; safe to repeat."""
    newcomers = imports.of_run(db, *run)
    for start in range(0, len(newcomers), DIRECTORY_BATCH):
        batch = newcomers[start : start + DIRECTORY_BATCH]
        identity.add_identities(core, "phone", "student", db.tenant, {p.id: p.phone for p in batch})
        mails = {p.id: p.email for p in batch if p.email}
        if mails:
            identity.add_identities(core, "email", "student", db.tenant, mails)
