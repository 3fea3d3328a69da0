"""People of the identity stories: with a password, with a phone, with letters to read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.identity import passwords
from studyspot.identity import service as identity
from studyspot.identity.queries import people
from studyspot.kit import cells, ids
from studyspot.messaging import sealing

from tests.world import Answer, Tenant, World

PASSWORD = "a quiet reading room"


def owner_with_password(tenant: Tenant, email: str | None = None, password: str = PASSWORD) -> str:
    """The tenant's owner can sign in; answers the e-mail."""
    email = email or f"{tenant.slug}@example.org"
    with cells.core_db() as core:
        core.run("UPDATE library_owners SET email = %(email)s WHERE id = %(id)s", email=email, id=tenant.owner_id)
        people.set_password(core, "library_owner", tenant.owner_id, passwords.hashed(password))
        identity.add_identity(core, "email", email, "library_owner", tenant.id, tenant.owner_id)
    return email


def staff_with_password(tenant: Tenant, email: str, password: str = PASSWORD, **columns: Any) -> UUID:
    """A member of staff can sign in."""
    user_id = ids.uuid7()
    row = {"role": "library_staff", "permissions": [], "library_ids": None, "verified_at": None, **columns}
    with cells.tenant_db(tenant.id) as db:
        people.add_user(db, id=user_id, email=email, password_hash=passwords.hashed(password), name="Staff", **row)
    with cells.core_db() as core:
        identity.add_identity(core, "email", email, "library_staff", tenant.id, user_id)
    return user_id


def student_with_phone(tenant: Tenant, phone: str) -> UUID:
    """A student can sign in by a code."""
    student = ids.uuid7()
    with cells.core_db() as core:
        identity.add_identity(core, "phone", phone, "student", tenant.id, student)
    return student


def admin_with_password(email: str, password: str = PASSWORD) -> None:
    """A platform administrator can sign in."""
    with cells.core_db() as core:
        assert identity.ensure_admin(core, email, password)


def sign_in(world: World, email: str, password: str = PASSWORD, **headers: str) -> Answer:
    return world.call("auth", "POST", "/auth/login", None, {"email": email, "password": password}, **headers)


def refresh(world: World, token: str) -> Answer:
    return world.call("auth", "POST", "/auth/refresh", None, {"refreshToken": token})


def told(tenant: UUID, to: str) -> list[dict[str, str]]:
    """What was said to a phone or an address, unsealed, oldest first."""
    query = "SELECT id, sealed FROM communications WHERE to_address = %(to)s AND sealed IS NOT NULL ORDER BY id"
    with cells.tenant_db(tenant) as db:
        rows = db.dicts(query, to=to)
    return [sealing.unseal(row["sealed"], row["id"]) for row in rows]


def audited(tenant: UUID, action: str, **matching: Any) -> list[dict[str, Any]]:
    """Rows of the audit trail."""
    with cells.tenant_db(tenant) as db:
        rows = db.dicts("SELECT * FROM audit_logs WHERE action = %(action)s ORDER BY id", action=action)
    return [row for row in rows if all(row[k] == v for k, v in matching.items())]
