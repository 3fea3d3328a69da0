"""Applying what a gateway says: capture, ledger, the paid thing, its receipt and the events are one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from studyspot.fulfilment import purposes
from studyspot.gateways.payment import GatewayPayment
from studyspot.invoices import service as invoices
from studyspot.kit import log
from studyspot.kit.db import Db
from studyspot.mandates import debiting
from studyspot.messaging import service as messaging
from studyspot.payments import service as payments
from studyspot.payments import states, weighing
from studyspot.payments.models import Capture, PaymentRow

RECEIPT = "payment_receipt"
REFERENCE_DIGITS = 12


def settle(
    db: Db, payment_id: UUID, facts: Iterable[GatewayPayment], learnt: tuple[str, dict[str, Any]] | None = None
) -> PaymentRow:
    """All or nothing, committed when it returns; the same facts again, or older ones, change nothing.

    `learnt` is the line of the timeline that says where the facts come from. Whatever fails in here leaves the payment
    as it was, to be settled later.
    """
    best_first = sorted(facts, key=lambda fact: -states.RANK.get(fact.status, 0))
    with db.transaction():
        payment = payments.locked(db, payment_id)
        if learnt:
            payments.note(db, payment_id, learnt[0], **learnt[1])
        ours = {attempt.gateway_order_id: attempt.gateway for attempt in payments.attempts(db, payment_id)}
        for fact in best_first:
            if fact.order_id not in ours:
                log.error("fact_of_another_order", payment=payment_id, order=fact.order_id)
                continue
            weighing.remember_card(db, payment, fact)
            payment = applied(db, payment, ours[fact.order_id], fact)
    db.commit()
    return payment


def applied(db: Db, payment: PaymentRow, gateway: str, fact: GatewayPayment) -> PaymentRow:
    """One piece of news about one of its orders, in the caller's transaction and with the payable held."""
    match fact.status:
        case "captured":
            return _captured(db, payment, gateway, fact)
        case "authorized":
            return payments.authorized(db, payment)
        case "failed" if fact.order_id == payment.gateway_order_id:
            return payments.declined(db, payment, gateway, fact.error or "declined", fact.method)
        case "refunded" if not payments.captures(db, payment.id):
            log.error("refunded_before_captured", payment=payment.id, gatewayPayment=fact.id)
            return payments.advance(db, payment, "unknown", failure="refunded_at_gateway")
    return payment


def _captured(db: Db, payment: PaymentRow, gateway: str, fact: GatewayPayment) -> PaymentRow:
    """Money came in. It buys what it was for, exactly once; what it cannot buy goes back."""
    if (fact.amount_paise, fact.currency) != (payment.amount_paise, payment.currency):
        told = {"expectedPaise": payment.amount_paise, "amountPaise": fact.amount_paise, "currency": fact.currency}
        log.error("captured_amount_differs", payment=payment.id, gatewayPayment=fact.id, **told)
        return payments.advance(db, payment, "unknown", failure="amount_mismatch")
    capture = payments.take(db, payment, gateway, fact)
    if capture is None:
        return payment
    settled = came_in(db, payment, capture, fact.method).payment
    if fact.token_id and settled.activated_at and not capture.surplus:
        debiting.settled(db, settled.id, fact.order_id, fact.token_id)
    return settled


class Settled(NamedTuple):
    """A payment whose money has come in, and the number of its receipt where it has bought something."""

    payment: PaymentRow
    receipt: str | None = None


def came_in(db: Db, payment: PaymentRow, capture: Capture, method: str) -> Settled:
    """Whichever way it came: in the transaction that records it, with the payable held."""
    if capture.surplus:
        return Settled(payments.give_back(db, payment, capture, method, "captured twice"))
    payments.call_off_rivals(db, payment)
    if payments.paid_by(db, payment):
        return Settled(payments.give_back(db, payment, capture, method, "paid by another payment"))
    if not purposes.of(payment.purpose).confirm(db, payment.purpose_id, payment.id):
        return Settled(payments.give_back(db, payment, capture, method, "no longer available"))
    kept = payments.keep(db, payment, capture, method)
    facts = kept.model_dump(include={"purpose", "purpose_id", "amount_paise", "method"})
    number = invoices.of_payment(db, invoices.Paid(payment_id=kept.id, **facts))
    _receipt(db, kept, capture, number)
    return Settled(kept, number)


def _receipt(db: Db, payment: PaymentRow, capture: Capture, number: str | None) -> None:
    if not payment.payer_phone:
        return
    rupees, paise = divmod(capture.amount_paise, 100)
    variables = {
        "name": payment.payer_name or "customer",
        "amount": f"{rupees}.{paise:02}" if paise else str(rupees),
        "purpose": payment.description,
        "receipt": number or payment.id.hex[-REFERENCE_DIGITS:].upper(),
    }
    messaging.send(
        db, RECEIPT, payment.payer_phone, variables, payment.student_id, "student" if payment.student_id else None,
        about=payment.id,
    )  # fmt: skip
