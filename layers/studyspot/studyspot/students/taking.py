"""A part of an import against who is here already: who is new, who is changed, what is refused - and storing that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from studyspot.kit.db import Db
from studyspot.kit.response import neutral
from studyspot.libraries import service as libraries
from studyspot.messaging import service as messaging
from studyspot.students import cells
from studyspot.students.models import Changed, ImportJob, ImportReport, Known, RowFault, RowsInvalid, StoredOptions
from studyspot.students.queries import imports
from studyspot.students.queries.imports import CHANGEABLE
from studyspot.students.rows import Checked, Surroundings, checked
from studyspot.students.sheets import Sheet

SHOWN_FAULTS = 20_000
"""As many as an answer of a function can carry."""
GONE = ("archived", "blacklisted")


@dataclass
class Met:
    """What a part comes to: `found` holds who is new."""

    found: Checked
    changes: list[Changed] = field(default_factory=list)
    unchanged: int = 0


def take(db: Db, job: ImportJob, sheet: Sheet, around: Surroundings, report: ImportReport, size: int) -> ImportReport:
    """Store what is good, within the caller's transaction; answers the report with this part in it."""
    options = job.options
    met = _met(db, checked(sheet, around), around, options, "FOR NO KEY UPDATE")
    _refuse_whole(met, options)
    found = met.found
    if found.lines:
        _number(db, job, found)
        if imports.store(db, list(found.columns), _copied(found)) < len(found.lines):
            found.drop(_known(imports.left_out(db)))
            _refuse_whole(met, options)
    if met.changes:
        imports.change(db, job.id, met.changes)
    if options.notify and found.lines:
        _welcome(db, job, sheet)
    return _added(report, met, len(found.lines)).model_copy(update={"job_id": job.id})


def look(db: Db, sheet: Sheet, around: Surroundings, options: StoredOptions, report: ImportReport) -> ImportReport:
    """The same, with nothing stored."""
    return _added(report, _met(db, checked(sheet, around), around, options, ""), 0)


def skip(sheet: Sheet, around: Surroundings) -> None:
    """A part that was done before: only what it says is remembered, for what comes twice in the file."""
    checked(sheet, around)


def ids_of(job: ImportJob, sheet: Sheet) -> tuple[UUID | None, UUID | None]:
    """The first and last id that the rows of a part may have."""
    if not sheet.lines or job.first_id is None:
        return None, None
    return _id(job.first_id, sheet.lines[0]), _id(job.first_id, sheet.lines[-1])


def _id(first: UUID, line: int) -> UUID:
    return UUID(int=first.int + line)


def _met(db: Db, found: Checked, around: Surroundings, options: StoredOptions, lock: str) -> Met:
    met = Met(found)
    codes = [code for code in found.columns.get("student_code", ()) if code]
    here = imports.known(db, found.columns["phone"], codes, lock)
    by_phone = {student.phone: student for student in here}
    if options.mode == "insert":
        found.drop(_known(n for n, phone in zip(found.lines, found.columns["phone"], strict=True) if phone in by_phone))
    else:
        _meet(met, by_phone, {student.student_code: student for student in here}, around)
    found.columns.pop("student_code", None)
    return met


def _meet(met: Met, by_phone: Mapping[str, Known], by_code: Mapping[str, Known], around: Surroundings) -> None:
    """Rows of who is here become changes, and are no newcomers' any more."""
    found = met.found
    faults: list[RowFault] = []
    settled: set[int] = set()
    named = found.columns.get("student_code")
    for n, line in enumerate(found.lines):
        holder, code = by_phone.get(found.columns["phone"][n]), named[n] if named else None
        student = by_code.get(code) if code else holder
        fault = _in_the_way(found, n, around, code, student, holder)
        if fault:
            faults.append(fault)
        elif student:
            settled.add(line)
            change = _changes(found, n, student)
            met.unchanged += change is None
            met.changes += [change] if change else []
    found.drop(faults)
    found.settle(settled)


def _in_the_way(
    found: Checked, n: int, around: Surroundings, code: str | None, student: Known | None, holder: Known | None
) -> RowFault | None:
    """Why this row cannot be about that student."""
    line, named = found.lines[n], found.placed[n]
    if student is None:
        text = "no student has this number"
        return RowFault(line=line, field="studentCode", code="invalid", message=text) if code else None
    if holder is not None and holder.id != student.id:
        return _known([line])[0]
    if around.bound_to is not None and student.library_id not in around.bound_to:
        return _known([line])[0]
    if student.status in GONE:
        return RowFault(line=line, field="phone", code="phone_exists", message=f"this student is {student.status}")
    if named and named != student.library_id:
        text = "the student is at another library: transfer them"
        return RowFault(line=line, field="libraryCode", code="invalid", message=text)
    return None


def _changes(found: Checked, n: int, student: Known) -> Changed | None:
    """What is written in the row and differs from what is kept; a blank cell says nothing."""
    before, after = {}, {}
    for name in CHANGEABLE:
        if name not in found.columns or (said := found.columns[name][n]) is None:
            continue
        kept = getattr(student, name)
        kept = tuple(kept) if isinstance(kept, list) else kept
        if said != kept and not _reads_the_same(name, kept, said):
            before[name], after[name] = kept, said
    return Changed(student_id=student.id, before=before, after=after) if after else None


def _reads_the_same(name: str, kept: Any, said: Any) -> bool:
    """Whether a file that shows what is kept would say just this: then nobody meant to change it."""
    text = ", ".join(kept) if isinstance(kept, tuple) else str(kept or "")
    try:
        return bool(cells.READERS[name](str(neutral(text))) == said)
    except cells.Bad:
        return False


def _number(db: Db, job: ImportJob, found: Checked) -> None:
    """Everybody's id and number; numbers are consecutive, because people read them to each other."""
    count = len(found.lines)
    assert job.first_id is not None, "an import that runs has its ids"
    start, first = job.first_id.int, imports.numbers(db, count)
    found.columns["id"] = [f"{start + line:032x}" for line in found.lines]
    found.columns["student_code"] = [f"S{number:05d}" for number in range(first, first + count)]
    if "tags" in found.columns:
        found.columns["tags"] = [tags or () for tags in found.columns["tags"]]


def _refuse_whole(met: Met, options: StoredOptions) -> None:
    found = met.found
    if options.atomic and found.faults:
        errors = [fault.model_dump(by_alias=True) for fault in found.faults[:SHOWN_FAULTS]]
        raise RowsInvalid(rows=found.rows, invalid=_refused(met), errors=errors)


def _refused(met: Met) -> int:
    return met.found.rows - len(met.found.lines) - len(met.changes) - met.unchanged


def _known(lines: Iterable[int]) -> list[RowFault]:
    text = "a student with this phone is here already"
    return [RowFault(line=line, field="phone", code="phone_exists", message=text) for line in lines]


def _added(report: ImportReport, met: Met, imported: int) -> ImportReport:
    found, refused = met.found, _refused(met)
    return report.model_copy(
        update={
            "processed": report.processed + found.rows,
            "valid": report.valid + found.rows - refused,
            "imported": report.imported + imported,
            "updated": report.updated + len(met.changes),
            "unchanged": report.unchanged + met.unchanged,
            "invalid": report.invalid + refused,
            "errors": [*report.errors, *found.faults],
            "warnings": [*report.warnings, *found.notices],
            "ignored_columns": found.ignored,
        }
    )


def _copied(found: Checked) -> str:
    """The columns and the line as COPY's text."""
    columns = [_escaped(values) for values in found.columns.values()]
    rows = zip(*columns, map(str, found.lines), strict=True)
    return "\n".join(map("\t".join, rows)) + "\n"


def _escaped(values: Sequence[Any]) -> list[str]:
    """Each value once, however often it stands there."""
    written = {value: _written(value) for value in set(values)}
    return [written[value] for value in values]


def _written(value: Any) -> str:
    if value is None:
        return r"\N"
    if isinstance(value, tuple):
        quoted = ",".join('"' + tag.replace("\\", "\\\\").replace('"', '\\"') + '"' for tag in value)
        return _written("{" + quoted + "}")
    return str(value).replace("\\", r"\\").replace("\n", r"\n").replace("\t", r"\t").replace("\r", r"\r")


def _welcome(db: Db, job: ImportJob, sheet: Sheet) -> None:
    names = {library.id: library.name for library in libraries.open_libraries(db)}
    for person in imports.of_run(db, *ids_of(job, sheet)):
        facts = {"library": names[person.library_id], "name": person.first_name, "number": person.student_code}
        messaging.send(db, "admission_welcome", person.phone, facts, person.id, "student")
