"""What is asked and told of an export, an import and an offboarding, and what can stand in the way."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from studyspot.kit.errors import Conflict, NotFound, Problem
from studyspot.kit.models import Model, Timestamp

State = Literal["waiting", "restored", "purging", "purged"]


class JobStarted(Model):
    """Work that was accepted; `GET /jobs/{jobId}` says how far it is."""

    job_id: UUID


class Export(Model):
    """An export; the link is there once it is done, and lasts until `expiresAt`."""

    job_id: UUID
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    failure: str | None
    file_id: UUID | None
    size_bytes: int | None
    sha256: str | None
    rows: int | None
    url: str | None = None
    expires_at: Timestamp | None = None
    created_at: Timestamp
    finished_at: Timestamp | None


class ImportRequest(Model):
    """The archive, uploaded with the purpose `archive`."""

    file_id: UUID


class Offboarding(Model):
    """How far an organisation is on its way out."""

    id: UUID
    tenant_id: UUID
    state: State
    reason: str | None
    requested_at: Timestamp
    purge_at: Timestamp
    days_left: int
    """Days in which it can still be restored, the one that has begun among them."""
    restored_at: Timestamp | None
    purged_at: Timestamp | None
    export_job_id: UUID | None


class Certificate(Model):
    """What was removed, what was kept and until when. `sha256` is over `statement`, names sorted, no blanks."""

    tenant_id: UUID
    statement: dict[str, Any]
    sha256: str


class Departure(BaseModel):
    """A row of `offboardings`."""

    id: UUID
    tenant_id: UUID
    state: State
    status_before: str
    scope_before: str
    reason: str | None
    requested_at: datetime
    purge_at: datetime
    export_job_id: UUID | None
    removed: dict[str, Any]
    archive: dict[str, Any] | None
    restored_at: datetime | None
    purged_at: datetime | None
    certificate: dict[str, Any] | None
    certificate_sha256: str | None


class Told(BaseModel):
    """A job that makes an export, as its row has it."""

    id: UUID
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    failure: str | None
    result: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


class ExportInProgress(Conflict):
    """An export of this organisation is being made already."""

    code = "export_in_progress"


class TenantNotEmpty(Conflict):
    """Only an organisation that has no data of its own yet takes an archive."""

    code = "tenant_not_empty"


class NotLeaving(NotFound):
    """This organisation is not on its way out."""


class NotRestorable(Conflict):
    """What belonged to this organisation is being removed; it cannot be restored any more."""

    code = "not_restorable"


class ArchiveRefused(Problem):
    """The archive cannot be believed; nothing of it was stored."""

    status = 422
    code = "archive_refused"
