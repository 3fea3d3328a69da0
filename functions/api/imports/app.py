"""Students as files: /students/bulk-import, how an import goes and how it is taken back, the template, the export."""

from __future__ import annotations

from email import message as mime
from typing import Annotated
from uuid import UUID

from pydantic import Field
from studyspot.files import service as files
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.request import Request
from studyspot.kit.response import Response, success, table
from studyspot.kit.signature import CoreDb, Of, TenantDb, parsed
from studyspot.students import exporting, importing, sample, sheets, undoing
from studyspot.students.models import (
    Exported,
    ExportRequest,
    ImportKey,
    ImportMode,
    ImportOptions,
    ImportReport,
    Rollback,
    UploadedFile,
)

api = Api("imports", module="library")

JobId = Annotated[UUID, Of("jobs")]
Importer = Annotated[Actor, allow("students:import")]
Owner = Annotated[Actor, allow("students:delete")]
Exporter = Annotated[Actor, allow("students:export", step_up=True)]
Offset = Annotated[int, Field(ge=0, le=10**6)]
TEMPLATE = 'attachment; filename="students.csv"'


@api.post("/students/bulk-import", accepts=("text/csv", sheets.XLSX, sheets.JSON), body_limit=sheets.LARGEST)
def bulk_import(
    request: Request,
    actor: Importer,
    db: TenantDb,
    core: CoreDb,
    dry_run: bool = False,
    mode: ImportMode = "insert",
    key: ImportKey = "phone",
    atomic: bool = False,
    notify: bool = False,
    force: bool = False,
    library_id: UUID | None = None,
    errors_from: Offset = 0,
) -> Response:
    """Students of a CSV or XLSX file, of JSON (`{"rows": [{...}]}`, names as in the template), or of a file uploaded
    before (`{"fileId": ...}`, purpose `import`). Bad rows are named by line and stop no good one.

    `mode=upsert` changes students who are here already, known by phone or (`key=studentCode`) by number; a blank cell
    changes nothing. `dryRun` stores nothing and names every bad row, 20,000 an answer: go on with `errorsFrom`.
    More than 500 rows are a job (202).
    """
    options = ImportOptions(
        dry_run=dry_run, mode=mode, key=key, atomic=atomic, notify=notify, force=force, library_id=library_id
    )
    report = importing.bring(db, core, actor, options, _brought(request, actor, db), errors_from)
    return success(report, 202 if report.status == "queued" else 200, request)


def _brought(request: Request, actor: Actor, db: TenantDb) -> importing.Brought:
    """What is sent along, or what was uploaded before."""
    if request.media_type == sheets.JSON and b'"fileId"' in request.body[:100]:
        content, media_type = files.brought(db, actor, parsed(UploadedFile, request.body).file_id, "import")
        return content, media_type, None
    header = mime.Message()
    header["content-type"] = request.headers.get("content-type", "")
    return request.body, request.media_type, header.get_content_charset()


@api.get("/students/imports/{jobId}")
def import_progress(
    job_id: JobId, actor: Importer, db: TenantDb, request: Request, errors_from: Offset = 0
) -> ImportReport | Response:
    """How far it is; with `Accept: text/csv` all that was wrong with its rows, as a file."""
    if "text/csv" in request.headers.get("accept", ""):
        return Response(200, table(importing.faults(db, job_id)), "text/csv; charset=utf-8")
    return importing.progress(db, job_id, errors_from)


@api.post("/students/imports/{jobId}/rollback")
def roll_back(job_id: JobId, actor: Owner, db: TenantDb, core: CoreDb) -> Rollback:
    """Whom the import brought and nobody has touched goes, whom it changed is as before; others stay, with why."""
    return undoing.roll_back(db, core, job_id)


@api.get("/students/import-template")
def import_template(actor: Importer) -> Response:
    return Response(200, sample.template().encode(), "text/csv; charset=utf-8", {"Content-Disposition": TEMPLATE})


@api.post("/students/export", keyed="ignored")
def export(asked: ExportRequest, actor: Exporter, db: TenantDb, request: Request) -> Response:
    """The file itself while it is small; a larger one is made in the background (202), a file named by its job."""
    made = exporting.export(db, actor, asked)
    return success(made, 202, request) if isinstance(made, Exported) else Response(200, *made)


handler = api.handler
