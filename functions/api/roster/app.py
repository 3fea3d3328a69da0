"""Students taken together - figures and work lists: /students/analytics and its neighbours."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.memberships import accounts, granting
from studyspot.memberships import service as memberships
from studyspot.memberships.models.accounts import Defaulter
from studyspot.stories import service as stories
from studyspot.stories.models import Day, Happening
from studyspot.students import desk, service
from studyspot.students.models import (
    Analytics,
    Bulk,
    BulkRequest,
    Expiring,
    Merge,
    MergeRequest,
)

api = Api("roster", module="library")

Reader = Annotated[Actor, allow("students:read")]
Payer = Annotated[Actor, allow("payments:read")]
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


@api.get("/students/defaulters")
def defaulters(
    actor: Payer, db: TenantDb, paging: Paging, library_id: UUID | None = None, days: Days = 0
) -> Page[Defaulter]:
    return accounts.defaulters(db, paging, library_id, days)


@api.get("/students/me/dashboard")
def my_day(actor: Annotated[Actor, allow("students:read_own")], db: TenantDb) -> Day:
    return stories.day(db, actor)


@api.get("/students/{studentId}/timeline")
def timeline(
    student_id: Annotated[UUID, Of("students")], actor: Reader, db: TenantDb, paging: Paging
) -> Page[Happening]:
    return stories.story(db, actor, paging, student_id)


@api.post("/students/merge")
def merge(asked: MergeRequest, actor: Annotated[Actor, allow("students:merge")], db: TenantDb, core: CoreDb) -> Merge:
    with db.transaction():
        accounts.refuse_holder(db, asked.duplicate_id)
        return desk.merge(db, core, asked)


@api.post("/students/bulk-actions")
def bulk(asked: BulkRequest, actor: Annotated[Actor, allow("students:update")], db: TenantDb) -> Bulk:
    """One thing done to all students that fit a filter: a preview without `expected`, the thing itself with it."""
    return granting.renew_fitting(db, actor, asked) if asked.action == "renew" else desk.to_many(db, actor, asked)


handler = api.handler
