"""What no gateway tells of: two people find out what became of a payment; and paying once more for what failed."""

from __future__ import annotations

from uuid import UUID

from studyspot.fulfilment import paying, settling
from studyspot.fulfilment.verifying import visible
from studyspot.gateways.payment import GatewayPayment
from studyspot.kit import audit, clock, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import StateConflict
from studyspot.payments import resolving
from studyspot.payments import service as payments
from studyspot.payments.models import OpenedPayment, PaymentRow, PayRequest
from studyspot.payments.models.resolutions import NoOrder, Resolution, ResolveRequest

RETRIABLE = ("failed", "expired")


def retry(db: Db, core: Db, actor: Actor, payment_id: UUID) -> OpenedPayment:
    """Another payment for the same thing, at today's price; money that the one before brings in late goes back."""
    row = visible(db, actor, payment_id)
    if row.status not in RETRIABLE:
        raise StateConflict(f"the payment is {row.status}")
    opened = paying.pay(db, core, actor, PayRequest(purpose=row.purpose, purpose_id=row.purpose_id))
    with db.transaction():
        payments.note(db, row.id, "attempt", outcome="retried", paymentId=opened.id)
    return opened


def resolve(db: Db, actor: Actor, payment_id: UUID, asked: ResolveRequest) -> Resolution:
    """The first person's word waits; the same said by a second one is applied; anything else takes its place."""
    with db.transaction():
        row = payments.locked(db, payment_id)
        made = resolving.say(db, row, actor.id, asked)
        if made.status == "applied":
            row = _applied(db, row, made)
            outbox.emit(db, "payment.resolved", payment_id, {"outcome": made.outcome, "status": row.status})
        payments.note(db, payment_id, "callback", through="resolution", outcome=made.outcome, state=made.status)
        facts = made.model_dump(mode="json", include={"id", "outcome", "gateway_payment_id", "evidence", "status"})
        audit.note(db, "payments.resolve", "payments", payment_id, {"status": row.status}, facts)
    return made


def _applied(db: Db, row: PaymentRow, made: Resolution) -> PaymentRow:
    if made.outcome == "failed":
        return payments.advance(db, row, "failed", failure="resolved_by_hand")
    attempt = next((a for a in payments.attempts(db, row.id) if a.gateway_order_id == row.gateway_order_id), None)
    if attempt is None or attempt.gateway_order_id is None or made.gateway_payment_id is None:
        raise NoOrder
    fact = GatewayPayment(
        id=made.gateway_payment_id, order_id=attempt.gateway_order_id, status="captured",
        amount_paise=row.amount_paise, currency=row.currency, captured_at=clock.now(),
    )  # fmt: skip
    return settling.applied(db, row, attempt.gateway, fact)
