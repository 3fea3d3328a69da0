"""Payments that were captured, with the decisions by which they went where they went."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.payments.models import GatewayName, Routing

DECIDED = """
    SELECT c.payment_id, c.captured_at, t.gateway, t.decision, t.inputs
    FROM payment_captures c
    JOIN payment_attempts k ON k.gateway = c.gateway AND k.gateway_order_id = c.gateway_order_id
    JOIN LATERAL (SELECT gateway, decision, inputs FROM payment_attempts a WHERE a.payment_id = c.payment_id
                  ORDER BY a.id LIMIT 1) t ON true
    WHERE NOT c.surplus AND c.captured_at >= %(since)s AND c.captured_at < %(until)s
    ORDER BY c.captured_at, c.id LIMIT %(most)s"""
SPENT = """
    WITH taken AS (
        SELECT to_char(c.captured_at AT TIME ZONE 'Asia/Kolkata', 'YYYY-MM') AS month, c.fee_paise - c.tax_paise AS fee,
               c.tax_paise AS gst, c.fee_known, a.decision, a.decision ->> 'reason' = 'pinned' AS pinned
        FROM payment_captures c
        JOIN payment_attempts a ON a.gateway = c.gateway AND a.gateway_order_id = c.gateway_order_id
        WHERE NOT c.surplus AND c.captured_at >= %(since)s AND c.captured_at < %(until)s)
    SELECT month, NULL::text AS gateway, count(*) FILTER (WHERE NOT pinned)::int AS payments,
           count(*) FILTER (WHERE pinned)::int AS others,
           count(*) FILTER (WHERE NOT pinned AND fee_known)::int AS known,
           0::bigint AS alone_fee, 0::bigint AS alone_gst,
           coalesce(sum(fee) FILTER (WHERE NOT pinned), 0)::bigint AS fee,
           coalesce(sum(gst) FILTER (WHERE NOT pinned), 0)::bigint AS gst
    FROM taken GROUP BY month
    UNION ALL
    SELECT month, c.gateway, count(*) FILTER (WHERE c.eligible)::int, count(*) FILTER (WHERE NOT c.eligible)::int, 0,
           coalesce(sum(c.fee_paise) FILTER (WHERE c.eligible), 0)::bigint,
           coalesce(sum(c.gst_paise) FILTER (WHERE c.eligible), 0)::bigint,
           coalesce(sum(fee) FILTER (WHERE c.eligible), 0)::bigint,
           coalesce(sum(gst) FILTER (WHERE c.eligible), 0)::bigint
    FROM taken, jsonb_to_recordset(decision -> 'candidates')
        AS c (gateway text, eligible boolean, fee_paise bigint, gst_paise bigint)
    WHERE NOT pinned GROUP BY month, c.gateway
    ORDER BY 1, 2 NULLS FIRST"""


class Decided(Model):
    """How a captured payment was decided at first."""

    payment_id: UUID
    captured_at: datetime
    gateway: GatewayName
    decision: Routing
    inputs: dict[str, Any] | None


class Spent(Model):
    """What a month cost; with a gateway, beside what that one alone would have on the payments it could take."""

    month: str
    gateway: GatewayName | None
    payments: int
    others: int
    known: int
    alone_fee: int
    alone_gst: int
    fee: int
    gst: int


def decided(db: Db, since: datetime, until: datetime, most: int) -> list[Decided]:
    """Oldest first; what was captured twice counts once."""
    return db.all(Decided, DECIDED, since=since, until=until, most=most)


def spent(db: Db, since: datetime, until: datetime) -> list[Spent]:
    """By month, the month's own line before those of the gateways."""
    return db.all(Spent, SPENT, since=since, until=until)
