"""Over the counter: taken, booked and delivered in one transaction with its receipt, or taken back on the same day."""

from __future__ import annotations

from uuid import UUID

from studyspot.desk.models import (
    NoLongerForSale,
    NotByHand,
    OfflinePayment,
    OfflineRequest,
    VoidedOtherDay,
    owed,
)
from studyspot.fulfilment import purposes, settling
from studyspot.kit import audit, clock
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.payments import byhand
from studyspot.payments import service as payments
from studyspot.payments.models import AmountMismatch, NotUndone, Payment, PaymentRow, Till

VOIDABLE = ("cash", "bank", "cheque")


def record(db: Db, actor: Actor, asked: OfflineRequest) -> OfflinePayment:
    """All of it or nothing: what cannot be delivered is not taken, and the money stays with whoever brought it."""
    if asked.method == "bank" and asked.reference is None:
        raise owed("reference")
    purpose = purposes.of(asked.purpose)
    with db.transaction():
        byhand.hold(db, asked.purpose, asked.purpose_id)
        payable = purpose.payable(db, asked.purpose_id, actor)
        if asked.amount_paise not in (None, payable.amount_paise):
            raise AmountMismatch
        said = {"reference": asked.reference, "note": asked.note}
        payment = byhand.opened(db, payable, asked.method, clock.now(), {k: v for k, v in said.items() if v})
        till: Till = "cash" if asked.method == "cash" else "bank"
        named = asked.reference.upper() if asked.method == "bank" and asked.reference else None
        capture = byhand.receive(db, payment, till, named, asked.method)
        settled = settling.came_in(db, payment, capture, asked.method)
        if settled.payment.activated_at is None:
            raise NoLongerForSale
    return OfflinePayment(**settled.payment.shown().model_dump(), receipt_number=settled.receipt)


def void(db: Db, payment_id: UUID, reason: str) -> Payment:
    """On the day it was taken, where the organisation is, and while nothing it brought was used."""
    with db.transaction():
        row = payments.locked(db, payment_id)
        _must_be_voidable(db, row)
        if not purposes.of(row.purpose).take_back(db, row.purpose_id, row.id):
            raise NotUndone
        byhand.void(db, row, reason)
        audit.note(db, "payments.void", "payments", row.id, {"status": row.status}, {"why": reason})
        return payments.find(db, payment_id).shown()


def _must_be_voidable(db: Db, row: PaymentRow) -> None:
    if row.gateway not in ("cash", "bank") or row.method not in VOIDABLE:
        raise NotByHand
    if row.status != "captured" or row.activated_at is None:
        raise NotUndone(f"the payment is {row.status}")
    if not byhand.of_today(db, row):
        raise VoidedOtherDay
