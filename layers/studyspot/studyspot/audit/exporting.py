"""The trail as a file: answered at once while it is small, made by the minute and kept for a link when it is not."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any
from uuid import UUID

from studyspot.audit import queries
from studyspot.audit.models import Exported, ExportRequest
from studyspot.files import service as files
from studyspot.jobs import service as jobs
from studyspot.kit import audit, clock, timers
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.response import neutral

TIMER = "audit_export"
INLINE = 4 * 1024 * 1024
"""A function's answer has 6 MB, and what is not text costs a third more."""
IN_MEMORY = 8 * 1024 * 1024
PART = 1000
TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def export(db: Db, actor: Actor, asked: ExportRequest) -> tuple[bytes, str] | Exported:
    """The file and its type, or the job that makes it."""
    audit.note(db, "audit.export", "audit_logs", None, after=asked.model_dump(exclude_none=True))
    text = io.StringIO()
    for piece in _pieces(db, asked):
        text.write(piece)
        if text.tell() > INLINE:
            break
    content = text.getvalue().encode()
    if len(content) <= INLINE:
        return content, TYPES[asked.format]
    options = asked.model_dump(mode="json")
    with db.transaction():
        job_id = jobs.start(db, TIMER, actor.id, options)
        timers.wait(db, clock.now(), TIMER, job_id, "export", asked=options, owner=str(actor.id))
    return Exported(job_id=job_id)


def make(db: Db, job_id: UUID, given: dict[str, Any]) -> None:
    """The file of a job, under the job's own id: a repetition overwrites it (timer `audit_export`, worker role)."""
    if not jobs.begin(db, job_id):
        return
    asked = ExportRequest.model_validate(given["asked"])
    with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        for piece in _pieces(db, asked):
            file.write(piece.encode())
        file.seek(0)
        name = f"audit-{clock.now():%Y-%m-%d}.{asked.format}"
        kind = TYPES[asked.format]
        files.store(db, TIMER, name, file, kind, UUID(given["owner"]), "audit:read", job_id)  # type: ignore[arg-type] # a spooled file is a BinaryIO in all but name
    jobs.finish(db, job_id, {"file_id": str(job_id)})


def _pieces(db: Db, asked: ExportRequest) -> Iterator[str]:
    """Line by line, a thousand rows a statement; never the whole trail in memory."""
    after: UUID | None = None
    first = True
    while rows := queries.part(db, asked, after, PART):
        for row in rows:
            yield _line(row, asked.format, first)
            first = False
        after = rows[-1]["id"]
    if asked.format == "json":
        yield "[]\n" if first else "\n]\n"


def _line(row: dict[str, Any], form: str, first: bool) -> str:
    if form == "json":
        return ("[\n" if first else ",\n") + json.dumps(row, default=str)
    out = io.StringIO()
    writer = csv.writer(out)
    if first:
        writer.writerow(row)
    writer.writerow([neutral(json.dumps(v) if isinstance(v, dict) else v) for v in row.values()])
    return out.getvalue()
