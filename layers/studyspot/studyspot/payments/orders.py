"""Orders at the gateways, each asked for once under our own reference, looked up before it is asked for again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from studyspot.gateways.failures import GatewayFailure, Next
from studyspot.gateways.payment import GatewayOrder, GatewayPayment, PaymentGateway
from studyspot.kit import cells, clock, log, outbox
from studyspot.kit.db import Db
from studyspot.payments import merchants, queries, returning
from studyspot.payments.models import Attempt, GatewayName, OpenedPayment, PaymentRow, Routing
from studyspot.payments.refunds import MACHINE

FETCH_SECONDS = 8.0


@dataclass(frozen=True)
class Answer:
    """What a gateway said to one attempt, and how long it took."""

    attempt: Attempt
    order: GatewayOrder | None
    failure: GatewayFailure | None
    unsure: bool
    """An order may exist there although we have not seen it."""
    millis: int

    @property
    def refused(self) -> bool:
        """Asking again, here or elsewhere, changes nothing."""
        return self.failure is not None and self.failure.kind is Next.TERMINAL


def begin(db: Db, payment_id: UUID, gateway: GatewayName, routing: Routing, account_id: UUID | None) -> Attempt:
    """Write down that a gateway is about to be asked; committed before it is."""
    return queries.insert_attempt(db, payment_id, gateway, routing, account_id=account_id)


def ask(
    tenant: UUID, gateway: PaymentGateway, row: PaymentRow, attempt: Attempt, seconds: float, known: bool
) -> Answer:
    """One try at one gateway, outside any transaction. What is `known` to have been begun is looked up first."""
    started = time.monotonic()
    order: GatewayOrder | None = None
    failure: GatewayFailure | None = None
    unsure = known
    try:
        if known:
            order = gateway.find_order(attempt.reference, timeout=seconds)
            unsure = False
        if order is None:
            left = seconds - (time.monotonic() - started)
            order = _create(gateway, row, attempt, returning.address(tenant, row.id, attempt.gateway), left)
        failure = _unusable(attempt.gateway, order, row)
    except GatewayFailure as problem:
        failure = problem
        unsure = unsure or problem.kind is Next.UNKNOWN or (problem.http_status or 0) >= 500
    millis = round((time.monotonic() - started) * 1000)
    return Answer(attempt, None if failure else order, failure, unsure, millis)


def _create(
    gateway: PaymentGateway, row: PaymentRow, attempt: Attempt, return_url: str, seconds: float
) -> GatewayOrder:
    return gateway.create_order(
        attempt.reference,
        row.amount_paise,
        row.currency,
        row.customer,
        row.expires_at,
        {"payment": str(row.id)},
        return_url,
        timeout=seconds,
    )


def _unusable(name: str, order: GatewayOrder, row: PaymentRow) -> GatewayFailure | None:
    """An order for something else, or one that can no longer be paid, must not be shown."""
    same = (order.amount_paise, order.currency) == (row.amount_paise, row.currency)
    if same and order.status == "created":
        return None
    return GatewayFailure(name, f"the order found is {order.status} over {order.amount_paise}", kind=Next.RETRY_OTHER)


def record_failure(db: Db, answer: Answer) -> None:
    """An answer that was lost leaves an order that may exist: the machine looks it up and ends it."""
    failure, attempt = answer.failure, answer.attempt
    assert failure is not None, "only failures are recorded here"
    queries.mark_attempt(
        db, attempt.id, "unknown" if answer.unsure else "refused",
        error_class=failure.kind.value, error=str(failure)[:500], latency_ms=answer.millis,
    )  # fmt: skip
    told = {"gateway": attempt.gateway, "outcome": failure.kind.value, "millis": answer.millis}
    queries.note(db, attempt.payment_id, "attempt", **told)
    queries.called(
        db, attempt.gateway, "minute", failed=failure.kind is not Next.TERMINAL, payment_id=attempt.payment_id
    )
    if answer.unsure:
        outbox.start(db, MACHINE, attempt.payment_id, "look_up", period=attempt.id.hex)
    log.warning("order_not_created", payment=attempt.payment_id, gateway=attempt.gateway, error=str(failure))


def register(core: Db, attempt: Attempt, order: GatewayOrder, tenant: UUID) -> None:
    """The directory learns whose order this is, before anybody can pay it."""
    queries.register_order(core, attempt.gateway, order.id, tenant, attempt.payment_id)


def show(db: Db, answer: Answer, order: GatewayOrder) -> OpenedPayment | None:
    """Hand the payer over to this order. None when the payment ended meanwhile, or another order was shown."""
    attempt = answer.attempt.model_copy(update={"gateway_order_id": order.id})
    shown = queries.show(db, attempt.payment_id, attempt, order.checkout)
    facts = {"gateway_order_id": order.id, "latency_ms": answer.millis, "error_class": None}
    queries.mark_attempt(db, attempt.id, "ordered" if shown else "orphan", **facts)
    told = {"gateway": attempt.gateway, "gatewayOrderId": order.id}
    queries.note(db, attempt.payment_id, "attempt", outcome="ordered", millis=answer.millis, **told)
    queries.called(db, attempt.gateway, "minute", failed=False, payment_id=attempt.payment_id)
    if shown is None:
        outbox.start(db, MACHINE, attempt.payment_id, "look_up", period=attempt.id.hex)
        return None
    queries.note(db, attempt.payment_id, "handed_over", **told)
    outbox.emit(db, "payment.attempted", attempt.payment_id, told)
    return OpenedPayment(**shown.shown().model_dump(), checkout=order.checkout, routing=attempt.decision)


def truth(db: Db, payment: PaymentRow) -> list[GatewayPayment]:
    """Every try to pay every order of this payment, as the gateways know it now; GatewayFailure when one is silent."""
    orders = [a for a in queries.attempts(db, payment.id) if a.gateway_order_id]
    db.commit()
    facts: list[GatewayPayment] = []
    for attempt in orders:
        gateway = merchants.of_attempt(db, attempt)
        facts += gateway.fetch_payment_of(attempt.gateway_order_id or "", timeout=FETCH_SECONDS)
    return facts


def find_lost(db: Db, payment: PaymentRow) -> None:
    """Orders whose answer was lost, found under our own reference; a silent gateway is asked again at the next look."""
    lost = [a for a in queries.attempts(db, payment.id) if a.gateway_order_id is None and a.open]
    db.commit()
    if payment.calling_until and payment.calling_until > clock.now():
        return
    for attempt in lost:
        try:
            order = merchants.of_attempt(db, attempt).find_order(attempt.reference)
        except GatewayFailure as failure:
            log.warning("order_not_looked_up", payment=payment.id, gateway=attempt.gateway, error=str(failure))
            continue
        _found(db, payment, attempt, order)


def _found(db: Db, payment: PaymentRow, attempt: Attempt, order: GatewayOrder | None) -> None:
    if order:
        with cells.core_db() as core:
            register(core, attempt, order, db.tenant)
    with db.transaction():
        if order:
            queries.mark_attempt(db, attempt.id, "orphan", gateway_order_id=order.id)
            told = {"gateway": attempt.gateway, "gatewayOrderId": order.id}
            queries.note(db, payment.id, "attempt", outcome="found", **told)
        elif payment.status != "created" or payment.gateway_order_id:
            queries.mark_attempt(db, attempt.id, "absent")
    db.commit()


def end_unwanted(db: Db, payment: PaymentRow, over: bool) -> None:
    """Orders nobody may pay any more are ended where the vendor can; the others are watched."""
    orders = [a for a in queries.attempts(db, payment.id) if a.open and a.gateway_order_id]
    db.commit()
    for attempt in orders:
        shown = attempt.gateway_order_id == payment.gateway_order_id
        if over or (payment.gateway_order_id and not shown):
            _end(db, attempt)


def _end(db: Db, attempt: Attempt) -> None:
    try:
        ended = merchants.of_attempt(db, attempt).terminate(attempt.gateway_order_id or "")
    except GatewayFailure as failure:
        log.warning("order_not_ended", attempt=attempt.id, error=str(failure))
        return
    if ended:
        with db.transaction():
            queries.mark_attempt(db, attempt.id, "terminated")
            queries.note(db, attempt.payment_id, "attempt", gateway=attempt.gateway, outcome="terminated")
        db.commit()
