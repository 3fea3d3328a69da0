"""Documents as people see them: read, drawn, sent, and proven genuine to whoever holds a copy."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.files import service as files
from studyspot.invoices import arithmetic, drafting
from studyspot.invoices.models.documents import Genuineness, Invoice, InvoiceView, Receipt, SendRequest, Sent
from studyspot.invoices.models.refusals import NoAddress
from studyspot.invoices.queries import documents, sold
from studyspot.kit import audit, cells, crypto, settings
from studyspot.kit.auth import Actor
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.messaging import service as messaging
from studyspot.policies import service as policies
from studyspot.policies.models import BrandingInForce

READ = "invoices:read"
PURPOSE = "invoice"
HEX = 32


def completed(db: Db, invoice: Invoice) -> Invoice:
    """With what is worked out rather than kept: the amount in words, and the code of the square."""
    said = {"total_in_words": arithmetic.in_words(invoice.total_paise), "verify_code": code_of(db.tenant, invoice.id)}
    return invoice.model_copy(update=said)


def code_of(tenant: UUID, invoice_id: UUID) -> str:
    """Names the organisation and the document, sealed: nobody can make one up, and none has to be stored."""
    return crypto.sealed(PURPOSE, f"{tenant.hex}{invoice_id.hex}")


def read(db: Db, actor: Actor, invoice_id: UUID) -> Invoice:
    """Students see their own, staff those of their libraries."""
    found = documents.invoice(db, invoice_id)
    _seen(actor, found.student_id, found.library_id)
    return completed(db, found)


def _seen(actor: Actor, student_id: UUID | None, library_id: UUID | None) -> None:
    if not actor.may(READ) and actor.id != student_id:
        raise NotFound
    actor.at(library_id)


def listed(db: Db, actor: Actor, paging: Paging, **wanted: Any) -> Page[InvoiceView]:
    """Newest first; a student's own whatever else is asked."""
    if not actor.may(READ):
        if wanted["student"] not in (None, actor.id):
            wanted["student"] = UUID(int=0)
        wanted["student"] = wanted["student"] or actor.id
    return paging.page(documents.listed(db, paging, **wanted))


def receipt(db: Db, actor: Actor, named: UUID) -> Receipt:
    """By its own id, or by that of its payment."""
    found = receipt_of(db, named)
    _seen(actor, found.student_id, found.library_id)
    return found


def receipt_of(db: Db, payment_id: UUID) -> Receipt:
    """Of a payment that the caller may see; NotFound while it has bought nothing."""
    found = documents.receipt(db, payment_id)
    return found.model_copy(update={"total_in_words": arithmetic.in_words(found.amount_paise)})


def drawn(db: Db, actor: Actor, invoice_id: UUID) -> tuple[str, bytes]:
    """The document's number and its one page."""
    from studyspot.invoices import drawing  # fonts and their metrics: loaded only where a page is drawn

    invoice = read(db, actor, invoice_id)
    brand = policies.branding(db)
    chosen = drafting.settings_of(sold.setting(db))
    logo = None
    if chosen.logo_file_id and files.is_ready(db, chosen.logo_file_id, "logo"):
        with files.opened(db, chosen.logo_file_id) as picture:
            logo = picture.read()
    return invoice.number, drawing.page(invoice, brand.primary_colour, logo, address_of(invoice.verify_code))


def address_of(code: str) -> str:
    """What the square on the document says."""
    return f"{settings.get().public_base_url.rstrip('/')}/api/v1/invoices/verify/{code}"


def send(db: Db, actor: Actor, invoice_id: UUID, asked: SendRequest) -> Sent:
    """By mail with the link to the document, or by the registered text with its number."""
    invoice = read(db, actor, invoice_id)
    if invoice.student_id is None:
        raise NoAddress
    email, phone, name = documents.email_of(db, invoice.student_id)
    to = email if asked.channel == "email" else phone
    if not to:
        raise NoAddress
    with db.transaction():
        if asked.channel == "email":
            _mail(db, invoice, to, name)
        else:
            facts = {"name": name, "amount": _rupees(invoice), "purpose": "your invoice", "receipt": invoice.number}
            messaging.send(db, "payment_receipt", to, facts, invoice.student_id, "student", about=invoice.id)
        audit.note(db, "invoices.send", "invoices", invoice.id, after={"channel": asked.channel})
    return Sent(id=invoice.id, channel=asked.channel, to=f"***{to[-4:]}")


def _mail(db: Db, invoice: Invoice, to: str, name: str) -> None:
    brand: BrandingInForce = policies.branding(db)
    facts = {
        "name": name,
        "number": invoice.number,
        "amount": arithmetic.rupees(invoice.total_paise),
        "library": brand.display_name or invoice.supplier.name,
        "token": invoice.verify_code,
    }
    messaging.mail(db, "invoice", to, facts, invoice.student_id, "student")


def _rupees(invoice: Invoice) -> str:
    whole, rest = divmod(invoice.total_paise, 100)
    return f"{whole}.{rest:02}" if rest else str(whole)


def verified(code: str) -> Genuineness:
    """Whether this product issued the document; nothing about whom it was issued to."""
    said = crypto.unsealed(PURPOSE, code)
    if said is None or len(said) != 2 * HEX:
        return Genuineness(genuine=False)
    try:
        with cells.tenant_db(UUID(said[:HEX])) as db:
            invoice = documents.invoice(db, UUID(said[HEX:]))
    except NotFound:
        return Genuineness(genuine=False)
    return Genuineness(
        genuine=True,
        kind=invoice.kind,
        number=invoice.number,
        issued_on=invoice.issued_at.astimezone(INDIA).date(),
        supplier=invoice.supplier.name,
        gstin=invoice.supplier.gstin,
        total_paise=invoice.total_paise,
        status=invoice.status,
        credited_paise=invoice.credited_paise,
    )
