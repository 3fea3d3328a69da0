"""Every statement about how well an organisation does: counted in its cell, kept in the directory."""

from __future__ import annotations

from datetime import datetime

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.tenants.models import Tenant
from studyspot.tenants.queries.directory import COLUMNS
from studyspot.tenants.scoring import SEEN_WITHIN, STRETCH, Facts, TenantHealth

# Sessions outlive their last use by a month, payments that a payer gave up are nobody's failure.
FACTS = """
    SELECT s.seen_at, s.logins_7, s.logins_30, p.collected_paise, p.collected_before_paise, p.payments_ended,
           p.payments_failed, m.messages_ended, m.messages_failed
    FROM (SELECT max(last_used_at) AS seen_at, count(*) FILTER (WHERE created_at >= %(week)s) AS logins_7,
                 count(*) FILTER (WHERE created_at >= %(month)s) AS logins_30
          FROM sessions WHERE user_type IN ('library_owner','library_staff') AND impersonator IS NULL) s,
         (SELECT coalesce(sum(captured_paise - refunded_paise) FILTER (WHERE captured_at >= %(month)s), 0)::bigint
                     AS collected_paise,
                 coalesce(sum(captured_paise - refunded_paise) FILTER (WHERE captured_at < %(month)s), 0)::bigint
                     AS collected_before_paise,
                 count(*) FILTER (WHERE created_at >= %(month)s) AS payments_ended,
                 count(*) FILTER (WHERE created_at >= %(month)s AND status = 'failed') AS payments_failed
          FROM payments WHERE purpose NOT IN ('credits','subscription')
            AND (captured_at >= %(before)s OR (status = 'failed' AND created_at >= %(month)s))) p,
         (SELECT count(*) AS messages_ended, count(*) FILTER (WHERE status = 'failed') AS messages_failed
          FROM communications WHERE status IN ('sent','delivered','failed') AND created_at >= %(month)s) m"""
DUE = f"""
    SELECT {COLUMNS} FROM tenants
    WHERE cell_id IS NOT NULL AND status IN ('active','past_due','suspended')
      AND (health_at IS NULL OR health_at < %(before)s)
    ORDER BY health_at NULLS FIRST, id"""
KEEP = """
    UPDATE tenants SET health = %(band)s, health_score = %(score)s, health_at = %(at)s
    WHERE id = %(id)s AND (health_at IS NULL OR health_at <= %(at)s)"""


def facts(db: Db) -> Facts:
    now = clock.now()
    return db.one(Facts, FACTS, week=now - SEEN_WITHIN, month=now - STRETCH, before=now - 2 * STRETCH)


def due(core: Db, before: datetime) -> list[Tenant]:
    """Who was not judged since; the longest unjudged first."""
    return core.all(Tenant, DUE, before=before)


def keep(core: Db, found: TenantHealth) -> None:
    """Of two verdicts the younger stays."""
    core.run(KEEP, id=found.tenant_id, band=found.band, score=found.score, at=found.computed_at)
