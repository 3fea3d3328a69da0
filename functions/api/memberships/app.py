"""Fee plans, memberships and their seats: /fee-plans, /memberships, /seat-allotments."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.signature import Of, TenantDb
from studyspot.memberships import reading, renewing, service
from studyspot.memberships.models import (
    Enrolment,
    FeePlan,
    FeePlanChange,
    FeePlanHistory,
    FeePlanRequest,
    Kind,
    Membership,
    MembershipStatus,
    Quote,
    QuoteRequest,
)
from studyspot.memberships.models.changes import AutoRenewal, Grid, MembershipDetail, Renewal, Renewed

api = Api("memberships", module="library")

FeePlanId = Annotated[UUID, Of("fee_plans")]
MembershipId = Annotated[UUID, Of("memberships")]
Reader = Annotated[Actor, allow("fee_plans:read")]
Member = Annotated[Actor, allow("memberships:read", "memberships:read_own")]
Changer = Annotated[Actor, allow("memberships:change", "memberships:change_own")]
Desk = Annotated[Actor, allow("memberships:create")]
DaysAhead = Annotated[int, Field(ge=0, le=366)]


@api.get("/fee-plans")
def plans(
    actor: Reader,
    db: TenantDb,
    paging: Paging,
    library_id: UUID | None = None,
    kind: Kind | None = None,
    status: Literal["active", "archived"] | None = None,
) -> Page[FeePlan]:
    return service.plans(db, actor, paging, library_id, kind, status)


@api.post("/fee-plans", status_code=201)
def create_plan(asked: FeePlanRequest, actor: Annotated[Actor, allow("fee_plans:create")], db: TenantDb) -> FeePlan:
    return service.create_plan(db, asked)


@api.get("/fee-plans/{feePlanId}")
def plan(fee_plan_id: FeePlanId, actor: Reader, db: TenantDb) -> FeePlanHistory:
    return service.plan(db, actor, fee_plan_id)


@api.put("/fee-plans/{feePlanId}")
def change_plan(
    fee_plan_id: FeePlanId,
    asked: FeePlanChange,
    actor: Annotated[Actor, allow("fee_plans:update")],
    db: TenantDb,
    request: Request,
) -> FeePlan:
    return service.change_plan(db, fee_plan_id, asked, request.headers.get("if-match"))


@api.delete("/fee-plans/{feePlanId}")
def archive_plan(fee_plan_id: FeePlanId, actor: Annotated[Actor, allow("fee_plans:delete")], db: TenantDb) -> None:
    service.archive_plan(db, fee_plan_id)


@api.post("/fee-plans/{feePlanId}/quote")
def quote(fee_plan_id: FeePlanId, asked: QuoteRequest, actor: Reader, db: TenantDb) -> Quote:
    return service.quote(db, fee_plan_id, asked)


@api.get("/memberships")
def memberships(
    actor: Member,
    db: TenantDb,
    paging: Paging,
    library_id: UUID | None = None,
    student_id: UUID | None = None,
    fee_plan_id: UUID | None = None,
    status: MembershipStatus | None = None,
    expiring: DaysAhead | None = None,
) -> Page[Membership]:
    filters = {"student_id": student_id, "fee_plan_id": fee_plan_id, "status": status}
    return service.memberships(db, actor, paging, library_id, expiring, **filters)


@api.post("/memberships", status_code=201)
def enrol(asked: Enrolment, actor: Desk, db: TenantDb) -> Membership:
    return service.enrol(db, actor, asked)


@api.get("/memberships/{membershipId}")
def membership(membership_id: MembershipId, actor: Member, db: TenantDb) -> MembershipDetail:
    return reading.membership(db, actor, membership_id)


@api.post("/memberships/{membershipId}/renew", keyed="required")
def renew(membership_id: MembershipId, asked: Renewal, actor: Changer, db: TenantDb) -> Renewed:
    return renewing.renew(db, actor, membership_id, asked)


@api.put("/memberships/{membershipId}/auto-renew")
def auto_renew(membership_id: MembershipId, asked: AutoRenewal, actor: Changer, db: TenantDb) -> Membership:
    return reading.auto_renew(db, actor, membership_id, asked)


@api.get("/seat-allotments")
def seat_allotments(
    library_id: UUID,
    actor: Annotated[Actor, allow("memberships:read")],
    db: TenantDb,
    from_: date | None = None,
    to: date | None = None,
    shift_id: UUID | None = None,
    seat_id: UUID | None = None,
) -> Grid:
    return reading.grid(db, actor, library_id, from_, to, shift_id, seat_id)


handler = api.handler
