"""What was sold as it is billed; invoices, credit notes and receipts; and what can stand against one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from studyspot.invoices.models.settings import InvoiceSettings, Rate, StateCode
from studyspot.kit.models import MAX_PAISE, Model, Name, Text, Timestamp

Kind = Literal["tax_invoice", "bill_of_supply", "bill"]
Status = Literal["finalised", "paid", "voided", "credited"]
Purpose = Literal["booking", "membership", "dues"]
DEPOSIT = "Deposit, refundable"
"""The line of a sum that is kept for the member, and never billed."""


class SoldLine(Model):
    """A line of what somebody was charged: its listed price with tax, or what is taken off."""

    description: str
    total_paise: int


class Sold(Model):
    """What a student was charged for, and the invoice there may be of it."""

    subject_type: Literal["due", "booking"]
    subject_id: UUID
    student_id: UUID
    library_id: UUID
    description: str
    lines: list[SoldLine]
    amount_paise: int
    deposit_paise: int
    gst_rate: Decimal
    sac: str | None
    due_on: date | None
    begins_at: Timestamp | None
    ends_at: Timestamp | None
    open: bool
    """It is still to be paid; what is neither open nor paid is nobody's debt."""
    payment_id: UUID | None
    invoice_id: UUID | None
    invoice_total_paise: int | None
    invoice_status: Status | None


class Surroundings(Model):
    """Whose invoice it is and to whom it goes, as they are now."""

    settings: dict[str, Any]
    branding: dict[str, Any]
    library_name: str
    library_address: str
    library_state: str | None
    student_name: str
    student_address: str
    student_state: str | None


class Supplier(Model):
    """Who bills, as it stood when the document was made."""

    name: str = ""
    gstin: str | None = None
    address: str | None = None
    state_code: str | None = None
    phone: str | None = None
    email: str | None = None
    footer: str | None = None
    signatory: str | None = None


class Buyer(Model):
    """Somebody who is billed under a GSTIN, or under another name than the student's."""

    name: Name
    gstin: Annotated[str, Field(max_length=20)] | None = None
    address: Text | None = None
    state_code: StateCode | None = None


class Item(Model):
    """A line of an invoice; the taxable value is after the discount."""

    description: str
    sac: str
    gst_rate: Rate
    discount_paise: int
    taxable_paise: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int
    total_paise: int


class Preview(Model):
    """An invoice as it would be made now: nothing is numbered, nothing is kept."""

    kind: Kind
    supplier: Supplier
    buyer_name: str | None
    buyer_address: str | None
    buyer_gstin: str | None
    place_of_supply: str | None
    taxable_paise: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int
    total_paise: int
    total_in_words: str
    due_on: date | None
    period_start: Timestamp | None
    period_end: Timestamp | None
    items: list[Item]


class InvoiceView(Model):
    """An invoice in a list."""

    id: UUID
    number: str
    kind: Kind
    status: Status
    student_id: UUID | None
    library_id: UUID | None
    subject_type: str
    subject_id: UUID
    buyer_name: str | None
    buyer_gstin: str | None
    place_of_supply: str | None
    taxable_paise: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int
    total_paise: int
    credited_paise: int
    payment_id: UUID | None
    due_on: date | None
    issued_at: Timestamp
    paid_at: Timestamp | None


class Invoice(InvoiceView):
    """An invoice with its lines."""

    purpose: str | None
    supplier: Supplier
    buyer_address: str | None
    period_start: Timestamp | None
    period_end: Timestamp | None
    voided_at: Timestamp | None
    reason: str | None
    owed_paise: int
    items: list[Item]
    total_in_words: str = ""
    verify_code: str = ""
    """Stands behind the square on the document: GET /invoices/verify/{code}."""


class CreditNote(Model):
    """What an invoice asks less for."""

    id: UUID
    number: str
    invoice_id: UUID
    invoice_number: str
    library_id: UUID | None
    refund_id: UUID | None
    reason: str
    status: Literal["issued", "cancelled"]
    taxable_paise: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int
    total_paise: int
    issued_at: Timestamp

    @property
    def location(self) -> str:
        return "/api/v1/credit-notes"


class Receipt(Model):
    """Money that came in: what of it was billed, what is kept as a deposit."""

    id: UUID
    number: str
    payment_id: UUID
    student_id: UUID | None
    library_id: UUID | None
    invoice_id: UUID | None
    invoice_number: str | None
    description: str
    method: str | None
    supplier: Supplier
    amount_paise: int
    invoiced_paise: int
    deposit_paise: int
    ahead: bool
    """What it pays for had not begun: a receipt voucher for an advance."""
    issued_at: Timestamp
    voided_at: Timestamp | None
    """The money never was: the entry was taken back, the receipt keeps its number and proves nothing."""
    total_in_words: str = ""


class InvoiceRequest(Model):
    """What to bill: what a student was charged, as payments name it."""

    purpose: Purpose
    purpose_id: UUID
    buyer: Buyer | None = None


class Voiding(Model):
    """Why an invoice is taken back."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class CreditRequest(Model):
    """No amount means all that is left."""

    amount_paise: Annotated[int, Field(gt=0, le=MAX_PAISE, strict=True)] | None = None
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class SendRequest(Model):
    """By which way the payer is told: a mail with the link, or the registered text."""

    channel: Literal["email", "sms"] = "email"


class Sent(Model):
    """Accepted: it leaves from the outbox."""

    id: UUID
    channel: Literal["email", "sms"]
    to: str
    """Masked."""


class Genuineness(Model):
    """Whether a document was issued here, and what it said; nothing about whom it was issued to."""

    genuine: bool
    kind: Kind | None = None
    number: str | None = None
    issued_on: date | None = None
    supplier: str | None = None
    gstin: str | None = None
    total_paise: int | None = None
    status: Status | None = None
    credited_paise: int | None = None


class Made(Model):
    """What was just billed."""

    id: UUID
    number: str
    total_paise: int
    tax_paise: int


class Draft(Model):
    """All that an invoice will say, but for its number."""

    settings: InvoiceSettings
    sold: Sold
    shown: Preview
