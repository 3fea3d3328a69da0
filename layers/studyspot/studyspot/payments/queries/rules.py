"""Rules by version and prices by day: an organisation's own, and the platform's, which every cell has a copy of."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from studyspot.kit import cells, clock
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.payments.models import Fee, KnownFee

RULING = """
    SELECT (SELECT coalesce(jsonb_agg(to_jsonb(v) ORDER BY v.effective_at DESC, v.version DESC), '[]') FROM (
                SELECT 'organisation' AS source, version, valid_from AS effective_at, value, changed_by, changed_at
                FROM routing_rules
                UNION ALL SELECT 'platform', version, valid_from, value, changed_by, changed_at
                FROM platform_rules WHERE kind = 'routing') v) AS versions,
           (SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.own, p.gateway, p.method, p.valid_from), '[]') FROM (
                SELECT false AS own, gateway, method, valid_from, basis_points, fixed_paise, gst_percent,
                       lead(valid_from) OVER (PARTITION BY gateway, method ORDER BY valid_from) AS valid_until
                FROM gateway_fees
                UNION ALL SELECT true, gateway, method, valid_from, basis_points, fixed_paise, gst_percent,
                       lead(valid_from) OVER (PARTITION BY gateway, method ORDER BY valid_from)
                FROM account_fees) p) AS fees"""
ADD = """
    INSERT INTO routing_rules (version, valid_from, value, changed_by, changed_at)
    VALUES (%(version)s, %(valid_from)s, %(value)s::jsonb, %(by)s, %(now)s)
    ON CONFLICT (tenant_id, version) DO NOTHING"""
ADD_FOR_ALL = """
    INSERT INTO platform_rules (kind, version, valid_from, value, changed_by, changed_at)
    VALUES (%(kind)s, %(version)s, %(valid_from)s, %(value)s::jsonb, %(by)s, %(now)s)
    ON CONFLICT (kind, version) DO NOTHING"""
ADD_FEE = """
    INSERT INTO account_fees (gateway, method, valid_from, basis_points, fixed_paise, gst_percent, changed_by,
                              changed_at)
    VALUES (%(gateway)s, %(method)s, %(valid_from)s, %(basis_points)s, %(fixed_paise)s, %(gst_percent)s, %(by)s,
            %(now)s) ON CONFLICT DO NOTHING"""
ADD_FEE_FOR_ALL = """
    INSERT INTO gateway_fees (gateway, method, valid_from, basis_points, fixed_paise, gst_percent, preference)
    SELECT %(gateway)s, %(method)s, %(valid_from)s, %(basis_points)s, %(fixed_paise)s, %(gst_percent)s, preference
    FROM gateway_fees WHERE gateway = %(gateway)s ORDER BY valid_from DESC LIMIT 1
    ON CONFLICT (gateway, method, valid_from) DO NOTHING"""
SPREAD = """
    WITH ruled AS (
        INSERT INTO platform_rules
        SELECT * FROM jsonb_populate_recordset(NULL::platform_rules, %(rules)s::jsonb) ON CONFLICT DO NOTHING
        RETURNING 1), priced AS (
        INSERT INTO gateway_fees
        SELECT * FROM jsonb_populate_recordset(NULL::gateway_fees, %(fees)s::jsonb) ON CONFLICT DO NOTHING
        RETURNING 1)
    SELECT (SELECT count(*) FROM ruled) + (SELECT count(*) FROM priced) AS brought"""
ORIGINALS = """
    SELECT coalesce((SELECT jsonb_agg(to_jsonb(r)) FROM platform_rules r), '[]') AS rules,
           coalesce((SELECT jsonb_agg(to_jsonb(f)) FROM gateway_fees f), '[]') AS fees"""


class Version(Model):
    """One version of somebody's rules."""

    source: Literal["organisation", "platform"]
    version: int
    effective_at: datetime
    value: dict[str, Any]
    changed_by: UUID | None
    changed_at: datetime


class RulesRow(Model):
    """All versions, the one that takes effect last first, and all prices."""

    versions: list[Version]
    fees: list[KnownFee]

    def at(self, moment: datetime, source: str) -> Version | None:
        """What of theirs holds then."""
        return next((v for v in self.versions if v.source == source and v.effective_at <= moment), None)


def ruling(db: Db) -> RulesRow:
    """Everything laid down for this tenant, and for all."""
    return db.one(RulesRow, RULING)


def add_rules(
    db: Db, version: int, valid_from: datetime, value: dict[str, Any], platforms: Literal["routing", "risk"] | None
) -> bool:
    """The next version, of the tenant's own or of one kind of the platform's; False when somebody else wrote it first.

    The key decides."""
    given = {"version": version, "valid_from": valid_from, "value": json.dumps(value)} | _who(db)
    return (db.run(ADD_FOR_ALL, kind=platforms, **given) if platforms else db.run(ADD, **given)) == 1


def add_fee(db: Db, fee: Fee, for_all: bool = False) -> bool:
    """A price from a day on; False when that day has one."""
    given = fee.model_dump()
    return db.run(ADD_FEE_FOR_ALL, **given) == 1 if for_all else db.run(ADD_FEE, **given, **_who(db)) == 1


def _who(db: Db) -> dict[str, Any]:
    return {"by": db.actor.id if db.actor else None, "now": clock.now()}


def originals(core: Db) -> dict[str, str]:
    """The platform's rules and prices, as core has them."""
    (row,) = core.dicts(ORIGINALS)
    return {name: json.dumps(rows) for name, rows in row.items()}


def bring(place: Place, told: dict[str, str]) -> int:
    """Into one cell, what it does not have yet; safe to repeat."""
    (row,) = cells.across(place, SPREAD, **told)
    return int(row["brought"])
