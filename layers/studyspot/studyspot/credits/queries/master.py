"""The operator's side: rows of tenant zero only."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.credits.models import Allocated, Allocation, Margin, MasterWallet, Purchased, Vendor
from studyspot.credits.queries.wallets import LEGS, legs
from studyspot.kit import clock, ids
from studyspot.kit.db import Db

GST_PERCENT = 18
MASTER = """
    id, credit_type, vendor_id, purchased_total, available, allocated_total, consumed_total, reserved,
    low_balance_threshold"""
VENDOR = """
    INSERT INTO credit_vendors AS v (id, name, channel, credit_type, unit_cost_paise, created_at, updated_at)
    VALUES (%(id)s, %(name)s, %(type)s, %(type)s, %(cost)s, %(now)s, %(now)s)
    ON CONFLICT (tenant_id, credit_type, name) DO UPDATE
        SET unit_cost_paise = coalesce(%(known_cost)s, v.unit_cost_paise), updated_at = EXCLUDED.updated_at
    RETURNING id, unit_cost_paise"""
OPEN = """
    INSERT INTO credit_master_wallet (id, credit_type, vendor_id, created_at, updated_at)
    VALUES (%(id)s, %(type)s, %(vendor)s, %(now)s, %(now)s) ON CONFLICT (tenant_id, credit_type) DO NOTHING"""
PURCHASED = """
    id, vendor_id, credit_type, quantity, unit_cost_paise, total_paise, gst_paise, invoice_ref, purchased_at"""
BUY = f"""
    INSERT INTO credit_purchases (id, vendor_id, credit_type, quantity, unit_cost_paise, total_paise, gst_paise,
                                  invoice_ref, purchased_by, purchased_at, created_at)
    VALUES (%(id)s, %(vendor)s, %(type)s, %(n)s, %(cost)s, %(total)s, %(gst)s, %(invoice)s, %(by)s, %(now)s, %(now)s)
    RETURNING {PURCHASED}"""
STOCK = f"""
    WITH moved AS (
        UPDATE credit_master_wallet SET
            avg_cost_paise = (avg_cost_paise * available + %(total)s) / (available + %(n)s),
            purchased_total = purchased_total + %(n)s, available = available + %(n)s, version = version + 1,
            updated_at = %(now)s
        WHERE credit_type = %(type)s RETURNING credit_type, %(n)s::bigint AS quantity)
    {LEGS}"""
MISSING = """
    SELECT greatest(%(n)s - available, 0) FROM credit_master_wallet WHERE credit_type = %(type)s FOR UPDATE"""
# Cost rounded half up per allocation, from the average cost at that moment.
ALLOCATE = f"""
    WITH paid AS (
        UPDATE credit_master_wallet SET available = available - %(n)s, allocated_total = allocated_total + %(n)s,
            version = version + 1, updated_at = %(now)s
        WHERE credit_type = %(type)s AND available >= %(n)s
        RETURNING credit_type, %(n)s::bigint AS quantity, round(avg_cost_paise * %(n)s)::bigint AS cost),
    moved AS (
        INSERT INTO credit_allocations (id, to_tenant, credit_type, quantity, kind, unit_price_paise, cost_paise,
                                        reference, created_at)
        SELECT %(id)s, %(tenant)s, credit_type, quantity, %(sold_as)s, %(price)s, cost, %(own_reference)s, %(now)s
        FROM paid
        RETURNING credit_type, quantity)
    {LEGS}"""
# Credits of a grant that never reached anybody who works: the stock has them back at what they had cost.
WITHDRAW = f"""
    WITH withdrawn AS (
        DELETE FROM credit_allocations WHERE id = %(id)s AND kind = 'grant'
        RETURNING credit_type, quantity, cost_paise),
    moved AS (
        UPDATE credit_master_wallet w SET available = available + quantity,
            allocated_total = allocated_total - quantity,
            avg_cost_paise = (avg_cost_paise * available + cost_paise) / (available + quantity), version = version + 1,
            updated_at = %(now)s
        FROM withdrawn WHERE w.credit_type = withdrawn.credit_type
        RETURNING w.credit_type, quantity::bigint AS quantity)
    {LEGS}"""
ALLOCATED = """
    SELECT id, to_tenant, credit_type, quantity, kind, unit_price_paise, cost_paise, reference, created_at, arrived_at
    FROM credit_allocations"""
ARRIVED = "UPDATE credit_allocations SET arrived_at = %(now)s WHERE id = %(id)s AND arrived_at IS NULL"
ON_THE_WAY = """
    SELECT coalesce(sum(quantity), 0)::bigint FROM credit_allocations
    WHERE credit_type = %(type)s AND arrived_at IS NULL"""
MARGINS = """
    SELECT tenant_id, month, credit_type, quantity, cost_paise, revenue_paise,
           revenue_paise - cost_paise AS profit_paise,
           CASE WHEN revenue_paise > 0 THEN round((revenue_paise - cost_paise) * 100.0 / revenue_paise, 2)::float8 END
               AS margin_percent
    FROM (SELECT to_tenant AS tenant_id, to_char(created_at AT TIME ZONE 'Asia/Kolkata', 'YYYY-MM') AS month,
                 credit_type, sum(quantity)::bigint AS quantity, sum(cost_paise)::bigint AS cost_paise,
                 sum(CASE kind WHEN 'sale' THEN quantity * unit_price_paise ELSE 0 END)::bigint AS revenue_paise
          FROM credit_allocations WHERE %(tenant)s::uuid IS NULL OR to_tenant = %(tenant)s
          GROUP BY 1, 2, 3) AS sold
    ORDER BY month DESC, tenant_id, credit_type LIMIT 1000"""


def vendor(core: Db, name: str, credit_type: str, cost: int | None, usual_cost: int) -> Vendor:
    facts = {"name": name, "type": credit_type, "cost": usual_cost if cost is None else cost, "known_cost": cost}
    return core.one(Vendor, VENDOR, id=ids.uuid7(), now=clock.now(), **facts)


def open_master(core: Db, credit_type: str, vendor_id: UUID) -> None:
    core.run(OPEN, id=ids.uuid7(), type=credit_type, vendor=vendor_id, now=clock.now())


def buy(core: Db, vendor_id: UUID, credit_type: str, n: int, cost: int, invoice: str | None) -> Purchased:
    """The purchase and its stock; call inside a transaction."""
    purchase, total = ids.uuid7(), n * cost
    row: dict[str, Any] = {
        "id": purchase,
        "vendor": vendor_id,
        "type": credit_type,
        "n": n,
        "cost": cost,
        "total": total,
    }
    gst = (total * GST_PERCENT + 50) // 100
    by = core.actor.id if core.actor else None
    booked = core.one(Purchased, BUY, **row, gst=gst, invoice=invoice, by=by, now=clock.now())
    core.run(STOCK, type=credit_type, n=n, total=total, **legs("purchase", str(purchase), "vendor", "master"))
    return booked


def missing(core: Db, credit_type: str, n: int) -> int | None:
    """How many the master wallet lacks (its row locked); None when there is no wallet."""
    found: int | None = core.value(MISSING, type=credit_type, n=n)
    return found


def allocate(core: Db, tenant: UUID, wanted: Allocation, reference: str) -> bool:
    allocation = ids.uuid7()
    facts = {
        "type": wanted.credit_type,
        "n": wanted.quantity,
        "sold_as": wanted.kind,
        "tenant": tenant,
        "id": allocation,
    }
    moved = legs("allocation", str(allocation), "master", "allocated")
    price = wanted.unit_price_paise if wanted.kind == "sale" else 0
    return core.run(ALLOCATE, price=price, own_reference=reference, **facts, **moved) > 0


def withdraw(core: Db, allocation_id: UUID) -> bool:
    return core.run(WITHDRAW, id=allocation_id, **legs("release", str(allocation_id), "allocated", "master")) > 0


def allocation(core: Db, tenant: UUID, reference: str) -> Allocated | None:
    found = f"{ALLOCATED} WHERE to_tenant = %(tenant)s AND reference = %(reference)s"
    return core.maybe(Allocated, found, tenant=tenant, reference=reference)


def on_their_way(core: Db, before: datetime) -> list[Allocated]:
    waiting = f"{ALLOCATED} WHERE arrived_at IS NULL AND created_at <= %(before)s ORDER BY created_at LIMIT 500"
    return core.all(Allocated, waiting, before=before)


def arrived(core: Db, allocation_id: UUID) -> None:
    core.run(ARRIVED, id=allocation_id, now=clock.now())


def count_on_the_way(core: Db, credit_type: str) -> int:
    found: int = core.value(ON_THE_WAY, type=credit_type)
    return found


def masters(core: Db) -> list[MasterWallet]:
    return core.all(MasterWallet, f"SELECT {MASTER} FROM credit_master_wallet ORDER BY credit_type")


def margins(core: Db, tenant: UUID | None) -> list[Margin]:
    return core.all(Margin, MARGINS, tenant=tenant)
