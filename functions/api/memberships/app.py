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
from studyspot.memberships import changing, couponing, ending, freezing, granting, reading, renewing, service
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
from studyspot.memberships.models.changes import (
    AutoRenewal,
    Cancellation,
    Changed,
    FreezeDecision,
    FreezeRequest,
    Frozen,
    MembershipDetail,
    PlanChange,
    Renewal,
    Renewed,
    SeatChange,
    Settlement,
    ShiftChange,
)
from studyspot.memberships.models.grants import (
    BulkRenewal,
    BulkRenewed,
    Coupon,
    CouponChange,
    CouponCheck,
    CouponRequest,
    CouponWorth,
    DepositRefund,
    Extension,
    Installments,
    InstallmentsChange,
    Migrated,
    Migration,
    Refunded,
)
from studyspot.memberships.models.seats import Grid

api = Api("memberships", module="library")

FeePlanId = Annotated[UUID, Of("fee_plans")]
MembershipId = Annotated[UUID, Of("memberships")]
Reader = Annotated[Actor, allow("fee_plans:read")]
Member = Annotated[Actor, allow("memberships:read", "memberships:read_own")]
Changer = Annotated[Actor, allow("memberships:change", "memberships:change_own")]
FreezeId = Annotated[UUID, Of("membership_freezes")]
Decider = Annotated[Actor, allow("memberships:change")]
CouponId = Annotated[UUID, Of("coupons")]
Settler = Annotated[Actor, allow("memberships:settle")]
Couponer = Annotated[Actor, allow("coupons:manage")]
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


@api.post("/memberships/{membershipId}/freeze")
def freeze(membership_id: MembershipId, asked: FreezeRequest, actor: Changer, db: TenantDb) -> Frozen:
    return freezing.freeze(db, actor, membership_id, asked)


@api.post("/memberships/{membershipId}/freeze/{freezeId}/decision")
def decide(
    membership_id: MembershipId, freeze_id: FreezeId, asked: FreezeDecision, actor: Decider, db: TenantDb
) -> Frozen:
    return freezing.decide(db, actor, membership_id, freeze_id, asked)


@api.post("/memberships/{membershipId}/unfreeze")
def unfreeze(membership_id: MembershipId, actor: Changer, db: TenantDb) -> Frozen:
    return freezing.unfreeze(db, actor, membership_id)


@api.post("/memberships/{membershipId}/change-plan")
def change_membership_plan(
    membership_id: MembershipId, asked: PlanChange, actor: Changer, db: TenantDb, preview: bool = False
) -> Changed:
    return changing.change(db, actor, membership_id, asked.model_dump(exclude_unset=True), preview)


@api.post("/memberships/{membershipId}/change-seat")
def change_seat(membership_id: MembershipId, asked: SeatChange, actor: Changer, db: TenantDb) -> Changed:
    return changing.change(db, actor, membership_id, asked.model_dump(exclude_unset=True))


@api.post("/memberships/{membershipId}/change-shift")
def change_shift(
    membership_id: MembershipId, asked: ShiftChange, actor: Changer, db: TenantDb, preview: bool = False
) -> Changed:
    return changing.change(db, actor, membership_id, asked.model_dump(exclude_unset=True), preview)


@api.post("/memberships/{membershipId}/cancel")
def cancel(
    membership_id: MembershipId, asked: Cancellation, actor: Changer, db: TenantDb, preview: bool = False
) -> Settlement:
    return ending.cancel(db, actor, membership_id, asked, preview)


@api.post("/memberships/{membershipId}/extend")
def extend(membership_id: MembershipId, asked: Extension, actor: Decider, db: TenantDb) -> Membership:
    return granting.extend(db, actor, membership_id, asked)


@api.get("/memberships/{membershipId}/installments")
def installments(membership_id: MembershipId, actor: Member, db: TenantDb) -> Installments:
    return granting.installments(db, actor, membership_id)


@api.put("/memberships/{membershipId}/installments")
def set_installments(
    membership_id: MembershipId, asked: InstallmentsChange, actor: Settler, db: TenantDb
) -> Installments:
    return granting.set_installments(db, actor, membership_id, asked)


@api.post("/memberships/{membershipId}/deposit/refund", status_code=201, keyed="required")
def refund_deposit(membership_id: MembershipId, asked: DepositRefund, actor: Settler, db: TenantDb) -> Refunded:
    return granting.refund_deposit(db, actor, membership_id, asked)


@api.post("/memberships/bulk-renew")
def bulk_renew(asked: BulkRenewal, actor: Decider, db: TenantDb) -> list[BulkRenewed]:
    return granting.bulk_renew(db, actor, asked)


@api.post("/fee-plans/{feePlanId}/migrate-members")
def migrate_members(
    fee_plan_id: FeePlanId, asked: Migration, actor: Annotated[Actor, allow("fee_plans:update")], db: TenantDb
) -> Migrated:
    return granting.migrate(db, fee_plan_id, asked)


@api.get("/coupons")
def coupons(
    actor: Couponer, db: TenantDb, paging: Paging, status: Literal["active", "ended"] | None = None
) -> Page[Coupon]:
    return couponing.listed(db, paging, status)


@api.post("/coupons", status_code=201)
def create_coupon(asked: CouponRequest, actor: Couponer, db: TenantDb) -> Coupon:
    return couponing.create(db, asked)


@api.post("/coupons/validate")
def validate_coupon(asked: CouponCheck, actor: Reader, db: TenantDb) -> CouponWorth:
    return couponing.validate(db, actor, asked)


@api.put("/coupons/{couponId}")
def change_coupon(coupon_id: CouponId, asked: CouponChange, actor: Couponer, db: TenantDb) -> Coupon:
    return couponing.change(db, coupon_id, asked)


@api.delete("/coupons/{couponId}")
def end_coupon(coupon_id: CouponId, actor: Couponer, db: TenantDb) -> None:
    couponing.end(db, coupon_id)


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
