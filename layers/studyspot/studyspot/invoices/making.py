"""Making documents: the invoice of a charge, by hand or in the transaction of its payment, and the receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from studyspot.invoices import books, crediting, drafting, numbering, showing
from studyspot.invoices.models.documents import Draft, Invoice, InvoiceRequest, Preview, Purpose, Sold, Surroundings
from studyspot.invoices.models.refusals import AlreadyInvoiced, NothingToInvoice, SeriesExhausted
from studyspot.invoices.models.settings import InvoiceSettings
from studyspot.invoices.queries import documents, sold
from studyspot.kit import audit, clock, ids, log, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Model

BILLED_HERE: tuple[Purpose, ...] = ("booking", "membership", "dues")


class Paid(Model):
    """A payment that has bought something."""

    payment_id: UUID
    purpose: str
    purpose_id: UUID
    amount_paise: int
    method: str | None


def preview(db: Db, actor: Actor, asked: InvoiceRequest) -> Preview:
    """What the invoice would say; students ask for their own."""
    charge = sold.find(db, asked.purpose, asked.purpose_id)
    if charge is None:
        raise NotFound
    actor.own("invoices:read", charge.student_id)
    return drafting.draft(charge, sold.surroundings(db, charge), asked.buyer).shown


def finalise(db: Db, asked: InvoiceRequest) -> Invoice:
    """Bill a charge: what is open waits to be paid, what was paid before the invoice is paid."""
    with db.transaction():
        sold.hold(db, asked.purpose, asked.purpose_id)
        charge = sold.find(db, asked.purpose, asked.purpose_id)
        if charge is None:
            raise NotFound
        if charge.invoice_id:
            raise AlreadyInvoiced(invoiceId=str(charge.invoice_id))
        if not charge.open and charge.payment_id is None:
            raise NothingToInvoice
        return _finalised(db, asked.purpose, drafting.draft(charge, sold.surroundings(db, charge), asked.buyer))


def of_payment(db: Db, paid: Paid) -> str | None:
    """In the transaction that settles: the invoice of what was bought is made, or paid, and the receipt is issued.

    Answers the receipt's number. A full series leaves the money settled and the invoice to be made by hand.
    """
    charge = sold.find(db, paid.purpose, paid.purpose_id) if paid.purpose in BILLED_HERE else None
    if charge is None:
        return None
    charge = charge.model_copy(update={"open": False, "payment_id": paid.payment_id, "amount_paise": paid.amount_paise})
    around = sold.surroundings(db, charge)
    invoice_id = charge.invoice_id
    try:
        if (
            invoice_id is None or not _pay(db, invoice_id, paid, charge)
        ) and charge.amount_paise > charge.deposit_paise:
            invoice_id = _finalised(db, _purpose(paid.purpose), drafting.draft(charge, around)).id
        return _receipt(db, charge, around, paid, invoice_id)
    except SeriesExhausted:
        log.error("series_exhausted", payment=paid.payment_id)
        return None


def issue(db: Db, series: str, row: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> str:
    """A paid invoice that another domain has worked out; answers its number."""
    ((number, series, year),) = numbering.take(db, series)
    documents.add(db, {**row, "number": number, "series": series, "financial_year": year}, items)
    books.sold_and_paid(db, row["id"], books.revenue(row["purpose"]), row["total_paise"] - row["taxable_paise"])
    return number


def _purpose(name: str) -> Purpose:
    return next(purpose for purpose in BILLED_HERE if purpose == name)


def _finalised(db: Db, purpose: Purpose, made: Draft) -> Invoice:
    ((number, series, year),) = numbering.take(db, made.settings.invoice_series)
    invoice = _invoice(made, purpose, number)
    documents.add(db, _row(invoice, series, year), [line.model_dump() for line in invoice.items])
    tax, account = invoice.total_paise - invoice.taxable_paise, books.revenue(purpose)
    if invoice.status == "paid":
        books.sold_and_paid(db, invoice.id, account, tax, invoice.library_id)
    else:
        books.billed(db, invoice.id, account, invoice.total_paise, tax, invoice.library_id)
    facts = {"number": number, "totalPaise": invoice.total_paise, "studentId": str(invoice.student_id)}
    outbox.emit(db, "invoice.finalised", invoice.id, facts)
    if invoice.payment_id:
        outbox.emit(db, "invoice.paid", invoice.id, {"number": number, "paymentId": str(invoice.payment_id)})
    audit.note(db, "invoices.finalise", "invoices", invoice.id, after={"number": number, "paise": invoice.total_paise})
    return showing.completed(db, invoice)


def _invoice(made: Draft, purpose: Purpose, number: str) -> Invoice:
    now, charge = clock.now(), made.sold
    facts = made.shown.model_dump(exclude={"items", "supplier", "total_in_words"})
    return Invoice(
        **facts,
        id=ids.uuid7(),
        number=number,
        status="finalised" if charge.open else "paid",
        student_id=charge.student_id,
        library_id=charge.library_id,
        subject_type=charge.subject_type,
        subject_id=charge.subject_id,
        purpose=purpose,
        supplier=made.shown.supplier,
        items=made.shown.items,
        credited_paise=0,
        owed_paise=0,
        payment_id=charge.payment_id,
        issued_at=now,
        paid_at=None if charge.open else now,
        voided_at=None,
        reason=None,
    )


def _row(invoice: Invoice, series: str, year: str) -> dict[str, Any]:
    without = {"items", "total_in_words", "verify_code", "supplier"}
    return {
        **invoice.model_dump(exclude=without),
        "supplier": invoice.supplier.model_dump(exclude_none=True),
        "series": series,
        "financial_year": year,
        "customer_id": invoice.student_id,
    }


def _pay(db: Db, invoice_id: UUID, paid: Paid, charge: Sold) -> bool:
    """What was let off since it was billed is credited; the rest is what came in. False: it was voided meanwhile."""
    billed = documents.invoice(db, invoice_id, "FOR UPDATE OF i")
    if billed.status == "voided":
        return False
    came_in = paid.amount_paise - charge.deposit_paise
    documents.paid(db, invoice_id, paid.payment_id)
    books.collected(db, invoice_id, books.revenue(paid.purpose), came_in, billed.library_id)
    less = billed.total_paise - billed.credited_paise - came_in
    if less > 0:
        crediting.let_off(db, billed, less)
    outbox.emit(db, "invoice.paid", invoice_id, {"number": billed.number, "paymentId": str(paid.payment_id)})
    return True


def _receipt(db: Db, charge: Sold, around: Surroundings, paid: Paid, invoice_id: UUID | None) -> str:
    chosen: InvoiceSettings = drafting.settings_of(around.settings)
    ((number, series, year),) = numbering.take(db, chosen.receipt_series)
    documents.add_receipt(
        db,
        {
            "id": ids.uuid7(),
            "number": number,
            "series": series,
            "financial_year": year,
            "payment_id": paid.payment_id,
            "student_id": charge.student_id,
            "library_id": charge.library_id,
            "invoice_id": invoice_id,
            "description": charge.description,
            "method": paid.method,
            "supplier": drafting.supplier_of(chosen, around).model_dump(exclude_none=True),
            "amount_paise": paid.amount_paise,
            "invoiced_paise": paid.amount_paise - charge.deposit_paise,
            "deposit_paise": charge.deposit_paise,
            "ahead": bool(charge.begins_at and charge.begins_at > clock.now()),
            "issued_at": clock.now(),
        },
    )
    return number
