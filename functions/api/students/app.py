"""Students one by one and taken together - figures, work lists, duplicates, one thing done to many: /students."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.memberships import accounts, granting
from studyspot.memberships import service as memberships
from studyspot.memberships.models.accounts import Defaulter
from studyspot.students import desk, service
from studyspot.students.models import (
    Analytics,
    Bulk,
    BulkRequest,
    Expiring,
    Merge,
    MergeRequest,
    Status,
    Student,
    StudentChange,
    StudentRequest,
    Tag,
)

api = Api("students", module="library")

StudentId = Annotated[UUID, Of("students")]
Own = Annotated[Actor, allow("students:read", "students:read_own")]
Owner = Annotated[Actor, allow("students:delete")]
Reader = Annotated[Actor, allow("students:read")]
Payer = Annotated[Actor, allow("payments:read")]
Days = Annotated[int, Field(ge=0, le=366)]


@api.get("/students")
def listed(
    actor: Reader,
    db: TenantDb,
    paging: Paging,
    q: Annotated[str, Field(min_length=1, max_length=100)] | None = None,
    library_id: UUID | None = None,
    fee_plan_id: UUID | None = None,
    status: Status | None = None,
    expiring: Days | None = None,
    tag: Tag | None = None,
    without_consent: bool = False,
) -> Page[Student]:
    return service.listed(
        db,
        actor,
        paging,
        expiring,
        q=q,
        library_id=library_id,
        fee_plan_id=fee_plan_id,
        status=status,
        tag=tag,
        without_consent=without_consent,
    )


@api.post("/students", status_code=201)
def create(
    asked: StudentRequest, actor: Annotated[Actor, allow("students:create")], db: TenantDb, core: CoreDb
) -> Student:
    return service.create(db, core, actor, asked)


@api.get("/students/me")
def me(actor: Annotated[Actor, allow("students:read_own")], db: TenantDb) -> Student:
    if actor.user_type != "student":
        raise NotFound
    return service.get(db, actor.id)


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


@api.post("/students/merge")
def merge(asked: MergeRequest, actor: Annotated[Actor, allow("students:merge")], db: TenantDb, core: CoreDb) -> Merge:
    with db.transaction():
        accounts.refuse_holder(db, asked.duplicate_id)
        return desk.merge(db, core, asked)


@api.post("/students/bulk-actions")
def bulk(asked: BulkRequest, actor: Annotated[Actor, allow("students:update")], db: TenantDb) -> Bulk:
    """One thing done to all students that fit a filter: a preview without `expected`, the thing itself with it."""
    return granting.renew_fitting(db, actor, asked) if asked.action == "renew" else desk.to_many(db, actor, asked)


@api.get("/students/{studentId}")
def read(student_id: StudentId, actor: Own, db: TenantDb) -> Student:
    return service.seen_by(db, actor, student_id)


@api.put("/students/{studentId}")
def change(
    student_id: StudentId,
    asked: StudentChange,
    actor: Annotated[Actor, allow("students:update", "students:update_own")],
    db: TenantDb,
    core: CoreDb,
    request: Request,
) -> Student:
    return service.change(db, core, actor, student_id, asked, request.headers.get("if-match"))


@api.delete("/students/{studentId}")
def archive(
    student_id: StudentId,
    actor: Owner,
    db: TenantDb,
    core: CoreDb,
    force: bool = False,
) -> None:
    with db.transaction():
        if not force:
            accounts.refuse_debtor(db, student_id)
        service.archive(db, core, student_id)


handler = api.handler
