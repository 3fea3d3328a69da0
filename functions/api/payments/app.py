"""/payments - students pay for what they hold; owners see, refund and follow every payment."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from studyspot.desk import counter
from studyspot.desk.models import OfflinePayment, OfflineRequest, OfflineVoid
from studyspot.fulfilment import service
from studyspot.invoices import service as invoices
from studyspot.invoices.models.documents import Receipt
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.payments import circuits, merchants, queries, resolving
from studyspot.payments.models import (
    Approval,
    CircuitChange,
    CircuitSet,
    GatewayHealth,
    GatewayName,
    OpenedPayment,
    Payment,
    PayRequest,
    PinnedRequest,
    Purpose,
    RefundDecision,
    RefundRequest,
    RefundStatus,
    RefundView,
    Status,
    VerifyRequest,
)
from studyspot.payments.models.resolutions import Resolution, ResolveRequest, UnresolvedPayment

api = Api("payments")
handler = api.handler

PaymentId = Annotated[UUID, Of("payments")]
RefundId = Annotated[UUID, Of("refunds")]
Payer = Annotated[Actor, allow("payments:create")]
Reader = Annotated[Actor, allow("payments:read", "payments:read_own")]
Owner = Annotated[Actor, allow("payments:timeline")]
Watcher = Annotated[Actor, allow("payments:timeline", "routing:read")]
Resolver = Annotated[Actor, allow("payments:resolve", in_person=True)]


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
    return service.refund(db, actor, id_, request).shown()


@api.get("/refunds")
def list_refunds(
    actor: Annotated[Actor, allow("refunds:read")], db: TenantDb, paging: Paging, payment_id: UUID | None = None,
    status: RefundStatus | None = None, approval: Approval | None = None,
) -> Page[RefundView]:  # fmt: skip
    """Newest first; `approval=waiting` are those that somebody has to decide about."""
    return paging.page(queries.listed_refunds(db, payment_id, status, approval, paging.after, paging.fetch))


@api.get("/refunds/{refundId}")
def read_refund(
    refund_id: RefundId, actor: Annotated[Actor, allow("refunds:read", "payments:read_own")], db: TenantDb
) -> RefundView:
    return service.read_refund(db, actor, refund_id).shown()


@api.post("/refunds/{refundId}/retry")
def retry_refund(refund_id: RefundId, actor: Annotated[Actor, allow("payments:refund")], db: TenantDb) -> RefundView:
    """Asks the gateway again; where the refund had failed, by a new one, which is answered.

    What was paid over the counter has been handed back when this is called.
    """
    return service.retry_refund(db, refund_id).shown()


@api.post("/refunds/{refundId}/decision")
def decide_refund(
    refund_id: RefundId, asked: RefundDecision, actor: Annotated[Actor, allow("refunds:approve")], db: TenantDb
) -> RefundView:
    """A refund above the organisation's limit is made, or is not."""
    return service.decide_refund(db, refund_id, asked).shown()


@api.post("/payments/offline", status_code=201, keyed="required")
def take_over_the_counter(
    asked: OfflineRequest, actor: Annotated[Actor, allow("payments:collect")], db: TenantDb
) -> OfflinePayment:
    """Cash, a transfer or a cheque for something that is to be paid: booked, delivered and receipted at once.

    An online payment that somebody has begun and not come back from is called off; while the outcome of one is open,
    nothing is taken.
    """
    return counter.record(db, actor, asked)


@api.post("/payments/offline/{id}/void")
def void(id_: PaymentId, asked: OfflineVoid, actor: Annotated[Actor, allow("payments:void")], db: TenantDb) -> Payment:
    """Take an entry over the counter back, on the day it was made: what it bought is undone and owed again."""
    return counter.void(db, id_, asked.reason)


@api.post("/payments/{id}/retry", status_code=201, limit=(10, 60))
def retry(id_: PaymentId, actor: Payer, db: TenantDb, core: CoreDb) -> OpenedPayment:
    """Another payment for what a failed or expired one was for, at today's price."""
    return service.retry(db, core, actor, id_)


@api.get("/payments/unresolved")
def unresolved(
    actor: Resolver, core: CoreDb, paging: Paging, older_than: Annotated[int, Field(ge=0, le=10**6)] = 15
) -> Page[UnresolvedPayment]:
    """Of every organisation: payments whose outcome has not been known for `olderThan` minutes."""
    return resolving.unresolved(core, older_than, paging)


@api.post("/payments/{id}/manual-resolve")
def resolve(id_: PaymentId, asked: ResolveRequest, actor: Resolver, db: TenantDb) -> Resolution:
    """What became of a payment that no gateway tells of: one person says so, a second one has to say the same."""
    return service.resolve(db, actor, id_, asked)


@api.get("/payments/{id}/receipt")
def receipt(id_: PaymentId, actor: Reader, db: TenantDb) -> Receipt:
    """What was issued when the money had come in; its number stays, also where the payment was voided."""
    service.visible(db, actor, id_)
    return invoices.receipt_of(db, id_)


@api.post("/payments/{id}/cancel")
def cancel(id_: PaymentId, actor: Payer, db: TenantDb) -> Payment:
    return service.cancel(db, actor, id_)


@api.post("/payments/{id}/sync")
def sync(id_: PaymentId, actor: Owner, db: TenantDb) -> Payment:
    return service.sync(db, actor, id_)
