"""Credit notes: by hand, by a refund, or for what was let off; together never more than the invoice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from studyspot.invoices import arithmetic, books, drafting, numbering
from studyspot.invoices.models.documents import CreditNote, CreditRequest, Invoice, Item
from studyspot.invoices.models.refusals import CreditExceeds, InvoiceFinal
from studyspot.invoices.queries import documents, sold
from studyspot.kit import audit, clock, ids, log, outbox
from studyspot.kit.db import Db

LET_OFF = "Let off before it was paid"


def credit(db: Db, invoice_id: UUID, asked: CreditRequest) -> CreditNote:
    """What is left, or part of it: less is owed by the student, or something is owed back."""
    with db.transaction():
        invoice = documents.invoice(db, invoice_id, "FOR UPDATE OF i")
        if invoice.status == "voided":
            raise InvoiceFinal("a voided invoice asks for nothing")
        left = invoice.total_paise - invoice.credited_paise
        paise = left if asked.amount_paise is None else asked.amount_paise
        if not 0 < paise <= left:
            raise CreditExceeds(leftPaise=left)
        note = _issue(db, invoice, paise, asked.reason)
        owed = paise if invoice.payment_id else 0
        documents.credit(db, invoice.id, paise, owed)
        to = books.CREDIT_NOTES if owed else books.OWED_BY_STUDENTS
        account, tax = books.revenue(invoice.purpose), paise - note.taxable_paise
        books.credited(db, note.id, account, paise, tax, to, invoice.library_id)
    return note


def let_off(db: Db, invoice: Invoice, paise: int) -> None:
    """Billed, then waived in part, then paid: what was waived is credited."""
    note = _issue(db, invoice, paise, LET_OFF)
    documents.credit(db, invoice.id, paise, 0)
    tax = paise - note.taxable_paise
    account = books.revenue(invoice.purpose)
    books.credited(db, note.id, account, paise, tax, books.OWED_BY_STUDENTS, invoice.library_id)


def by_refund(db: Db, payment_id: UUID, refund_id: UUID, paise: int, reason: str, account: str) -> None:
    """Money went back, in the transaction that books it: what was not credited before is credited now.

    `account` is the revenue the refund was taken from. A part of the payment that was never billed needs no note.
    """
    invoice_id = documents.of_payment(db, payment_id)
    if invoice_id is None:
        return
    invoice = documents.invoice(db, invoice_id, "FOR UPDATE OF i")
    covered = min(paise, invoice.owed_paise)
    fresh = min(paise - covered, invoice.total_paise - invoice.credited_paise)
    tax = 0
    if fresh:
        note = _issue(db, invoice, fresh, reason, refund_id)
        tax = fresh - note.taxable_paise
    if covered or fresh:
        documents.credit(db, invoice.id, fresh, -covered)
    if covered or tax:
        books.refunded(db, refund_id, account, covered, tax)


def undo_payment(db: Db, payment_id: UUID, refund_id: UUID, paise: int, reason: str, account: str) -> None:
    """The payment never was: what was billed for it is credited in full, and its charge can be billed anew."""
    invoice_id = documents.of_payment(db, payment_id)
    if invoice_id is not None:
        by_refund(db, payment_id, refund_id, paise, reason, account)
        documents.undo(db, invoice_id)


def refund_came_back(db: Db, payment_id: UUID, refund_id: UUID, paise: int, account: str) -> None:
    """A refund that had succeeded failed after all: its note is cancelled, what it had settled is owed again."""
    invoice_id = documents.of_payment(db, payment_id)
    if invoice_id is None:
        return
    invoice = documents.invoice(db, invoice_id, "FOR UPDATE OF i")
    note = documents.note_of_refund(db, refund_id)
    fresh, tax = (note.total_paise, note.total_paise - note.taxable_paise) if note else (0, 0)
    room = invoice.credited_paise - fresh - invoice.owed_paise
    covered = max(0, min(paise - fresh, room))
    if note:
        documents.cancel_note(db, note.id)
    documents.credit(db, invoice.id, -fresh, covered)
    books.refund_came_back(db, refund_id, account, covered, tax)
    log.warning("refund_came_back", invoice=invoice.id, refund=refund_id)


def _issue(db: Db, invoice: Invoice, paise: int, reason: str, refund_id: UUID | None = None) -> CreditNote:
    by_rate = documents.left_by_rate(db, invoice.id)
    shares = arithmetic.spread(paise, [part.total_paise for part in by_rate])
    items = [_part(part, share) for part, share in zip(by_rate, shares, strict=True) if share]
    sums = {name: sum(getattr(item, name) for item in items) for name in ("taxable_paise", "cgst_paise", "sgst_paise",
                                                                          "igst_paise", "total_paise")}  # fmt: skip
    value = sold.setting(db)
    ((number, series, year),) = numbering.take(db, drafting.settings_of(value).credit_note_series)
    row: dict[str, Any] = {
        "id": ids.uuid7(),
        "number": number,
        "invoice_id": invoice.id,
        "library_id": invoice.library_id,
        "refund_id": refund_id,
        "reason": reason,
        "issued_at": clock.now(),
        **sums,
    }
    documents.add_note(
        db,
        {**row, "series": series, "financial_year": year, "issued_by": db.actor.id if db.actor else None},
        [item.model_dump(exclude={"description", "discount_paise"}) for item in items],
    )
    outbox.emit(db, "invoice.credited", invoice.id, {"number": number, "totalPaise": paise})
    audit.note(db, "invoices.credit", "invoices", invoice.id, after={"number": number, "paise": paise})
    return CreditNote(**row, invoice_number=invoice.number, status="issued")


def _part(part: Item, share: int) -> Item:
    """Tax as in the invoice; the last note takes exactly what is left, so that all of them add up to it."""
    if share == part.total_paise:
        return part
    return drafting.item("", part.sac, Decimal(part.gst_rate), share, bool(part.igst_paise))
