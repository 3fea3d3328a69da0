"""/privacy and /compliance - one's own data, consents, how long things are kept, and figures of law."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.privacy import service
from studyspot.privacy.models import Decision, Kind, Package, PrivacyRequest, RequestAsked, RequestStatus

api = Api("privacy")

RequestId = Annotated[UUID, Of("privacy_requests")]
Anyone = Annotated[Actor, allow()]
Manager = Annotated[Actor, allow("privacy:manage")]


@api.post("/privacy/requests", status_code=201)
def ask(asked: RequestAsked, actor: Anyone, db: TenantDb) -> PrivacyRequest:
    return service.open_request(db, actor, asked)


@api.get("/privacy/requests")
def requests(
    actor: Manager, db: TenantDb, paging: Paging, status: RequestStatus | None = None, kind: Kind | None = None
) -> Page[PrivacyRequest]:
    return service.listed(db, paging, status, kind)


@api.post("/privacy/requests/{privacyRequestId}/fulfil")
def decide(
    privacy_request_id: RequestId, decision: Decision, actor: Manager, db: TenantDb, core: CoreDb
) -> PrivacyRequest:
    """Fulfilled here and now, or refused with a reason."""
    return service.decide(db, core, actor, privacy_request_id, decision)


@api.get("/privacy/requests/{privacyRequestId}/download")
def download(privacy_request_id: RequestId, actor: Anyone, db: TenantDb) -> Package:
    return service.package(db, actor, privacy_request_id)


handler = api.handler
