"""An invoice as one page of PDF: in the organisation's colour, with its logo, and a square that proves it genuine."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import segno
from anyascii import anyascii
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from studyspot.invoices import states
from studyspot.invoices.arithmetic import rupees
from studyspot.invoices.models.documents import Invoice, Item
from studyspot.kit import log
from studyspot.kit.clock import INDIA

TITLES = {"tax_invoice": "Tax invoice", "bill_of_supply": "Bill of supply", "bill": "Bill"}
COMPOSITION = "Composition taxable person, not eligible to collect tax on supplies"
"""CGST Rules, rule 49 with section 10: the words such a bill carries."""
DARK, GREY, LIGHT = (33, 37, 41), (108, 117, 125), (233, 236, 239)
LEFT, RIGHT, WIDTH = 15.0, 195.0, 180.0
QR_SIDE = 30.0
MOST_LINES = 12
COLUMNS = (("Description", 66.0, "L"), ("SAC", 18.0, "L"), ("Taxable", 26.0, "R"), ("Rate", 14.0, "R"),
           ("Tax", 26.0, "R"), ("Amount (Rs)", 30.0, "R"))  # fmt: skip


def page(invoice: Invoice, colour: str | None, logo: bytes | None, address: str) -> bytes:
    """The same document is the same bytes."""
    pdf = FPDF(format="A4")
    pdf.set_creation_date(invoice.issued_at.astimezone(UTC))
    pdf.set_auto_page_break(False)
    pdf.set_title(f"{TITLES[invoice.kind]} {invoice.number}")
    pdf.set_creator("StudySpot")
    pdf.add_page()
    accent = _colour(colour)
    _head(pdf, invoice, accent, logo)
    _parties(pdf, invoice)
    _lines(pdf, invoice, accent)
    _sums(pdf, invoice, accent)
    _foot(pdf, invoice, address)
    return bytes(pdf.output())


def _colour(told: str | None) -> tuple[int, int, int]:
    if told is None:
        return DARK
    return int(told[1:3], 16), int(told[3:5], 16), int(told[5:7], 16)


def _plain(text: str) -> str:
    """The fonts every reader has know Latin letters; anything else is written in them."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return anyascii(text)
    return text


def _say(pdf: FPDF, text: str, width: float, size: float = 9, bold: bool = False, **how: Any) -> None:
    """One line, shortened to its width."""
    pdf.set_font("Helvetica", "B" if bold else "", size)
    said = _plain(text)
    while said and pdf.get_string_width(said) > width - 1:
        said = said[:-2].rstrip() + "." if len(said) > 2 else ""
    pdf.cell(width, how.pop("height", 5), said, **how)


def _below(pdf: FPDF, text: str, width: float, most: int, size: float = 9) -> None:
    """A few lines of running text."""
    pdf.set_font("Helvetica", "", size)
    lines = cast(list[str], pdf.multi_cell(width, 4.5, _plain(text), dry_run=True, output="LINES"))
    for line in lines[:most]:
        pdf.cell(width, 4.5, line, new_x=XPos.LEFT, new_y=YPos.NEXT)


def _head(pdf: FPDF, invoice: Invoice, accent: tuple[int, int, int], logo: bytes | None) -> None:
    pdf.set_fill_color(*accent)
    pdf.rect(0, 0, 210, 4, style="F")
    if logo:
        try:
            pdf.image(io.BytesIO(logo), LEFT, 12, h=16, keep_aspect_ratio=True, w=30)
        except (OSError, ValueError) as fault:
            log.warning("logo_not_drawn", invoice=invoice.id, error=repr(fault))
    pdf.set_text_color(*accent)
    pdf.set_xy(LEFT + (34 if logo else 0), 12)
    _say(pdf, invoice.supplier.name, 100, 15, bold=True, height=8)
    pdf.set_xy(RIGHT - 60, 12)
    _say(pdf, TITLES[invoice.kind].upper(), 60, 13, bold=True, height=8, align="R")
    pdf.set_text_color(*DARK)
    pdf.set_xy(RIGHT - 60, 20)
    _say(pdf, f"No. {invoice.number}", 60, 10, bold=True, align="R")
    pdf.set_xy(RIGHT - 60, 25)
    _say(pdf, f"Date {_day(invoice.issued_at)}", 60, align="R")
    if invoice.due_on and invoice.status == "finalised":
        pdf.set_xy(RIGHT - 60, 30)
        _say(pdf, f"Due {invoice.due_on:%d %b %Y}", 60, align="R")
    pdf.set_xy(LEFT + (34 if logo else 0), 20)
    _below(pdf, invoice.supplier.address or "", 90, 3, 8.5)
    contact = " | ".join(filter(None, (invoice.supplier.phone, invoice.supplier.email)))
    _below(pdf, contact, 90, 1, 8.5)
    if invoice.supplier.gstin:
        _below(pdf, f"GSTIN {invoice.supplier.gstin}", 90, 1, 8.5)


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(INDIA):%d %b %Y}"


def _parties(pdf: FPDF, invoice: Invoice) -> None:
    pdf.set_draw_color(*LIGHT)
    pdf.line(LEFT, 48, RIGHT, 48)
    pdf.set_text_color(*GREY)
    pdf.set_xy(LEFT, 51)
    _say(pdf, "Billed to", 90, 8)
    pdf.set_xy(LEFT + 100, 51)
    _say(pdf, "Place of supply", 80, 8)
    pdf.set_text_color(*DARK)
    pdf.set_xy(LEFT, 56)
    _say(pdf, invoice.buyer_name or "-", 95, 11, bold=True)
    pdf.set_xy(LEFT, 61.5)
    _below(pdf, invoice.buyer_address or "", 95, 2)
    if invoice.buyer_gstin:
        _below(pdf, f"GSTIN {invoice.buyer_gstin}", 95, 1)
    pdf.set_xy(LEFT + 100, 56)
    code = invoice.place_of_supply
    _say(pdf, f"{code} {states.STATES[code]}" if code in states.STATES else "-", 80, 10)
    if invoice.period_start and invoice.period_end:
        pdf.set_xy(LEFT + 100, 61.5)
        last = invoice.period_end - timedelta(microseconds=1)
        _say(pdf, f"For {_day(invoice.period_start)} to {_day(last)}", 80)


def _lines(pdf: FPDF, invoice: Invoice, accent: tuple[int, int, int]) -> None:
    pdf.set_xy(LEFT, 82)
    pdf.set_fill_color(*accent)
    pdf.set_text_color(255, 255, 255)
    for name, width, align in COLUMNS:
        _say(pdf, name, width, 8.5, bold=True, height=7, align=align, fill=True)
    pdf.set_text_color(*DARK)
    y = 90.0
    for cells in _table(invoice):
        pdf.set_xy(LEFT, y)
        for text, (_, width, align) in zip(cells, COLUMNS, strict=True):
            _say(pdf, text, width, 8.5, align=align)
        y += 6
        pdf.line(LEFT, y - 0.5, RIGHT, y - 0.5)
    pdf.set_y(y)


def _table(invoice: Invoice) -> list[tuple[str, ...]]:
    """One page holds so many lines; what is beyond stands in one, so that the sum is right."""
    shown, rest = invoice.items[:MOST_LINES], invoice.items[MOST_LINES:]
    rows = [_row(item) for item in shown]
    if rest:
        taxable, total = sum(i.taxable_paise for i in rest), sum(i.total_paise for i in rest)
        rows.append((f"{len(rest)} more lines", "", rupees(taxable), "", rupees(total - taxable), rupees(total)))
    return rows


def _row(item: Item) -> tuple[str, ...]:
    name = f"{item.description} (less {rupees(item.discount_paise)})" if item.discount_paise else item.description
    tax = item.total_paise - item.taxable_paise
    return name, item.sac, rupees(item.taxable_paise), f"{item.gst_rate:g}%", rupees(tax), rupees(item.total_paise)


def _sums(pdf: FPDF, invoice: Invoice, accent: tuple[int, int, int]) -> None:
    state_tax = "UTGST" if invoice.place_of_supply in states.WITHOUT_LEGISLATURE else "SGST"
    sums = [("Taxable value", invoice.taxable_paise), ("CGST", invoice.cgst_paise), (state_tax, invoice.sgst_paise),
            ("IGST", invoice.igst_paise)]  # fmt: skip
    y = pdf.get_y() + 3
    for name, paise in sums:
        if paise or name == "Taxable value":
            pdf.set_xy(LEFT + 110, y)
            _say(pdf, name, 35)
            _say(pdf, rupees(paise), 35, align="R")
            y += 5.5
    pdf.set_text_color(*accent)
    pdf.set_xy(LEFT + 110, y)
    _say(pdf, "Total Rs", 35, 12, bold=True, height=8)
    _say(pdf, rupees(invoice.total_paise), 35, 12, bold=True, height=8, align="R")
    pdf.set_text_color(*DARK)
    pdf.set_xy(LEFT, y + 11)
    _below(pdf, invoice.total_in_words, WIDTH, 2)
    pdf.set_x(LEFT)
    _below(pdf, _standing(invoice), WIDTH, 2)


def _standing(invoice: Invoice) -> str:
    said = {
        "paid": f"Paid on {_day(invoice.paid_at)}." if invoice.paid_at else "Paid.",
        "voided": "VOID. Nothing is asked by this document any more.",
        "credited": "Credited in full.",
        "finalised": "To be paid.",
    }[invoice.status]
    if invoice.credited_paise and invoice.status != "credited":
        said += f" Credited: Rs {rupees(invoice.credited_paise)}."
    return f"{said} {COMPOSITION}." if invoice.kind == "bill_of_supply" else said


def _foot(pdf: FPDF, invoice: Invoice, address: str) -> None:
    _square(pdf, address, LEFT, 240)
    pdf.set_text_color(*GREY)
    pdf.set_xy(LEFT + QR_SIDE + 4, 242)
    _below(pdf, "Scan to see whether this document is genuine.", 70, 1, 8)
    if invoice.supplier.footer:
        _below(pdf, invoice.supplier.footer, 80, 5, 8)
    pdf.set_text_color(*DARK)
    pdf.set_xy(RIGHT - 60, 258)
    _say(pdf, f"For {invoice.supplier.name}", 60, align="R")
    pdf.set_xy(RIGHT - 60, 264)
    _say(pdf, invoice.supplier.signatory or "This document needs no signature.", 60, 8, align="R")


def _square(pdf: FPDF, text: str, x: float, y: float) -> None:
    """The code drawn as it is, dark runs as rectangles: no picture to embed."""
    rows = [list(row) for row in segno.make(text, error="l").matrix]
    side = QR_SIDE / len(rows)
    pdf.set_fill_color(0, 0, 0)
    for n, row in enumerate(rows):
        start = None
        for m, dark in enumerate([*row, 0]):
            if dark and start is None:
                start = m
            elif not dark and start is not None:
                pdf.rect(x + start * side, y + n * side, (m - start) * side, side, style="F")
                start = None
