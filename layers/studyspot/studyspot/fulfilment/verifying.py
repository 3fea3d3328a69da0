"""The payer is back: the callback is checked, and then only the gateway is believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from studyspot.fulfilment.settling import settle
from studyspot.gateways.failures import GatewayFailure
from studyspot.kit import log, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import BadSignature, NotFound
from studyspot.payments import merchants, orders, states
from studyspot.payments import service as payments
from studyspot.payments.models import Attempt, Payment, PaymentRow, VerifyRequest

SETTLER = "payment-settler"
ORDER_NAMES = ("razorpay_order_id", "orderId", "ORDERID", "payment_intent")
"""What the gateways' own clients call the order."""


def visible(db: Db, actor: Actor, payment_id: UUID) -> PaymentRow:
    """The payment, if this person may see it: students their own, staff all of the tenant's."""
    payment = payments.find(db, payment_id)
    if not actor.may("payments:read") and actor.id not in (payment.student_id, payment.opened_by):
        raise NotFound
    return payment


def verify(db: Db, actor: Actor, request: VerifyRequest) -> Payment:
    """`captured` once it is; `pending` while the gateway does not say, or something here has to be finished first."""
    payment = visible(db, actor, request.payment_id)
    attempt = _attempt_of(db, payment, request.callback)
    _check(db, attempt, request.callback)
    if payment.status in states.PAID:
        return payment.shown()
    with db.transaction():
        row = payments.locked(db, payment.id)
        payments.note(db, payment.id, "callback", gateway=attempt.gateway, gatewayOrderId=attempt.gateway_order_id)
        row = payments.advance(db, row, "pending")
    db.commit()
    return finish(db, row).shown()


def _attempt_of(db: Db, payment: PaymentRow, callback: Mapping[str, Any]) -> Attempt:
    """The order the callback names must be one of this payment's; without a name it is the one that was shown."""
    named = next((callback[name] for name in ORDER_NAMES if callback.get(name)), payment.gateway_order_id)
    for attempt in payments.attempts(db, payment.id):
        if attempt.gateway_order_id and attempt.gateway_order_id == named:
            return attempt
    raise NotFound


def _check(db: Db, attempt: Attempt, callback: Mapping[str, Any]) -> None:
    """Nothing is signed when a payment failed: such a callback only makes us ask the gateway."""
    if attempt.gateway == "razorpay" and "error" in callback and "razorpay_signature" not in callback:
        return
    if attempt.gateway_order_id is None:
        raise BadSignature
    merchants.of_attempt(db, attempt).verify_callback(callback, attempt.gateway_order_id)


def finish(db: Db, payment: PaymentRow) -> PaymentRow:
    """Ask the gateway and settle; what cannot be finished now is left to the settler, never half done."""
    try:
        facts = orders.truth(db, payment)
    except GatewayFailure as failure:
        log.warning("payment_not_fetched", payment=payment.id, error=str(failure))
        return payment
    try:
        return settle(db, payment.id, facts)
    except Exception as error:  # noqa: BLE001 - paid but undeliverable now: nothing was written, the settler tries again
        log.error("payment_not_settled", payment=payment.id, error=repr(error))
        db.rollback()
        with db.transaction():
            outbox.send(db, SETTLER, {"paymentId": str(payment.id)})
        db.commit()
        return payment


def complete(db: Db, payment_id: UUID) -> PaymentRow:
    """What `finish` had to leave: raises until it can be done."""
    payment = payments.find(db, payment_id)
    return settle(db, payment_id, orders.truth(db, payment))


def sync(db: Db, actor: Actor, payment_id: UUID) -> Payment:
    """Ask the gateway now, whatever was heard before."""
    return finish(db, visible(db, actor, payment_id)).shown()
