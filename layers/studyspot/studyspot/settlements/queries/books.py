"""Whether the books are right: everything that moved money against what the ledger says of it, and back."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import cells
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.settlements.models import BookFault

HELD = """
    CASE {0}.gateway WHEN 'cash' THEN 'asset.cash' WHEN 'bank' THEN 'asset.bank'
         WHEN 'credit' THEN 'liability.member_credit' ELSE 'asset.gateway_receivable.' || {0}.gateway END"""
SUMS = """
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(e.amount_paise) FILTER (WHERE e.account = {1}), 0)::bigint AS paise,
               count(DISTINCT t.id) FILTER (WHERE t.kind = {2}) AS times
        FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
        WHERE t.reference_id = {0}.id AND t.kind {3}) p"""
UNBALANCED = """
    SELECT 'unbalanced' AS what, t.id::text AS reference, 0::bigint AS expected_paise,
           coalesce(sum(e.amount_paise), 0)::bigint AS found_paise
    FROM ledger_transactions t LEFT JOIN ledger_entries e ON e.transaction_id = t.id
    GROUP BY t.id HAVING count(e.id) < 2 OR coalesce(sum(e.amount_paise), 0) <> 0"""
CAPTURES = f"""
    SELECT 'capture', c.id::text, c.amount_paise - c.fee_paise, p.paise FROM payment_captures c
    {SUMS.format("c", HELD.format("c"), "'capture'", "IN ('capture','capture_fee')")}
    WHERE p.times <> 1 OR p.paise <> c.amount_paise - c.fee_paise"""
REFUNDS = f"""
    SELECT 'refund', r.id::text, x.paise, p.paise FROM refunds r
    CROSS JOIN LATERAL (SELECT CASE WHEN r.status = 'succeeded' THEN -r.amount_paise ELSE 0 END AS paise,
                               CASE WHEN r.succeeded_at IS NULL THEN 0 ELSE 1 END AS times) x
    {SUMS.format("r", HELD.format("r"), "'refund'", "IN ('refund','refund_reversal')")}
    WHERE r.kind <> 'void' AND (p.paise <> x.paise OR p.times <> x.times)"""
# An entry over the counter that was taken back: the capture's other way round, once.
VOIDS = f"""
    SELECT 'void', r.id::text, -c.amount_paise, p.paise FROM refunds r JOIN payment_captures c ON c.id = r.capture_id
    {SUMS.format("c", HELD.format("c"), "'capture_reversal'", "= 'capture_reversal'")}
    WHERE r.kind = 'void' AND (p.times <> 1 OR p.paise <> -c.amount_paise)"""
LINES = f"""
    SELECT 'settlement', l.id::text, l.net_paise, p.paise FROM settlement_lines l
    {SUMS.format("l", "'asset.bank'", "'settlement'", "IN ('settlement','settlement_adopted')")}
    WHERE l.currency = 'INR' AND (p.paise <> l.net_paise OR p.times > 1 OR p.times = 0 AND l.net_paise <> 0)"""
DISPUTES = f"""
    SELECT 'dispute', d.id::text, x.paise, p.paise FROM disputes d
    CROSS JOIN LATERAL (SELECT CASE WHEN d.phase IN ('fraud','retrieval') OR d.status IN ('won','closed') THEN 0
                                    ELSE -d.amount_paise END - d.fee_paise AS paise) x
    {SUMS.format("d", HELD.format("d"), "'dispute_opened'", "LIKE 'dispute%%'")}
    WHERE p.paise <> x.paise"""
ORPHANS = """
    SELECT 'orphan', t.kind || ' ' || t.reference_id, 0::bigint, 1::bigint FROM ledger_transactions t
    WHERE t.kind IN ('capture','capture_fee','capture_reversal','undone')
              AND NOT EXISTS (SELECT FROM payment_captures c WHERE c.id = t.reference_id)
       OR t.kind IN ('refund','refund_reversal') AND NOT EXISTS (SELECT FROM refunds r WHERE r.id = t.reference_id)
       OR t.kind LIKE 'settlement%%' AND NOT EXISTS (SELECT FROM settlement_lines l WHERE l.id = t.reference_id)
       OR t.kind LIKE 'dispute%%' AND NOT EXISTS (SELECT FROM disputes d WHERE d.id = t.reference_id)"""
# What a gateway owes, worked out from what it took, gave back, was taken from it and paid out.
RECEIVABLES = """
    SELECT 'receivable', g.gateway, x.paise, coalesce(b.paise, 0)
    FROM (SELECT DISTINCT gateway FROM payment_captures WHERE gateway NOT IN ('cash','bank')) g
    CROSS JOIN LATERAL (
        SELECT ((SELECT coalesce(sum(c.amount_paise - c.fee_paise), 0) FROM payment_captures c
                 WHERE c.gateway = g.gateway)
            - (SELECT coalesce(sum(r.amount_paise), 0) FROM refunds r
               WHERE r.gateway = g.gateway AND r.status = 'succeeded')
            - (SELECT coalesce(sum(d.amount_paise), 0) FROM disputes d
               WHERE d.gateway = g.gateway AND d.status NOT IN ('won','closed')
                 AND d.phase IS DISTINCT FROM 'fraud' AND d.phase IS DISTINCT FROM 'retrieval')
            - (SELECT coalesce(sum(d.fee_paise), 0) FROM disputes d WHERE d.gateway = g.gateway)
            - (SELECT coalesce(sum(l.expected_gross_paise - l.expected_fee_paise - l.expected_gst_paise), 0)
               FROM settlement_lines l WHERE l.gateway = g.gateway AND l.standing = 'counted'))::bigint AS paise) x
    LEFT JOIN LATERAL (SELECT sum(e.amount_paise)::bigint AS paise FROM ledger_entries e
                       WHERE e.account = 'asset.gateway_receivable.' || g.gateway) b ON true
    WHERE x.paise <> coalesce(b.paise, 0)"""
CHECKS = (UNBALANCED, CAPTURES, REFUNDS, VOIDS, LINES, DISPUTES, ORPHANS, RECEIVABLES)
COUNTED = "SELECT count(*) FROM ledger_transactions"
TENANTS = "SELECT tenant_id FROM tenant_gate ORDER BY tenant_id"


def faults(db: Db) -> list[BookFault]:
    """Everything that is wrong with this organisation's books, in one look."""
    return db.all(BookFault, " UNION ALL ".join(f"({check})" for check in CHECKS))


def postings(db: Db) -> int:
    """How many transactions were looked at."""
    return int(db.value(COUNTED))


def tenants(place: Place) -> list[UUID]:
    """Every organisation of the cell (worker role)."""
    return [row["tenant_id"] for row in cells.across(place, TENANTS)]
