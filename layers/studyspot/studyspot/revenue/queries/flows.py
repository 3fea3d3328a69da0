"""Statements on money that moved: the ledger's transactions, with what the payment behind each says of it."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from studyspot.kit import cells, clock
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.revenue.models import Account, DayLine, Deferral, JournalEntry, Line, Slice

# Every movement of money by somebody's hand or through a gateway, once: what its debits come to, in or out.
FLOWS = """
    SELECT t.id, t.day, t.library_id, p.purpose, p.purpose_id,
           coalesce(CASE WHEN r.gateway = 'credit' THEN 'credit' END, p.method, x.paid_from,
                    CASE WHEN t.kind LIKE 'deposit%%' THEN 'cash' END, 'unknown') AS method,
           CASE WHEN p.opened_by IS DISTINCT FROM p.student_id THEN coalesce(p.opened_by, x.created_by, a.created_by)
                END AS staff_id,
           CASE t.kind WHEN 'capture' THEN s.moved WHEN 'capture_reversal' THEN -s.moved ELSE 0 END AS came_in,
           CASE t.kind WHEN 'refund' THEN s.moved WHEN 'refund_reversal' THEN -s.moved ELSE 0 END AS went_back,
           CASE t.kind WHEN 'expense' THEN s.moved WHEN 'expense_reversal' THEN -s.moved
                WHEN 'deposit_refunded' THEN s.moved ELSE 0 END AS spent
    FROM ledger_transactions t
    CROSS JOIN LATERAL (SELECT sum(e.amount_paise) FILTER (WHERE e.amount_paise > 0)::bigint AS moved
                        FROM ledger_entries e WHERE e.transaction_id = t.id) s
    LEFT JOIN payment_captures c ON t.kind IN ('capture', 'capture_reversal') AND c.id = t.reference_id
    LEFT JOIN refunds r ON t.kind IN ('refund', 'refund_reversal') AND r.id = t.reference_id
    LEFT JOIN payments p ON p.id = coalesce(c.payment_id, r.payment_id)
    LEFT JOIN LATERAL (SELECT x.paid_from, x.created_by FROM expenses x
                       WHERE t.kind IN ('expense', 'expense_reversal') AND x.posting_id = t.reference_id) x ON true
    LEFT JOIN LATERAL (SELECT a.created_by FROM member_accounts a
                       WHERE t.kind = 'deposit_refunded' AND a.reference_id = t.reference_id LIMIT 1) a ON true
    WHERE t.day >= %(from)s AND t.day < %(to)s
      AND t.kind IN ('capture', 'capture_reversal', 'refund', 'refund_reversal', 'expense', 'expense_reversal',
                     'deposit_refunded')
      AND (%(library)s::uuid IS NULL OR t.library_id = %(library)s)"""
PLAN = """
    coalesce((SELECT v.name FROM fee_plan_versions v WHERE v.fee_plan_id = CASE f.purpose
        WHEN 'booking' THEN (SELECT b.fee_plan_id FROM bookings b WHERE b.id = f.purpose_id)
        WHEN 'membership' THEN (SELECT m.fee_plan_id FROM memberships m WHERE m.id = f.purpose_id)
        WHEN 'dues' THEN (SELECT m.fee_plan_id FROM membership_dues d JOIN memberships m ON m.id = d.membership_id
                          WHERE d.id = f.purpose_id) END ORDER BY v.version DESC LIMIT 1), f.purpose)"""
SLICES = f"""
    WITH f AS ({FLOWS}), told AS (
        SELECT f.method, {PLAN} AS plan, f.library_id::text AS library, to_char(f.day, 'YYYY-MM') AS month,
               f.came_in, f.went_back
        FROM f WHERE f.came_in <> 0 OR f.went_back <> 0)
    SELECT CASE WHEN grouping(method) = 0 THEN 'method' WHEN grouping(plan) = 0 THEN 'plan'
                WHEN grouping(library) = 0 THEN 'library' ELSE 'month' END AS by,
           coalesce(method, plan, library, month, '-') AS name, sum(came_in)::bigint AS collected_paise,
           sum(went_back)::bigint AS refunded_paise
    FROM told GROUP BY GROUPING SETS ((method), (plan), (library), (month)) ORDER BY 1, 2"""
DUE = """
    SELECT coalesce(sum(d.amount_paise), 0)::bigint FROM membership_dues d JOIN memberships m ON m.id = d.membership_id
    WHERE d.status = 'open' AND (%(library)s::uuid IS NULL OR m.library_id = %(library)s)"""
REPORTS = {
    "collections": f"""
        WITH f AS ({FLOWS}), told AS (
            SELECT library_id, method AS group, 'collected' AS detail, came_in AS paise FROM f WHERE came_in <> 0
            UNION ALL SELECT library_id, method, 'refunded', -went_back FROM f WHERE went_back <> 0)
        SELECT library_id, "group", detail, count(*) AS count, sum(paise)::bigint AS amount_paise
        FROM told GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    "dues-ageing": """
        SELECT m.library_id, CASE WHEN o.days <= 0 THEN 'not_due' WHEN o.days <= 7 THEN '1_7' WHEN o.days <= 30 THEN
               '8_30' WHEN o.days <= 60 THEN '31_60' ELSE 'over_60' END AS group, NULL AS detail, count(*) AS count,
               sum(d.amount_paise)::bigint AS amount_paise
        FROM membership_dues d JOIN memberships m ON m.id = d.membership_id,
             LATERAL (SELECT (%(now)s AT TIME ZONE 'Asia/Kolkata')::date - d.due_on AS days) o
        WHERE d.status = 'open' AND (%(library)s::uuid IS NULL OR m.library_id = %(library)s)
        GROUP BY 1, 2 ORDER BY 1, 2""",
    "discounts": """
        SELECT t.library_id, a.kind AS group, a.reason AS detail, count(*) AS count,
               sum(e.amount_paise)::bigint AS amount_paise
        FROM ledger_transactions t JOIN student_adjustments a ON a.id = t.reference_id
        JOIN ledger_entries e ON e.transaction_id = t.id AND e.account LIKE 'expense.%%'
        WHERE t.kind = 'adjustment' AND t.day >= %(from)s AND t.day < %(to)s
          AND (%(library)s::uuid IS NULL OR t.library_id = %(library)s)
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    "deposits": """
        SELECT m.library_id, a.cause AS group, NULL AS detail, count(*) AS count,
               sum(a.amount_paise)::bigint AS amount_paise
        FROM member_accounts a JOIN memberships m ON m.id = a.membership_id
        WHERE a.account = 'deposit' AND (%(library)s::uuid IS NULL OR m.library_id = %(library)s)
        GROUP BY 1, 2 ORDER BY 1, 2""",
    "gst": """
        SELECT t.library_id, CASE e.account WHEN 'liability.gst_output' THEN 'output' ELSE 'input' END AS group,
               t.kind AS detail, count(*) AS count, (-sum(e.amount_paise))::bigint AS amount_paise
        FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
        WHERE e.account IN ('liability.gst_output', 'asset.gst_input') AND t.day >= %(from)s AND t.day < %(to)s
          AND (%(library)s::uuid IS NULL OR t.library_id = %(library)s)
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    "gateway-fees": """
        SELECT t.library_id, coalesce(c.gateway, l.gateway) AS group, NULL AS detail,
               count(DISTINCT coalesce(c.id, l.capture_id)) AS count, sum(e.amount_paise)::bigint AS amount_paise
        FROM ledger_transactions t
        JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'expense.gateway_fees'
        LEFT JOIN payment_captures c ON c.id = t.reference_id AND t.kind IN ('capture', 'capture_fee')
        LEFT JOIN settlement_lines l ON l.id = t.reference_id AND t.kind IN ('settlement', 'settlement_adopted')
        WHERE (c.id IS NOT NULL OR l.id IS NOT NULL) AND t.day >= %(from)s AND t.day < %(to)s
          AND (%(library)s::uuid IS NULL OR t.library_id = %(library)s)
        GROUP BY 1, 2 ORDER BY 1, 2""",
}
# In days, or altogether, by accounts; the sign is that of a report's total.
LEDGER = """
    SELECT coalesce(sum(e.amount_paise), 0)::bigint FROM ledger_entries e
    JOIN ledger_transactions t ON t.id = e.transaction_id
    WHERE e.account LIKE ANY (%(accounts)s::text[]) AND (%(kinds)s::text[] IS NULL OR t.kind = ANY (%(kinds)s))
      AND (%(from)s::date IS NULL OR t.day >= %(from)s) AND (%(to)s::date IS NULL OR t.day < %(to)s)
      AND (%(library)s::uuid IS NULL OR t.library_id = %(library)s)"""
ACCOUNTS = """
    SELECT t.library_id, e.account, sum(e.amount_paise)::bigint AS amount_paise
    FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
    WHERE (e.account LIKE 'revenue.%%' OR e.account LIKE 'expense.%%') AND t.day >= %(from)s AND t.day < %(to)s
      AND (%(library)s::uuid IS NULL OR t.library_id = %(library)s)
    GROUP BY 1, 2 HAVING sum(e.amount_paise) <> 0 ORDER BY 1, 2"""
# What was paid for days of membership, before tax where tax was billed; a day is earned when it is over.
DEFERRED = """
    WITH paid AS (
        SELECT m.id, m.library_id, coalesce(p.start_date, f.start_date, m.start_date) AS begins,
               coalesce(p.end_date, f.end_date, m.end_date) AS ends,
               coalesce(i.taxable_paise, d.amount_paise - d.deposit_paise) AS paise
        FROM membership_dues d JOIN memberships m ON m.id = d.membership_id
        LEFT JOIN membership_periods p ON p.id = d.period_id
        LEFT JOIN LATERAL (SELECT g.start_date, g.end_date FROM membership_periods g
                           WHERE g.membership_id = m.id AND g.kind = 'paid' AND g.status = 'live'
                           ORDER BY g.start_date LIMIT 1) f ON true
        LEFT JOIN invoices i ON i.subject_type = 'due' AND i.subject_id = d.id AND i.status <> 'voided'
        WHERE d.status = 'paid' AND d.paid_at < %(until)s AND d.kind IN ('enrolment', 'renewal', 'change', 'instalment')
          AND (%(library)s::uuid IS NULL OR m.library_id = %(library)s)),
    parts AS (
        SELECT *, round(paise::numeric * greatest(0, ends - greatest(begins, %(on)s::date + 1))
                        / (ends - begins))::bigint AS unearned FROM paid WHERE ends > begins)
    SELECT library_id, sum(paise)::bigint AS sold_paise, sum(paise - unearned)::bigint AS recognised_paise,
           sum(unearned)::bigint AS unearned_paise, count(DISTINCT id) FILTER (WHERE unearned > 0) AS memberships
    FROM parts GROUP BY 1 ORDER BY 1"""
JOURNAL = """
    SELECT t.id AS transaction_id, t.day, t.kind, t.description, l.name AS library, e.account, e.amount_paise
    FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
    LEFT JOIN libraries l ON l.id = t.library_id
    WHERE t.day >= %(from)s AND t.day < %(to)s ORDER BY t.day, t.id, e.id LIMIT %(most)s"""
BOOK = f"""
    SELECT library_id, day, method, staff_id, sum(came_in)::bigint AS in_paise,
           sum(went_back + spent)::bigint AS out_paise, count(*) AS entries
    FROM ({FLOWS}) f GROUP BY 1, 2, 3, 4 ORDER BY 2, 3, 4"""


def _facts(first: date, last: date, library: UUID | None) -> dict[str, Any]:
    return {"from": first, "to": last, "library": library}


def slices(db: Db, first: date, last: date, library: UUID | None) -> list[Slice]:
    """What came in and went back, by each of four ways of looking at it."""
    return db.all(Slice, SLICES, **_facts(first, last, library))


def due(db: Db, library: UUID | None) -> int:
    """What members owe today."""
    return int(db.value(DUE, library=library))


def report(db: Db, name: str, first: date, last: date, library: UUID | None) -> list[Line]:
    return db.all(Line, REPORTS[name], now=clock.now(), **_facts(first, last, library))


def ledger(
    db: Db, accounts: list[str], kinds: list[str] | None, first: date | None, last: date | None, library: UUID | None
) -> int:
    """What accounts come to."""
    facts = {"accounts": accounts, "kinds": kinds, "from": first, "to": last, "library": library}
    return int(db.value(LEDGER, **facts))


class Result(Account):
    """An account's movement in a library."""

    library_id: UUID | None


def accounts(db: Db, first: date, last: date, library: UUID | None) -> list[Result]:
    """Income and expenses by library."""
    return db.all(Result, ACCOUNTS, **_facts(first, last, library))


def standing(db: Db, account: str) -> list[Result]:
    """What an account comes to, library by library."""
    query = """
        SELECT t.library_id, e.account, sum(e.amount_paise)::bigint AS amount_paise
        FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
        WHERE e.account = %(account)s GROUP BY 1, 2"""
    return db.all(Result, query, account=account)


def tenants(place: Place) -> list[UUID]:
    """Who works in a cell."""
    query = "SELECT tenant_id FROM tenant_gate WHERE status IN ('active', 'past_due') ORDER BY tenant_id"
    return [row["tenant_id"] for row in cells.across(place, query)]


def deferred(db: Db, on: date, until: Any, library: UUID | None) -> list[Deferral]:
    """Library by library, at the end of a day."""
    return db.all(Deferral, DEFERRED, on=on, until=until, library=library)


def journal(db: Db, first: date, last: date, most: int) -> list[JournalEntry]:
    """In the order of days, one more than `most` when there are more."""
    return db.all(JournalEntry, JOURNAL, most=most + 1, **{"from": first, "to": last})


def book(db: Db, first: date, last: date, library: UUID | None) -> list[DayLine]:
    """By day, way of paying and person."""
    return db.all(DayLine, BOOK, **_facts(first, last, library))
