"""What an organisation's own programs stand on: files and jobs."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from studyspot.files import service as files
from studyspot.files.models import File, Upload, UploadRequest
from studyspot.jobs import service as jobs
from studyspot.jobs.models import Job
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.signature import Of, TenantDb

api = Api("developer")

FileId = Annotated[UUID, Of("files")]
JobId = Annotated[UUID, Of("jobs")]
AnyUser = Annotated[Actor, allow()]


@api.post("/files/uploads", status_code=201, keyed="ignored")
def upload(asked: UploadRequest, actor: AnyUser, db: TenantDb) -> Upload:
    """Where to PUT a file: the address is signed for its type and size and lasts 15 minutes."""
    return files.upload(db, actor, asked)


@api.get("/files/{fileId}")
def file(file_id: FileId, actor: AnyUser, db: TenantDb) -> File:
    """A file and links to it that last five minutes; `pending` until its bytes have come and were looked at."""
    return files.seen_by(db, actor, file_id)


@api.delete("/files/{fileId}")
def delete_file(file_id: FileId, actor: AnyUser, db: TenantDb) -> None:
    files.delete_by(db, actor, file_id)


@api.get("/jobs/{jobId}")
def job(job_id: JobId, actor: AnyUser, db: TenantDb) -> Job:
    return jobs.seen_by(db, actor, job_id)


@api.post("/jobs/{jobId}/cancel")
def cancel_job(job_id: JobId, actor: AnyUser, db: TenantDb) -> Job:
    return jobs.cancel(db, actor, job_id)


handler = api.handler
