"""Opening a payment: one transaction before the gateway is called, one after, none in between."""

from __future__ import annotations

import time

from studyspot.fulfilment import purposes
from studyspot.gateways.payment import GatewayOrder
from studyspot.kit import clock
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.payments import merchants, models, orders, weighing
from studyspot.payments import service as payments
from studyspot.payments.models import Attempt, OpenedPayment, PayRequest
from studyspot.payments.orders import Answer

BUDGET_SECONDS = 10.0
FIRST_SECONDS = 6.0
"""What the first gateway may use up of it."""


def pay(db: Db, core: Db, actor: Actor, request: PayRequest) -> OpenedPayment:
    """Open, or resume, the payment for something and have an order for it.

    Safe to repeat after any failure: an order whose answer was lost is looked up under our own reference first.
    """
    purpose = purposes.of(request.purpose)
    with db.transaction():
        payable = purpose.payable(db, request.purpose_id, actor)
        if request.amount_paise not in (None, payable.amount_paise):
            raise models.AmountMismatch
        found = weighing.weigh(db, payable, actor)
        stopped = found.stops if found else None
        opening = None if stopped else _open(db, purpose, request, payable, locked=found is not None)
        weighing.record(db, found, opening.payment.id if opening else None)
    db.commit()
    if opening is None:
        raise stopped or AssertionError("whoever is not stopped has an opening")
    return _have_order(db, core, opening)


def _open(
    db: Db, purpose: purposes.Purpose, request: PayRequest, payable: models.Payable, locked: bool
) -> payments.Opening:
    until = clock.now() + purpose.window
    opening = payments.open_payment(db, payable, until, request.method, request.gateway, locked)
    purpose.await_payment(db, request.purpose_id, opening.payment.id, until)
    return opening


def _have_order(db: Db, core: Db, opening: payments.Opening) -> OpenedPayment:
    """At most two gateways, one try each, ten seconds in all."""
    deadline = time.monotonic() + BUDGET_SECONDS
    failed: Answer | None = None
    for turn, name in enumerate(opening.gateways, 1):
        known = opening.resumed and name in opening.begun
        attempt = opening.begun.get(name) or _begin_other(db, opening, name)
        left = deadline - time.monotonic()
        seconds = left if turn == len(opening.gateways) else min(FIRST_SECONDS, left)
        answer = orders.ask(
            db.tenant, merchants.of_attempt(db, attempt), opening.payment, attempt, seconds, known
        )  # fmt: skip
        if answer.order:
            return _show(db, core, answer, answer.order)
        failed = answer
        if answer.refused or turn == len(opening.gateways):
            break
        with db.transaction():
            orders.record_failure(db, answer)
        db.commit()
    assert failed is not None, "at least one gateway was asked"
    raise _given_up(db, opening, failed)


def _begin_other(db: Db, opening: payments.Opening, name: models.GatewayName) -> Attempt:
    with db.transaction():
        attempt = orders.begin(db, opening.payment.id, name, opening.routing, opening.through[name])
    db.commit()
    return attempt


def _given_up(db: Db, opening: payments.Opening, answer: Answer) -> models.GatewayUnavailable | models.GatewayRefused:
    """The payment stays, free to be resumed - unless the gateway will never have it."""
    with db.transaction():
        row = payments.locked(db, opening.payment.id)
        orders.record_failure(db, answer)
        payments.not_ordered(db, row, refused=answer.refused)
    db.commit()
    if answer.refused:
        return models.GatewayRefused()
    return models.GatewayUnavailable(headers={"Retry-After": "5"}, paymentId=str(opening.payment.id))


def _show(db: Db, core: Db, answer: Answer, order: GatewayOrder) -> OpenedPayment:
    """Whose order it is stands in the directory before anybody can pay it."""
    orders.register(core, answer.attempt, order, db.tenant)
    with db.transaction():
        shown = orders.show(db, answer, order)
    if shown is None:
        db.commit()
        raise models.PaymentInProgress(paymentId=str(answer.attempt.payment_id))
    return shown
