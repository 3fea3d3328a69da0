"""/mandates - students permit once that what a membership costs is debited, and take it back."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.mandates import service
from studyspot.mandates.models import Debit, Mandate, MandateRequest, MandateStatus, OpenedMandate

api = Api("mandates", module="library")
handler = api.handler

MandateId = Annotated[UUID, Of("mandates")]
Reader = Annotated[Actor, allow("mandates:read", "mandates:read_own")]
Student = Annotated[Actor, allow("mandates:change_own")]


@api.post("/mandates", status_code=201, keyed="required", limit=(10, 60))
def create(
    request: MandateRequest, actor: Annotated[Actor, allow("mandates:create")], db: TenantDb, core: CoreDb
) -> OpenedMandate:
    """UPI Autopay, a card or a bank account (eNACH). The payer approves it by paying what is due now at the gateway's
    checkout; at a bank nothing is paid by that. Until then it debits nothing."""
    return service.create(db, core, actor, request)


@api.get("/mandates")
def listed(
    actor: Reader, db: TenantDb, paging: Paging, student_id: UUID | None = None, status: MandateStatus | None = None
) -> Page[Mandate]:
    """Newest first; students see their own."""
    return service.listed(db, actor, paging, student_id, status)


@api.get("/mandates/{id}")
def read(id_: MandateId, actor: Reader, db: TenantDb) -> Mandate:
    """One that waits for its approval is looked up at the gateway."""
    return service.read(db, actor, id_)


@api.get("/mandates/{id}/debits")
def debits(id_: MandateId, actor: Reader, db: TenantDb, paging: Paging) -> Page[Debit]:
    """When the payer was told, each attempt, and what came of it."""
    return service.debits_of(db, actor, id_, paging)


@api.post("/mandates/{id}/pause")
def pause(id_: MandateId, actor: Student, db: TenantDb) -> Mandate:
    """Nothing is debited until it is resumed; what was announced is not debited."""
    return service.pause(db, actor, id_)


@api.post("/mandates/{id}/resume")
def resume(id_: MandateId, actor: Student, db: TenantDb) -> Mandate:
    """Debits are announced again, each a day before it is made."""
    return service.resume(db, actor, id_)


@api.post("/mandates/{id}/revoke")
def revoke(
    id_: MandateId, actor: Annotated[Actor, allow("mandates:revoke", "mandates:change_own")], db: TenantDb
) -> Mandate:
    """For good. Where the gateway does not answer it is 503: nothing is debited any more, and repeating it ends the
    mandate there too."""
    return service.revoke(db, actor, id_)
