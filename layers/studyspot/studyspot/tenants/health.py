"""How well organisations do: looked at one by one by operators, and by the nightly roll-up over all of them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from studyspot.kit import audit, cells, clock, log
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.tenants.queries import directory
from studyspot.tenants.queries import health as queries
from studyspot.tenants.scoring import TenantHealth, judge
from studyspot.tenants.service import opened

FRESH_FOR = timedelta(hours=12)
"""A night that was killed goes on with those it had not come to."""


def seen_by(core: Db, actor: Actor, tenant_id: UUID) -> TenantHealth:
    """Judged now, and kept, so that the list says the same; the look is noted in the organisation's own trail."""
    tenant = directory.by_id(core, tenant_id)
    with opened(core, tenant_id) as db:
        found = judge(tenant_id, tenant.created_at, queries.facts(db), clock.now())
        audit.note(db, "tenants.health", "tenants", tenant_id, actor_type=actor.user_type, actor_id=actor.id)
    queries.keep(core, found)
    return found


def roll_up() -> int:
    """Judge every organisation at work; one out of reach holds up no other and keeps its old verdict with its date."""
    with cells.core_db() as core:
        due = queries.due(core, clock.now() - FRESH_FOR)
        judged = 0
        for tenant in due:
            try:
                with cells.tenant_db(tenant.id) as db:
                    found = judge(tenant.id, tenant.created_at, queries.facts(db), clock.now())
            except Exception as error:  # noqa: BLE001 - the others are judged; this one stays the first in line
                log.error("health_not_judged", tenant=tenant.id, error=repr(error))
                continue
            queries.keep(core, found)
            judged += 1
    return judged
