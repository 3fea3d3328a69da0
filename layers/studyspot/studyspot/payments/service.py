"""What happens to payments, one verb each; all but the look-ups run inside the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.gateways.payment import GatewayPayment
from studyspot.kit import audit, clock, ids, outbox, timers
from studyspot.kit.db import Db
from studyspot.ledger import models as accounts
from studyspot.ledger import service as ledger
from studyspot.payments import learning, merchants, queries, refunds, states
from studyspot.payments.models import (
    AlreadyPaid,
    Attempt,
    Capture,
    GatewayName,
    Moment,
    NothingToPay,
    Payable,
    Payment,
    PaymentInProgress,
    PaymentRow,
    Routing,
    Status,
)
from studyspot.payments.refunds import MACHINE

CALL_LEASE = timedelta(seconds=20)
"""Longer than the ten seconds a create may take: after it, somebody else may take the payment up."""
POLLS = (
    timedelta(seconds=60), timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1),
    timedelta(hours=6), timedelta(hours=24), timedelta(hours=72),
)  # fmt: skip
"""After opening; late authorisations come for up to three days."""


@dataclass(frozen=True)
class Opening:
    """A payment that still needs an order to show: at which gateways, and what was begun before."""

    payment: PaymentRow
    routing: Routing
    gateways: list[GatewayName]
    begun: dict[GatewayName, Attempt]
    resumed: bool
    """Whether what was begun has to be looked up before it is asked for again."""
    through: dict[GatewayName, UUID | None]
    """The organisation's own account at each gateway."""


def open_payment(
    db: Db,
    payable: Payable,
    until: datetime,
    method: str | None = None,
    pinned: str = "auto",
    locked: bool = False,
) -> Opening:
    """A new payment, or the one for the same thing whose order nobody has seen yet. `locked`: by the caller, before."""
    if payable.amount_paise == 0:
        raise NothingToPay
    if not locked:
        queries.lock_payable(db, payable.purpose, payable.purpose_id)
    payment_id, lease = ids.uuid7(), clock.now() + CALL_LEASE
    told = (payable.amount_paise, method, pinned, payable.purpose)
    decision, gateways, through = merchants.route(db, *told, payment_id)
    if opened := queries.insert(db, payment_id, payable, until, lease):
        _begun(db, payment_id, payable, decision, until)
        first = queries.insert_attempt(db, payment_id, gateways[0], decision, account_id=through[gateways[0]])
        return Opening(opened, decision, gateways, {first.gateway: first}, False, through)
    held = queries.holder(db, payable.purpose, payable.purpose_id)
    if held and held.activated_at:
        raise AlreadyPaid(paymentId=str(held.id))
    if held is None or held.amount_paise != payable.amount_paise or not queries.resume(db, held.id, until, lease):
        raise PaymentInProgress(paymentId=str(held.id) if held else None)
    decision, gateways = merchants.again(decision, held.id)
    begun = {attempt.gateway: attempt for attempt in queries.attempts(db, held.id) if attempt.open}
    turns = sorted(gateways, key=lambda name: name not in begun)
    return Opening(queries.find(db, held.id), decision, turns, begun, True, through)


def _begun(db: Db, payment_id: UUID, payable: Payable, decision: Routing, until: datetime) -> None:
    queries.note(db, payment_id, "created", amountPaise=payable.amount_paise, purpose=payable.purpose)
    queries.note(db, payment_id, "routing", **decision.model_dump(mode="json", by_alias=True))
    about = {"purpose": payable.purpose, "purposeId": str(payable.purpose_id), "amountPaise": payable.amount_paise}
    outbox.emit(db, "payment.created", payment_id, about)
    timers.wait(db, clock.now() + POLLS[0], MACHINE, payment_id, "poll", period="0")
    timers.wait(db, until, MACHINE, payment_id, "expire")
    audit.note(db, "payments.create", "payments", payment_id, after=about)


def not_ordered(db: Db, payment: PaymentRow, refused: bool) -> None:
    """No gateway gave an order: the payment is free to be resumed, or over when none ever will."""
    if refused:
        advance(db, payment, "failed", failure="refused_by_gateway")
    elif payment.gateway_order_id is None:
        queries.move(db, payment.id, payment.status)


def locked(db: Db, payment_id: UUID) -> PaymentRow:
    """The payment, with everything about what it pays for standing still until the transaction ends."""
    queries.lock_payable_of(db, payment_id)
    return queries.find(db, payment_id, lock=True)


def advance(db: Db, payment: PaymentRow, status: Status, **columns: Any) -> PaymentRow:
    """Apply news that raises the rank; anything else changes nothing."""
    if not states.rises(payment.status, status):
        return payment
    if status in ("failed", "expired", "cancelled", "unknown"):
        event = "payment.unknown" if status == "unknown" else "payment.failed"
        queries.note(db, payment.id, "failed", status=status, reason=columns.get("failure"))
        outbox.emit(db, event, payment.id, {"status": status, "reason": columns.get("failure")})
    late = {"late": True} if status == "authorized" and payment.status in states.LATE else {}
    return queries.move(db, payment.id, status, **late, **columns)


def authorized(db: Db, payment: PaymentRow) -> PaymentRow:
    """The payer's bank has promised the money. Of a payment that is over while another one is open, or has paid, for
    the same thing that says nothing yet: only its capture decides which of them buys it."""
    if payment.status in states.LATE:
        held = queries.holder(db, payment.purpose, payment.purpose_id)
        if held and held.id != payment.id:
            return payment
    return advance(db, payment, "authorized")


def take(db: Db, payment: PaymentRow, gateway: str, fact: GatewayPayment) -> Capture | None:
    """Record that the gateway holds money for this payment. None: that was known."""
    fee = fact.fee_paise, fact.tax_paise or 0
    if fact.fee_paise is None:
        terms = next(t for t in merchants.terms_of(db, fact.method, payment.purpose) if t.gateway == gateway)
        fee = terms.total(fact.amount_paise), terms.gst(fact.amount_paise)
    surplus = payment.status in states.PAID
    figures = (fee[0] or 0, fee[1], fact.fee_paise is not None)
    capture = queries.insert_capture(db, payment.id, gateway, fact, figures, surplus)
    if capture is None and fact.fee_paise is not None:
        learning.fee(db, payment, gateway, fact)
    if fact.rrn:
        learning.rrn(db, payment.id, gateway, fact.id, fact.rrn)
    if capture:
        facts = {"gateway": gateway, "gatewayPaymentId": fact.id, "amountPaise": fact.amount_paise, "surplus": surplus}
        queries.note(db, payment.id, "captured", **facts)
        queries.became(db, gateway, fact.method, failed=False, payment_id=payment.id)
        audit.note(db, "payments.capture", "payments", payment.id, after=facts)
    return capture


def keep(db: Db, payment: PaymentRow, capture: Capture, method: str) -> PaymentRow:
    """The money has bought what it was for: the caller activates that in this very transaction."""
    row = _captured(db, payment, capture, method, activated_at=clock.now())
    _book_capture(db, row, capture, accounts.revenue(row.purpose))
    return row


def give_back(db: Db, payment: PaymentRow, capture: Capture, method: str, reason: str) -> PaymentRow:
    """The money can buy nothing any more: it is owed to the payer, and a refund is on its way."""
    row = payment if capture.surplus else _captured(db, payment, capture, method)
    _book_capture(db, row, capture, accounts.REFUNDS_DUE)
    outbox.emit(db, "payment.late_duplicate", payment.id, {"reason": reason, "amountPaise": capture.amount_paise})
    refunds.reserve(db, capture, capture.amount_paise, "automatic", reason)
    return row


def _captured(
    db: Db, payment: PaymentRow, capture: Capture, method: str, activated_at: datetime | None = None
) -> PaymentRow:
    late = payment.late or payment.status in states.LATE
    outbox.emit(
        db,
        "payment.captured",
        payment.id,
        {"purpose": payment.purpose, "purposeId": str(payment.purpose_id), "amountPaise": capture.amount_paise,
         "late": late, "activated": activated_at is not None},
    )  # fmt: skip
    if not any(attempt.state in ("calling", "unknown", "orphan") for attempt in queries.attempts(db, payment.id)):
        timers.cancel(db, MACHINE, payment.id)
    return queries.move(
        db,
        payment.id,
        "captured",
        gateway=capture.gateway,
        gateway_order_id=capture.gateway_order_id,
        gateway_payment_id=capture.gateway_payment_id,
        method=method or None,
        fee_paise=capture.fee_paise,
        captured_paise=capture.amount_paise,
        captured_at=clock.now(),
        activated_at=activated_at,
        late=late,
        failure=None,
    )


def _book_capture(db: Db, payment: PaymentRow, capture: Capture, credited: str) -> None:
    lines = [
        (accounts.held_by(capture.gateway), capture.amount_paise - capture.fee_paise),
        (accounts.GATEWAY_FEES, capture.fee_paise - capture.tax_paise),
        (accounts.GST_INPUT, capture.tax_paise),
        (credited, -capture.amount_paise),
    ]
    _book(db, payment.id, "capture", capture.id, lines, payment.description)


def _book(db: Db, payment_id: UUID, kind: str, reference: UUID, lines: list[accounts.Line], description: str) -> None:
    ledger.post(db, kind, reference, lines, description)
    queries.note(db, payment_id, "ledger", entry=kind, lines=[{"account": a, "amountPaise": p} for a, p in lines if p])


def call_off_rivals(db: Db, payment: PaymentRow) -> None:
    """A late success wins over a payment that is still open for the same thing; that one's order is ended."""
    for rival in queries.cancel_rivals(db, payment):
        queries.note(db, rival, "failed", status="cancelled", reason="paid_otherwise")
        outbox.emit(db, "payment.failed", rival, {"status": "cancelled", "reason": "paid_otherwise"})
        outbox.start(db, MACHINE, rival, "terminate", period="rival")


def paid_by(db: Db, payment: PaymentRow) -> UUID | None:
    """The payment that has bought this, if one has."""
    held = queries.holder(db, payment.purpose, payment.purpose_id)
    return held.id if held and held.activated_at else None


def of_student(db: Db, student_id: UUID, after: str | None, fetch: int) -> list[Payment]:
    """Newest first."""
    return queries.listed(db, student_id, None, None, after, fetch)


def refuse_open(db: Db, purpose: str, purpose_id: UUID) -> None:
    """PaymentInProgress while somebody pays for it; until the transaction ends nobody begins to."""
    queries.lock_payable(db, purpose, purpose_id)
    held = queries.holder(db, purpose, purpose_id)
    if held and not held.activated_at:
        raise PaymentInProgress(paymentId=str(held.id))


def note(db: Db, payment_id: UUID, kind: str, **detail: Any) -> None:
    """One line of the payment's timeline."""
    queries.note(db, payment_id, kind, **detail)


def find(db: Db, payment_id: UUID) -> PaymentRow:
    """The payment, or NotFound."""
    return queries.find(db, payment_id)


def attempts(db: Db, payment_id: UUID) -> list[Attempt]:
    """Every order asked for, oldest first."""
    return queries.attempts(db, payment_id)


def captures(db: Db, payment_id: UUID) -> list[Capture]:
    """What was taken, the one that counts first."""
    return queries.captures(db, payment_id)


def timeline(db: Db, payment_id: UUID) -> list[Moment]:
    """In the order in which things were learnt."""
    return queries.timeline(db, payment_id)


def owner_of(core: Db, gateway: str, gateway_order_id: str) -> queries.Owner | None:
    """Whose order that is, as the directory says."""
    return queries.owner_of(core, gateway, gateway_order_id)


def declined(db: Db, payment: PaymentRow, gateway: str, reason: str, method: str = "") -> PaymentRow:
    """A try to pay failed; another one may follow, here or late."""
    if states.rises(payment.status, "failed"):
        queries.became(db, gateway, method, failed=True, payment_id=payment.id)
    return advance(db, payment, "failed", failure=reason)


def dispute(db: Db, payment_id: UUID, status: str) -> None:
    """A chargeback was opened, moved or closed."""
    queries.dispute(db, payment_id, status)
