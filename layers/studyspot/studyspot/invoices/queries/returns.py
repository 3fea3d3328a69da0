"""Statements on a month's supplies: every line of every invoice and credit note, once."""

from __future__ import annotations

from datetime import datetime

from studyspot.invoices.models.returns import RatePart, Run, Supply
from studyspot.kit.db import Db

DAY = "to_char({at} AT TIME ZONE 'Asia/Kolkata', 'DD-MM-YYYY')"
HOME = "i.supplier ->> 'state_code'"
PLACE = f"coalesce(i.place_of_supply, {HOME}, '97')"
MONTH = "{at} >= %(start)s AND {at} < %(end)s"
SUPPLIES = f"""
    SELECT i.id AS document_id, false AS note, i.number, {DAY.format(at="i.issued_at")} AS day,
           i.total_paise AS value_paise, i.buyer_gstin, {PLACE} AS place_of_supply, {HOME} AS home_state,
           i.total_paise AS invoice_value_paise, t.sac, t.gst_rate, t.taxable_paise, t.cgst_paise, t.sgst_paise,
           t.igst_paise
    FROM invoices i JOIN invoice_items t ON t.invoice_id = i.id
    WHERE {MONTH.format(at="i.issued_at")} AND i.status <> 'voided' AND i.kind = 'tax_invoice'
      AND i.student_id IS NOT NULL
    UNION ALL
    SELECT n.id, true, n.number, {DAY.format(at="n.issued_at")}, n.total_paise, i.buyer_gstin, {PLACE}, {HOME},
           i.total_paise, c.sac, c.gst_rate, c.taxable_paise, c.cgst_paise, c.sgst_paise, c.igst_paise
    FROM credit_notes n JOIN invoices i ON i.id = n.invoice_id JOIN credit_note_items c ON c.credit_note_id = n.id
    WHERE {MONTH.format(at="n.issued_at")} AND n.status = 'issued' AND i.kind = 'tax_invoice'
      AND i.student_id IS NOT NULL
    ORDER BY 3, 11, 10"""
RUNS = f"""
    WITH given AS (
        SELECT 'invoices' AS kind, series, financial_year, serial, number, status = 'voided' AS cancelled FROM invoices
        WHERE {MONTH.format(at="issued_at")} AND student_id IS NOT NULL
        UNION ALL
        SELECT 'notes', series, financial_year, serial, number, status = 'cancelled' FROM credit_notes
        WHERE {MONTH.format(at="issued_at")})
    SELECT kind, (array_agg(number ORDER BY serial))[1] AS first, (array_agg(number ORDER BY serial DESC))[1] AS last,
           count(*) AS given, count(*) FILTER (WHERE cancelled) AS cancelled
    FROM given GROUP BY kind, series, financial_year ORDER BY kind, series, financial_year"""
PARTS = f"""
    WITH lines AS (
        SELECT t.gst_rate, {PLACE} AS place, t.taxable_paise AS taxable, t.cgst_paise AS cgst, t.sgst_paise AS sgst,
               t.igst_paise AS igst
        FROM invoices i JOIN invoice_items t ON t.invoice_id = i.id
        WHERE {MONTH.format(at="i.issued_at")} AND i.status <> 'voided' AND i.student_id IS NOT NULL
        UNION ALL
        SELECT c.gst_rate, {PLACE}, -c.taxable_paise, -c.cgst_paise, -c.sgst_paise, -c.igst_paise
        FROM credit_notes n JOIN invoices i ON i.id = n.invoice_id JOIN credit_note_items c ON c.credit_note_id = n.id
        WHERE {MONTH.format(at="n.issued_at")} AND n.status = 'issued' AND i.student_id IS NOT NULL)
    SELECT gst_rate, place AS place_of_supply, NULL::text AS state, sum(taxable)::bigint AS taxable_paise,
           sum(cgst)::bigint AS cgst_paise, sum(sgst)::bigint AS sgst_paise, sum(igst)::bigint AS igst_paise
    FROM lines GROUP BY gst_rate, place ORDER BY gst_rate, place"""
COUNTS = f"""
    SELECT (SELECT count(*) FROM invoices WHERE {MONTH.format(at="issued_at")} AND status <> 'voided'
                AND student_id IS NOT NULL) AS invoices,
           (SELECT count(*) FROM credit_notes WHERE {MONTH.format(at="issued_at")} AND status = 'issued') AS notes"""


def supplies(db: Db, start: datetime, end: datetime) -> list[Supply]:
    """By number, rate and code."""
    return db.all(Supply, SUPPLIES, start=start, end=end)


def runs(db: Db, start: datetime, end: datetime) -> list[Run]:
    """Numbers that were given out, series by series."""
    return db.all(Run, RUNS, start=start, end=end)


def parts(db: Db, start: datetime, end: datetime) -> list[RatePart]:
    """By rate and place, credit notes taken off."""
    return db.all(RatePart, PARTS, start=start, end=end)


def counts(db: Db, start: datetime, end: datetime) -> tuple[int, int]:
    """How many invoices and credit notes."""
    (row,) = db.dicts(COUNTS, start=start, end=end)
    return row["invoices"], row["notes"]
