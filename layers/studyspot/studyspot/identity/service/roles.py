"""Roles: built-in ones are told, an organisation's own are made, edited and deleted; the platform is one of them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from studyspot.identity.models.staff import OwnRole, Permission, Role, RoleChange, RoleRequest
from studyspot.identity.queries import roles as queries
from studyspot.identity.queries import staff
from studyspot.identity.service import rights
from studyspot.kit import audit
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.ids import PLATFORM
from studyspot.kit.permissions import KNOWN, ROLE_PERMISSIONS
from studyspot.kit.permissions import of as allowed

TITLES = {
    "library_owner": "Owner",
    "library_staff": "Staff",
    "platform_admin": "Administrator",
    "platform_staff": "Platform staff",
}

Holders = Callable[[Db, UUID], list[UUID]]


def listed(db: Db, counts: dict[str, int]) -> list[Role]:
    """Built-in roles with how many hold them, then the own ones by name."""
    built_in = [
        Role(
            id=name, name=TITLES[name], description=None, permissions=allowed([name]), built_in=True,
            members=counts.get(name, 0), created_at=None, updated_at=None,
        )
        for name in rights.BUILT_IN[db.tenant == PLATFORM]
    ]  # fmt: skip
    return [*built_in, *map(_shown, queries.listed(db))]


def catalogue(db: Db, actor: Actor) -> list[Permission]:
    """Every permission that can matter here, by which built-in roles it is held and whether the caller can give it."""
    here = KNOWN if db.tenant == PLATFORM else frozenset(allowed(["library_owner", "student"]))
    held = rights.held(db, actor)
    return [
        Permission(
            permission=permission,
            resource=permission.partition(":")[0],
            action=permission.partition(":")[2],
            roles=[role for role, permissions in ROLE_PERMISSIONS.items() if permission in permissions],
            grantable=permission in held,
        )
        for permission in sorted(here)
    ]


def create(db: Db, actor: Actor, asked: RoleRequest) -> Role:
    """A role of no more than its author holds."""
    rights.must_be_known(asked.permissions)
    rights.must_hold(db, actor, asked.permissions)
    with db.transaction():
        made = queries.add(db, actor.id, asked.model_copy(update={"permissions": sorted(set(asked.permissions))}))
        audit.note(db, "roles.create", "roles", made.id, after=made.model_dump(mode="json"))
    return _shown(made)


def change(db: Db, actor: Actor, role_id: UUID, asked: RoleChange, holders: Holders) -> Role:
    """Another set of permissions reaches everybody who holds the role."""
    changes = asked.changes()
    if asked.permissions is not None:
        rights.must_be_known(asked.permissions)
        changes["permissions"] = sorted(set(asked.permissions))
    with db.transaction():
        before = _locked(db, actor, role_id)
        rights.must_hold(db, actor, changes.get("permissions", ()))
        if not changes:
            return _shown(before)
        queries.change(db, role_id, changes)
        after = before.model_copy(update=changes)
        if set(after.permissions) != set(before.permissions) or after.name != before.name:
            for user_id in holders(db, role_id):
                rights.not_oneself(actor, user_id)
                rights.renew(db, db, "platform_staff" if db.tenant == PLATFORM else "library_staff", user_id)
        audit.note(db, "roles.change", "roles", role_id, before.model_dump(mode="json"), after.model_dump(mode="json"))
    return _shown(after)


def delete(db: Db, actor: Actor, role_id: UUID) -> None:
    """Only a role nobody holds and nobody is invited to."""
    with db.transaction():
        before = _locked(db, actor, role_id)
        queries.delete(db, role_id)
        audit.note(db, "roles.delete", "roles", role_id, before=before.model_dump(mode="json"))


def of_staff(db: Db, role_id: UUID) -> list[UUID]:
    """Who of an organisation's staff holds a role."""
    return staff.holders(db, role_id)


def _locked(db: Db, actor: Actor, role_id: UUID) -> OwnRole:
    found = queries.role(db, role_id, lock=True)
    if found is None:
        raise NotFound
    rights.must_hold(db, actor, found.permissions)
    return found


def _shown(own: OwnRole) -> Role:
    return Role(**own.model_dump(exclude={"id"}), id=str(own.id), built_in=False)
