"""The payer is back: the callback is checked, and then only the gateway is believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from studyspot.fulfilment.settling import settle
from studyspot.gateways.envelopes import form_of
from studyspot.gateways.failures import GatewayFailure, UnreadableEvent
from studyspot.kit import cells, log, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import BadRequest, BadSignature, NotFound
from studyspot.kit.request import Request
from studyspot.payments import merchants, orders, returning, states
from studyspot.payments import service as payments
from studyspot.payments.models import Attempt, GatewayName, Payment, PaymentRow, VerifyRequest

SETTLER = "payment-settler"
ORDER_NAMES = ("razorpay_order_id", "orderId", "ORDERID", "payment_intent")
"""What the gateways' own clients call the order."""
UNSIGNED = ("cashfree",)
"""Whose pages send nothing along that could be checked."""


def visible(db: Db, actor: Actor, payment_id: UUID) -> PaymentRow:
    """The payment, if this person may see it: students their own, staff all of the tenant's."""
    payment = payments.find(db, payment_id)
    reads = actor.may("payments:read") or actor.is_platform
    if not reads and actor.id not in (payment.student_id, payment.opened_by):
        raise NotFound
    return payment


def verify(db: Db, actor: Actor, request: VerifyRequest, pinned: GatewayName | None = None) -> Payment:
    """`captured` once it is; `pending` while the gateway does not say, or something here has to be finished first."""
    payment = visible(db, actor, request.payment_id)
    attempt = _attempt_of(db, payment, request.callback, pinned)
    _check(db, attempt, request.callback)
    return _came_back(db, payment, attempt).shown()


def come_back(gateway: GatewayName, request: Request) -> str:
    """The payer's browser is back from the gateway's page: where it goes on. The gateway is asked what happened."""
    named = returning.opened(request.query.get("state", ""))
    if named is None:
        raise BadSignature
    told = _told(request)
    with cells.tenant_db(named[0]) as db:
        payment = payments.find(db, named[1])
        attempt = _attempt_of(db, payment, told, gateway)
        if told and gateway not in UNSIGNED:
            _check(db, attempt, told)
        row = _came_back(db, payment, attempt)
    return returning.shown(row.id, row.status)


def _told(request: Request) -> dict[str, str]:
    """What the gateway sent along: as a form, or, where a browser went back and came again, in the address."""
    if request.method == "POST":
        try:
            return form_of(request.body)
        except UnreadableEvent:
            raise BadRequest("the body is no form") from None
    return {name: value for name, value in request.query.items() if name != "state"}


def _came_back(db: Db, payment: PaymentRow, attempt: Attempt) -> PaymentRow:
    if payment.status in states.PAID:
        return payment
    with db.transaction():
        row = payments.locked(db, payment.id)
        payments.note(db, payment.id, "callback", gateway=attempt.gateway, gatewayOrderId=attempt.gateway_order_id)
        row = payments.advance(db, row, "pending")
    db.commit()
    return finish(db, row)


def _attempt_of(db: Db, payment: PaymentRow, callback: Mapping[str, Any], pinned: GatewayName | None) -> Attempt:
    """The order the callback names must be one of this payment's; without a name it is the one that was shown."""
    named = next((callback[name] for name in ORDER_NAMES if callback.get(name)), payment.gateway_order_id)
    for attempt in payments.attempts(db, payment.id):
        if attempt.gateway_order_id and attempt.gateway_order_id == named and pinned in (None, attempt.gateway):
            return attempt
    raise NotFound


def _check(db: Db, attempt: Attempt, callback: Mapping[str, Any]) -> None:
    """Nothing is signed when a payment failed: such a callback only makes us ask the gateway."""
    failed = any(name == "error" or name.startswith("error[") for name in callback)
    if attempt.gateway == "razorpay" and failed and "razorpay_signature" not in callback:
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
