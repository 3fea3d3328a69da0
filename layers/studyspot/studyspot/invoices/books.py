"""What invoices move in the ledger: what is owed when billed, and the tax that was never revenue."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit.db import Db
from studyspot.ledger import models as accounts
from studyspot.ledger import service as ledger

OWED_BY_STUDENTS = "asset.receivables"
GST_OUTPUT = "liability.gst_output"
CREDIT_NOTES = "liability.credit_notes"
"""Credited on something that was paid, and not given back yet."""


def sold_and_paid(db: Db, invoice_id: UUID, account: str, tax: int, library: UUID | None = None) -> None:
    """What the payment brought in is revenue but for its tax."""
    if tax:
        ledger.post(db, "invoice_tax", invoice_id, [(account, tax), (GST_OUTPUT, -tax)], "Output tax", library)


def billed(db: Db, invoice_id: UUID, account: str, total: int, tax: int, library: UUID | None) -> None:
    """Billed before it is paid: owed from now on."""
    lines = [(OWED_BY_STUDENTS, total), (account, tax - total), (GST_OUTPUT, -tax)]
    ledger.post(db, "invoice", invoice_id, lines, "Billed", library)


def collected(db: Db, invoice_id: UUID, account: str, paid: int, library: UUID | None) -> None:
    """The payment that was booked as revenue pays what had been billed."""
    lines = [(account, paid), (OWED_BY_STUDENTS, -paid)]
    ledger.post(db, "invoice_paid", invoice_id, lines, "Bill paid", library)


def taken_back(db: Db, invoice_id: UUID, account: str, total: int, tax: int, library: UUID | None) -> None:
    """An unpaid invoice was voided."""
    lines = [(OWED_BY_STUDENTS, -total), (account, total - tax), (GST_OUTPUT, tax)]
    ledger.post(db, "invoice_void", invoice_id, lines, "Bill voided", library)


def credited(db: Db, note_id: UUID, account: str, total: int, tax: int, to: str, library: UUID | None) -> None:
    """Less is asked: `to` is what the sum is no longer owed by, or owed to."""
    lines = [(account, total - tax), (GST_OUTPUT, tax), (to, -total)]
    ledger.post(db, "credit_note", note_id, lines, "Credit note", library)


def refunded(db: Db, reference: UUID, account: str, covered: int, tax: int) -> None:
    """The refund took all of it out of revenue: of that `covered` was credited before, and `tax` was never revenue."""
    lines = [(CREDIT_NOTES, covered), (GST_OUTPUT, tax), (account, -covered - tax)]
    ledger.post(db, "refund_tax", reference, lines, "Credited by refund")


def refund_came_back(db: Db, reference: UUID, account: str, covered: int, tax: int) -> None:
    """The other way round."""
    lines = [(CREDIT_NOTES, -covered), (GST_OUTPUT, -tax), (account, covered + tax)]
    ledger.post(db, "refund_tax_reversal", reference, lines, "Refund came back")


def revenue(purpose: str | None) -> str:
    return accounts.revenue(purpose or "dues")
