"""Money that reaches the organisation without a gateway: no order and no call, but the same payment, capture and books.

A capture says where the money is: in the drawer (`cash`), or on the organisation's own account (`bank`), where the
bank's reference number names the transfer and is taken once, whatever the payment is called.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from studyspot.gateways.payment import GatewayPayment, rrn_of
from studyspot.invoices import service as invoices
from studyspot.kit import audit, clock, ids, outbox, timers
from studyspot.kit.db import Db
from studyspot.ledger import models as accounts
from studyspot.ledger import service as ledger
from studyspot.payments import queries, service, states
from studyspot.payments.models import (
    IN_HAND,
    AlreadyPaid,
    Capture,
    NothingToPay,
    Payable,
    PaymentInProgress,
    PaymentRow,
    Refund,
    RefundExceeds,
    Till,
    UtrUsed,
)
from studyspot.payments.refunds import MACHINE


def hold(db: Db, purpose: str, purpose_id: UUID) -> None:
    """Whatever else is decided about this payable is decided before, or after: take it before asking what it costs."""
    queries.lock_payable(db, purpose, purpose_id)


def opened(db: Db, payable: Payable, method: str, until: datetime, metadata: dict[str, Any]) -> PaymentRow:
    """A payment that waits for money to come without a gateway; the payable is held.

    An order that a gateway gave and nobody has come back from is called off: money that comes by it all the same goes
    back. While the outcome of a payment is open, or a mandate is being debited, nothing else is taken:
    PaymentInProgress.
    """
    if payable.amount_paise == 0:
        raise NothingToPay
    held = queries.holder(db, payable.purpose, payable.purpose_id)
    if held and held.activated_at:
        raise AlreadyPaid(paymentId=str(held.id))
    if held and not _gives_way(held):
        raise PaymentInProgress(paymentId=str(held.id))
    if held:
        service.advance(db, held, "cancelled", failure="paid_otherwise")
        outbox.start(db, MACHINE, held.id, "terminate", period="rival")
    payment_id = ids.uuid7()
    if not queries.insert(db, payment_id, payable, until, None):
        raise PaymentInProgress
    about = {"purpose": payable.purpose, "purposeId": str(payable.purpose_id), "amountPaise": payable.amount_paise}
    queries.note(db, payment_id, "created", **about, method=method)
    outbox.emit(db, "payment.created", payment_id, about)
    audit.note(db, "payments.create", "payments", payment_id, after={**about, "method": method})
    return queries.keep_for_hand(db, payment_id, method, json.dumps(metadata))


def _gives_way(held: PaymentRow) -> bool:
    """Only what a payer was shown and has not come back from: a debit shows nobody anything, and may be under way."""
    shown = bool(held.checkout) or held.gateway in IN_HAND
    return held.status == "created" and (shown or held.gateway_order_id is None)


def waiting(db: Db, purpose: str, purpose_id: UUID) -> PaymentRow | None:
    """The payment somebody was shown the organisation's own address for, and nobody says to have paid yet."""
    held = queries.holder(db, purpose, purpose_id)
    return held if held and held.gateway in IN_HAND and held.status == "created" else None


def until(db: Db, payment: PaymentRow, moment: datetime) -> PaymentRow:
    """Open until then."""
    timers.wait(db, moment, MACHINE, payment.id, "expire", period=str(int(moment.timestamp())))
    return queries.move(db, payment.id, payment.status, expires_at=moment)


def receive(db: Db, payment: PaymentRow, till: Till, reference: str | None, method: str) -> Capture:
    """The money is here, under the bank's reference where there is one. UtrUsed: that transfer was taken before."""
    named = reference or str(payment.id)
    fact = GatewayPayment(
        id=named, order_id=str(payment.id), status="captured", amount_paise=payment.amount_paise,
        currency=payment.currency, method=method, fee_paise=0, tax_paise=0, captured_at=clock.now(),
        rrn=rrn_of(reference),
    )  # fmt: skip
    if fact.rrn and queries.takers(db, fact.rrn):
        raise UtrUsed
    surplus = payment.status in states.PAID
    capture = queries.insert_capture(db, payment.id, till, fact, (0, 0, True), surplus)
    if capture is None:
        raise UtrUsed
    told = {"method": method, "amountPaise": capture.amount_paise, "surplus": surplus}
    queries.note(db, payment.id, "captured", **told)
    audit.note(db, "payments.capture", "payments", payment.id, after=told)
    return capture


def taken(db: Db, reference: str) -> bool:
    """Has that transfer been taken, in whichever way?"""
    return bool(queries.takers(db, reference))


def void(db: Db, payment: PaymentRow, reason: str) -> Refund:
    """The money never was: its entry is reversed, what was billed credited, and the payable can be paid anew.

    The caller takes back what it bought, in this very transaction.
    """
    capture = next(one for one in queries.captures(db, payment.id) if not one.surplus)
    if queries.reserved(db, capture.id):
        raise RefundExceeds
    refund = queries.insert_refund(db, capture, capture.amount_paise, "void", reason)
    refund = queries.mark_refund(db, refund.id, "succeeded", succeeded_at=clock.now())
    ledger.undo(db, "capture", capture.id, f"Voided: {payment.description}")
    account = accounts.revenue(payment.purpose)
    invoices.undo_payment(db, payment.id, refund.id, capture.amount_paise, reason, account)
    queries.note(db, payment.id, "refund", refundId=refund.id, status="succeeded", origin="void", reason=reason)
    outbox.emit(db, "refund.succeeded", payment.id, {"refundId": str(refund.id)})
    paise = capture.amount_paise
    queries.move(db, payment.id, "refunded", refunded_paise=paise, activated_at=None, failure="voided")
    return refund


def of_today(db: Db, payment: PaymentRow) -> bool:
    """Was it taken on the day that it still is, where the organisation is?"""
    zone = ZoneInfo(queries.timezone(db))
    assert payment.captured_at is not None, "only what was captured can be voided"
    return payment.captured_at.astimezone(zone).date() == clock.now().astimezone(zone).date()
