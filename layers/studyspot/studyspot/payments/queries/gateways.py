"""What the gateways cost, how they have been doing, and whose orders are whose."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from studyspot.kit import cells, clock, settings
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.payments.routing import Terms

TERMS = """
    SELECT f.gateway, a.id AS account_id, coalesce(a.priority, 100) AS priority, coalesce(a.methods, '{}') AS methods,
           f.basis_points, f.fixed_paise, f.gst_percent, f.preference,
           coalesce(m.calls, 0) AS minute_calls, coalesce(m.failures, 0) AS minute_failures, m.failed_at,
           coalesce(d.calls, 0) AS week_calls, coalesce(d.failures, 0) AS week_failures,
           c.opened_at IS NOT NULL AS taken_out
    FROM (SELECT DISTINCT ON (gateway) * FROM gateway_fees
          WHERE valid_from <= %(today)s AND method IN ('', %(method)s)
          ORDER BY gateway, method DESC, valid_from DESC) f
    LEFT JOIN gateway_accounts a
        ON a.gateway = f.gateway AND a.status = 'connected' AND %(own)s AND (a.mode = 'live' OR %(tests)s)
    LEFT JOIN LATERAL (SELECT sum(calls)::int AS calls, sum(failures)::int AS failures, max(failed_at) AS failed_at
                       FROM gateway_health h
                       WHERE h.gateway = coalesce(f.gateway || ':' || a.id, f.gateway) AND span = 'minute'
                         AND starts_at > %(minute)s) m ON true
    LEFT JOIN LATERAL (SELECT sum(calls)::int AS calls, sum(failures)::int AS failures
                       FROM gateway_health h
                       WHERE h.gateway = coalesce(f.gateway || ':' || a.id, f.gateway) AND span = 'day'
                         AND starts_at > %(week)s) d ON true
    LEFT JOIN gateway_circuits c ON c.gateway = f.gateway
    ORDER BY f.preference"""
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


class Owner(Model):
    """Whose order that is."""

    tenant_id: UUID
    payment_id: UUID


def terms(db: Db, method: str | None = None, own: bool = True) -> list[Terms]:
    """What each gateway charges today and how it has been doing, with the tenant's own account there.

    No student of a stage that takes real money pays into a test account.
    """
    now = clock.now()
    times = {
        "today": now.astimezone(INDIA).date(),
        "minute": now - timedelta(minutes=2),
        "week": now - timedelta(days=7),
    }
    return db.all(Terms, TERMS, method=method or "", own=own, tests=settings.get().stage != "production", **times)


def called(db: Db, gateway: str, span: str, failed: bool, payment_id: UUID) -> None:
    """Count a call (span minute) or a payment's outcome (span day) of a gateway; own accounts count for themselves."""
    now = clock.now()
    start = now.replace(second=0, microsecond=0)
    starts_at = start if span == "minute" else start.replace(hour=0, minute=0)
    db.later(CALLED, gateway=gateway, payment=payment_id, span=span, starts_at=starts_at, failed=failed, now=now)


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
