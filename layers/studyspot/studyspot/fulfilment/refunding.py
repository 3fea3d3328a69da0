"""Giving money back when a person asks for it, and giving up a payment that nobody has made."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from studyspot.fulfilment import purposes
from studyspot.fulfilment.verifying import visible
from studyspot.kit import audit, clock, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import StateConflict
from studyspot.payments import refunds
from studyspot.payments import service as payments
from studyspot.payments.models import (
    CREDIT,
    ApprovalNeeded,
    NoCredit,
    NotUndone,
    Payment,
    PaymentRow,
    Refund,
    RefundDecision,
    RefundRequest,
    RefundWindow,
)
from studyspot.payments.refunds import MACHINE
from studyspot.policies import service as policies


def refund(db: Db, actor: Actor, payment_id: UUID, request: RefundRequest) -> Refund:
    """Reserve it, then ask the gateway; without an answer it stays `pending` and is looked after.

    Above the organisation's limit it waits, unless whoever asks may approve it.
    """
    rules = policies.policies(db).payments
    approves = actor.is_platform or actor.may("refunds:approve")
    limit = None if approves else rules.refund_approval_above_paise
    with db.transaction():
        row = payments.locked(db, payment_id)
        to = _destination(row, request, rules.refund_within_days)
        reserved = refunds.request(db, payment_id, request.amount_paise, request.reason, limit, to)
        if request.effects == "undo" and row.activated_at:
            _undo(db, row, reserved)
        if to:
            return _keep(db, reserved)
    db.commit()
    return refunds.carry_out(db, reserved)


def _destination(row: PaymentRow, request: RefundRequest, days: int | None) -> str | None:
    """Where it goes, if not the way it came."""
    if days and row.captured_at and clock.now() - row.captured_at > timedelta(days=days):
        raise RefundWindow
    if request.to != CREDIT:
        return None
    if purposes.of(row.purpose).keep_credit is None:
        raise NoCredit
    return CREDIT


def _undo(db: Db, row: PaymentRow, reserved: Refund) -> None:
    """What the payment brought is taken back with the promise to pay it back; not on somebody's word who may not."""
    if reserved.approval == "waiting":
        raise ApprovalNeeded
    if not purposes.of(row.purpose).take_back(db, row.purpose_id, row.id):
        raise NotUndone
    refunds.unsell(db, reserved)


def _keep(db: Db, refund: Refund) -> Refund:
    """No gateway is asked: in one transaction the books move, and the member has it."""
    if refund.approval == "waiting" or refund.status != "pending":
        return refund
    row = payments.find(db, refund.payment_id)
    keep = purposes.of(row.purpose).keep_credit
    assert keep is not None, "asked before it was reserved"
    keep(db, row.purpose_id, refund.amount_paise, refund.id)
    return refunds.carry_out(db, refund)


def decide_refund(db: Db, refund_id: UUID, asked: RefundDecision) -> Refund:
    """Above the limit: made, or not, because somebody who may says so."""
    with db.transaction():
        decided = refunds.decide(db, refund_id, asked.decision == "approve")
        if decided.gateway == CREDIT and decided.status == "pending":
            return _keep(db, decided)
    db.commit()
    return refunds.carry_out(db, decided)


def retry_refund(db: Db, refund_id: UUID) -> Refund:
    """Ask the gateway again, or anew where it failed; what no gateway took was handed over by now."""
    with db.transaction():
        found = refunds.retry(db, refund_id)
        audit.note(db, "refunds.retry", "refunds", refund_id, after={"refund": found.id, "status": found.status})
    db.commit()
    return refunds.carry_out(db, found)


def read_refund(db: Db, actor: Actor, refund_id: UUID) -> Refund:
    """Students see those of their own payments."""
    found = refunds.find(db, refund_id)
    if not actor.may("refunds:read"):
        visible(db, actor, found.payment_id)
    return found


def give_back(db: Db, payment_id: UUID, reason: str) -> None:
    """The paid thing was cancelled: the rest of its money goes back, carried out by the failover machine."""
    with db.transaction():
        payments.locked(db, payment_id)
        refunds.give_back_rest(db, payment_id, reason)


def cancel(db: Db, actor: Actor, payment_id: UUID) -> Payment:
    """Only what is not paid; its order is ended where the vendor can, and a payment that comes in anyway is late."""
    visible(db, actor, payment_id)
    with db.transaction():
        row = payments.locked(db, payment_id)
        if row.status not in ("created", "pending"):
            raise StateConflict(f"the payment is {row.status}")
        after = payments.advance(db, row, "cancelled", failure="cancelled")
        outbox.start(db, MACHINE, payment_id, "terminate", period="cancelled")
        audit.note(db, "payments.cancel", "payments", payment_id, {"status": row.status}, {"status": after.status})
    return after.shown()


def timeline_of(db: Db, actor: Actor, payment_id: UUID) -> list[dict[str, object]]:
    """Each line flat: `{"at", "kind", ...}`."""
    visible(db, actor, payment_id)
    lines = payments.timeline(db, payment_id)
    return [{**line.detail, **line.model_dump(mode="json", include={"at", "kind"})} for line in lines]
