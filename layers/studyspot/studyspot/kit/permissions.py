"""Who may do what: `resource:action` by role, as data in one place."""

from __future__ import annotations

USER_TABLES = {
    "platform_admin": "platform_admins",
    "platform_staff": "platform_staff",
    "library_owner": "library_owners",
    "library_staff": "library_staff",
    "student": "students",
    "provider": "providers",
    "customer": "customers",
    "member": "members",
    "kiosk": "devices",
}
"""User type to table; a token in which the two disagree is refused."""

STUDENT = frozenset(
    {
        "libraries:read",
        "seats:read",
        "shifts:read",
        "fee_plans:read",
        "students:read_own",
        "students:update_own",
        "privacy:consent",
        "bookings:create",
        "bookings:read_own",
        "bookings:cancel_own",
        "attendance:scan",
        "attendance:read_own",
        "payments:create",
        "payments:read_own",
        "mandates:create",
        "mandates:read_own",
        "mandates:change_own",
        "memberships:read_own",
        "memberships:change_own",
        "invoices:read_own",
    }
)

MEMBER = frozenset({"students:read_wards"})
"""Who is neither staff nor student: a guardian, of the students that are linked to them."""

STAFF = frozenset(
    {
        "libraries:read",
        "seats:read",
        "seats:block",
        "shifts:read",
        "fee_plans:read",
        "students:read",
        "students:create",
        "students:update",
        "students:import",
        "students:suspend",
        "bookings:create",
        "bookings:read",
        "bookings:cancel",
        "bookings:confirm",
        "bookings:override",
        "bookings:walk_in",
        "attendance:read",
        "attendance:mark",
        "attendance:qr",
        "payments:create",
        "payments:read",
        "payments:collect",
        "memberships:read",
        "memberships:create",
        "memberships:change",
        "messaging:send",
        "messaging:read",
        "credits:read",
        "occupancy:read",
        "tenants:read_own",
        "staff:read",
        "invoices:read",
        "invoices:send",
        "expenses:read",
        "expenses:record",
        "revenue:day",
        "handovers:create",
        "handovers:read",
        "lockers:read",
        "lockers:assign",
        "notices:publish",
        "enquiries:read",
        "displays:read",
    }
)

OWNER = STAFF | {
    "libraries:create",
    "libraries:update",
    "libraries:delete",
    "seats:create",
    "seats:update",
    "seats:delete",
    "shifts:create",
    "shifts:update",
    "shifts:delete",
    "fee_plans:create",
    "fee_plans:update",
    "fee_plans:delete",
    "memberships:settle",
    "coupons:manage",
    "students:delete",
    "students:adjust",
    "students:export",
    "students:merge",
    "students:transfer",
    "payments:refund",
    "payments:void",
    "payments:timeline",
    "mandates:create",
    "mandates:read",
    "mandates:revoke",
    "routing:read",
    "routing:change",
    "risk:read",
    "risk:review",
    "refunds:read",
    "refunds:approve",
    "settlements:read",
    "disputes:read",
    "disputes:answer",
    "invoices:create",
    "invoices:credit",
    "invoices:settings",
    "tax:read",
    "revenue:read",
    "revenue:export",
    "expenses:void",
    "messaging:templates",
    "credits:topup",
    "subscriptions:read",
    "subscriptions:manage",
    "staff:invite",
    "staff:manage",
    "roles:read",
    "roles:manage",
    "roles:simulate",
    "permissions:read",
    "tenants:stats_own",
    "tenants:update_own",
    "tenants:export_own",
    "audit:read",
    "privacy:manage",
    "retention:read",
    "files:manage",
    "webhooks:manage",
    "api_keys:manage",
    "devices:manage",
    "attendance:anomalies",
    "impersonation:consent",
    "jobs:manage",
}

KIOSK = frozenset({"attendance:qr", "attendance:door", "bookings:walk_in", "displays:read"})
"""A device at the door: it shows the code, lets people in and out of its one library, and seats who walks in."""

BIOMETRIC = frozenset({"attendance:report_device"})
"""A reader of fingers or cards: it tells who was there."""

DISPLAY = frozenset({"attendance:qr", "displays:read"})
"""A screen at the wall: it shows the code and how full it is."""

PLATFORM_STAFF = frozenset(
    {
        "tenants:impersonate",
        "admin_users:read",
        "jobs:read_any",
        "privacy:manage",
        "compliance:read",
        "queues:read",
        "schedules:read",
        "tenants:read",
        "tenants:act",
        "tenants:create",
        "tenants:kyc",
        "subscriptions:read_all",
        "health:detailed",
        "credits:admin_read",
        "gateway_events:read",
        "gateway_events:reprocess",
        "gateways:circuit",
        "routing:read",
        "risk:read",
        "risk:review",
        "payments:resolve",
        "revenue:read_all",
        "settlements:read",
        "settlements:import",
        "disputes:read",
        "reconciliation:read",
        "reconciliation:run",
        "reconciliation:resolve",
    }
)

PLATFORM_ADMIN = PLATFORM_STAFF | {
    "keys:rotate",
    "tenants:update",
    "flags:manage",
    "queues:redrive",
    "schedules:run",
    "tenants:suspend",
    "tenants:move",
    "tenants:migrate",
    "tenants:delete",
    "tenants:entitle",
    "tenants:export",
    "tenants:import",
    "plans:manage",
    "routing:change",
    "risk:rules",
    "credits:admin",
    "payments:refund_any",
    "audit:read",
    "admin_users:manage",
    "admin_roles:manage",
    "roles:simulate",
    "permissions:read",
    "privacy:breaches",
    "retention:read",
    "retention:set",
    "compliance:set",
}

ROLE_PERMISSIONS: dict[str, frozenset[str]] = {
    "platform_admin": PLATFORM_ADMIN,
    "platform_staff": PLATFORM_STAFF,
    "library_owner": OWNER,
    "library_staff": STAFF,
    "student": STUDENT | MEMBER,
    "member": MEMBER,
    "kiosk": KIOSK,
    "biometric": BIOMETRIC,
    "display": DISPLAY,
}

KNOWN = frozenset().union(*ROLE_PERMISSIONS.values())
"""Every permission there is."""

NEVER_BY_KEY = frozenset({"api_keys:manage", "devices:manage", "impersonation:consent", "tenants:act"})
"""What no API key can be given: it makes no keys, and speaks for no other organisation."""

ACTING_FOR_TENANT = OWNER - {"impersonation:consent"}
"""What a platform user with `tenants:act` may do inside a tenant named by X-Tenant-Id."""


def of(roles: list[str], extra: list[str] | None = None) -> list[str]:
    """Everything the roles and the person's own grants allow, sorted."""
    granted = set(extra or ())
    for role in roles:
        granted |= ROLE_PERMISSIONS.get(role, frozenset())
    return sorted(granted)
