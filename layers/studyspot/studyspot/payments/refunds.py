"""Money on its way back: reserved in one transaction, asked of the gateway outside, booked in a second one."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from studyspot.gateways.failures import GatewayFailure, Next
from studyspot.gateways.payment import GatewayRefund, PaymentGateway
from studyspot.invoices import service as invoices
from studyspot.kit import audit, clock, log, outbox, timers
from studyspot.kit.db import Db
from studyspot.ledger import models as accounts
from studyspot.ledger import service as ledger
from studyspot.payments import merchants, queries, states
from studyspot.payments.models import (
    Approval,
    ApprovalNeeded,
    Capture,
    NotRefundable,
    NotWaiting,
    PaymentRow,
    Refund,
    RefundExceeds,
    RefundStatus,
    RetriedAlready,
)

MACHINE = "payment_failover"
WAITS = (1, 2, 5, 15, 60, 360, 1440)
"""Minutes between two tries of a refund that has no result yet; the last one repeats."""


def request(
    db: Db, payment_id: UUID, amount_paise: int | None, reason: str, limit: int | None = None, to: str | None = None
) -> Refund:
    """Reserve what a person asks to give back; `carry_out` does it, above their limit when somebody has agreed."""
    payment = queries.find(db, payment_id, lock=True)
    if payment.status not in states.PAID:
        raise NotRefundable
    known = queries.asked_before(db, payment_id)
    if known:
        return known
    for capture in queries.captures(db, payment_id):
        before = queries.reserved(db, capture.id)
        left = capture.amount_paise - before
        if 0 < (amount_paise or left) <= left:
            # in parts it comes to as much
            above = limit is not None and before + (amount_paise or left) > limit
            return _asked(db, capture, amount_paise or left, reason, "waiting" if above else None, to=to)
    raise RefundExceeds


def _asked(
    db: Db,
    capture: Capture,
    paise: int,
    reason: str,
    approval: Approval | None = None,
    retry_of: UUID | None = None,
    to: str | None = None,
) -> Refund:
    refund = _reserve(db, capture, paise, "requested", reason, approval, retry_of, to)
    if approval is None:
        _look_after(db, refund)
    return refund


def _look_after(db: Db, refund: Refund) -> None:
    """Should whoever asked be gone before there is a result, the machine goes on."""
    if not refund.at_once:
        timers.wait(db, clock.now() + timedelta(minutes=WAITS[0]), MACHINE, refund.id, "refund", period="0")


def decide(db: Db, refund_id: UUID, agreed: bool) -> Refund:
    """Somebody who may says whether a refund above the limit is made; what is refused is reserved no more."""
    found = queries.refund(db, refund_id)
    queries.find(db, found.payment_id, lock=True)
    refund = queries.refund(db, refund_id, lock=True)
    if refund.approval != "waiting":
        raise NotWaiting
    said: Approval = "approved" if agreed else "refused"
    by = db.actor.id if db.actor else None
    status: RefundStatus = "pending" if agreed else "failed"
    after = queries.mark_refund(db, refund.id, status, approval=said, decided_by=by)
    queries.note(db, refund.payment_id, "refund", refundId=refund.id, status=status, approval=said)
    audit.note(db, "refunds.decision", "refunds", refund.id, {"approval": "waiting"}, {"approval": said})
    if agreed:
        _look_after(db, after)
    else:
        outbox.emit(db, "refund.failed", refund.payment_id, {"refundId": str(refund.id)})
    return after


def retry(db: Db, refund_id: UUID) -> Refund:
    """What is to be carried out: the same while it has no result, a new one where it failed."""
    found = queries.refund(db, refund_id)
    payment = queries.find(db, found.payment_id, lock=True)
    refund = queries.refund(db, refund_id, lock=True)
    if refund.approval == "waiting":
        raise ApprovalNeeded
    if refund.status == "succeeded" or refund.approval == "refused" or payment.status not in states.PAID:
        raise NotRefundable
    if refund.status == "pending":
        return refund
    if newer := queries.retried(db, refund.id):
        raise RetriedAlready(refundId=str(newer))
    capture = _capture_of(db, refund)
    if refund.amount_paise > capture.amount_paise - queries.reserved(db, capture.id):
        raise RefundExceeds
    return _asked(db, capture, refund.amount_paise, refund.reason, retry_of=refund.id)


def unsell(db: Db, refund: Refund) -> None:
    """What this pays back bought nothing after all: owed until it is back, and the payable can be paid anew.

    The caller has taken back what it bought, in this very transaction; the payment is locked.
    """
    payment, capture = queries.find(db, refund.payment_id), _capture_of(db, refund)
    paise = capture.amount_paise
    if refund.amount_paise != paise or capture.surplus or payment.activated_at is None:
        raise RefundExceeds("only a payment that goes back whole is undone")
    account = accounts.revenue(payment.purpose)
    lines = [(account, paise), (accounts.REFUNDS_DUE, -paise)]
    ledger.post(db, "undone", capture.id, lines, refund.reason, ledger.place_of(db, "capture", capture.id))
    invoices.undo_payment(db, payment.id, refund.id, paise, refund.reason, account)
    queries.note(db, payment.id, "ledger", entry="undone", lines=[{"account": a, "amountPaise": p} for a, p in lines])
    queries.move(db, payment.id, payment.status, activated_at=None)


def give_back_rest(db: Db, payment_id: UUID, reason: str) -> None:
    """What this paid for is no longer wanted: whatever of it was not given back yet goes back. Safe to repeat."""
    queries.find(db, payment_id, lock=True)
    for capture in queries.captures(db, payment_id):
        left = capture.amount_paise - queries.reserved(db, capture.id)
        if left > 0:
            reserve(db, capture, left, "automatic", reason)


def reserve(db: Db, capture: Capture, amount_paise: int, kind: str, reason: str) -> Refund:
    """Give back without being asked; the machine carries it out. What no gateway took waits for a hand."""
    refund = _reserve(db, capture, amount_paise, kind, reason)
    if not refund.at_once:
        outbox.start(db, MACHINE, refund.id, "refund", period="start")
    return refund


def _reserve(
    db: Db,
    capture: Capture,
    amount_paise: int,
    kind: str,
    reason: str,
    approval: Approval | None = None,
    retry_of: UUID | None = None,
    to: str | None = None,
) -> Refund:
    refund = queries.insert_refund(db, capture, amount_paise, kind, reason, approval=approval, retry_of=retry_of, to=to)
    told = {"refundId": str(refund.id), "amountPaise": amount_paise, "origin": kind, "reason": reason}
    queries.note(db, capture.payment_id, "refund", status="pending", **told)
    outbox.emit(db, "refund.created", capture.payment_id, told)
    audit.note(db, "payments.refund", "payments", capture.payment_id, after=told)
    return refund


def find(db: Db, refund_id: UUID) -> Refund:
    """One refund, or NotFound."""
    return queries.refund(db, refund_id)


def carry_out(db: Db, refund: Refund) -> Refund:
    """Ask the gateway, under the refund's own reference: however often this runs, it pays once.

    What no gateway took is in the payer's hand by now, or the member's credit: whoever calls this says so.
    """
    if refund.status != "pending" or refund.approval == "waiting":
        return refund
    capture = _capture_of(db, refund)
    if refund.at_once:
        ids = (capture.gateway_payment_id, capture.gateway_order_id)
        return settle(db, refund.id, GatewayRefund("", refund.reference, *ids, "succeeded", refund.amount_paise))
    gateway = merchants.of_order(db, refund.gateway, capture.gateway_order_id)
    try:
        told = gateway.refund(
            order_id=capture.gateway_order_id,
            payment_id=capture.gateway_payment_id,
            refund_ref=refund.reference,
            amount_paise=refund.amount_paise,
            note=refund.reason[:100],
        )
    except GatewayFailure as failure:
        log.warning("refund_not_answered", refund=refund.id, kind=failure.kind, error=str(failure))
        if failure.kind is not Next.TERMINAL:
            return refund
        found = _looked_up(gateway, refund, capture)
        if found is None:
            return refund
        told = found
    return settle(db, refund.id, told)


def _looked_up(gateway: PaymentGateway, refund: Refund, capture: Capture) -> GatewayRefund | None:
    """What became of a refund that the gateway refuses: done before, or never to be. None while it is not known."""
    order_id, payment_id = capture.gateway_order_id, capture.gateway_payment_id
    try:
        found = gateway.find_refund(order_id=order_id, payment_id=payment_id, refund_ref=refund.reference)
    except GatewayFailure as failure:
        log.warning("refund_not_found_out", refund=refund.id, error=str(failure))
        return None
    return found or GatewayRefund("", refund.reference, payment_id, order_id, "failed", refund.amount_paise)


def settle(db: Db, refund_id: UUID, told: GatewayRefund) -> Refund:
    """Apply what the gateway says of a refund, and book it; repeated news changes nothing."""
    with db.transaction():
        found = queries.refund(db, refund_id)
        payment = queries.find(db, found.payment_id, lock=True)
        refund = queries.refund(db, refund_id, lock=True)
        known_id = refund.gateway_refund_id or told.id or None
        if told.amount_paise != refund.amount_paise:
            log.error("refund_amount_differs", refund=refund.id, ours=refund.amount_paise, theirs=told.amount_paise)
            return refund
        if told.status not in states.REFUND_MOVES[refund.status]:
            return queries.mark_refund(db, refund.id, refund.status, gateway_refund_id=known_id)
        if told.status == "succeeded" and refund.succeeded_at:
            return refund
        return _moved(db, payment, refund, told, known_id)


def _moved(db: Db, payment: PaymentRow, refund: Refund, told: GatewayRefund, known_id: str | None) -> Refund:
    came_back = refund.status == "succeeded"
    done_at = clock.now() if told.status == "succeeded" else refund.succeeded_at
    after = queries.mark_refund(db, refund.id, told.status, gateway_refund_id=known_id, succeeded_at=done_at)
    if told.status == "succeeded" or came_back:
        _book(db, payment, after, came_back)
    queries.note(db, payment.id, "refund", refundId=refund.id, status=told.status, amountPaise=refund.amount_paise)
    outbox.emit(db, f"refund.{told.status}", payment.id, {"refundId": str(refund.id)})
    timers.cancel(db, MACHINE, refund.id)
    return after


def _book(db: Db, payment: PaymentRow, refund: Refund, came_back: bool) -> None:
    """Out of what was sold, or out of what was owed; a refund that came back is booked the other way round."""
    capture = _capture_of(db, refund)
    sold = payment.activated_at is not None and not capture.surplus
    from_account = accounts.revenue(payment.purpose) if sold else accounts.REFUNDS_DUE
    paise = -refund.amount_paise if came_back else refund.amount_paise
    kind = "refund_reversal" if came_back else "refund"
    lines = [(from_account, paise), (accounts.held_by(refund.gateway), -paise)]
    ledger.post(db, kind, refund.id, lines, refund.reason)
    if sold and came_back:
        invoices.refund_came_back(db, payment.id, refund.id, refund.amount_paise, from_account)
    elif sold:
        invoices.by_refund(db, payment.id, refund.id, refund.amount_paise, refund.reason, from_account)
    told = [{"account": account, "amountPaise": amount} for account, amount in lines]
    queries.note(db, payment.id, "ledger", entry=kind, lines=told)
    if not capture.surplus:
        back = queries.succeeded(db, capture.id)
        queries.move(db, payment.id, states.after_refunds(capture.amount_paise, back), refunded_paise=back)


def made_elsewhere(db: Db, payment_id: UUID, told: GatewayRefund) -> Refund | None:
    """A refund that was not started here (the vendor's dashboard, an automatic one): take it into the books."""
    with db.transaction():
        queries.find(db, payment_id, lock=True)
        known = queries.refund_by(db, payment_id, told.reference, told.id)
        if known is None:
            capture = next(
                (c for c in queries.captures(db, payment_id) if c.gateway_payment_id == told.payment_id), None
            )
            if capture is None or told.amount_paise > capture.amount_paise - queries.reserved(
                db, capture.id, disputed=False
            ):
                log.error("refund_without_capture", payment=payment_id, refund=told.id, amount=told.amount_paise)
                return None
            known = queries.insert_refund(db, capture, told.amount_paise, "external", "made at the gateway", told.id)
        return settle(db, known.id, told)


def try_again_later(db: Db, refund: Refund, tried: int) -> None:
    """Still no result: look again after a while, for as long as it takes."""
    wait = timedelta(minutes=WAITS[min(tried, len(WAITS) - 1)])
    timers.wait(db, clock.now() + wait, MACHINE, refund.id, "refund", period=str(tried))


def _capture_of(db: Db, refund: Refund) -> Capture:
    return next(c for c in queries.captures(db, refund.payment_id) if c.id == refund.capture_id)
