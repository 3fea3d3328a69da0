"""Mandate debits: payments whose order the caller has opened at the gateway, and which no payer is handed to.

    row = debits.open_debit(core, payable, "razorpay", order.id, until)     # right after the gateway made the order
    row, new = debits.record_debit(core, row.id, gateway.fetch_payment_of(order.id))
    if new: ...                                                             # activate in the same transaction

Both are safe to repeat. The webhook of the same debit comes through `fulfilment`, which activates by purpose: whoever
is second gets `new = False`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from studyspot.gateways.payment import GatewayPayment
from studyspot.kit import clock, ids, outbox, timers
from studyspot.kit.db import Db
from studyspot.payments import merchants, queries, service, states
from studyspot.payments.models import AlreadyPaid, GatewayName, Payable, PaymentInProgress, PaymentRow
from studyspot.payments.refunds import MACHINE


def open_debit(db: Db, payable: Payable, gateway: GatewayName, gateway_order_id: str, until: datetime) -> PaymentRow:
    """The payment of an order made for a mandate, in tenant zero's cell; the order's own again when it is known.

    AlreadyPaid or PaymentInProgress when another order pays, or has paid, the same thing.
    """
    with db.transaction():
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
        attempt = queries.insert_attempt(db, payment_id, gateway, decision, gateway_order_id)
        queries.register_order(db, gateway, gateway_order_id, db.tenant, payment_id)
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


def record_debit(db: Db, payment_id: UUID, facts: Iterable[GatewayPayment]) -> tuple[PaymentRow, bool]:
    """Apply what the gateway says. True: captured just now, so activate what was paid before this transaction ends."""
    with db.transaction():
        payment = service.locked(db, payment_id)
        for fact in sorted(facts, key=lambda f: -states.RANK.get(f.status, 0)):
            if fact.status != "captured" or payment.status in states.PAID:
                payment = _uncaptured(db, payment, fact)
                continue
            if (fact.amount_paise, fact.currency) != (payment.amount_paise, payment.currency):
                return service.advance(db, payment, "unknown", failure="amount_mismatch"), False
            capture = service.take(db, payment, payment.gateway or "", fact)
            if capture:
                return service.keep(db, payment, capture, fact.method), True
        return payment, False


def _uncaptured(db: Db, payment: PaymentRow, fact: GatewayPayment) -> PaymentRow:
    match fact.status:
        case "failed":
            return service.advance(db, payment, "failed", failure=fact.error or "declined")
        case "authorized":
            return service.advance(db, payment, "authorized")
    return payment
