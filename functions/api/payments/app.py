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
from studyspot.payments import circuits, merchants, queries
from studyspot.payments.models import (
    CircuitChange,
    CircuitSet,
    GatewayHealth,
    GatewayName,
    OpenedPayment,
    Payment,
    PayRequest,
    PinnedRequest,
    Purpose,
    RefundRequest,
    RefundView,
    Status,
    VerifyRequest,
)

api = Api("payments")
handler = api.handler

PaymentId = Annotated[UUID, Of("payments")]
Payer = Annotated[Actor, allow("payments:create")]
Reader = Annotated[Actor, allow("payments:read", "payments:read_own")]
Owner = Annotated[Actor, allow("payments:timeline")]
Watcher = Annotated[Actor, allow("payments:timeline", "routing:read")]


@api.post("/payments/create", status_code=201, limit=(10, 60))
def create(request: PayRequest, actor: Payer, db: TenantDb, core: CoreDb) -> OpenedPayment:
    return service.pay(db, core, actor, request)


@api.post("/payments", status_code=201, limit=(10, 60))
def create_alike(request: PayRequest, actor: Payer, db: TenantDb, core: CoreDb) -> OpenedPayment:
    """The same as `/payments/create`."""
    return service.pay(db, core, actor, request)


@api.post("/payments/razorpay", status_code=201, limit=(10, 60))
def create_at_razorpay(request: PinnedRequest, actor: Payer, db: TenantDb, core: CoreDb) -> OpenedPayment:
    """At Razorpay, whatever it costs."""
    return service.pay(db, core, actor, request.at("razorpay"))


@api.post("/payments/cashfree", status_code=201, limit=(10, 60))
def create_at_cashfree(request: PinnedRequest, actor: Payer, db: TenantDb, core: CoreDb) -> OpenedPayment:
    """At Cashfree, whatever it costs."""
    return service.pay(db, core, actor, request.at("cashfree"))


@api.post("/payments/paytm", status_code=201, limit=(10, 60))
def create_at_paytm(request: PinnedRequest, actor: Payer, db: TenantDb, core: CoreDb) -> OpenedPayment:
    """At Paytm, whatever it costs."""
    return service.pay(db, core, actor, request.at("paytm"))


@api.post("/payments/stripe", status_code=201, limit=(10, 60))
def create_at_stripe(request: PinnedRequest, actor: Payer, db: TenantDb, core: CoreDb) -> OpenedPayment:
    """At Stripe, whatever it costs."""
    return service.pay(db, core, actor, request.at("stripe"))


@api.post("/payments/razorpay/verify", vendor_words=True)
def verify_at_razorpay(request: VerifyRequest, actor: Payer, db: TenantDb) -> Payment:
    """Only what was asked of Razorpay; anything else is not found."""
    return service.verify(db, actor, request, "razorpay")


@api.post("/payments/cashfree/verify", vendor_words=True)
def verify_at_cashfree(request: VerifyRequest, actor: Payer, db: TenantDb) -> Payment:
    """Only what was asked of Cashfree; anything else is not found."""
    return service.verify(db, actor, request, "cashfree")


@api.post("/payments/verify", vendor_words=True)
def verify(request: VerifyRequest, actor: Payer, db: TenantDb) -> Payment:
    return service.verify(db, actor, request)


@api.get("/payments/gateways/health")
def gateway_health(
    actor: Annotated[Actor, allow("payments:timeline", "routing:read")], db: TenantDb
) -> list[GatewayHealth]:
    return merchants.health(db)


@api.post("/payments/gateways/{gateway}/circuit")
def turn_circuit(
    gateway: GatewayName, asked: CircuitChange, actor: Annotated[Actor, allow("gateways:circuit")], core: CoreDb
) -> CircuitSet:
    """Take a gateway out for everybody, or put it back; without that its circuit opens and closes by itself."""
    return circuits.turn(core, gateway, asked)


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
