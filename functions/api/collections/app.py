"""/payments/upi and /payments/links - money into the organisation's own account, and links that ask for a payment."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field
from studyspot.desk import service
from studyspot.desk.models import (
    Claim,
    ClaimRequest,
    ClaimStatus,
    Decision,
    Link,
    LinkPage,
    LinkPayment,
    LinkPayRequest,
    LinkRequest,
    Rrn,
    Statement,
    StatementTaken,
    UpiPayment,
    UpiRequest,
)
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import CoreDb, Of, TenantDb

api = Api("collections")
handler = api.handler

Payer = Annotated[Actor, allow("payments:create")]
Collector = Annotated[Actor, allow("payments:collect")]
Code = Annotated[str, Field(pattern=r"^[0-9a-z]{10}$")]


@api.post("/payments/upi", status_code=201, limit=(10, 60))
def pay_by_upi(asked: UpiRequest, actor: Payer, db: TenantDb, core: CoreDb) -> UpiPayment:
    """A link that opens the payer's UPI app; drawn as a QR code it is scanned from a screen.

    The money goes to the organisation's own address where it has one; who has paid tells the bank's reference number
    by `/payments/upi/verify`. Elsewhere a gateway takes it.
    """
    return service.pay(db, core, actor, asked)


@api.post("/payments/upi/verify", status_code=201, limit=(10, 60))
def claim(asked: ClaimRequest, actor: Payer, db: TenantDb) -> Claim:
    """Claim to have paid to the organisation's own address, by the transfer's twelve-digit reference number.

    A transfer that the bank's list shows pays at once; otherwise the payment is pending until somebody has looked.
    """
    return service.claim(db, actor, asked)


@api.get("/payments/upi/claims")
def claims(
    actor: Collector,
    db: TenantDb,
    paging: Paging,
    status: ClaimStatus = "waiting",
    student_id: UUID | None = None,
    rrn: Rrn | None = None,
) -> Page[Claim]:
    """Newest first; those that wait for a decision, unless another status is asked for."""
    return service.listed(db, paging, status=status, student=student_id, rrn=rrn)


@api.post("/payments/upi/claims/{claimId}/decision")
def decide(claim_id: Annotated[UUID, Of("payment_claims")], asked: Decision, actor: Collector, db: TenantDb) -> Claim:
    """The transfer was found on the account, or it was not. Found too late for what it was to buy, it is owed back."""
    return service.decide(db, claim_id, asked)


@api.post("/payments/upi/statement")
def take_statement(
    asked: Statement, actor: Annotated[Actor, allow("payments:collect", everywhere=True)], db: TenantDb
) -> StatementTaken:
    """Credits as the organisation's bank lists them: claims of the same number and amount are approved by them."""
    return service.take_statement(db, asked)


@api.post("/payments/links", status_code=201, keyed="required")
def make_link(asked: LinkRequest, actor: Collector, db: TenantDb, core: CoreDb) -> Link:
    """A link by which something can be paid without signing in, sent to the student's phone."""
    return service.make(db, core, actor, asked)


@api.get("/payments/links/{linkId}", public=True, limit=(60, 60))
def link(link_id: Code, core: CoreDb) -> LinkPage:
    """By its code: what a link asks for and whether it can be paid; nothing of whose it is."""
    return service.page(core, link_id)


@api.post("/payments/links/{linkId}/pay", public=True, status_code=201, limit=(10, 60))
def pay_by_link(link_id: Code, asked: LinkPayRequest, core: CoreDb) -> LinkPayment:
    """Begin to pay what the link with this code asks for: at a gateway, or to the organisation's own UPI address."""
    return service.pay_link(core, link_id, asked)


@api.delete("/payments/links/{linkId}")
def cancel_link(link_id: Annotated[UUID, Of("payment_links")], actor: Collector, db: TenantDb) -> None:
    """By its id: nobody pays by it from now on."""
    service.cancel(db, link_id)
