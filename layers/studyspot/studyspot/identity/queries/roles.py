"""An organisation's own roles."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg.errors import ForeignKeyViolation, UniqueViolation

from studyspot.identity.models.problems import RoleExists, RoleInUse
from studyspot.identity.models.staff import OwnRole, RoleRequest
from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.ids import PLATFORM

MEMBERS = "(SELECT count(*) FROM users u WHERE u.role_id = r.id)"
PLATFORM_MEMBERS = "(SELECT count(*) FROM admin_users u WHERE u.role_id = r.id)"
OWN = "SELECT id, name, description, permissions, created_at, updated_at, {members} AS members FROM roles r"
ADD = """
    INSERT INTO roles AS r (id, name, description, permissions, created_by, created_at, updated_at)
    VALUES (%(id)s, %(name)s, %(description)s, %(permissions)s, %(by)s, %(now)s, %(now)s)
    RETURNING id, name, description, permissions, created_at, updated_at, 0 AS members"""
CHANGE = "UPDATE roles SET {columns}, updated_at = %(now)s WHERE id = %(id)s"
# Invitations that cannot be accepted any more hold no role; an expired one could be resent, so it is revoked with it.
LET_GO = """
    UPDATE invitations SET role_id = NULL,
           revoked_at = CASE WHEN accepted_at IS NULL THEN coalesce(revoked_at, %(now)s) END
    WHERE role_id = %(id)s AND (accepted_at IS NOT NULL OR revoked_at IS NOT NULL OR expires_at <= %(now)s)"""
DELETE = "DELETE FROM roles WHERE id = %(id)s"


def _own(db: Db) -> str:
    return OWN.format(members=PLATFORM_MEMBERS if db.tenant == PLATFORM else MEMBERS)


def listed(db: Db) -> list[OwnRole]:
    """All of them: an organisation has a handful."""
    return db.all(OwnRole, f"{_own(db)} ORDER BY lower(r.name)")


def role(db: Db, role_id: UUID, lock: bool = False) -> OwnRole | None:
    """One; held until COMMIT if asked."""
    return db.maybe(OwnRole, f"{_own(db)} WHERE r.id = %(id)s{' FOR UPDATE' if lock else ''}", id=role_id)


def add(db: Db, by: UUID, asked: RoleRequest) -> OwnRole:
    """A new role; RoleExists when the name is taken."""
    try:
        return db.one(OwnRole, ADD, id=ids.uuid7(), by=by, now=clock.now(), **asked.model_dump())
    except UniqueViolation:
        raise RoleExists from None


def change(db: Db, role_id: UUID, changes: dict[str, Any]) -> None:
    """The fields that were sent."""
    columns = ", ".join(f"{name} = %({name})s" for name in ("name", "description", "permissions") if name in changes)
    try:
        db.run(CHANGE.format(columns=columns), id=role_id, now=clock.now(), **changes)
    except UniqueViolation:
        raise RoleExists from None


def delete(db: Db, role_id: UUID) -> None:
    """RoleInUse while a person or a pending invitation refers to it: the foreign key decides."""
    db.run(LET_GO, id=role_id, now=clock.now())
    try:
        db.run(DELETE, id=role_id)
    except ForeignKeyViolation:
        raise RoleInUse from None
