"""Students taken together - figures and work lists: /students/analytics and its neighbours."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import TenantDb
from studyspot.memberships import service as memberships
from studyspot.students import service
from studyspot.students.models import Analytics, Expiring

api = Api("roster", module="library")

Reader = Annotated[Actor, allow("students:read")]
Days = Annotated[int, Field(ge=0, le=366)]


@api.get("/students/analytics")
def analytics(actor: Reader, db: TenantDb, library_id: UUID | None = None) -> Analytics:
    counts = service.counts(db, library_id)
    return Analytics(**counts.model_dump(), churn=memberships.churn(db, library_id))


@api.get("/students/expiring")
def expiring(
    actor: Reader, db: TenantDb, paging: Paging, library_id: UUID | None = None, days: Days = 7, past: Days = 0
) -> Page[Expiring]:
    return service.expiring(db, paging, library_id, days, past)


handler = api.handler
