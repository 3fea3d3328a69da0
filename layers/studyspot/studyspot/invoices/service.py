"""What an owner does with invoices besides making them: settings, taking one back, lists; and whether all is whole."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from studyspot.files import service as files
from studyspot.invoices import books, drafting, showing
from studyspot.invoices.crediting import by_refund, credit, refund_came_back, undo_payment
from studyspot.invoices.making import Paid, finalise, of_payment, preview
from studyspot.invoices.models.documents import CreditNote, Invoice, Voiding
from studyspot.invoices.models.refusals import InvoiceFinal, PeriodLocked
from studyspot.invoices.models.settings import (
    GstinRequired,
    InvoiceSettingsChange,
    InvoiceSettingsInForce,
    SeriesInUse,
)
from studyspot.invoices.queries import documents, sold
from studyspot.invoices.showing import drawn, listed, read, receipt, receipt_of, send, verified
from studyspot.kit import audit, outbox
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.policies import service as policies

__all__ = [
    "Paid",
    "by_refund",
    "credit",
    "drawn",
    "finalise",
    "listed",
    "of_payment",
    "preview",
    "read",
    "receipt",
    "receipt_of",
    "refund_came_back",
    "send",
    "undo_payment",
    "verified",
]

DAY = timedelta(days=1)
LOGO = "logo"


def settings(db: Db) -> InvoiceSettingsInForce:
    """What holds now."""
    return policies.in_force(db, "invoicing", InvoiceSettingsInForce)


def change_settings(db: Db, asked: InvoiceSettingsChange, if_match: str | None) -> InvoiceSettingsInForce:
    """Set the fields that were sent; documents that were made keep what they say."""
    if asked.gstin:
        asked = asked.model_copy(update={"gstin": drafting.gstin(asked.gstin)})
    if asked.logo_file_id and not files.is_ready(db, asked.logo_file_id, LOGO):
        raise Invalid.field("logoFileId", "no logo that was uploaded and checked")
    with db.transaction():
        after = policies.changed(db, "invoicing", InvoiceSettingsInForce, asked, if_match)
        if after.tax_mode != "unregistered" and after.gstin is None:
            raise GstinRequired
        if len({after.invoice_series, after.credit_note_series, after.receipt_series}) < 3:
            raise SeriesInUse
    return after


def void(db: Db, invoice_id: UUID, asked: Voiding) -> Invoice:
    """Only what nobody has paid or been credited, and the tax was not told of; its number stays taken."""
    with db.transaction():
        invoice = documents.invoice(db, invoice_id, "FOR UPDATE OF i")
        if invoice.status != "finalised" or invoice.credited_paise or invoice.student_id is None:
            raise InvoiceFinal(f"this invoice is {invoice.status}")
        locked = drafting.settings_of(sold.setting(db)).locked_until
        if locked and invoice.issued_at.astimezone(INDIA).date() <= locked:
            raise PeriodLocked
        documents.void(db, invoice_id, asked.reason)
        tax = invoice.total_paise - invoice.taxable_paise
        account = books.revenue(invoice.purpose)
        books.taken_back(db, invoice_id, account, invoice.total_paise, tax, invoice.library_id)
        outbox.emit(db, "invoice.voided", invoice_id, {"number": invoice.number})
        audit.note(db, "invoices.void", "invoices", invoice_id, after={"number": invoice.number, "why": asked.reason})
        return showing.completed(db, documents.invoice(db, invoice_id))


def credit_notes(
    db: Db,
    paging: Paging,
    invoice_id: UUID | None,
    library_id: UUID | None,
    first: date | None,
    last: date | None,
) -> Page[CreditNote]:
    """Newest first, of days from `first` to before `last`."""
    return paging.page(documents.notes(db, paging, invoice_id, library_id, (midnight(first), midnight(last))))


def midnight(day: date | None) -> datetime | None:
    """When a day begins in India."""
    return datetime.combine(day, time(), INDIA) if day else None


def gaps(db: Db) -> list[dict[str, Any]]:
    """Series that have a gap or a number twice: none."""
    return documents.gaps(db)
