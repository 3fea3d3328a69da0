"""Who may give whom what: nothing the giver lacks, nothing to or from who holds more, nothing to oneself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel

from studyspot.identity.models import PrivilegeEscalation
from studyspot.identity.queries import roles
from studyspot.identity.service.directory import person
from studyspot.identity.service.sessions import reissue
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Forbidden, Invalid, VersionConflict
from studyspot.kit.ids import PLATFORM
from studyspot.kit.permissions import ACTING_FOR_TENANT, KNOWN, ROLE_PERMISSIONS
from studyspot.kit.permissions import of as allowed
from studyspot.kit.response import etag_of

ASSIGNABLE = {False: ("library_staff",), True: ("platform_admin", "platform_staff")}
"""Built-in roles that can be given, in an organisation and on the platform; an owner is made another way."""
BUILT_IN = {False: ("library_owner", "library_staff"), True: ("platform_admin", "platform_staff")}


@dataclass(frozen=True)
class Grant:
    """A role as it is stored: the built-in one, or one of the organisation's own; and what it comes to."""

    built_in: str | None
    own: UUID | None
    permissions: frozenset[str]


def held(db: Db, actor: Actor) -> frozenset[str]:
    """What the actor may do in this organisation."""
    return ACTING_FOR_TENANT if actor.is_platform and db.tenant != PLATFORM else actor.permissions


def must_be_inside(db: Db) -> None:
    """The platform itself has no staff of libraries."""
    if db.tenant == PLATFORM:
        raise Forbidden("name the organisation in X-Tenant-Id")


def granted(db: Db, actor: Actor, role: str, extra: Sequence[str]) -> Grant:
    """The role of that key with what is added to it; PrivilegeEscalation when the author holds less."""
    must_be_known(extra)
    grant = _role(db, role)
    total = grant.permissions | set(extra)
    must_hold(db, actor, total)
    return Grant(grant.built_in, grant.own, frozenset(total))


def _role(db: Db, role: str) -> Grant:
    platform = db.tenant == PLATFORM
    if role in ASSIGNABLE[platform]:
        return Grant(role, None, frozenset(allowed([role])))
    if role in ROLE_PERMISSIONS:
        raise PrivilegeEscalation
    try:
        own = roles.role(db, UUID(role))
    except ValueError:
        own = None
    if own is None:
        raise Invalid.field("role", "there is no such role")
    return Grant(None, own.id, frozenset(own.permissions))


def must_hold(db: Db, actor: Actor, permissions: Iterable[str]) -> None:
    """PrivilegeEscalation for whoever gives, or takes from somebody who has, what they lack."""
    if not held(db, actor).issuperset(permissions):
        raise PrivilegeEscalation


def must_be_known(permissions: Iterable[str]) -> None:
    """A word that means nothing is a mistake, not a right."""
    if unknown := sorted(set(permissions) - KNOWN):
        raise Invalid.field("permissions", f"unknown: {', '.join(unknown[:5])}")


def must_reach(actor: Actor, library_ids: Sequence[UUID] | None) -> None:
    """Whoever is bound to libraries gives, and takes away, nothing beyond them."""
    if actor.library_ids is not None and (library_ids is None or not actor.library_ids.issuperset(library_ids)):
        raise PrivilegeEscalation("that reaches beyond the libraries you are bound to")


def renew(core: Db, db: Db, user_type: str, user_id: UUID) -> None:
    """What somebody may do has changed: their sessions say so from this commit on, or end with it."""
    changed = person(core, db, user_type, user_id)
    if changed:
        reissue(db, changed)


def must_be_current(before: BaseModel, if_match: str | None) -> None:
    """VersionConflict for whoever edits what somebody else has edited since."""
    if if_match and if_match != etag_of(before):
        raise VersionConflict


def not_oneself(actor: Actor, user_id: UUID) -> None:
    """No self-elevation, and nobody locks themselves out by mistake."""
    if actor.id == user_id:
        raise PrivilegeEscalation("nobody changes their own rights")
