"""GSTR-1 of a month and the tax summary, out of the documents themselves."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal
from itertools import groupby
from typing import Any

from studyspot.invoices import arithmetic, drafting, states
from studyspot.invoices.models.returns import (
    B2b,
    B2bInvoice,
    B2cl,
    B2clInvoice,
    B2cs,
    Cdnr,
    Cdnur,
    DocumentRun,
    Documents,
    Gstr1,
    Hsn,
    HsnSummary,
    Issued,
    Line,
    Note,
    Run,
    Supply,
    TaxLine,
    TaxSummary,
    TurnoverWatch,
)
from studyspot.invoices.models.settings import GstinRequired, InvoiceSettings
from studyspot.invoices.queries import documents, sold
from studyspot.invoices.queries import returns as queries
from studyspot.kit import clock
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.response import neutral

INVOICES, NOTES = 1, 5
"""Kinds of documents in table 13."""
WARN_FROM = 80


def _span(month: str) -> tuple[datetime, datetime]:
    first = date.fromisoformat(f"{month}-01")
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return datetime.combine(first, time(), INDIA), datetime.combine(after, time(), INDIA)


def gstr1(db: Db, month: str) -> Gstr1:
    """A month's sheet; GstinRequired from who files none."""
    chosen = drafting.settings_of(sold.setting(db))
    if chosen.tax_mode != "regular" or chosen.gstin is None:
        raise GstinRequired("only a regular taxpayer files this return")
    start, end = _span(month)
    supplies = queries.supplies(db, start, end)
    large_from = int(sold.statutory(db, "gstr1_b2c_large_paise", start.date()))
    registered = [s for s in supplies if s.buyer_gstin]
    others = [s for s in supplies if not s.buyer_gstin]
    large = [s for s in others if s.between_states and s.invoice_value_paise > large_from]
    small = [s for s in others if not (s.between_states and s.invoice_value_paise > large_from)]
    return Gstr1(
        gstin=chosen.gstin,
        fp=f"{month[5:]}{month[:4]}",
        b2b=_b2b(s for s in registered if not s.note),
        b2cl=_b2cl(s for s in large if not s.note),
        b2cs=_b2cs(small),
        cdnr=_cdnr(s for s in registered if s.note),
        cdnur=[Cdnur(**_note(lines)) for lines in _documents(s for s in large if s.note)],
        hsn=HsnSummary(hsn_b2b=_hsn(registered), hsn_b2c=_hsn(others)),
        doc_issue=_issued(queries.runs(db, start, end)),
    )


def _rupees(paise: int) -> Decimal:
    return Decimal(paise).scaleb(-2)


def _tax(supplies: Iterable[Supply], rate: Decimal) -> dict[str, Any]:
    """Sums of one rate; a credit note counts against."""
    lines = [(-1 if s.note else 1, s) for s in supplies]
    names = {"txval": "taxable_paise", "iamt": "igst_paise", "camt": "cgst_paise", "samt": "sgst_paise"}
    return {"rt": rate} | {
        field: _rupees(sum(sign * getattr(s, name) for sign, s in lines)) for field, name in names.items()
    }


def _lines(lines: list[Supply]) -> list[Line]:
    """A document's own lines, by rate: positive, whatever it is."""
    by_rate = _grouped(lines, lambda s: s.gst_rate)
    plain = [(rate, [s.model_copy(update={"note": False}) for s in part]) for rate, part in by_rate]
    return [Line(num=n, itm_det=TaxLine(**_tax(part, rate))) for n, (rate, part) in enumerate(plain, 1)]


def _grouped(supplies: Iterable[Supply], by: Any) -> list[tuple[Any, list[Supply]]]:
    return [(key, list(part)) for key, part in groupby(sorted(supplies, key=by), key=by)]


def _documents(supplies: Iterable[Supply]) -> list[list[Supply]]:
    return [part for _, part in _grouped(supplies, lambda s: (s.number, str(s.document_id)))]


def _b2b(supplies: Iterable[Supply]) -> list[B2b]:
    return [
        B2b(ctin=gstin, inv=[B2bInvoice(**_invoice(lines), pos=lines[0].place_of_supply) for lines in _documents(part)])
        for gstin, part in _grouped(supplies, lambda s: s.buyer_gstin)
    ]


def _b2cl(supplies: Iterable[Supply]) -> list[B2cl]:
    return [
        B2cl(pos=place, inv=[B2clInvoice(**_invoice(lines)) for lines in _documents(part)])
        for place, part in _grouped(supplies, lambda s: s.place_of_supply)
    ]


def _invoice(lines: list[Supply]) -> dict[str, Any]:
    head = lines[0]
    return {"inum": head.number, "idt": head.day, "val": _rupees(head.value_paise), "itms": _lines(lines)}


def _b2cs(supplies: list[Supply]) -> list[B2cs]:
    grouped = _grouped(supplies, lambda s: (s.place_of_supply, s.between_states, s.gst_rate))
    return [
        B2cs(**_tax(part, rate), sply_ty="INTER" if between else "INTRA", pos=place)
        for (place, between, rate), part in grouped
    ]


def _cdnr(supplies: Iterable[Supply]) -> list[Cdnr]:
    return [
        Cdnr(ctin=gstin, nt=[Note(**_note(lines)) for lines in _documents(part)])
        for gstin, part in _grouped(supplies, lambda s: s.buyer_gstin)
    ]


def _note(lines: list[Supply]) -> dict[str, Any]:
    head = lines[0]
    return {
        "nt_num": head.number,
        "nt_dt": head.day,
        "val": _rupees(head.value_paise),
        "pos": head.place_of_supply,
        "itms": _lines(lines),
    }


def _hsn(supplies: list[Supply]) -> list[Hsn]:
    grouped = _grouped(supplies, lambda s: (s.sac, s.gst_rate))
    return [Hsn(**_tax(part, rate), num=n, hsn_sc=sac) for n, ((sac, rate), part) in enumerate(grouped, 1)]


def _issued(runs: list[Run]) -> Documents:
    found = []
    for number, kind in ((INVOICES, "invoices"), (NOTES, "notes")):
        of_kind = [run for run in runs if run.kind == kind]
        docs = [
            Issued(
                num=n, from_=run.first, to=run.last, totnum=run.given, cancel=run.cancelled,
                net_issue=run.given - run.cancelled,
            )
            for n, run in enumerate(of_kind, 1)
        ]  # fmt: skip
        if docs:
            found.append(DocumentRun(doc_num=number, docs=docs))
    return Documents(doc_det=found)


COLUMNS = (
    "table",
    "gstin",
    "number",
    "date",
    "value",
    "place",
    "type",
    "code",
    "rate",
    "taxable",
    "igst",
    "cgst",
    "sgst",
)


def as_csv(sheet: Gstr1) -> bytes:
    """All tables one below the other, each line with the name of its table."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="")
    writer.writeheader()
    for row in _rows(sheet):
        writer.writerow({name: neutral(value) for name, value in row.items()})
    return out.getvalue().encode()


def _rows(sheet: Gstr1) -> Iterable[dict[str, Any]]:
    for buyer in sheet.b2b:
        for one in buyer.inv:
            yield from _document_rows("b2b", one.inum, one.idt, one.val, one.pos, one.itms, buyer.ctin)
    for state in sheet.b2cl:
        for each in state.inv:
            yield from _document_rows("b2cl", each.inum, each.idt, each.val, state.pos, each.itms)
    yield from ({"table": "b2cs", "place": small.pos, "type": small.sply_ty} | _tax_row(small) for small in sheet.b2cs)
    for credited in sheet.cdnr:
        for note in credited.nt:
            yield from _document_rows("cdnr", note.nt_num, note.nt_dt, note.val, note.pos, note.itms, credited.ctin)
    for large in sheet.cdnur:
        yield from _document_rows("cdnur", large.nt_num, large.nt_dt, large.val, large.pos, large.itms)
    yield from ({"table": "hsn_b2b", "code": code.hsn_sc} | _tax_row(code) for code in sheet.hsn.hsn_b2b)
    yield from ({"table": "hsn_b2c", "code": code.hsn_sc} | _tax_row(code) for code in sheet.hsn.hsn_b2c)


def _document_rows(
    table: str, number: str, day: str, value: Decimal, place: str, lines: list[Line], gstin: str = ""
) -> Iterable[dict[str, Any]]:
    head = {"table": table, "gstin": gstin, "number": number, "date": day, "value": value, "place": place}
    return [head | _tax_row(line.itm_det) for line in lines]


def _tax_row(line: TaxLine) -> dict[str, Any]:
    return {"rate": line.rt, "taxable": line.txval, "igst": line.iamt, "cgst": line.camt, "sgst": line.samt}


def summary(db: Db, month: str) -> TaxSummary:
    """By rate and place of supply, and the turnover of the running financial year."""
    start, end = _span(month)
    chosen = drafting.settings_of(sold.setting(db))
    parts = [
        part.model_copy(update={"state": states.STATES.get(part.place_of_supply)})
        for part in queries.parts(db, start, end)
    ]
    made, credited = queries.counts(db, start, end)
    names = ("taxable_paise", "cgst_paise", "sgst_paise", "igst_paise")
    return TaxSummary(
        month=month,
        tax_mode=chosen.tax_mode,
        invoices=made,
        credit_notes=credited,
        parts=parts,
        turnover=_watch(db, chosen),
        **{name: sum(getattr(part, name) for part in parts) for name in names},
    )


def _watch(db: Db, chosen: InvoiceSettings) -> TurnoverWatch:
    now = clock.now().astimezone(INDIA)
    first = datetime(now.year if now.month >= 4 else now.year - 1, 4, 1, tzinfo=INDIA)
    turnover = documents.turnover(db, first)
    home = chosen.gstin[:2] if chosen.gstin else chosen.state_code or states.code_of(sold.home_state(db))
    figures = sold.statutory(db, "gst_registration_turnover_paise")
    special = home in sold.statutory(db, "gst_special_states")
    threshold = int(figures["special" if special else "general"])
    percent = turnover * 100 // threshold
    return TurnoverWatch(
        financial_year=arithmetic.financial_year(now),
        turnover_paise=turnover,
        threshold_paise=threshold,
        percent=percent,
        warning=chosen.tax_mode == "unregistered" and percent >= WARN_FROM,
        einvoice_required=turnover > int(sold.statutory(db, "einvoice_turnover_paise")),
    )
