"""What an organisation may have, worked out from plan and overrides, told to its cell, compared with what it has."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.entitlements import queries
from studyspot.entitlements.models import Entitlements, EntitlementsChange, Measure, Usage
from studyspot.kit import audit, cells, clock, log, timers
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid

TIMER = "entitle"
MEGABYTE = 1024 * 1024


def of(core: Db, tenant_id: UUID) -> Entitlements:
    """The plan, and over it what was allowed apart."""
    plan = queries.plan(core, tenant_id)
    apart = queries.overrides(core, tenant_id)
    limits, features = dict(plan.limits), dict(plan.features)
    for one in apart:
        if isinstance(one.value, bool):
            features[one.name] = one.value
        else:
            limits[one.name] = one.value
    return Entitlements(
        tenant_id=tenant_id, plan_code=plan.plan_code, limits=limits, features=features, overrides=apart
    )


def apart(core: Db, tenant_id: UUID) -> dict[str, int | None]:
    """The limits that hold instead of the plan's."""
    return {one.name: one.value for one in queries.overrides(core, tenant_id) if not isinstance(one.value, bool)}


def change(core: Db, tenant_id: UUID, asked: EntitlementsChange) -> Entitlements:
    """Allow or deny something apart from the plan; it holds in the cell before the answer."""
    if asked.expires_at and asked.expires_at <= clock.now():
        raise Invalid.field("expiresAt", "has passed")
    with core.transaction():
        queries.lock(core, tenant_id)
        before = of(core, tenant_id)
        queries.withdraw(core, tenant_id, asked.reset)
        for name, value in (asked.limits | asked.features).items():
            queries.override(core, tenant_id, name, value, asked.reason, asked.expires_at)
        after = of(core, tenant_id)
        audit.note(
            core, "tenants.entitle", "tenants", tenant_id,
            before={"limits": before.limits, "features": before.features},
            after={"limits": after.limits, "features": after.features, "reason": asked.reason,
                   "expiresAt": asked.expires_at},
        )  # fmt: skip
        if asked.expires_at:
            timers.wait(core, asked.expires_at, TIMER, tenant_id, "apply", period=asked.expires_at.isoformat())
        _tell_cell(tenant_id, after)
    return after


def apply(core: Db, tenant_id: UUID) -> bool:
    """Tell the cell what holds now: after a change of plan, at the end of an override. Repeated, it changes nothing;
    answers whether the cell had something else."""
    with core.transaction():
        queries.lock(core, tenant_id)
        return _tell_cell(tenant_id, of(core, tenant_id))


def apply_everywhere() -> int:
    """Tell every cell that has something else, be it older than the limits, restored, or of a plan now sold with
    others. One out of reach holds up no other; answers how many were told."""
    with cells.core_db() as core:
        told = 0
        for tenant in queries.at_work(core):
            try:
                told += apply(core, tenant)
                core.commit()
            except Exception as error:  # noqa: BLE001 - the others must be told; this one is told the next night
                log.error("limits_not_told", tenant=tenant, error=repr(error))
    return told


def apply_soon(core: Db, tenant_id: UUID, occasion: str) -> None:
    """With the commit of what changed the plan: the next minute tells the cell."""
    timers.wait(core, clock.now(), TIMER, tenant_id, "apply", period=occasion)


def apply_due(core: Db, tenant_id: UUID, given: dict[str, Any]) -> None:
    """The timer's part."""
    apply(core, tenant_id)


def allowed(db: Db, name: str) -> int | None:
    """How many of these the organisation may have; None for no limit."""
    return queries.allowed(db, name)


def usage(core: Db, tenant_id: UUID) -> Usage:
    """What there is against what may be."""
    limits = of(core, tenant_id).limits
    with cells.tenant_db(tenant_id) as db:
        counted = queries.counts(db)
    used = {
        "students": counted.students,
        "libraries": counted.libraries,
        "seats": counted.seats,
        "staff": counted.staff,
        "storageMb": -(-counted.storage_bytes // MEGABYTE),
        "requestsPerMinute": counted.requests_this_minute,
    }
    return Usage(
        tenant_id=tenant_id,
        measures=[Measure(name=name, used=value, allowed=limits.get(name)) for name, value in used.items()],
        sms_this_month=counted.sms_this_month,
        sms_credits=counted.sms_credits,
    )


def _tell_cell(tenant_id: UUID, found: Entitlements) -> bool:
    """Inside the directory's lock, so that of two changes the later one is what the cell has in the end."""
    with cells.tenant_db(tenant_id) as db:
        return queries.write_gate(db, found.limits, found.features)
