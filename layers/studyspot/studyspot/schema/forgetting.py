"""The end of a tenant: its rows or its database, the directory's entries, and what tenant zero's rows tell about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

from studyspot.kit import clock
from studyspot.kit.ids import PLATFORM
from studyspot.schema import migrate
from studyspot.schema.placement import at_cell, empty_pool, migrator_dsn
from studyspot.schema.rows import as_tenant, tallies

KEPT = ("offboardings",)
"""The record of the departure itself."""
DIRECTORY = """
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
    WHERE c.relkind = 'r' AND NOT c.relrowsecurity AND c.relnamespace = 'public'::regnamespace
      AND NOT a.attisdropped AND NOT c.relname = ANY (%s) ORDER BY c.relname"""
OWNERS = (
    "SELECT coalesce(array_agg(id), '{}'), coalesce(array_agg(email), '{}') FROM library_owners WHERE tenant_id = %s"
)
CONTACT = "SELECT email FROM tenants WHERE id = %s AND email <> ''"
ABOUT: dict[str, LiteralString] = {
    # Signed bodies of vendors, found by the orders they speak of; the directory must still know these.
    "webhook_events": """DELETE FROM webhook_events w WHERE EXISTS (
        SELECT FROM regexp_matches(encode(w.body, 'escape'), '"(?:order_id|id)"\\s*:\\s*"([^"]+)"', 'g') said
        JOIN gateway_orders o ON o.gateway_order_id = said[1] AND o.tenant_id = %(tenant)s)""",
    "invitations": "DELETE FROM invitations WHERE invited_to = %(tenant)s",
    "email_tokens": "DELETE FROM email_tokens WHERE home = %(tenant)s OR user_id = ANY (%(owners)s)",
    "delivery_events": """DELETE FROM delivery_events WHERE communication_id IN (
        SELECT id FROM communications
        WHERE recipient_id = ANY (%(people)s) OR to_address = ANY (%(addresses)s))""",
    "communications": """DELETE FROM communications
        WHERE recipient_id = ANY (%(people)s) OR to_address = ANY (%(addresses)s)""",
    "mfa_challenges": "DELETE FROM mfa_challenges WHERE user_id = ANY (%(owners)s)",
    "mfa_factors": "DELETE FROM mfa_factors WHERE user_id = ANY (%(owners)s)",
    "recovery_codes": "DELETE FROM recovery_codes WHERE user_id = ANY (%(owners)s)",
    "idempotency_keys": "DELETE FROM idempotency_keys WHERE created_at < %(yesterday)s",
    "outbox": """DELETE FROM outbox WHERE done_at IS NOT NULL
        AND strpos(payload::text, %(tenant)s::text) > 0""",
    "signups": "DELETE FROM signups WHERE email = ANY (%(addresses)s)",
    # Money stays; who paid does not.
    "payments": """UPDATE payments SET payer_name = '', payer_phone = NULL, payer_email = NULL, checkout = NULL
        WHERE (payer_name <> '' OR payer_phone IS NOT NULL OR payer_email IS NOT NULL) AND purpose = 'subscription'
          AND purpose_id IN (SELECT d.id FROM subscription_periods d JOIN subscriptions s ON s.id = d.subscription_id
                             WHERE s.customer_id = %(tenant)s)""",
}
"""In this order; each is a statement on tenant zero's rows, or on rows that belong to nobody."""


CELLS = """
    SELECT c.host, c.port, c.dbname, c.kind = 'silo' FROM cells c
    WHERE c.kind = 'pool' OR (c.kind = 'silo' AND c.id = (SELECT cell_id FROM tenants WHERE id = %s))"""
LEAVES_CELL = """
    UPDATE tenants SET cell_id = NULL, db_name = NULL, db_host = NULL, updated_at = %s WHERE id = %s"""
WITHOUT_TENANT = """
    DELETE FROM cells WHERE kind = 'silo' AND dbname = %s
        AND NOT EXISTS (SELECT FROM tenants WHERE cell_id = cells.id)"""


def rows_of(host: str, port: int, dbname: str, tenant: UUID) -> dict[str, int]:
    """How many rows it has in its cell, by table."""
    with as_tenant(at_cell(host, port, dbname), tenant) as cell:
        return {name: tally.rows for name, tally in tallies(cell).items() if tally.rows}


def remove_rows(tenant: UUID) -> None:
    """Out of every shared cell, whatever was left there by a move; its own database as a whole. The directory forgets
    the place last, so that whoever is killed in between finds it again."""
    core = migrator_dsn()
    with psycopg.connect(core, autocommit=True) as conn:
        found = conn.execute(CELLS, (tenant,)).fetchall()
        for host, port, dbname, own in found:
            if own:
                migrate.drop_database(at_cell(host, port, conn.info.dbname), dbname)
            else:
                empty_pool(host, port, dbname, tenant)
        with conn.transaction():
            conn.execute(LEAVES_CELL, (clock.now(), tenant))
            for _, _, dbname, own in found:
                if own:
                    conn.execute(WITHOUT_TENANT, (dbname,))


def counts(tenant: UUID) -> dict[str, int]:
    """How many rows the directory has of it, by table."""
    with as_tenant(migrator_dsn(), PLATFORM) as core:
        return {name: _count(core, name, tenant) for name in _directory(core)}


def forget(tenant: UUID) -> None:
    """One transaction; a second call finds nothing more."""
    with as_tenant(migrator_dsn(), PLATFORM) as core:
        facts = _facts(core, tenant, clock.now())
        for statement in ABOUT.values():
            core.execute(statement, facts)
        for name in _directory(core):
            core.execute(sql.SQL("DELETE FROM {} WHERE tenant_id = %s").format(sql.Identifier(name)), (tenant,))


def _facts(core: psycopg.Connection[Any], tenant: UUID, now: datetime) -> dict[str, Any]:
    found = core.execute(OWNERS, (tenant,)).fetchone()
    assert found is not None, "an aggregate answers one row"
    owners, addresses = found
    contact = [row[0] for row in core.execute(CONTACT, (tenant,))]
    return {
        "tenant": tenant,
        "owners": owners,
        "people": [*owners, tenant],
        "addresses": [*addresses, *contact],
        "yesterday": now - timedelta(days=1),
    }


def _directory(core: psycopg.Connection[Any]) -> list[str]:
    return [name for (name,) in core.execute(DIRECTORY, (list(KEPT),))]


def _count(core: psycopg.Connection[Any], name: str, tenant: UUID) -> int:
    query = sql.SQL("SELECT count(*) FROM {} WHERE tenant_id = %s").format(sql.Identifier(name))
    found = core.execute(query, (tenant,)).fetchone()
    assert found is not None, "an aggregate answers one row"
    return int(found[0])
