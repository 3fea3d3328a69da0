"""Every statement on the directory's tenants and owners, and on the gate of a cell."""

from __future__ import annotations

from typing import Any, LiteralString
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.tenants.models import Filter, ListedTenant, NewTenant, OpenDoor, Owner, Stats, Tenant

COLUMNS: LiteralString = """id, name, slug, status, isolation, plan_code, email, phone,
    CASE WHEN status = 'suspended' THEN scope END AS scope, owner_id, region, timezone, gstin, trial_ends_at,
    created_at, updated_at"""
OPEN_DOOR: LiteralString = "SELECT id, name, slug, status FROM tenants WHERE status IN ('active', 'past_due')"
EDITABLE = frozenset({"name", "email", "phone", "gstin", "timezone"})


def by_id(core: Db, tenant_id: UUID) -> Tenant:
    return core.one(Tenant, f"SELECT {COLUMNS} FROM tenants WHERE id = %(id)s", id=tenant_id)


def locked(core: Db, tenant_id: UUID) -> Tenant:
    """Nobody else changes its state until this transaction ends."""
    return core.one(Tenant, f"SELECT {COLUMNS} FROM tenants WHERE id = %(id)s FOR UPDATE", id=tenant_id)


def listed(core: Db, chosen: Filter, paging: Paging) -> list[ListedTenant]:
    """Newest first: ids sort by creation."""
    return core.all(
        ListedTenant,
        f"""SELECT {COLUMNS}, health, health_score, health_at FROM tenants
            WHERE (%(after)s::uuid IS NULL OR id < %(after)s::uuid)
              AND (%(status)s::text IS NULL OR status = %(status)s)
              AND (%(plan)s::text IS NULL OR plan_code = %(plan)s)
              AND (%(isolation)s::text IS NULL OR isolation = %(isolation)s)
              AND (%(health)s::text IS NULL OR health = %(health)s)
              AND (%(q)s::text IS NULL OR strpos(lower(name || ' ' || slug || ' ' || email), lower(%(q)s)) > 0)
            ORDER BY id DESC LIMIT %(fetch)s""",
        after=paging.after,
        fetch=paging.fetch,
        **chosen.model_dump(),
    )


def with_slug(core: Db, slug: str) -> OpenDoor | None:
    """The organisation of that short name, if people may come in."""
    return core.maybe(OpenDoor, f"{OPEN_DOOR} AND slug = %(slug)s", slug=slug)


def open_door(core: Db, tenant_id: UUID) -> OpenDoor | None:
    """The organisation, if people may come in."""
    return core.maybe(OpenDoor, f"{OPEN_DOOR} AND id = %(id)s", id=tenant_id)


def slug_is_free(core: Db, slug: str) -> bool:
    return not core.value("SELECT 1 FROM tenants WHERE slug = %(slug)s", slug=slug)


def isolation_of_plan(core: Db, plan: str) -> str | None:
    """What the plan in force promises; None for a plan that is not sold."""
    isolation: str | None = core.value(
        """SELECT coalesce(features ->> 'isolation', 'silo') FROM subscription_plans
           WHERE code = %(plan)s AND is_active ORDER BY version DESC LIMIT 1""",
        plan=plan,
    )
    return isolation


def reserve(
    core: Db, tenant_id: UUID, owner_id: UUID, slug: str, isolation: str, plan: str, asked: NewTenant
) -> Tenant | None:
    """The tenant with its slug; None when another has the slug. The unique key decides."""
    return core.maybe(
        Tenant,
        f"""INSERT INTO tenants (id, name, slug, owner_id, email, phone, status, plan_code, isolation,
                                created_at, updated_at)
            VALUES (%(id)s, %(name)s, %(slug)s, %(owner)s, %(email)s, %(phone)s, 'provisioning', %(plan)s,
                    %(isolation)s, %(now)s, %(now)s)
            ON CONFLICT (slug) DO NOTHING RETURNING {COLUMNS}""",
        id=tenant_id,
        name=asked.name,
        slug=slug,
        owner=owner_id,
        email=asked.email,
        phone=asked.phone,
        plan=plan,
        isolation=isolation,
        now=clock.now(),
    )


def add_owner(core: Db, tenant_id: UUID, owner: Owner, password_hash: str | None) -> bool:
    """False when the address belongs to an owner already. The unique key decides."""
    added = core.run(
        """INSERT INTO library_owners (id, tenant_id, email, phone, password_hash, name, created_at, updated_at)
           VALUES (%(id)s, %(tenant)s, %(email)s, %(phone)s, %(password)s, %(name)s, %(now)s, %(now)s)
           ON CONFLICT (email) DO NOTHING""",
        id=owner.id,
        tenant=tenant_id,
        email=owner.email,
        phone=owner.phone,
        password=password_hash,
        name=owner.name,
        now=clock.now(),
    )
    return bool(added)


def owner_has_email(core: Db, email: str) -> bool:
    """Whether an owner signs in with that address."""
    return bool(core.value("SELECT 1 FROM library_owners WHERE email = %(email)s", email=email))


def owner_is_verified(core: Db, owner_id: UUID) -> None:
    """The address was proved before the owner's row was made."""
    core.run("UPDATE library_owners SET email_verified_at = %(now)s WHERE id = %(id)s", id=owner_id, now=clock.now())


def owner_of(core: Db, tenant_id: UUID) -> Owner:
    return core.one(
        Owner,
        """SELECT o.id, o.email, o.name, o.phone FROM tenants t JOIN library_owners o ON o.id = t.owner_id
           WHERE t.id = %(id)s""",
        id=tenant_id,
    )


def owner_has_no_password(core: Db, tenant_id: UUID) -> bool:
    """Created by an operator and not invited successfully yet; one who signed up has a password."""
    found = core.value("SELECT password_hash IS NULL FROM library_owners WHERE tenant_id = %(id)s", id=tenant_id)
    return bool(found)


def change(core: Db, tenant_id: UUID, changes: dict[str, Any]) -> Tenant:
    """Set the fields that were sent."""
    if unknown := changes.keys() - EDITABLE:
        raise ValueError(f"not editable: {', '.join(sorted(unknown))}")
    columns = ", ".join(f"{name} = %({name})s" for name in changes)
    return core.one(
        Tenant,
        f"""UPDATE tenants SET {columns}, version = version + 1, updated_at = %(now)s
            WHERE id = %(id)s RETURNING {COLUMNS}""",
        id=tenant_id,
        now=clock.now(),
        **changes,
    )


def set_state(core: Db, tenant_id: UUID, status: str, scope: str, why: str | None) -> Tenant:
    """The directory's half of a change of state."""
    return core.one(
        Tenant,
        f"""UPDATE tenants SET status = %(status)s, scope = %(scope)s, version = version + 1, updated_at = %(now)s,
                settings = CASE WHEN %(why)s::text IS NULL THEN settings - 'suspension'
                                ELSE settings || jsonb_build_object('suspension', %(why)s::text) END
            WHERE id = %(id)s RETURNING {COLUMNS}""",
        id=tenant_id,
        status=status,
        scope=scope,
        why=why,
        now=clock.now(),
    )


def set_gate(db: Db, status: str, scope: str) -> bool:
    """The cell's half: what requests obey from now on."""
    changed = db.run(
        """UPDATE tenant_gate SET status = %(status)s, scope = %(scope)s, version = version + 1, updated_at = %(now)s
           WHERE tenant_id = app_tenant()""",
        status=status,
        scope=scope,
        now=clock.now(),
    )
    return bool(changed)


def open_gate(db: Db, timezone: str) -> None:
    """The cell learns of a tenant that is being set up; nobody passes yet."""
    db.run(
        """INSERT INTO tenant_gate (status, timezone, updated_at) VALUES ('provisioning', %(timezone)s, %(now)s)
           ON CONFLICT (tenant_id) DO NOTHING""",
        timezone=timezone,
        now=clock.now(),
    )


def set_gate_timezone(db: Db, timezone: str) -> None:
    db.run(
        "UPDATE tenant_gate SET timezone = %(timezone)s, updated_at = %(now)s WHERE tenant_id = app_tenant()",
        timezone=timezone,
        now=clock.now(),
    )


def gate_state(db: Db) -> str | None:
    state: str | None = db.value("SELECT status FROM tenant_gate WHERE tenant_id = app_tenant()")
    return state


def seen_tenants(db: Db) -> int:
    """How many tenants' rows this tenant sees, asked without naming one: row security must leave its own."""
    found: int = db.value("SELECT count(DISTINCT tenant_id) FROM sms_templates")
    return found


def stats(db: Db) -> Stats:
    return db.one(
        Stats,
        """SELECT (SELECT count(*) FROM students) AS students,
                  (SELECT count(*) FROM students WHERE status = 'active') AS active_students,
                  (SELECT count(*) FROM libraries) AS libraries,
                  (SELECT count(*) FROM seats) AS seats,
                  (SELECT count(*) FROM attendance WHERE check_out_at IS NULL) AS occupancy,
                  (SELECT coalesce(sum(amount_paise), 0) FROM payments
                   WHERE status IN ('captured', 'partially_refunded', 'refunded'))
                  - (SELECT coalesce(sum(amount_paise), 0) FROM refunds WHERE status = 'succeeded') AS revenue_paise,
                  (SELECT count(*) FROM communications) AS messages""",
    )
