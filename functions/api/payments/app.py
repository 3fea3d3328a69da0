"""/payments - students pay for what they hold; owners see, refund and follow every payment."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from studyspot.fulfilment import service
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.payments import merchants, queries
from studyspot.payments.models import (
    OpenedPayment,
    Payment,
    PayRequest,
    Purpose,
    Quote,
    QuotedRouting,
    RefundRequest,
    RefundView,
    Status,
    VerifyRequest,
)
from studyspot.payments.routing import GatewayHealth

api = Api("payments")
handler = api.handler

PaymentId = Annotated[UUID, Of("payments")]
Payer = Annotated[Actor, allow("payments:create")]
Reader = Annotated[Actor, allow("payments:read", "payments:read_own")]
Owner = Annotated[Actor, allow("payments:timeline")]


@api.post("/payments/create", status_code=201, limit=(10, 60))
def create(request: PayRequest, actor: Payer, db: TenantDb, core: CoreDb) -> OpenedPayment:
    return service.pay(db, core, actor, request)


@api.post("/payments/verify")
def verify(request: VerifyRequest, actor: Payer, db: TenantDb) -> Payment:
    return service.verify(db, actor, request)


@api.post("/payments/routing/quote")
def quote(request: Quote, actor: Owner, db: TenantDb) -> QuotedRouting:
    return merchants.quote(db, request)


@api.get("/payments/gateways/health")
def gateway_health(actor: Owner, db: TenantDb) -> list[GatewayHealth]:
    return merchants.health(db)


@api.get("/payments")
def list_payments(
    actor: Reader, db: TenantDb, paging: Paging, status: Status | None = None, purpose: Purpose | None = None,
    student_id: UUID | None = None,
) -> Page[Payment]:  # fmt: skip
    whose = student_id if actor.may("payments:read") else actor.id
    return paging.page(queries.listed(db, whose, status, purpose, paging.after, paging.fetch))


@api.get("/payments/{id}")
def read(id_: PaymentId, actor: Reader, db: TenantDb) -> Payment:
    return service.visible(db, actor, id_).shown()


@api.get("/payments/{id}/timeline")
def timeline(id_: PaymentId, actor: Owner, db: TenantDb) -> list[dict[str, Any]]:
    return service.timeline_of(db, actor, id_)


@api.post("/payments/{id}/refund", status_code=201, keyed="required")
def refund(
    id_: PaymentId, request: RefundRequest, actor: Annotated[Actor, allow("payments:refund")], db: TenantDb
) -> RefundView:
    return service.refund(db, id_, request).shown()


@api.post("/payments/{id}/cancel")
def cancel(id_: PaymentId, actor: Payer, db: TenantDb) -> Payment:
    return service.cancel(db, actor, id_)


@api.post("/payments/{id}/sync")
def sync(id_: PaymentId, actor: Owner, db: TenantDb) -> Payment:
    return service.sync(db, actor, id_)
