"""/audit-logs - who did what, to whom, when; and the proof that the trail is whole."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field
from studyspot.audit import exporting, service
from studyspot.audit.models import Detail, Entry, Exported, ExportRequest, Search, Verification
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Moment, Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.response import Response, success
from studyspot.kit.signature import CoreDb, Of, TenantDb

api = Api("audit")

LogId = Annotated[UUID, Of("audit_logs")]
Reader = Annotated[Actor, allow("audit:read")]
Sought = Annotated[str, Field(min_length=1, max_length=200)]


@api.get("/audit-logs")
def listed(
    actor: Reader,
    db: TenantDb,
    paging: Paging,
    actor_id: UUID | None = None,
    action: Sought | None = None,
    resource_type: Sought | None = None,
    resource_id: Sought | None = None,
    from_: Moment | None = None,
    to: Moment | None = None,
) -> Page[Entry]:
    """The newest first; `action` may end with `*`, `to` is the first moment that is not meant any more."""
    search = Search(
        actor_id=actor_id,
        action=action,
        resource_type=resource_type,
        resource_id=resource_id,
        created_from=from_,
        created_before=to,
    )
    return service.listed(db, paging, search)


@api.get("/audit-logs/verify")
def verify(actor: Reader, db: TenantDb, core: CoreDb) -> Verification:
    """Compares every sealed row with the chain, and the chain with what the core database kept of it."""
    return service.verify(db, core)


@api.post("/audit-logs/export", keyed="ignored")
def export(asked: ExportRequest, actor: Reader, db: TenantDb, request: Request) -> Response:
    """The file itself up to 4 MiB; a larger one is made in the background (202) and is a file named by its job."""
    made = exporting.export(db, actor, asked)
    if isinstance(made, Exported):
        return success(made, 202, request)
    return Response(200, *made)


@api.get("/audit-logs/{auditLogId}")
def entry(audit_log_id: LogId, actor: Reader, db: TenantDb) -> Detail:
    return service.entry(db, audit_log_id)


handler = api.handler
