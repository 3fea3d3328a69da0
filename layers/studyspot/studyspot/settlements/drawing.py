"""The evidence against a chargeback on one page, for whoever decides it at the bank."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from anyascii import anyascii
from fpdf import FPDF

from studyspot.invoices.arithmetic import rupees
from studyspot.kit.clock import INDIA
from studyspot.settlements.models import EvidencePack

DARK, GREY, LIGHT = (33, 37, 41), (108, 117, 125), (233, 236, 239)
LEFT, WIDTH = 15.0, 180.0
MOST_VISITS, MOST_CONSENTS = 24, 4
COLUMNS = (("Came", 55.0), ("Left", 55.0), ("Minutes", 30.0), ("Recorded by", 40.0))
RECORDED = {"qr": "code at the door", "manual": "staff", "kiosk": "kiosk", "booking": "booking"}


def page(pack: EvidencePack) -> bytes:
    """The same evidence is the same bytes."""
    pdf = FPDF(format="A4")
    pdf.set_creation_date(pack.prepared_at.astimezone(UTC))
    pdf.set_auto_page_break(False)
    pdf.set_title(f"Evidence {pack.gateway_dispute_id}")
    pdf.set_creator("StudySpot")
    pdf.add_page()
    pdf.set_text_color(*DARK)
    _line(pdf, "Evidence of service", 16, bold=True, height=9)
    _line(pdf, f"Chargeback {pack.gateway_dispute_id} at {pack.gateway}, prepared {_moment(pack.prepared_at)}", 9)
    _facts(pdf, pack)
    _attendance(pdf, pack)
    _papers(pdf, pack)
    return bytes(pdf.output())


def _plain(text: str) -> str:
    """The fonts every reader has know Latin letters; anything else is written in them."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return anyascii(text)
    return text


def _line(pdf: FPDF, text: str, size: float = 9, bold: bool = False, height: float = 5) -> None:
    """One line, shortened to its width."""
    pdf.set_x(LEFT)
    pdf.set_font("Helvetica", "B" if bold else "", size)
    said = _plain(text)
    while said and pdf.get_string_width(said) > WIDTH - 1:
        said = said[:-2].rstrip() + "." if len(said) > 2 else ""
    pdf.cell(WIDTH, height, said)
    pdf.ln(height)


def _heading(pdf: FPDF, text: str) -> None:
    pdf.ln(2)
    pdf.set_draw_color(*LIGHT)
    pdf.line(LEFT, pdf.get_y(), LEFT + WIDTH, pdf.get_y())
    pdf.ln(1)
    _line(pdf, text, 10.5, bold=True, height=6)


def _facts(pdf: FPDF, pack: EvidencePack) -> None:
    _heading(pdf, "What is disputed")
    _line(pdf, f"Rs {rupees(pack.amount_paise)} of Rs {rupees(pack.paid_paise)} paid {_moment(pack.paid_at)}")
    _line(pdf, f"Payment {pack.gateway_payment_id or '-'} by {pack.method or '-'}: {pack.description}")
    _line(pdf, f"Reason given: {pack.reason or 'none'}. Answer owed by {_moment(pack.respond_by)}.")
    _heading(pdf, "What was bought, and by whom")
    _line(pdf, f"{pack.customer or 'Customer not on record'} ({pack.customer_code or '-'})")
    if pack.service:
        _line(pdf, f"{pack.service.name}, from {_moment(pack.service.start)} to {_moment(pack.service.end)}")


def _attendance(pdf: FPDF, pack: EvidencePack) -> None:
    _heading(pdf, f"Attendance: {pack.visits} visits on {pack.days} days, {pack.minutes} minutes in all")
    pdf.set_x(LEFT)
    pdf.set_font("Helvetica", "B", 8.5)
    for name, width in COLUMNS:
        pdf.cell(width, 5, name)
    pdf.ln(5)
    pdf.set_font("Helvetica", "", 8.5)
    for visit in pack.attendance[:MOST_VISITS]:
        pdf.set_x(LEFT)
        told = (_moment(visit.came), _moment(visit.left), str(visit.minutes), RECORDED.get(visit.method, visit.method))
        for text, (_, width) in zip(told, COLUMNS, strict=True):
            pdf.cell(width, 4.6, _plain(text))
        pdf.ln(4.6)
    if pack.visits > MOST_VISITS:
        _line(pdf, f"and {pack.visits - MOST_VISITS} more, told in the data that belong to this page", 8.5)
    if not pack.visits:
        _line(pdf, "No visit is on record for that time.", 8.5)


def _papers(pdf: FPDF, pack: EvidencePack) -> None:
    _heading(pdf, "Receipts and consents")
    for receipt in pack.receipts:
        billed = f", invoice {receipt.invoice_number}" if receipt.invoice_number else ""
        _line(
            pdf,
            f"Receipt {receipt.number} over Rs {rupees(receipt.amount_paise)}, {_moment(receipt.issued_at)}{billed}",
        )
    for consent in pack.consents[:MOST_CONSENTS]:
        _line(pdf, f"Consent to {consent['purpose']} by {consent['method']}, {str(consent['givenAt'])[:16]}", 8.5)
    if not pack.receipts and not pack.consents:
        _line(pdf, "None on record.", 8.5)
    if pack.statement:
        _heading(pdf, "Statement")
        pdf.set_x(LEFT)
        pdf.set_font("Helvetica", "", 9)
        lines = cast(list[str], pdf.multi_cell(WIDTH, 4.5, _plain(pack.statement), dry_run=True, output="LINES"))
        for line in lines[: max(0, int((282 - pdf.get_y()) // 4.5))]:
            _line(pdf, line, 9, height=4.5)


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(INDIA):%d %b %Y %H:%M}" if at else "-"
