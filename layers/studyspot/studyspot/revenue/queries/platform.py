"""Statements on what the platform earns: tenant zero's ledger, and the credits it sold."""

from __future__ import annotations

from datetime import date
from typing import Any

from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.revenue.models import PlatformMonth, TenantRevenue

MONTHS = """
    WITH booked AS (
        SELECT to_char(t.day, 'YYYY-MM') AS month,
               -sum(e.amount_paise) FILTER (WHERE e.account = 'revenue.subscription') AS subscriptions,
               -sum(e.amount_paise) FILTER (WHERE e.account = 'revenue.commission') AS commissions
        FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
        WHERE t.day >= %(from)s AND t.day < %(to)s GROUP BY 1),
    sold AS (
        SELECT to_char(a.created_at AT TIME ZONE 'Asia/Kolkata', 'YYYY-MM') AS month,
               sum(a.quantity * a.unit_price_paise) FILTER (WHERE a.kind = 'sale') AS credits, sum(a.cost_paise) AS cost
        FROM credit_allocations a
        WHERE (a.created_at AT TIME ZONE 'Asia/Kolkata')::date >= %(from)s
          AND (a.created_at AT TIME ZONE 'Asia/Kolkata')::date < %(to)s GROUP BY 1)
    SELECT month, coalesce(b.subscriptions, 0)::bigint AS subscriptions_paise,
           coalesce(s.credits, 0)::bigint AS credits_paise, coalesce(s.cost, 0)::bigint AS credits_cost_paise,
           coalesce(b.commissions, 0)::bigint AS commissions_paise
    FROM booked b FULL JOIN sold s USING (month) ORDER BY month"""
ACCOUNT = """
    SELECT coalesce(sum(e.amount_paise), 0)::bigint FROM ledger_entries e
    JOIN ledger_transactions t ON t.id = e.transaction_id
    WHERE e.account = %(account)s AND t.day >= %(from)s AND t.day < %(to)s"""
TENANTS = """
    WITH billed AS (
        SELECT i.customer_id AS id, sum(i.taxable_paise) AS paise FROM invoices i
        WHERE i.status <> 'voided' AND (i.issued_at AT TIME ZONE 'Asia/Kolkata')::date >= %(from)s
          AND (i.issued_at AT TIME ZONE 'Asia/Kolkata')::date < %(to)s GROUP BY 1),
    sold AS (
        SELECT a.to_tenant AS id, sum(a.quantity * a.unit_price_paise) FILTER (WHERE a.kind = 'sale') AS credits,
               sum(a.cost_paise) AS cost FROM credit_allocations a
        WHERE (a.created_at AT TIME ZONE 'Asia/Kolkata')::date >= %(from)s
          AND (a.created_at AT TIME ZONE 'Asia/Kolkata')::date < %(to)s GROUP BY 1)
    SELECT t.id, t.name, t.plan_code, coalesce(b.paise, 0)::bigint AS subscriptions_paise,
           coalesce(s.credits, 0)::bigint AS credits_paise, coalesce(s.cost, 0)::bigint AS credits_cost_paise,
           (coalesce(b.paise, 0) + coalesce(s.credits, 0) - coalesce(s.cost, 0))::bigint AS margin_paise
    FROM tenants t LEFT JOIN billed b ON b.id = t.id LEFT JOIN sold s ON s.id = t.id
    WHERE (%(after)s::uuid IS NULL OR t.id < %(after)s::uuid) ORDER BY t.id DESC LIMIT %(fetch)s"""


def months(core: Db, first: date, last: date) -> list[PlatformMonth]:
    """Oldest first."""
    return core.all(PlatformMonth, MONTHS, **{"from": first, "to": last})


def account(core: Db, name: str, first: date, last: date) -> int:
    """How an account of tenant zero moved."""
    facts: dict[str, Any] = {"account": name, "from": first, "to": last}
    return int(core.value(ACCOUNT, **facts))


def tenants(core: Db, paging: Paging, first: date, last: date) -> list[TenantRevenue]:
    """The newest organisation first."""
    facts: dict[str, Any] = {"from": first, "to": last, "after": paging.after, "fetch": paging.fetch}
    return core.all(TenantRevenue, TENANTS, **facts)
