"""What the gateways cost, how they have been doing, and whose orders are whose."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from studyspot.kit import cells, clock, settings
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.payments.models import GatewayName, Rules, Terms
from studyspot.payments.models.terms import DECAY, way_to_pay

WEIGHED = """
    SELECT sum(calls * weight)::int AS calls, sum(failures * weight)::int AS failures
    FROM (SELECT h.calls, h.failures, (%(decay)s::int[])[1 + floor(extract(epoch FROM %(now)s::timestamptz - starts_at)
                                                                   / 86400)::int] AS weight
          FROM {of} h WHERE h.gateway = coalesce(f.gateway || ':' || a.id, f.gateway)
            AND h.starts_at > %(week)s AND h.starts_at <= %(now)s AND {only}) w"""
TERMS = f"""
    SELECT f.gateway, a.id AS account_id, coalesce(a.priority, 100) AS priority, coalesce(a.methods, '{{}}') AS methods,
           coalesce(o.basis_points, f.basis_points) AS basis_points,
           coalesce(o.fixed_paise, f.fixed_paise) AS fixed_paise,
           coalesce(o.gst_percent, f.gst_percent) AS gst_percent, f.preference,
           coalesce(m.calls, 0) AS minute_calls, coalesce(m.failures, 0) AS minute_failures, m.failed_at,
           coalesce(d.calls, 0) AS week_calls, coalesce(d.failures, 0) AS week_failures,
           coalesce(w.calls, 0) AS method_calls, coalesce(w.failures, 0) AS method_failures,
           c.opened_at IS NOT NULL AS taken_out,
           (SELECT jsonb_build_object('version', r.version, 'rules', r.value) FROM routing_rules r
            WHERE %(own)s AND r.valid_from <= %(now)s ORDER BY r.valid_from DESC, r.version DESC LIMIT 1) AS theirs,
           (SELECT jsonb_build_object('version', r.version, 'rules', r.value) FROM platform_rules r
            WHERE r.kind = 'routing' AND r.valid_from <= %(now)s
            ORDER BY r.valid_from DESC, r.version DESC LIMIT 1) AS platforms
    FROM (SELECT DISTINCT ON (gateway) * FROM gateway_fees
          WHERE valid_from <= %(today)s AND method IN ('', %(method)s)
          ORDER BY gateway, method DESC, valid_from DESC) f
    LEFT JOIN gateway_accounts a
        ON a.gateway = f.gateway AND a.status = 'connected' AND %(own)s AND (a.mode = 'live' OR %(tests)s)
    LEFT JOIN LATERAL (SELECT * FROM account_fees af
                       WHERE a.id IS NOT NULL AND af.gateway = f.gateway AND af.valid_from <= %(today)s
                         AND af.method IN ('', %(method)s)
                       ORDER BY af.method DESC, af.valid_from DESC LIMIT 1) o ON true
    LEFT JOIN LATERAL (SELECT sum(calls)::int AS calls, sum(failures)::int AS failures, max(failed_at) AS failed_at
                       FROM gateway_health h
                       WHERE h.gateway = coalesce(f.gateway || ':' || a.id, f.gateway) AND span = 'minute'
                         AND starts_at > %(minute)s) m ON true
    LEFT JOIN LATERAL ({WEIGHED.format(of="gateway_health", only="h.span = 'day'")}) d ON true
    LEFT JOIN LATERAL ({WEIGHED.format(of="gateway_outcomes", only="h.method = %(method)s")}) w ON true
    LEFT JOIN gateway_circuits c ON c.gateway = f.gateway
    ORDER BY f.preference"""
BY_METHOD = """
    SELECT split_part(h.gateway, ':', 1) AS gateway, strpos(h.gateway, ':') > 0 AS own, h.method,
           sum(h.calls)::int AS outcomes, sum(h.failures)::int AS failures,
           sum(h.calls * d.weight)::int AS calls, sum(h.failures * d.weight)::int AS lost
    FROM gateway_outcomes h, LATERAL (SELECT (%(decay)s::int[])[
        1 + floor(extract(epoch FROM %(now)s::timestamptz - h.starts_at) / 86400)::int] AS weight) d
    WHERE h.starts_at > %(week)s AND h.starts_at <= %(now)s
      AND (strpos(h.gateway, ':') = 0 OR h.gateway IN (SELECT a.gateway || ':' || a.id FROM gateway_accounts a
                                                       WHERE a.status = 'connected'))
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
TAKE_OUT = """
    INSERT INTO gateway_circuits (gateway, opened_at, reason) VALUES (%(gateway)s, %(now)s, %(reason)s)
    ON CONFLICT (gateway) DO UPDATE SET reason = EXCLUDED.reason"""
TAKE_BACK = """
    WITH there AS (DELETE FROM gateway_circuits WHERE gateway = %(gateway)s)
    DELETE FROM gateway_health WHERE span = 'minute' AND split_part(gateway, ':', 1) = %(gateway)s"""
CALLED = """
    INSERT INTO gateway_health AS h (gateway, span, starts_at, calls, failures, failed_at)
    VALUES (coalesce(%(gateway)s || ':' || (SELECT account_id FROM payment_attempts WHERE payment_id = %(payment)s
                                            AND gateway = %(gateway)s ORDER BY id DESC LIMIT 1), %(gateway)s),
            %(span)s, %(starts_at)s, 1, %(failed)s::int,
            CASE WHEN %(failed)s THEN %(now)s::timestamptz END)
    ON CONFLICT (gateway, span, starts_at) DO UPDATE
        SET calls = h.calls + 1, failures = h.failures + EXCLUDED.failures,
            failed_at = coalesce(EXCLUDED.failed_at, h.failed_at)"""
BECAME = """
    INSERT INTO gateway_outcomes AS h (gateway, method, starts_at, calls, failures)
    VALUES (coalesce(%(gateway)s || ':' || (SELECT account_id FROM payment_attempts WHERE payment_id = %(payment)s
                                            AND gateway = %(gateway)s ORDER BY id DESC LIMIT 1), %(gateway)s),
            %(method)s, %(day)s, 1, %(failed)s::int)
    ON CONFLICT (gateway, method, starts_at) DO UPDATE
        SET calls = h.calls + 1, failures = h.failures + EXCLUDED.failures"""


class Ruled(Terms):
    """One row of the table, with the rules in force beside it."""

    theirs: dict[str, Any] | None
    platforms: dict[str, Any] | None


class Offers(Model):
    """What there is to choose from, and how."""

    terms: list[Terms]
    source: Literal["organisation", "platform", "default"] = "default"
    version: int = 0
    rules: Rules = Rules()


class OfMethod(Model):
    """Outcomes of one way to pay; `calls` and `lost` are weighed by age."""

    gateway: GatewayName
    own: bool
    method: str
    outcomes: int
    failures: int
    calls: int
    lost: int


class Owner(Model):
    """Whose order that is."""

    tenant_id: UUID
    payment_id: UUID


def offers(db: Db, method: str | None = None, own: bool = True) -> Offers:
    """What each gateway charges today and how it has been doing, with the tenant's own account there, and the rules.

    No student of a stage that takes real money pays into a test account. An organisation's rules speak only of what is
    paid to it.
    """
    times = _week() | {"today": clock.now().astimezone(INDIA).date(), "minute": clock.now() - timedelta(minutes=2)}
    tests = settings.get().stage != "production"
    rows = db.all(Ruled, TERMS, method=method or "", own=own, tests=tests, **times)
    terms = [Terms(**row.model_dump(exclude={"theirs", "platforms"})) for row in rows]
    theirs, platforms = (rows[0].theirs, rows[0].platforms) if rows else (None, None)
    if theirs and theirs["rules"].get("mode") != "platform":
        return Offers(terms=terms, source="organisation", version=theirs["version"], rules=Rules(**theirs["rules"]))
    if platforms and platforms["rules"].get("mode") != "platform":
        return Offers(terms=terms, source="platform", version=platforms["version"], rules=Rules(**platforms["rules"]))
    return Offers(terms=terms)


def terms(db: Db, method: str | None = None, own: bool = True) -> list[Terms]:
    """The offers without the rules."""
    return offers(db, method, own).terms


def by_method(db: Db) -> list[OfMethod]:
    """Outcomes of seven days, of the platform's accounts and of the tenant's own that are connected."""
    return db.all(OfMethod, BY_METHOD, **_week())


def _week() -> dict[str, Any]:
    now = clock.now()
    return {"now": now, "week": now - timedelta(days=len(DECAY)), "decay": list(DECAY)}


def called(db: Db, gateway: str, span: str, failed: bool, payment_id: UUID) -> None:
    """Count a call (span minute) or a payment's outcome (span day) of a gateway; own accounts count for themselves."""
    now = clock.now()
    start = now.replace(second=0, microsecond=0)
    starts_at = start if span == "minute" else start.replace(hour=0, minute=0)
    db.later(CALLED, gateway=gateway, payment=payment_id, span=span, starts_at=starts_at, failed=failed, now=now)


def became(db: Db, gateway: str, method: str, failed: bool, payment_id: UUID) -> None:
    """Count what became of a payment: for the gateway, and for the way to pay where that is known."""
    called(db, gateway, "day", failed, payment_id)
    day = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    if method:
        db.later(BECAME, gateway=gateway, method=way_to_pay(method), payment=payment_id, day=day, failed=failed)


def set_circuit(gateway: str, taken_out: bool, reason: str) -> int:
    """In every cell, core first; safe to repeat. Taken back, what failed until now is forgotten."""
    places = cells.places()
    for place in places:
        if taken_out:
            cells.across(place, f"{TAKE_OUT} RETURNING gateway", gateway=gateway, reason=reason, now=clock.now())
        else:
            cells.across(place, f"{TAKE_BACK} RETURNING gateway", gateway=gateway)
    return len(places)


def register_order(core: Db, gateway: str, gateway_order_id: str, tenant_id: UUID, payment_id: UUID) -> None:
    """The directory learns whose order this is, before anybody can pay it."""
    core.run(
        """
        INSERT INTO gateway_orders (gateway, gateway_order_id, tenant_id, payment_id, created_at)
        VALUES (%(gateway)s, %(order_id)s, %(tenant)s, %(payment_id)s, %(now)s) ON CONFLICT DO NOTHING""",
        gateway=gateway,
        order_id=gateway_order_id,
        tenant=tenant_id,
        payment_id=payment_id,
        now=clock.now(),
    )


def owner_of(core: Db, gateway: str, gateway_order_id: str) -> Owner | None:
    """Whose order this is."""
    return core.maybe(
        Owner,
        "SELECT tenant_id, payment_id FROM gateway_orders"
        " WHERE gateway = %(gateway)s AND gateway_order_id = %(order_id)s",
        gateway=gateway,
        order_id=gateway_order_id,
    )
