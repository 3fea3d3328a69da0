"""How well an organisation does, as a figure: what is looked at, what it weighs, and from where on it is bad.

Every threshold of the health score is in this module. Tickets weigh nothing while the product has none.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel

from studyspot.kit.models import Model, Timestamp
from studyspot.tenants.models import Health

WEIGHTS = {"logins": 40, "collections": 40, "payments": 10, "messages": 10, "tickets": 0}
"""What is not measured is left out, and the others weigh the more."""
HEALTHY_FROM, AT_RISK_FROM = 75, 40
"""Nobody signing in, or nothing collected, is a risk by itself; both together are critical."""
SEEN_WITHIN, GONE_AFTER = timedelta(days=7), timedelta(days=30)
"""Somebody of the owner's side was here: full marks within the first, none after the second, linear between."""
STRETCH = timedelta(days=30)
"""Collections are compared with those of as many days before, so that a month's first day is no drop."""
PAYMENTS_FAILED = (0.10, 0.50)
MESSAGES_FAILED = (0.05, 0.40)
"""Full marks up to the first share, none from the second."""
TOO_FEW = 10
"""A share of fewer says nothing."""


class Facts(BaseModel):
    """What the organisation's own rows say."""

    seen_at: datetime | None
    """When a session of the owner or of staff was last renewed; platform users who act as them do not count."""
    logins_7: int
    logins_30: int
    collected_paise: int
    collected_before_paise: int
    payments_ended: int
    payments_failed: int
    messages_ended: int
    messages_failed: int


class Component(Model):
    """One part of the score; null where nothing can be measured, and why."""

    name: str
    weight: int
    score: int | None
    reason: str


class TenantHealth(Model):
    """0 (critical) to 100 (healthy), and what it is made of."""

    tenant_id: UUID
    score: int
    band: Health
    components: list[Component]
    computed_at: Timestamp


def judge(tenant_id: UUID, since: datetime, facts: Facts, now: datetime) -> TenantHealth:
    """`since` is when the organisation began: it need not be in use before."""
    components = [
        _logins(facts, since, now),
        _collections(facts),
        _failures("payments", facts.payments_failed, facts.payments_ended, PAYMENTS_FAILED),
        _failures("messages", facts.messages_failed, facts.messages_ended, MESSAGES_FAILED),
        _component("tickets", None, "the product has no support tickets yet"),
    ]
    measured = [(part.score, part.weight) for part in components if part.score is not None]
    score = round(sum(part * weight for part, weight in measured) / sum(weight for _, weight in measured))
    return TenantHealth(tenant_id=tenant_id, score=score, band=band_of(score), components=components, computed_at=now)


def band_of(score: int) -> Health:
    if score >= HEALTHY_FROM:
        return "healthy"
    return "at_risk" if score >= AT_RISK_FROM else "critical"


def _component(name: str, score: float | None, reason: str) -> Component:
    rounded = None if score is None else round(100 * min(1.0, max(0.0, score)))
    return Component(name=name, weight=WEIGHTS[name], score=rounded, reason=reason)


def _logins(facts: Facts, since: datetime, now: datetime) -> Component:
    away = now - max(facts.seen_at or since, since)
    score = (GONE_AFTER - away) / (GONE_AFTER - SEEN_WITHIN)
    counted = f"sign-ins of owner and staff: {facts.logins_7} in 7 days, {facts.logins_30} in 30"
    seen = f"last here {away.days} days ago" if facts.seen_at else f"never here in {away.days} days"
    return _component("logins", score, f"{counted}; {seen}")


def _collections(facts: Facts) -> Component:
    now, before = facts.collected_paise, facts.collected_before_paise
    told = f"{now} paise net of refunds in {STRETCH.days} days, {before} in the {STRETCH.days} before"
    if not before:
        return _component("collections", 1.0 if now else None, f"{told}: nothing to compare with")
    return _component("collections", now / before, f"{told}: {round(100 * now / before)} %")


def _failures(name: str, failed: int, ended: int, bounds: tuple[float, float]) -> Component:
    told = f"{failed} of {ended} {name} failed in {STRETCH.days} days"
    if ended < TOO_FEW:
        return _component(name, None, f"{told}: too few to judge by")
    good, bad = bounds
    return _component(name, (bad - failed / ended) / (bad - good), told)
