"""Every statement on plans, overrides and what a tenant uses; the referee of the limits is in the schema."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.entitlements.models import Counts, Override, Plan
from studyspot.kit import clock
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db

COUNTS = """
    SELECT (SELECT count(*) FROM students WHERE status <> 'archived') AS students,
           (SELECT count(*) FROM libraries WHERE status <> 'closed') AS libraries,
           (SELECT count(*) FROM seats WHERE status <> 'retired') AS seats,
           (SELECT count(*) FROM library_staff WHERE status <> 'removed') AS staff,
           (SELECT coalesce(sum(size_bytes), 0) FROM files) AS storage_bytes,
           (SELECT count(*) FROM communications WHERE channel = 'sms' AND sent_at >= %(month)s) AS sms_this_month,
           (SELECT coalesce(sum(balance), 0) FROM tenant_credit_wallets WHERE credit_type = 'sms') AS sms_credits,
           (SELECT coalesce(sum(taken), 0) FROM rate_buckets
            WHERE window_start = date_trunc('minute', %(now)s::timestamptz)
              AND (bucket LIKE 'user:%%' OR bucket LIKE 'address:%%')) AS requests_this_minute"""


def plan(core: Db, tenant_id: UUID) -> Plan:
    """Of the plan the tenant is on, as it is sold now."""
    return core.one(
        Plan,
        """SELECT t.plan_code, coalesce(p.limits, '{}') AS limits, coalesce(p.features, '{}') AS features
           FROM tenants t LEFT JOIN LATERAL (
               SELECT limits, features FROM subscription_plans WHERE code = t.plan_code
               ORDER BY is_active DESC, version DESC LIMIT 1) p ON true
           WHERE t.id = %(id)s""",
        id=tenant_id,
    )


def overrides(core: Db, tenant_id: UUID) -> list[Override]:
    """Those that hold at this moment."""
    return core.all(
        Override,
        """SELECT name, value, reason, expires_at, set_by, set_at FROM entitlement_overrides
           WHERE tenant_id = %(id)s AND (expires_at IS NULL OR expires_at > %(now)s) ORDER BY name""",
        id=tenant_id,
        now=clock.now(),
    )


def override(core: Db, tenant_id: UUID, name: str, value: Any, reason: str, until: datetime | None) -> None:
    """The last word counts."""
    core.run(
        """INSERT INTO entitlement_overrides (tenant_id, name, value, reason, expires_at, set_by, set_at)
           VALUES (%(id)s, %(name)s, %(value)s::jsonb, %(reason)s, %(until)s, %(by)s, %(now)s)
           ON CONFLICT (tenant_id, name) DO UPDATE SET value = EXCLUDED.value, reason = EXCLUDED.reason,
               expires_at = EXCLUDED.expires_at, set_by = EXCLUDED.set_by, set_at = EXCLUDED.set_at""",
        id=tenant_id,
        name=name,
        value=json.dumps(value),
        reason=reason,
        until=until,
        by=core.actor.id if core.actor else None,
        now=clock.now(),
    )


def withdraw(core: Db, tenant_id: UUID, names: list[str]) -> None:
    """The plan holds again."""
    core.run(
        "DELETE FROM entitlement_overrides WHERE tenant_id = %(id)s AND name = ANY (%(names)s)",
        id=tenant_id,
        names=names,
    )


def lock(core: Db, tenant_id: UUID) -> None:
    """Whoever changes what a tenant may have does it alone, from the reading to the writing of its cell."""
    core.run("SELECT 1 FROM tenants WHERE id = %(id)s FOR NO KEY UPDATE", id=tenant_id)


def at_work(core: Db) -> list[UUID]:
    """Whose cell should know what it may have."""
    rows = core.dicts(
        """SELECT id FROM tenants
           WHERE cell_id IS NOT NULL AND status IN ('active','past_due','suspended','offboarding') ORDER BY id"""
    )
    return [row["id"] for row in rows]


def write_gate(db: Db, limits: dict[str, int | None], features: dict[str, Any]) -> bool:
    """The cell's copy; modules and rate limit are what every request is measured by. Answers whether it was another."""
    return bool(
        db.run(
            """UPDATE tenant_gate SET limits = %(limits)s::jsonb, features = %(features)s::jsonb,
                   modules = coalesce(%(modules)s::text[], modules), rate_limit = coalesce(%(rate)s, rate_limit),
                   tenant_rate_limit = %(together)s,
                   version = version + 1, updated_at = %(now)s
               WHERE tenant_id = app_tenant()
                 AND (limits, features, modules, rate_limit, tenant_rate_limit) IS DISTINCT FROM
                     (%(limits)s::jsonb, %(features)s::jsonb, coalesce(%(modules)s::text[], modules),
                      coalesce(%(rate)s, rate_limit), %(together)s::integer)""",
            limits=json.dumps(limits),
            features=json.dumps(features),
            modules=features.get("modules"),
            rate=limits.get("requestsPerMinute"),
            together=limits.get("tenantRequestsPerMinute"),
            now=clock.now(),
        )
    )


def allowed(db: Db, name: str) -> int | None:
    """As the cell knows it."""
    found: int | None = db.value("SELECT (limits ->> %(name)s)::bigint FROM tenant_gate", name=name)
    return found


def counts(db: Db) -> Counts:
    """The tenant's own count of everything that is limited."""
    now = clock.now()
    month = now.astimezone(INDIA).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return db.one(Counts, COUNTS, now=now, month=month)
