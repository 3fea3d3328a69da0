"""People and the directory that finds them: owners and platform users in core, staff and students in their cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from studyspot.identity.models import EmailTaken, Entitlements, Home, Identity, Person, TenantState
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.ids import PLATFORM

OWNER = """
    SELECT id, tenant_id, 'library_owner' AS user_type, email, phone, name, password_hash, status,
           ARRAY['library_owner'] AS roles, '{}'::text[] AS permissions, NULL::uuid[] AS library_ids,
           email_verified_at IS NOT NULL AS email_verified
    FROM library_owners WHERE id = %(id)s"""
OWN_ROLE = """
    ARRAY[coalesce((SELECT 'custom:' || r.name FROM roles r WHERE r.id = role_id), role)] AS roles,
    coalesce((SELECT r.permissions FROM roles r WHERE r.id = role_id), '{}') || permissions AS permissions"""
"""An organisation's own role stands in for the built-in one; its name cannot be taken for a built-in's."""
ADMIN = f"""
    SELECT id, %(platform)s::uuid AS tenant_id, user_type, email, NULL AS phone,
           concat_ws(' ', first_name, last_name) AS name, password_hash, status, {OWN_ROLE},
           NULL::uuid[] AS library_ids, true AS email_verified
    FROM admin_users"""
USER_COLUMNS = f"""
    id, tenant_id, CASE WHEN role IN ('student', 'provider', 'customer', 'member') THEN role ELSE 'library_staff' END
    AS user_type, email, phone, NULLIF(concat_ws(' ', first_name, last_name), '') AS name, password_hash, status,
    {OWN_ROLE}, library_ids, email_verified_at IS NOT NULL AS email_verified"""
USER = f"SELECT {USER_COLUMNS} FROM users WHERE id = %(id)s"
MEET_STUDENT = f"""
    INSERT INTO users (id, phone, role, last_login_at, created_at, updated_at)
    VALUES (%(id)s, %(phone)s, 'student', %(now)s, %(now)s, %(now)s)
    ON CONFLICT (tenant_id, id) DO UPDATE SET last_login_at = EXCLUDED.last_login_at
    RETURNING {USER_COLUMNS}"""
SET_STATUS = """
    INSERT INTO users (id, role, status, created_at, updated_at)
    VALUES (%(id)s, %(role)s, %(status)s, %(now)s, %(now)s)
    ON CONFLICT (tenant_id, id) DO UPDATE SET status = EXCLUDED.status, updated_at = EXCLUDED.updated_at"""
ADD_USER = f"""
    INSERT INTO users (id, email, password_hash, first_name, role, role_id, permissions, library_ids, email_verified_at,
                       created_at, updated_at)
    VALUES (%(id)s, %(email)s, %(password_hash)s, %(name)s, %(role)s, %(role_id)s, %(permissions)s, %(library_ids)s,
            %(verified_at)s, %(now)s, %(now)s)
    ON CONFLICT DO NOTHING RETURNING {USER_COLUMNS}"""
ADD_ADMIN = """
    INSERT INTO admin_users (id, email, password_hash, first_name, user_type, role, created_at, updated_at)
    VALUES (%(id)s, %(email)s, %(password_hash)s, %(name)s, 'platform_admin', 'platform_admin', %(now)s, %(now)s)
    ON CONFLICT (email) DO NOTHING"""
WORKS_HERE = "SELECT 1 FROM users WHERE role = 'library_staff' AND email = %(email)s AND status <> 'removed'"
SEEN = {
    "library_owner": "UPDATE library_owners SET last_login_at = %(now)s WHERE id = %(id)s",
    "platform_admin": "UPDATE admin_users SET last_login_at = %(now)s WHERE id = %(id)s",
    "platform_staff": "UPDATE admin_users SET last_login_at = %(now)s WHERE id = %(id)s",
}
SEEN_USER = "UPDATE users SET last_login_at = %(now)s WHERE id = %(id)s"
RENEW = {
    "library_owner": "UPDATE library_owners SET password_hash = %(hash)s, updated_at = %(now)s WHERE id = %(id)s",
    "platform_admin": "UPDATE admin_users SET password_hash = %(hash)s, updated_at = %(now)s WHERE id = %(id)s",
    "platform_staff": "UPDATE admin_users SET password_hash = %(hash)s, updated_at = %(now)s WHERE id = %(id)s",
}
RENEW_USER = "UPDATE users SET password_hash = %(hash)s, updated_at = %(now)s WHERE id = %(id)s"
VERIFY_OWNER = """
    UPDATE library_owners SET email_verified_at = coalesce(email_verified_at, %(now)s), updated_at = %(now)s
    WHERE id = %(id)s AND email = %(email)s"""
VERIFY_USER = """
    UPDATE users SET email_verified_at = coalesce(email_verified_at, %(now)s), updated_at = %(now)s
    WHERE id = %(id)s AND email = %(email)s"""
TENANT = "SELECT id, name, slug, status, scope FROM tenants WHERE id = %(id)s"
HOME = "SELECT id, name, slug, status, scope, flags_of(id) AS flags FROM tenants WHERE id = %(id)s"
TENANTS = "SELECT id, name, slug, status, scope FROM tenants WHERE id = ANY(%(ids)s)"
WITH_HASH = """
    SELECT user_type, tenant_id, user_id FROM identities
    WHERE kind = %(kind)s AND hash = %(hash)s AND (%(tenant)s::uuid IS NULL OR tenant_id = %(tenant)s)
    ORDER BY array_position(ARRAY['library_owner', 'library_staff', 'student', 'provider', 'customer', 'member'],
                            user_type), user_id LIMIT %(most)s"""
ADD_IDENTITIES = """
    INSERT INTO identities (kind, hash, user_type, tenant_id, user_id, created_at)
    SELECT %(kind)s, hash, %(user_type)s, %(tenant)s, user_id, %(now)s
    FROM unnest(%(hashes)s::text[], %(users)s::uuid[]) AS given (hash, user_id)
    ON CONFLICT DO NOTHING"""
DROP_IDENTITIES = """
    DELETE FROM identities WHERE tenant_id = %(tenant)s AND user_id = %(user)s
        AND (%(kind)s::text IS NULL OR kind = %(kind)s)"""
DROP_MANY = "DELETE FROM identities WHERE tenant_id = %(tenant)s AND user_id = ANY (%(users)s::uuid[])"

MOST_HITS = 10


def owner(core: Db, owner_id: UUID) -> Person | None:
    """The owner's row in core."""
    return core.maybe(Person, OWNER, id=owner_id)


def admin(core: Db, admin_id: UUID) -> Person | None:
    """A platform user."""
    return core.maybe(Person, f"{ADMIN} WHERE id = %(id)s", id=admin_id, platform=PLATFORM)


def admin_with_email(core: Db, email: str) -> Person | None:
    """A platform user by e-mail."""
    return core.maybe(Person, f"{ADMIN} WHERE email = %(email)s", email=email, platform=PLATFORM)


def user(db: Db, user_id: UUID) -> Person | None:
    """Staff or student, in their cell."""
    return db.maybe(Person, USER, id=user_id)


def meet_student(db: Db, student_id: UUID, phone: str) -> Person:
    """The student who just proved the phone; the row is made the first time."""
    return db.one(Person, MEET_STUDENT, id=student_id, phone=phone, now=clock.now())


def add_member(db: Db, user_id: UUID, name: str, phone: str) -> None:
    """Somebody who is neither staff nor student."""
    db.run(
        """
        INSERT INTO users (id, phone, first_name, role, created_at, updated_at)
        VALUES (%(id)s, %(phone)s, %(name)s, 'member', %(now)s, %(now)s)""",
        id=user_id,
        phone=phone,
        name=name,
        now=clock.now(),
    )


def set_status(db: Db, user_id: UUID, role: str, status: str) -> None:
    """Goes out with COMMIT; remembers it also of a student who never signed in."""
    db.later(SET_STATUS, id=user_id, role=role, status=status, now=clock.now())


def add_user(db: Db, **columns: Any) -> Person:
    """A new person in the cell; EmailTaken when the e-mail has that role already."""
    person = db.maybe(Person, ADD_USER, **{"role_id": None, **columns}, now=clock.now())
    if person is None:
        raise EmailTaken
    return person


def add_admin(core: Db, admin_id: UUID, email: str, name: str, password_hash: str) -> bool:
    """A platform administrator; False when that e-mail is known."""
    return bool(core.run(ADD_ADMIN, id=admin_id, email=email, name=name, password_hash=password_hash, now=clock.now()))


def works_here(db: Db, email: str) -> bool:
    """Is somebody of that address on the staff?"""
    return bool(db.value(WORKS_HERE, email=email))


def seen(place: Db, person: Person) -> None:
    """They signed in; `place` is where their row is. Goes out with COMMIT."""
    place.later(SEEN.get(person.user_type, SEEN_USER), id=person.id, now=clock.now())


def set_password(place: Db, user_type: str, user_id: UUID, password_hash: str) -> None:
    """`place` is where their row is."""
    place.run(RENEW.get(user_type, RENEW_USER), id=user_id, hash=password_hash, now=clock.now())


def mark_verified(place: Db, user_type: str, user_id: UUID, email: str) -> bool:
    """The e-mail is theirs; False when it is not their e-mail any more."""
    query = VERIFY_OWNER if user_type == "library_owner" else VERIFY_USER
    return bool(place.run(query, id=user_id, email=email, now=clock.now()))


def tenant(core: Db, tenant_id: UUID) -> TenantState | None:
    """What the directory says about a tenant."""
    return core.maybe(TenantState, TENANT, id=tenant_id)


def home(core: Db, tenant_id: UUID) -> Home | None:
    """The same, with what is switched on for it."""
    return core.maybe(Home, HOME, id=tenant_id)


def tenants(core: Db, tenant_ids: Sequence[UUID]) -> dict[UUID, TenantState]:
    """Several at once."""
    return {t.id: t for t in core.all(TenantState, TENANTS, ids=list(tenant_ids))}


def identified(core: Db, kind: str, hashed: str, within: UUID | None) -> list[Identity]:
    """Whom an e-mail or phone belongs to, owners before staff before students."""
    return core.all(Identity, WITH_HASH, kind=kind, hash=hashed, tenant=within, most=MOST_HITS)


def entitlements(db: Db) -> Entitlements:
    """What the cell knows of the organisation's plan."""
    return db.one(Entitlements, "SELECT modules, features, limits FROM tenant_gate")


def add_identities(
    core: Db, kind: str, user_type: str, tenant: UUID, hashes: Sequence[str], users: Sequence[UUID]
) -> None:
    """Rows of the directory; known ones stay."""
    row = {"kind": kind, "user_type": user_type, "tenant": tenant}
    core.run(ADD_IDENTITIES, **row, hashes=list(hashes), users=list(users), now=clock.now())


def drop_many(core: Db, tenant: UUID, users: Sequence[UUID]) -> None:
    """Many people of one tenant."""
    core.run(DROP_MANY, tenant=tenant, users=list(users))


def drop_identities(core: Db, tenant: UUID, user_id: UUID, kind: str | None) -> None:
    """They can no longer be found by it."""
    core.run(DROP_IDENTITIES, tenant=tenant, user=user_id, kind=kind)
