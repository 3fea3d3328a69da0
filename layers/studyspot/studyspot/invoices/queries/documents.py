"""Statements on invoices, credit notes, receipts and their numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.invoices.models.documents import CreditNote, Invoice, InvoiceView, Item, Receipt
from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.kit.pages import Paging

LAST = 999_999
"""What six digits hold."""
TAKE = """
    INSERT INTO invoice_sequences AS s (series, financial_year, last)
    SELECT series, %(year)s, 1 FROM unnest(%(series)s::text[]) AS wanted (series) ORDER BY series
    ON CONFLICT (tenant_id, series, financial_year) DO UPDATE SET last = s.last + 1 WHERE s.last < %(most)s
    RETURNING s.series, s.last"""

LISTED = ", ".join(f"i.{name}" for name in InvoiceView.model_fields)
WHOLE = f"""
    SELECT {LISTED}, i.purpose, i.supplier, i.buyer_address, i.period_start, i.period_end, i.voided_at, i.reason,
           i.owed_paise,
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'description', t.description, 'sac', t.sac, 'gst_rate', t.gst_rate, 'discount_paise', t.discount_paise,
                'taxable_paise', t.taxable_paise, 'cgst_paise', coalesce(t.cgst_paise, i.cgst_paise),
                'sgst_paise', coalesce(t.sgst_paise, i.sgst_paise), 'igst_paise', coalesce(t.igst_paise, i.igst_paise),
                'total_paise', coalesce(t.total_paise, i.total_paise)) ORDER BY t.position, t.id), '[]')
            FROM invoice_items t WHERE t.invoice_id = i.id) AS items
    FROM invoices i WHERE i.id = %(id)s"""
LIST = f"""
    SELECT {LISTED} FROM invoices i
    WHERE (%(student)s::uuid IS NULL OR i.student_id = %(student)s)
      AND (%(library)s::uuid IS NULL OR i.library_id = %(library)s)
      AND (%(status)s::text IS NULL OR i.status = %(status)s)
      AND (%(from)s::timestamptz IS NULL OR i.issued_at >= %(from)s)
      AND (%(to)s::timestamptz IS NULL OR i.issued_at < %(to)s)
      AND (%(number)s::text IS NULL OR i.number = %(number)s)
      AND (%(after)s::uuid IS NULL OR i.id < %(after)s::uuid)
    ORDER BY i.id DESC LIMIT %(fetch)s"""
NOTE = """
    SELECT n.id, n.number, n.invoice_id, i.number AS invoice_number, n.library_id, n.refund_id, n.reason, n.status,
           n.taxable_paise, n.cgst_paise, n.sgst_paise, n.igst_paise, n.total_paise, n.issued_at
    FROM credit_notes n JOIN invoices i ON i.id = n.invoice_id"""
NOTES = f"""{NOTE}
    WHERE (%(invoice)s::uuid IS NULL OR n.invoice_id = %(invoice)s)
      AND (%(library)s::uuid IS NULL OR n.library_id = %(library)s)
      AND (%(from)s::timestamptz IS NULL OR n.issued_at >= %(from)s)
      AND (%(to)s::timestamptz IS NULL OR n.issued_at < %(to)s)
      AND (%(after)s::uuid IS NULL OR n.id < %(after)s::uuid)
    ORDER BY n.id DESC LIMIT %(fetch)s"""
# A receipt is known by its own id, or by that of the payment it confirms.
RECEIPT = """
    SELECT r.id, r.number, r.payment_id, r.student_id, r.library_id, r.invoice_id, i.number AS invoice_number,
           r.description, r.method, r.supplier, r.amount_paise, r.invoiced_paise, r.deposit_paise, r.ahead, r.issued_at,
           (SELECT v.succeeded_at FROM refunds v WHERE v.payment_id = r.payment_id AND v.kind = 'void') AS voided_at
    FROM receipts r LEFT JOIN invoices i ON i.id = r.invoice_id WHERE %(id)s IN (r.id, r.payment_id)"""


class Taken(Model):
    """The number a series is at."""

    series: str
    last: int


def take(db: Db, series: Sequence[str], financial_year: str) -> dict[str, int]:
    """The next number of each, held until the commit: a rollback leaves no gap. A series that is full is missing."""
    rows = db.all(Taken, TAKE, series=sorted(series), year=financial_year, most=LAST)
    return {row.series: row.last for row in rows}


def add(db: Db, row: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> None:
    """An invoice and its lines, with the commit."""
    _insert(db, "invoices", row)
    for position, item in enumerate(items, 1):
        _insert(db, "invoice_items", {"id": ids.uuid7(), "invoice_id": row["id"], "position": position, **item})


def add_receipt(db: Db, row: Mapping[str, Any]) -> None:
    """With the commit."""
    _insert(db, "receipts", row)


def add_note(db: Db, row: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> None:
    """A credit note and its lines by rate, with the commit."""
    _insert(db, "credit_notes", row)
    for position, item in enumerate(items, 1):
        _insert(db, "credit_note_items", {"credit_note_id": row["id"], "position": position, **item})


def _insert(db: Db, table: str, row: Mapping[str, Any]) -> None:
    columns, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    plain = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}
    db.later(f"INSERT INTO {table} ({columns}) VALUES ({values})", **plain)


def invoice(db: Db, invoice_id: UUID, lock: str = "") -> Invoice:
    return db.one(Invoice, f"{WHOLE} {lock}", id=invoice_id)


def of_payment(db: Db, payment_id: UUID) -> UUID | None:
    """The invoice that a payment paid."""
    found: UUID | None = db.value("SELECT id FROM invoices WHERE payment_id = %(id)s", id=payment_id)
    return found


def left_by_rate(db: Db, invoice_id: UUID) -> list[Item]:
    """What an invoice still asks, rate by rate and code by code: its lines without what was credited of them."""
    query = """
        WITH lines AS (
            SELECT sac, gst_rate, taxable_paise, cgst_paise, sgst_paise, igst_paise, total_paise FROM invoice_items
            WHERE invoice_id = %(id)s
            UNION ALL
            SELECT c.sac, c.gst_rate, -c.taxable_paise, -c.cgst_paise, -c.sgst_paise, -c.igst_paise, -c.total_paise
            FROM credit_note_items c JOIN credit_notes n ON n.id = c.credit_note_id
            WHERE n.invoice_id = %(id)s AND n.status = 'issued')
        SELECT '' AS description, sac, gst_rate, 0 AS discount_paise, sum(taxable_paise)::bigint AS taxable_paise,
               sum(cgst_paise)::bigint AS cgst_paise, sum(sgst_paise)::bigint AS sgst_paise,
               sum(igst_paise)::bigint AS igst_paise, sum(total_paise)::bigint AS total_paise
        FROM lines GROUP BY sac, gst_rate HAVING sum(total_paise) > 0 ORDER BY gst_rate, sac"""
    return db.all(Item, query, id=invoice_id)


def listed(db: Db, paging: Paging, **wanted: Any) -> list[InvoiceView]:
    """Newest first."""
    return db.all(InvoiceView, LIST, after=paging.after, fetch=paging.fetch, **wanted)


def notes(
    db: Db,
    paging: Paging,
    invoice: UUID | None,
    library: UUID | None,
    span: tuple[datetime | None, datetime | None],
) -> list[CreditNote]:
    """Newest first."""
    facts = {"invoice": invoice, "library": library, "from": span[0], "to": span[1]}
    return db.all(CreditNote, NOTES, after=paging.after, fetch=paging.fetch, **facts)


def note_of_refund(db: Db, refund_id: UUID) -> CreditNote | None:
    return db.maybe(CreditNote, f"{NOTE} WHERE n.refund_id = %(id)s", id=refund_id)


def receipt(db: Db, named: UUID) -> Receipt:
    return db.one(Receipt, RECEIPT, id=named)


def paid(db: Db, invoice_id: UUID, payment_id: UUID) -> None:
    """What was credited in full before stays so."""
    db.run(
        """UPDATE invoices SET status = CASE status WHEN 'finalised' THEN 'paid' ELSE status END,
               payment_id = %(payment)s, paid_at = %(now)s WHERE id = %(id)s""",
        id=invoice_id,
        payment=payment_id,
        now=clock.now(),
    )


def void(db: Db, invoice_id: UUID, reason: str) -> None:
    db.run(
        "UPDATE invoices SET status = 'voided', voided_at = %(now)s, reason = %(reason)s WHERE id = %(id)s",
        id=invoice_id,
        reason=reason,
        now=clock.now(),
    )


def credit(db: Db, invoice_id: UUID, paise: int, owed: int) -> None:
    """So much less is asked, and so much of it owed back; either may be negative when that is undone."""
    db.run(
        """UPDATE invoices SET credited_paise = credited_paise + %(paise)s, owed_paise = owed_paise + %(owed)s,
               status = CASE WHEN credited_paise + %(paise)s = total_paise THEN 'credited'
                             WHEN payment_id IS NOT NULL THEN 'paid' ELSE 'finalised' END
           WHERE id = %(id)s""",
        id=invoice_id,
        paise=paise,
        owed=owed,
    )


def undo(db: Db, invoice_id: UUID) -> None:
    """It asks for nothing any more, and no longer stands for its charge."""
    db.run("UPDATE invoices SET undone = true WHERE id = %(id)s", id=invoice_id)


def cancel_note(db: Db, note_id: UUID) -> None:
    db.run(
        "UPDATE credit_notes SET status = 'cancelled', cancelled_at = %(now)s WHERE id = %(id)s",
        id=note_id,
        now=clock.now(),
    )


def email_of(db: Db, student_id: UUID) -> tuple[str | None, str | None, str]:
    """Mail, phone and name of a student."""
    query = "SELECT email, phone, concat_ws(' ', first_name, last_name) AS name FROM students WHERE id = %(id)s"
    (row,) = db.dicts(query, id=student_id)
    return row["email"], row["phone"], row["name"]


def turnover(db: Db, since: datetime) -> int:
    """Billed since then, before tax, less what was credited."""
    query = """
        SELECT coalesce((SELECT sum(taxable_paise) FROM invoices WHERE issued_at >= %(since)s
                             AND status <> 'voided'), 0)
             - coalesce((SELECT sum(taxable_paise) FROM credit_notes WHERE issued_at >= %(since)s
                             AND status = 'issued'), 0)"""
    return int(db.value(query, since=since))


def gaps(db: Db) -> list[dict[str, Any]]:
    """Series whose numbers are not exactly 1 to the last one given out: none, or the database was circumvented."""
    query = """
        WITH given AS (
            SELECT series, financial_year, serial FROM invoices UNION ALL
            SELECT series, financial_year, serial FROM credit_notes UNION ALL
            SELECT series, financial_year, serial FROM receipts)
        SELECT s.series, s.financial_year, s.last, count(g.serial) AS given, count(DISTINCT g.serial) AS apart,
               max(g.serial) AS highest
        FROM invoice_sequences s LEFT JOIN given g USING (series, financial_year)
        GROUP BY 1, 2, 3 HAVING NOT (count(g.serial) = s.last AND count(DISTINCT g.serial) = s.last
                                     AND max(g.serial) = s.last)"""
    return db.dicts(query)
