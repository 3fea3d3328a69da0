"""What there is to know about the explored payments: rows that decide something, and the gateways' own books."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.kit.ids import PLATFORM

from local.simulators.kept import kept_paise
from tests.fulfilment.shop import Shop
from tests.model.sandbox import Sandbox

GATEWAYS = ("razorpay", "cashfree", "paytm", "stripe")
CELL = """
    SELECT json_build_object(
      'payments', (SELECT coalesce(json_agg(json_build_object(
            'id', id, 'status', status, 'gateway', gateway, 'order', gateway_order_id, 'taken', gateway_payment_id,
            'amount', amount_paise, 'captured', captured_paise, 'refunded', refunded_paise, 'late', late,
            'failure', failure, 'active', activated_at IS NOT NULL, 'calling', calling_until, 'until', expires_at)
            ORDER BY id), '[]') FROM payments WHERE tenant_id = %(t)s),
      'attempts', (SELECT coalesce(json_agg(json_build_array(id, payment_id, gateway, gateway_order_id, state)
            ORDER BY id), '[]') FROM payment_attempts WHERE tenant_id = %(t)s),
      'captures', (SELECT coalesce(json_agg(json_build_object(
            'id', id, 'payment', payment_id, 'gateway', gateway, 'taken', gateway_payment_id, 'amount', amount_paise,
            'fee', fee_paise, 'known', fee_known, 'surplus', surplus) ORDER BY id), '[]')
            FROM payment_captures WHERE tenant_id = %(t)s),
      'refunds', (SELECT coalesce(json_agg(json_build_object(
            'id', id, 'capture', capture_id, 'amount', amount_paise, 'status', status, 'kind', kind,
            'theirs', gateway_refund_id) ORDER BY id), '[]') FROM refunds WHERE tenant_id = %(t)s),
      'books', (SELECT coalesce(json_object_agg(account, paise), '{}') FROM (SELECT account, sum(amount_paise)::bigint
            AS paise FROM ledger_entries WHERE tenant_id = %(t)s GROUP BY account ORDER BY account) b),
      'unbalanced', (SELECT count(*) FROM (SELECT 1 FROM ledger_entries WHERE tenant_id = %(t)s
            GROUP BY transaction_id HAVING sum(amount_paise) <> 0) u),
      'booking', (SELECT status FROM bookings WHERE tenant_id = %(t)s AND id = %(booking)s),
      'receipts', (SELECT count(*) FROM communications WHERE tenant_id = %(t)s AND template_id = 'payment_receipt'),
      'timers', (SELECT coalesce(json_agg(json_build_array(machine, subject, period, resume, due_at,
            fired_at IS NULL) ORDER BY id), '[]') FROM timers WHERE tenant_id = %(t)s),
      'commands', (SELECT coalesce(json_agg(json_build_array(id, target, payload) ORDER BY id), '[]')
            FROM outbox WHERE tenant_id = %(t)s AND kind <> 'event' AND done_at IS NULL),
      'health', (SELECT coalesce(json_agg(json_build_array(gateway, span, starts_at, calls, failures)
            ORDER BY gateway, span, starts_at), '[]') FROM gateway_health))"""
CORE = """
    SELECT json_build_object(
      'directory', (SELECT coalesce(json_agg(json_build_array(gateway, gateway_order_id, payment_id)
            ORDER BY payment_id, gateway, created_at), '[]') FROM gateway_orders WHERE tenant_id = %(t)s),
      'events', (SELECT coalesce(json_agg(json_build_array(id, vendor, event_id, kind, state, deliveries)
            ORDER BY id), '[]') FROM webhook_events WHERE tenant_id = %(core)s),
      'timers', (SELECT coalesce(json_agg(json_build_array(machine, subject, period, resume, due_at,
            fired_at IS NULL) ORDER BY id), '[]') FROM timers WHERE tenant_id = %(core)s),
      'commands', (SELECT coalesce(json_agg(json_build_array(id, target, payload) ORDER BY id), '[]')
            FROM outbox WHERE tenant_id = %(core)s AND kind <> 'event' AND done_at IS NULL))"""
BOOKS = {
    "razorpay.order": ("id", "amount", "status", "receipt"),
    "razorpay.payment": ("id", "order_id", "status", "amount_refunded"),
    "razorpay.refund": ("id", "payment_id", "amount", "receipt", "status"),
    "cashfree.order": ("order_id", "paise", "order_status", "order_expiry_time"),
    "cashfree.payment": ("cf_payment_id", "order_id", "payment_status", "is_captured"),
    "cashfree.refund": ("refund_id", "order_id", "paise", "refund_status"),
    "delivery": ("id", "vendor", "eventId", "body"),
}
"""What of the simulators' documents decides what they will say."""
COMMANDS = ("payment-settler", "payment_failover")


def facts(sandbox: Sandbox, shop: Shop, booking: UUID) -> dict[str, Any]:
    """Everything that decides what can come."""
    who = {"t": shop.tenant, "core": PLATFORM, "booking": booking}
    store = shop.simulators._store
    theirs = {kind: [[doc.get(name) for name in names] for doc in store.of(kind)] for kind, names in BOOKS.items()}
    return {
        "cell": sandbox.databases["pool_1"].ask_as_owner(CELL, who),
        "core": sandbox.databases["studyspot"].ask_as_owner(CORE, who),
        "theirs": theirs,
        "kept": sum(kept_paise(store, gateway) for gateway in GATEWAYS),
    }


def payments(sandbox: Sandbox, shop: Shop) -> Any:
    """Each with its status."""
    query = """
        SELECT coalesce(json_agg(json_build_array(id, status) ORDER BY id), '[]') FROM payments
        WHERE tenant_id = %(t)s"""
    return sandbox.databases["pool_1"].ask_as_owner(query, {"t": shop.tenant})


def commands(sandbox: Sandbox, shop: Shop) -> list[dict[str, Any]]:
    """Messages and starts of machines that had no effect yet."""
    found: list[dict[str, Any]] = []
    query = """
        SELECT coalesce(json_agg(json_build_array(id, target, payload) ORDER BY id), '[]') FROM outbox
        WHERE tenant_id = %(t)s AND kind <> 'event' AND done_at IS NULL AND target = ANY (%(targets)s)"""
    for name, tenant in (("studyspot", PLATFORM), ("pool_1", shop.tenant)):
        rows = sandbox.databases[name].ask_as_owner(query, {"t": tenant, "targets": list(COMMANDS)})
        found += [{"outboxId": i, "tenantId": str(tenant), "target": target, **payload} for i, target, payload in rows]
    return [each for each in found if each["outboxId"] not in shop.earlier]


def next_due(sandbox: Sandbox, shop: Shop) -> datetime | None:
    """The next timer."""
    query = "SELECT min(due_at)::text FROM timers WHERE tenant_id = %(t)s AND fired_at IS NULL"
    dues = [
        sandbox.databases[name].ask_as_owner(query, {"t": tenant})
        for name, tenant in (("studyspot", PLATFORM), ("pool_1", shop.tenant))
    ]
    return min((datetime.fromisoformat(due) for due in dues if due), default=None)
