"""Platform users: rows of `admin_users`, of which one administrator always stays."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg

from studyspot.identity.models.problems import LastAdmin
from studyspot.identity.models.staff import PlatformUser
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging

LAST_ADMIN = "SP001"
"""What `keep_an_admin` raises."""
USER = """
    SELECT a.id, a.email, concat_ws(' ', a.first_name, a.last_name) AS name, a.user_type,
           coalesce(a.role_id::text, a.role) AS role, coalesce(r.name, a.role) AS role_name,
           coalesce(r.permissions, '{}') AS role_permissions, a.permissions, a.status, a.last_login_at, a.created_at,
           a.updated_at
    FROM admin_users a LEFT JOIN roles r ON r.id = a.role_id"""
LISTED = f"""
    {USER}
    WHERE (%(after)s::uuid IS NULL OR a.id < %(after)s)
      AND (%(status)s::text IS NULL OR a.status = %(status)s)
      AND (%(user_type)s::text IS NULL OR a.user_type = %(user_type)s)
      AND (%(q)s::text IS NULL
           OR strpos(lower(concat_ws(' ', a.first_name, a.last_name, a.email)), lower(%(q)s)) > 0)
    ORDER BY a.id DESC LIMIT %(limit)s"""
ADD = """
    INSERT INTO admin_users (id, email, first_name, user_type, role, role_id, permissions, status, created_at,
                             updated_at)
    VALUES (%(id)s, %(email)s, %(name)s, %(user_type)s, %(user_type)s, %(role_id)s, %(permissions)s, 'invited',
            %(now)s, %(now)s)
    ON CONFLICT (email) DO NOTHING"""
JOIN = """
    UPDATE admin_users SET password_hash = %(hash)s, status = 'active', updated_at = %(now)s
    WHERE id = %(id)s AND status = 'invited'"""
CHANGE = "UPDATE admin_users SET {columns}, updated_at = %(now)s WHERE id = %(id)s"
COLUMNS = {
    "name": "first_name = %(name)s, last_name = NULL",
    "role": "user_type = %(user_type)s, role = %(user_type)s, role_id = %(role_id)s",
    "permissions": "permissions = %(permissions)s",
}
TURN = """
    UPDATE admin_users SET status = %(to)s, updated_at = %(now)s
    WHERE id = %(id)s AND status = ANY (%(from)s)"""
FORGET_PASSWORD = "UPDATE admin_users SET password_hash = NULL, updated_at = %(now)s WHERE id = %(id)s"  # noqa: S105 - SQL
HOLDERS = "SELECT id FROM admin_users WHERE role_id = %(role)s"
COUNTS = """
    SELECT user_type, count(*) AS number FROM admin_users
    WHERE role_id IS NULL AND status IN ('active', 'invited') GROUP BY user_type"""


def listed(core: Db, paging: Paging, **chosen: str | None) -> list[PlatformUser]:
    """Newest first."""
    return core.all(PlatformUser, LISTED, after=paging.after, limit=paging.fetch, **chosen)


def user(core: Db, user_id: UUID, lock: bool = False) -> PlatformUser:
    """One, or NotFound; held until COMMIT if asked."""
    return core.one(PlatformUser, f"{USER} WHERE a.id = %(id)s{' FOR UPDATE OF a' if lock else ''}", id=user_id)


def add(core: Db, **columns: Any) -> bool:
    """Invited, without a password; False when that e-mail is known."""
    return core.run(ADD, now=clock.now(), **columns) == 1


def join(core: Db, user_id: UUID, password_hash: str) -> bool:
    """The invitation was accepted; False for whoever is not invited any more."""
    return core.run(JOIN, id=user_id, hash=password_hash, now=clock.now()) == 1


def change(core: Db, user_id: UUID, changes: dict[str, Any]) -> None:
    """The fields that were sent; LastAdmin when nobody else is left."""
    columns = ", ".join(COLUMNS[name] for name in changes if name in COLUMNS)
    _guarded(core, CHANGE.format(columns=columns), id=user_id, **changes)


def turn(core: Db, user_id: UUID, from_: list[str], to: str) -> bool:
    """From one state to another, by one request only; LastAdmin when nobody else is left."""
    return _guarded(core, TURN, id=user_id, **{"from": from_}, to=to) == 1


def forget_password(core: Db, user_id: UUID) -> None:
    """No password is right any more."""
    core.run(FORGET_PASSWORD, id=user_id, now=clock.now())


def holders(core: Db, role_id: UUID) -> list[UUID]:
    """Who holds that role."""
    return [row["id"] for row in core.dicts(HOLDERS, role=role_id)]


def counts(core: Db) -> dict[str, int]:
    """How many hold each built-in role."""
    return {row["user_type"]: row["number"] for row in core.dicts(COUNTS)}


def _guarded(core: Db, query: str, **params: Any) -> int:
    try:
        return core.run(query, now=clock.now(), **params)
    except psycopg.Error as refusal:
        if refusal.sqlstate == LAST_ADMIN:
            raise LastAdmin from None
        raise
