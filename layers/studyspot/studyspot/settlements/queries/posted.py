"""What the ledger has of captures, refunds and payouts, beside what it ought to have."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from studyspot.kit.db import Db
from studyspot.kit.models import Model


class Posted(Model):
    """One thing that has to be in the books once, and what the books say of it."""

    subject: str
    reference: str
    payment_id: UUID | None
    line_id: UUID | None
    expected_paise: int
    found_paise: int | None


SUM = """
    SELECT sum(e.amount_paise) FILTER (WHERE e.account = %(receivable)s)::bigint AS paise, count(DISTINCT t.id) AS times
    FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id"""
# Per capture, refund and line: the movement of what the gateway owes. A capture's fee may be booked in two parts.
WRONG = f"""
    SELECT 'payment' AS subject, c.gateway_payment_id AS reference, c.payment_id, NULL::uuid AS line_id,
           c.amount_paise - c.fee_paise AS expected_paise, p.paise AS found_paise
    FROM payment_captures c CROSS JOIN LATERAL (
        {SUM} WHERE t.reference_id = c.id AND t.kind IN ('capture','capture_fee')) p
    WHERE c.gateway = %(gateway)s
      AND (c.captured_at >= %(start)s AND c.captured_at < %(end)s
           OR c.id IN (SELECT l.capture_id FROM settlement_lines l JOIN settlements s ON s.id = l.settlement_id
                       WHERE s.gateway = %(gateway)s AND s.settled_on = %(day)s))
      AND p.paise IS DISTINCT FROM c.amount_paise - c.fee_paise
    UNION ALL
    SELECT 'refund', coalesce(r.gateway_refund_id, r.reference), r.payment_id, NULL::uuid,
           CASE WHEN r.status = 'succeeded' THEN -r.amount_paise ELSE 0 END, coalesce(p.paise, 0)
    FROM refunds r CROSS JOIN LATERAL (
        {SUM} WHERE t.reference_id = r.id AND t.kind IN ('refund','refund_reversal')) p
    WHERE r.gateway = %(gateway)s
      AND (r.succeeded_at >= %(start)s AND r.succeeded_at < %(end)s
           OR r.id IN (SELECT l.refund_id FROM settlement_lines l JOIN settlements s ON s.id = l.settlement_id
                       WHERE s.gateway = %(gateway)s AND s.settled_on = %(day)s))
      AND coalesce(p.paise, 0) <> CASE WHEN r.status = 'succeeded' THEN -r.amount_paise ELSE 0 END
    UNION ALL
    SELECT l.kind, l.entity_id, l.payment_id, l.id, -x.owed, coalesce(p.paise, 0)
    FROM settlement_lines l JOIN settlements s ON s.id = l.settlement_id
    CROSS JOIN LATERAL (SELECT l.expected_gross_paise - l.expected_fee_paise - l.expected_gst_paise AS owed) x
    CROSS JOIN LATERAL (
        {SUM} WHERE t.reference_id = l.id AND t.kind IN ('settlement','settlement_adopted')) p
    WHERE s.gateway = %(gateway)s AND s.settled_on = %(day)s AND l.standing = 'counted'
      AND coalesce(p.paise, 0) <> -x.owed"""


def wrong(db: Db, gateway: str, day: date, start: datetime, end: datetime) -> list[Posted]:
    """What was taken, given back or paid out that day and is not in the books as it is in our rows."""
    return db.all(
        Posted,
        WRONG,
        gateway=gateway,
        receivable=f"asset.gateway_receivable.{gateway}",
        day=day,
        start=start,
        end=end,
    )
