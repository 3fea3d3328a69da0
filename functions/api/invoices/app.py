"""/invoices, /credit-notes, /receipts and /tax - documents of what students buy, and the tax on it."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field
from studyspot.invoices import returns, service
from studyspot.invoices.models.documents import (
    CreditNote,
    CreditRequest,
    Genuineness,
    Invoice,
    InvoiceRequest,
    InvoiceView,
    Preview,
    Receipt,
    SendRequest,
    Sent,
    Status,
    Voiding,
)
from studyspot.invoices.models.returns import TaxSummary
from studyspot.invoices.models.settings import InvoiceSettingsChange, InvoiceSettingsInForce
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.response import Response, success
from studyspot.kit.signature import Of, TenantDb

api = Api("invoices", module="library")
handler = api.handler

Reader = Annotated[Actor, allow("invoices:read", "invoices:read_own")]
Biller = Annotated[Actor, allow("invoices:create")]
Crediting = Annotated[Actor, allow("invoices:credit")]
Setter = Annotated[Actor, allow("invoices:settings")]
Accountant = Annotated[Actor, allow("tax:read", everywhere=True)]
Invoiced = Annotated[UUID, Of("invoices")]
Month = Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]


@api.get("/invoices")
def invoices(
    actor: Reader,
    db: TenantDb,
    paging: Paging,
    student_id: UUID | None = None,
    library_id: UUID | None = None,
    status: Status | None = None,
    from_: date | None = None,
    to: date | None = None,
    number: str | None = None,
) -> Page[InvoiceView]:
    """Newest first; students see their own. Days from `from` to before `to`."""
    span = {"from": service.midnight(from_), "to": service.midnight(to)}
    wanted = {"student": student_id, "library": library_id, "status": status, "number": number, **span}
    return service.listed(db, actor, paging, **wanted)


@api.post("/invoices", status_code=201)
def bill(asked: InvoiceRequest, actor: Biller, db: TenantDb) -> Invoice:
    """Bill what a student was charged: an open sum waits to be paid, what was paid already is paid.

    What is paid without an invoice is billed by itself when the payment settles.
    """
    return service.finalise(db, asked)


@api.post("/invoices/preview")
def preview(
    asked: InvoiceRequest, actor: Annotated[Actor, allow("invoices:create", "invoices:read_own")], db: TenantDb
) -> Preview:
    """What the invoice would say: nothing is numbered, nothing is kept."""
    return service.preview(db, actor, asked)


@api.get("/invoices/settings")
def read_settings(actor: Setter, db: TenantDb) -> InvoiceSettingsInForce:
    """How the organisation bills: the product's defaults with what was changed."""
    return service.settings(db)


@api.put("/invoices/settings")
def change_settings(
    asked: InvoiceSettingsChange,
    actor: Annotated[Actor, allow("invoices:settings", everywhere=True)],
    db: TenantDb,
    request: Request,
) -> InvoiceSettingsInForce:
    """Change the fields that are sent; documents that were made keep what they say."""
    return service.change_settings(db, asked, request.headers.get("if-match"))


@api.get("/invoices/verify/{code}", public=True)
def verify(code: str) -> Genuineness:
    """Whether the document with that square was issued here, and what it said; nothing about whom it was issued to."""
    return service.verified(code)


@api.get("/invoices/{invoiceId}")
def invoice(invoice_id: Invoiced, actor: Reader, db: TenantDb) -> Invoice:
    return service.read(db, actor, invoice_id)


@api.get("/invoices/{invoiceId}/pdf")
def document(invoice_id: Invoiced, actor: Reader, db: TenantDb) -> Response:
    """The document itself, one page: `application/pdf`."""
    number, page = service.drawn(db, actor, invoice_id)
    name = number.replace("/", "-")
    return Response(200, page, "application/pdf", {"Content-Disposition": f'inline; filename="{name}.pdf"'})


@api.post("/invoices/{invoiceId}/send", status_code=202)
def send(
    invoice_id: Invoiced, asked: SendRequest, actor: Annotated[Actor, allow("invoices:send")], db: TenantDb
) -> Sent:
    """By mail with a link, or by the registered text that names the document."""
    return service.send(db, actor, invoice_id, asked)


@api.post("/invoices/{invoiceId}/void")
def void(invoice_id: Invoiced, asked: Voiding, actor: Crediting, db: TenantDb) -> Invoice:
    """Take back what nobody has paid; its number stays taken, and the charge can be billed anew."""
    return service.void(db, invoice_id, asked)


@api.post("/invoices/{invoiceId}/credit-notes", status_code=201)
def credit(invoice_id: Invoiced, asked: CreditRequest, actor: Crediting, db: TenantDb) -> CreditNote:
    """Ask for less; together credit notes never exceed their invoice. A refund issues its own by itself."""
    return service.credit(db, invoice_id, asked)


@api.get("/credit-notes")
def credit_notes(
    actor: Annotated[Actor, allow("invoices:read")],
    db: TenantDb,
    paging: Paging,
    invoice_id: UUID | None = None,
    library_id: UUID | None = None,
    from_: date | None = None,
    to: date | None = None,
) -> Page[CreditNote]:
    """Newest first. Days from `from` to before `to`."""
    return service.credit_notes(db, paging, invoice_id, library_id, from_, to)


@api.get("/receipts/{receiptId}")
def receipt(receipt_id: Annotated[UUID, Of("receipts")], actor: Reader, db: TenantDb) -> Receipt:
    """By its own id, or by that of the payment which it confirms."""
    return service.receipt(db, actor, receipt_id)


@api.get("/tax/gstr1")
def gstr1(actor: Accountant, db: TenantDb, request: Request, month: Month) -> Response:
    """A month (`2026-11`) in the tables of GSTR-1 with the portal's own field names; `Accept: text/csv` gives them as
    one sheet.

    Amounts are rupees, as the portal reads them.
    """
    sheet = returns.gstr1(db, month)
    if "text/csv" in request.headers.get("accept", ""):
        name = {"Content-Disposition": f'attachment; filename="gstr1-{month}.csv"'}
        return Response(200, returns.as_csv(sheet), "text/csv; charset=utf-8", name)
    return success(sheet, 200, request)


@api.get("/tax/summary")
def tax_summary(actor: Accountant, db: TenantDb, month: Month) -> TaxSummary:
    """Output tax of a month by rate and place of supply, and how near the year's turnover is to the threshold."""
    return returns.summary(db, month)
