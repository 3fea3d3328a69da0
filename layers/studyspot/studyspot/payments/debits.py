"""Mandate debits: payments whose order the caller has opened at the gateway, and which no payer is handed to.

    row = debits.open_debit(db, core, payable, "razorpay", order.id, until)     # right after the gateway made the order

Safe to repeat. What becomes of the debit - told by webhook, found by the poller - is settled by `fulfilment` like any
other payment, which activates by purpose.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from studyspot.kit import clock, ids, outbox, timers
from studyspot.kit.db import Db
from studyspot.payments import merchants, queries, service
from studyspot.payments.models import AlreadyPaid, GatewayName, Payable, PaymentInProgress, PaymentRow
from studyspot.payments.refunds import MACHINE


def open_debit(
    db: Db,
    core: Db,
    payable: Payable,
    gateway: GatewayName,
    gateway_order_id: str,
    until: datetime,
    account_id: UUID | None = None,
) -> PaymentRow:
    """The payment of an order made for a mandate; the order's own again when it is known.

    Committed before the directory learns whose order it is, unless the tenant's cell is the core itself.
    AlreadyPaid or PaymentInProgress when another order pays, or has paid, the same thing.
    """
    with db.transaction():
        row = _opened(db, payable, gateway, gateway_order_id, until, account_id)
    if core is not db:
        db.commit()
    queries.register_order(core, gateway, gateway_order_id, db.tenant, row.id)
    return row


def _opened(
    db: Db, payable: Payable, gateway: GatewayName, gateway_order_id: str, until: datetime, account_id: UUID | None
) -> PaymentRow:
    queries.lock_payable(db, payable.purpose, payable.purpose_id)
    known = queries.payment_of_order(db, gateway, gateway_order_id)
    if known:
        return queries.find(db, known)
    payment_id = ids.uuid7()
    if not queries.insert(db, payment_id, payable, until, None):
        held = queries.holder(db, payable.purpose, payable.purpose_id)
        refusal = AlreadyPaid if held and held.activated_at else PaymentInProgress
        raise refusal(paymentId=str(held.id) if held else None)
    decision, _, _ = merchants.route(db, payable.amount_paise, None, gateway, payable.purpose)
    attempt = queries.insert_attempt(db, payment_id, gateway, decision, gateway_order_id, account_id)
    queries.note(db, payment_id, "created", amountPaise=payable.amount_paise, purpose=payable.purpose)
    queries.note(db, payment_id, "attempt", gateway=gateway, gatewayOrderId=gateway_order_id)
    outbox.emit(db, "payment.created", payment_id, {"purpose": payable.purpose, "gateway": gateway})
    timers.wait(db, clock.now() + service.POLLS[0], MACHINE, payment_id, "poll", period="0")
    row = queries.show(db, payment_id, attempt, {})
    assert row is not None, "a payment opened in this transaction has no order yet"
    return row


def awaited(db: Db, purpose: str, purpose_id: UUID) -> bool:
    """Whether an order for this is open at the gateway and not paid yet."""
    held = queries.holder(db, purpose, purpose_id)
    return held is not None and held.activated_at is None


def refuse_others(db: Db, purpose: str, purpose_id: UUID, payment_id: UUID) -> None:
    """PaymentInProgress while another payment than this one is open for it, AlreadyPaid when one has paid it."""
    queries.lock_payable(db, purpose, purpose_id)
    held = queries.holder(db, purpose, purpose_id)
    if held and (held.activated_at or held.id != payment_id):
        refusal = AlreadyPaid if held.activated_at else PaymentInProgress
        raise refusal(paymentId=str(held.id))
