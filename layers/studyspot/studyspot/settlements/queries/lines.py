"""Payouts and their lines."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.settlements.models import SETTLES_AFTER, Line, Settlement, StoredLine


class Unpaid(Model):
    """Money that a gateway holds, or has given back for us."""

    gateway: str
    kind: str
    at: datetime
    net_paise: int


LINE = ", ".join(f"l.{name}" for name in Line.model_fields)
STORED = f"{LINE}, l.settlement_id, l.gateway, l.occurrence, l.capture_id, l.created_at, s.settled_on, s.account_id"
SETTLEMENT = """
    SELECT s.id, s.gateway, s.account_id, s.gateway_settlement_id, s.utr, s.settled_on, s.created_at, t.*
    FROM settlements s CROSS JOIN LATERAL (
        SELECT count(*)::int AS lines, coalesce(sum(l.gross_paise), 0)::bigint AS gross_paise,
               coalesce(sum(l.fee_paise), 0)::bigint AS fee_paise, coalesce(sum(l.gst_paise), 0)::bigint AS gst_paise,
               coalesce(sum(l.net_paise), 0)::bigint AS net_paise
        FROM settlement_lines l WHERE l.settlement_id = s.id AND l.currency = 'INR') t"""
COLUMNS = {
    "id": "uuid", "settlement_id": "uuid", "gateway": "text", "kind": "text", "entity_id": "text", "occurrence": "int",
    "standing": "text", "payment_id": "uuid", "capture_id": "uuid", "refund_id": "uuid", "gateway_order_id": "text",
    "currency": "text", "gross_paise": "bigint", "fee_paise": "bigint", "gst_paise": "bigint", "net_paise": "bigint",
    "expected_gross_paise": "bigint", "expected_fee_paise": "bigint", "expected_gst_paise": "bigint", "due_on": "date",
}  # fmt: skip
ADD = f"""
    INSERT INTO settlement_lines ({", ".join(COLUMNS)}, created_at)
    SELECT {", ".join(f"x.{name}" for name in COLUMNS)}, %(now)s
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS x ({", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())})
    ON CONFLICT DO NOTHING RETURNING id"""


def lock(db: Db, gateway: str) -> None:
    """Reports of one gateway are taken in one after the other."""
    db.run("SELECT pg_advisory_xact_lock(hashtextextended(app_tenant()::text || %(gateway)s, 40))", gateway=gateway)


def keep(
    db: Db, gateway: str, account_id: UUID | None, name: str, utr: str, settled_on: date, source: str
) -> tuple[UUID, date]:
    """The payout of that name, new or known; a number of the transfer that comes later is taken over."""
    found = db.dicts(
        """
        INSERT INTO settlements AS s
            (id, gateway, account_id, gateway_settlement_id, utr, settled_on, source, created_at)
        VALUES (%(id)s, %(gateway)s, %(account)s, %(name)s, %(utr)s, %(day)s, %(source)s, %(now)s)
        ON CONFLICT (tenant_id, gateway, account_id, gateway_settlement_id)
            DO UPDATE SET utr = coalesce(s.utr, EXCLUDED.utr)
        RETURNING id, settled_on""",
        id=ids.uuid7(),
        gateway=gateway,
        account=account_id,
        name=name,
        utr=utr or None,
        day=settled_on,
        source=source,
        now=clock.now(),
    )[0]
    return found["id"], found["settled_on"]


def counted(db: Db, gateway: str, entities: list[str]) -> set[tuple[str, str]]:
    """Which of these are in the books already."""
    found = db.dicts(
        "SELECT kind, entity_id FROM settlement_lines"
        " WHERE gateway = %(gateway)s AND standing = 'counted' AND entity_id = ANY(%(entities)s)",
        gateway=gateway,
        entities=entities,
    )
    return {(row["kind"], row["entity_id"]) for row in found}


def add(db: Db, rows: list[dict[str, Any]]) -> set[UUID]:
    """Those that were not known."""
    told = json.dumps([{name: row[name] for name in COLUMNS} for row in rows], default=str)
    return {row["id"] for row in db.dicts(ADD, rows=told, now=clock.now())}


def explain(db: Db, line_id: UUID, facts: dict[str, Any]) -> bool:
    """A line that was unknown counts from now on."""
    told = ", ".join(f"{name} = %({name})s" for name in facts)
    query = f"UPDATE settlement_lines SET {told} WHERE id = %(id)s AND standing = 'unknown'"
    return bool(db.run(query, id=line_id, **facts))


def unknown(db: Db, gateway: str, account_id: UUID | None, since: date) -> list[StoredLine]:
    """Lines that nothing explained when they came, and that nobody has written off since."""
    return db.all(
        StoredLine,
        f"""SELECT {STORED} FROM settlement_lines l JOIN settlements s ON s.id = l.settlement_id
            WHERE l.gateway = %(gateway)s AND l.standing = 'unknown' AND s.settled_on >= %(since)s
              AND s.account_id IS NOT DISTINCT FROM %(account)s
              AND NOT EXISTS (SELECT FROM ledger_transactions t
                              WHERE t.kind = 'settlement_write_off' AND t.reference_id = l.id)
            ORDER BY l.id""",
        gateway=gateway,
        account=account_id,
        since=since,
    )


def of_day(db: Db, gateway: str, account_id: UUID | None, day: date) -> list[StoredLine]:
    """Every line of the payouts of one day."""
    return db.all(
        StoredLine,
        f"""SELECT {STORED} FROM settlement_lines l JOIN settlements s ON s.id = l.settlement_id
            WHERE s.gateway = %(gateway)s AND s.settled_on = %(day)s
              AND s.account_id IS NOT DISTINCT FROM %(account)s ORDER BY l.id""",
        gateway=gateway,
        account=account_id,
        day=day,
    )


def lines(db: Db, settlement_id: UUID, most: int) -> list[Line]:
    """As the report has them."""
    query = f"SELECT {LINE} FROM settlement_lines l WHERE l.settlement_id = %(id)s ORDER BY l.id LIMIT %(most)s"
    return db.all(Line, query, id=settlement_id, most=most)


def settled(db: Db, captures: list[UUID], refunds: list[UUID], until: date) -> set[UUID]:
    """Which of these were paid out by the end of that day."""
    found = db.dicts(
        """
        SELECT coalesce(l.capture_id, l.refund_id) AS id
        FROM settlement_lines l JOIN settlements s ON s.id = l.settlement_id
        WHERE (l.capture_id = ANY(%(captures)s) OR l.refund_id = ANY(%(refunds)s)) AND s.settled_on <= %(until)s
          AND l.kind IN ('payment','refund')""",
        captures=captures,
        refunds=refunds,
        until=until,
    )
    return {row["id"] for row in found}


def named(db: Db, settlement_id: UUID) -> list[Settlement]:
    """The one of that id, if it is there."""
    return db.all(Settlement, f"{SETTLEMENT} WHERE s.id = %(id)s", id=settlement_id)


def listed(db: Db, after: Any, limit: int, **wanted: Any) -> list[Settlement]:
    """Newest first."""
    return db.all(
        Settlement,
        f"""{SETTLEMENT}
        WHERE (%(gateway)s::text IS NULL OR s.gateway = %(gateway)s)
          AND (%(from)s::date IS NULL OR s.settled_on >= %(from)s) AND (%(to)s::date IS NULL OR s.settled_on < %(to)s)
          AND (%(after)s::uuid IS NULL OR s.id < %(after)s)
        ORDER BY s.id DESC LIMIT %(limit)s""",
        after=after,
        limit=limit,
        **wanted,
    )


def unpaid(db: Db, start: datetime) -> list[Unpaid]:
    """What gateways took and gave back since then, and is in no payout."""
    return db.all(
        Unpaid,
        """
        SELECT c.gateway, 'payment' AS kind, c.captured_at AS at, c.amount_paise - c.fee_paise AS net_paise
        FROM payment_captures c JOIN payments p ON p.id = c.payment_id
        WHERE c.gateway = ANY(%(gateways)s) AND c.captured_at >= %(start)s AND (c.surplus OR p.settled_at IS NULL)
          AND NOT EXISTS (SELECT FROM settlement_lines l WHERE l.capture_id = c.id AND l.kind = 'payment')
        UNION ALL
        SELECT r.gateway, 'refund', r.succeeded_at, -r.amount_paise FROM refunds r
        WHERE r.gateway = ANY(%(gateways)s) AND r.status = 'succeeded' AND r.succeeded_at >= %(start)s
          AND NOT EXISTS (SELECT FROM settlement_lines l WHERE l.refund_id = r.id AND l.kind = 'refund')""",
        gateways=list(SETTLES_AFTER),
        start=start,
    )
