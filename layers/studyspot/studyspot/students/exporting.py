"""Students as a file: answered at once while it is small, made by the minute and kept for a link when it is not."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO
from uuid import UUID

from studyspot.files import service as files
from studyspot.jobs import service as jobs
from studyspot.kit import audit, clock, timers
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.kit.response import neutral
from studyspot.libraries import service as libraries
from studyspot.students import sheets
from studyspot.students.models import Exported, ExportRequest, Student
from studyspot.students.queries import people

TIMER = "student_export"
AT_ONCE = 2_000
"""As many as a request makes, well below 4 MiB; more are a job."""
IN_MEMORY = 8 * 1024 * 1024
PART = 1_000
TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": sheets.XLSX}


def export(db: Db, actor: Actor, asked: ExportRequest) -> tuple[bytes, str] | Exported:
    """The file and its type, or the job that makes it."""
    bound = sorted(actor.library_ids) if actor.library_ids is not None else None
    found = list(_some(db, asked, bound, AT_ONCE + 1))
    audit.note(db, "students.export", "students", None, after=asked.model_dump(mode="json") | {"rows": len(found)})
    if len(found) <= AT_ONCE:
        out = io.BytesIO()
        _write(db, out, iter(found), asked.format)
        return out.getvalue(), TYPES[asked.format]
    options = asked.model_dump(mode="json")
    with db.transaction():
        job_id = jobs.start(db, TIMER, actor.id, options)
        timers.wait(db, clock.now(), TIMER, job_id, "export", asked=options, owner=str(actor.id), bound_to=bound)
    return Exported(job_id=job_id)


def make(db: Db, job_id: UUID, given: dict[str, Any]) -> None:
    """The file of a job, under the job's own id: a repetition overwrites it (timer `student_export`, worker role)."""
    if not jobs.begin(db, job_id):
        return
    asked = ExportRequest.model_validate(given["asked"])
    bound = [UUID(library) for library in given["bound_to"]] if given["bound_to"] is not None else None
    with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        stream: BinaryIO = file  # type: ignore[assignment] # a spooled file is a BinaryIO in all but name
        rows = _write(db, stream, _some(db, asked, bound), asked.format)
        file.seek(0)
        name = f"students-{clock.now():%Y-%m-%d}.{asked.format}"
        kind = TYPES[asked.format].partition(";")[0]
        files.store(db, TIMER, name, stream, kind, UUID(given["owner"]), None, job_id)
    jobs.finish(db, job_id, {"file_id": str(job_id), "rows": rows})


def _some(db: Db, asked: ExportRequest, bound: list[UUID] | None, most: int | None = None) -> Iterator[Student]:
    """A thousand a statement, never all of them in memory; staff bound to libraries take away no other's."""
    after: UUID | None = None
    filters = {
        "q": None,
        "library_id": asked.library_id,
        "fee_plan_id": asked.fee_plan_id,
        "status": asked.status,
        "tag": None,
    }
    left = most
    while left is None or left > 0:
        size = PART if left is None else min(PART, left)
        page = people.listed(db, Paging(size - 1, after), bound, None, without_consent=False, **filters)
        yield from page
        if len(page) < size:
            return
        after = page[-1].id
        left = None if left is None else left - size


def _write(db: Db, out: BinaryIO, students: Iterator[Student], form: str) -> int:
    """Header and rows, as an import reads them; a cell that a spreadsheet would run is text. Answers how many rows."""
    codes: dict[UUID | None, str] = {library.id: library.code for library in libraries.open_libraries(db)}
    header = [*(field.alias or name for name, field in Student.model_fields.items()), "libraryCode"]
    rows = ([*_cells(student), neutral(codes.get(student.library_id, ""))] for student in students)
    return _workbook(out, header, rows) if form == "xlsx" else _text(out, header, rows)


def _cells(student: Student) -> list[Any]:
    return [neutral(value) for value in student.model_dump(mode="json", by_alias=True).values()]


def _text(out: BinaryIO, header: list[str], rows: Iterator[list[Any]]) -> int:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(header)
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the last number is the answer
        writer.writerow(row)
    text.detach()
    return count


def _workbook(out: BinaryIO, header: list[str], rows: Iterator[list[Any]]) -> int:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Students")
    sheet.append(header)
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the last number is the answer
        sheet.append(row)
    book.save(out)
    return count
