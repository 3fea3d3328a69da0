"""Claims to have paid the organisation's own UPI address: matched with a line of its bank, or decided by somebody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.desk import queries, statements
from studyspot.desk.models import (
    BankLine,
    Claim,
    ClaimDecided,
    ClaimRequest,
    Decision,
    Statement,
    StatementTaken,
    owed,
)
from studyspot.files import service as files
from studyspot.fulfilment import purposes, settling
from studyspot.kit import audit, clock
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.payments import byhand, states
from studyspot.payments import service as payments
from studyspot.payments.models import AmountMismatch, Payable, PaymentRow, UtrUsed

PROOF = "payment_proof"
AHEAD = timedelta(minutes=10)
"""What a phone's clock may be wrong by."""
APART = timedelta(days=2)
"""Between what the payer and what the bank calls the time: the bank's lists tell days."""


def claim(db: Db, actor: Actor, asked: ClaimRequest) -> Claim:
    """The payment is `pending` from now on, and captured at once where the bank's list has the transfer."""
    _plausible(db, asked)
    purpose = purposes.of(asked.purpose)
    with db.transaction():
        byhand.hold(db, asked.purpose, asked.purpose_id)
        payable = purpose.payable(db, asked.purpose_id, actor)
        if asked.amount_paise != payable.amount_paise:
            raise AmountMismatch
        if byhand.taken(db, asked.rrn):
            raise UtrUsed
        until = clock.now() + purpose.window
        row = _payment(db, payable, until)
        purpose.await_payment(db, asked.purpose_id, row.id, until)
        made = queries.add_claim(db, row.id, asked)
        if made is None:
            raise UtrUsed
        payments.note(db, row.id, "callback", claimId=made, through="upi")
        row = payments.advance(db, row, "pending")
        audit.note(db, "payments.claim", "payments", row.id, after={"claim": made, "rrn": asked.rrn})
        if _fits(queries.line(db, asked.rrn), asked.amount_paise, asked.paid_at):
            _approved(db, row, queries.claim(db, made), matched=True)
        return queries.claim(db, made)


def _payment(db: Db, payable: Payable, until: datetime) -> PaymentRow:
    """The one whose address was shown, or one that nobody had asked for: the code at the wall was scanned."""
    known = byhand.waiting(db, payable.purpose, payable.purpose_id)
    same = known and known.amount_paise == payable.amount_paise
    return byhand.until(db, known if known and same else byhand.opened(db, payable, "upi", until, {}), until)


def _plausible(db: Db, asked: ClaimRequest) -> None:
    if asked.paid_at > clock.now() + AHEAD:
        raise Invalid.field("paidAt", "lies ahead")
    if asked.proof_file_id and not files.is_ready(db, asked.proof_file_id, PROOF):
        raise Invalid.field("proofFileId", "no proof that was uploaded and checked")


def listed(db: Db, paging: Paging, **wanted: Any) -> Page[Claim]:
    """Newest first."""
    return paging.page(queries.claims(db, paging, **wanted))


def decide(db: Db, claim_id: UUID, asked: Decision) -> Claim:
    """Somebody has looked: the money is there and buys what it was for, or goes back; or it never came."""
    if asked.decision == "refuse" and asked.reason is None:
        raise owed("reason")
    with db.transaction():
        row, found = _held(db, claim_id)
        if found.status != "waiting":
            raise ClaimDecided
        if asked.decision == "approve":
            _approved(db, row, found)
        else:
            _refused(db, row, found, asked.reason)
        return queries.claim(db, claim_id)


def _held(db: Db, claim_id: UUID) -> tuple[PaymentRow, Claim]:
    """The payment first, as everywhere."""
    row = payments.locked(db, queries.claim(db, claim_id).payment_id)
    return row, queries.claim(db, claim_id, "FOR UPDATE OF c")


def _approved(db: Db, row: PaymentRow, found: Claim, matched: bool = False) -> None:
    """UtrUsed when the transfer was taken otherwise meanwhile."""
    capture = byhand.receive(db, row, "bank", found.rrn, "upi")
    settling.came_in(db, row, capture, "upi")
    queries.decide(db, found.id, "approved", matched, None)
    audit.note(db, "payments.claim_approved", "payments", row.id, after={"claim": found.id, "matched": matched})


def _refused(db: Db, row: PaymentRow, found: Claim, reason: str | None) -> None:
    if row.status in states.OPEN:
        payments.advance(db, row, "failed", failure=f"claim_refused: {reason}")
    queries.decide(db, found.id, "refused", False, reason)
    audit.note(db, "payments.claim_refused", "payments", row.id, after={"claim": found.id, "why": reason})


def _fits(line: BankLine | None, paise: int, paid_at: datetime) -> bool:
    return line is not None and line.amount_paise == paise and abs(line.credited_at - paid_at) <= APART


def take_statement(db: Db, asked: Statement) -> StatementTaken:
    """New lines are kept, and decide the claims they fit; a claim that differs is left to somebody."""
    told, ignored = statements.read(asked.csv) if asked.csv else ([], 0)
    lines = [*asked.lines, *told]
    with db.transaction():
        new = queries.add_lines(db, lines)
        audit.note(db, "payments.statement", "payments", None, after={"lines": len(lines), "new": new})
    db.commit()
    approved = left = 0
    for claim_id in queries.waiting_for(db, [line.rrn for line in lines]):
        if _matched(db, claim_id):
            approved += 1
        else:
            left += 1
    return StatementTaken(imported=new, known=len(lines) - new, ignored=ignored, approved=approved, left=left)


def _matched(db: Db, claim_id: UUID) -> bool:
    """Each in a transaction of its own: one that cannot be delivered keeps no other waiting."""
    with db.transaction():
        row, found = _held(db, claim_id)
        fits = found.status == "waiting" and _fits(queries.line(db, found.rrn), found.amount_paise, found.paid_at)
        if fits:
            _approved(db, row, found, matched=True)
    db.commit()
    return fits
