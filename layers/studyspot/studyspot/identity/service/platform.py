"""Platform users: created by invitation, changed, suspended, deactivated; the database keeps one administrator."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.audit import service as trail
from studyspot.audit.models import Entry, Search
from studyspot.identity.models import EmailTaken, Letter
from studyspot.identity.models.staff import PlatformChange, PlatformInvite, PlatformUser
from studyspot.identity.queries import people
from studyspot.identity.queries import platform as queries
from studyspot.identity.service import rights
from studyspot.identity.service.invitations import invite
from studyspot.identity.service.recovery import reset
from studyspot.identity.service.sessions import end_sessions
from studyspot.kit import audit, ids, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import StateConflict
from studyspot.kit.ids import PLATFORM
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.permissions import of as allowed

AUDITED = frozenset({"name", "user_type", "role", "permissions", "status"})


def listed(core: Db, paging: Paging, **chosen: str | None) -> Page[PlatformUser]:
    """Newest first."""
    return paging.page(queries.listed(core, paging, **chosen))


def read(core: Db, user_id: UUID) -> PlatformUser:
    """One of them."""
    return queries.user(core, user_id)


def create(core: Db, actor: Actor, asked: PlatformInvite) -> tuple[PlatformUser, Letter]:
    """Somebody without a password, and the mail by which they choose one."""
    user_id = ids.uuid7()
    with core.transaction():
        grant = rights.granted(core, actor, asked.role, asked.permissions)
        user_type = grant.built_in or "platform_staff"
        facts: dict[str, Any] = {"email": asked.email, "name": asked.name, "permissions": asked.permissions}
        if not queries.add(core, id=user_id, user_type=user_type, role_id=grant.own, **facts):
            raise EmailTaken
        letter = invite(core, asked.email, user_type, PLATFORM, user_id, name=asked.name, tenant_name="StudySpot")
        made = queries.user(core, user_id)
        audit.note(core, "admin_users.create", "admin_users", user_id, after=_facts(made))
    return made, letter


def change(core: Db, actor: Actor, user_id: UUID, asked: PlatformChange, if_match: str | None) -> PlatformUser:
    """Edit the fields that were sent; changed rights reach the tokens that are out."""
    changes = asked.changes()
    with core.transaction():
        before = _managed(core, actor, user_id)
        rights.must_be_current(before, if_match)
        if not changes:
            return before
        if {"role", "permissions"} & changes.keys():
            after = before.model_copy(update=changes)
            grant = rights.granted(core, actor, after.role, after.permissions)
            changes |= {"user_type": grant.built_in or "platform_staff", "role_id": grant.own}
        queries.change(core, user_id, {"role": before.role, **changes} if "role_id" in changes else changes)
        made = queries.user(core, user_id)
        if (made.role, made.permissions) != (before.role, before.permissions):
            rights.renew(core, core, made.user_type, user_id)
        audit.note(core, "admin_users.change", "admin_users", user_id, _facts(before), _facts(made))
    return made


def suspend(core: Db, actor: Actor, user_id: UUID, reason: str | None) -> PlatformUser:
    """No sign-in any more: every session ends with this commit."""
    return _turned(core, actor, user_id, ["active"], "suspended", reason)


def deactivate(core: Db, actor: Actor, user_id: UUID) -> None:
    """As a suspension, and an invitation that is out is void."""
    with core.transaction():
        _turned(core, actor, user_id, ["active", "suspended", "invited"], "deactivated", None)
        queries.forget_password(core, user_id)


def resign(core: Db, actor: Actor) -> None:
    """Oneself; LastAdmin when nobody else is left."""
    with core.transaction():
        before = queries.user(core, actor.id, lock=True)
        queries.turn(core, actor.id, ["active"], "deactivated")
        queries.forget_password(core, actor.id)
        end_sessions(core, actor.id, "deactivated")
        audit.note(core, "admin_users.resigned", "admin_users", actor.id, {"status": before.status},
                   {"status": "deactivated"})  # fmt: skip


def reactivate(core: Db, actor: Actor, user_id: UUID) -> tuple[PlatformUser, Letter | None]:
    """Back; whoever was deactivated chooses a new password by mail."""
    with core.transaction():
        before = queries.user(core, user_id, lock=True)
        after = _turned(core, actor, user_id, ["suspended", "deactivated"], "active", None)
        letter = _letter(core, user_id) if before.status == "deactivated" else None
    return after, letter


def reset_password(core: Db, actor: Actor, user_id: UUID) -> Letter:
    """The password is void, every session ends; the mail that is answered leads to a new one."""
    with core.transaction():
        before = _managed(core, actor, user_id)
        if before.status not in ("active", "suspended"):
            raise StateConflict(f"this user is {before.status}")
        queries.forget_password(core, user_id)
        end_sessions(core, user_id, "reset")
        audit.note(core, "admin_users.reset_password", "admin_users", user_id, {"forced": False}, {"forced": True})
        return _letter(core, user_id)


def _letter(core: Db, user_id: UUID) -> Letter:
    known = people.admin(core, user_id)
    assert known is not None, "the row is held by this transaction"
    return reset(core, known)


def _turned(core: Db, actor: Actor, user_id: UUID, from_: list[str], to: str, reason: str | None) -> PlatformUser:
    with core.transaction():
        before = _managed(core, actor, user_id)
        if not queries.turn(core, user_id, from_, to):
            raise StateConflict(f"this user is {before.status}")
        if to != "active":
            end_sessions(core, user_id, to)
        outbox.emit(core, "admin_user.turned", user_id, {"from": before.status, "to": to})
        audit.note(core, f"admin_users.{to}", "admin_users", user_id, {"status": before.status},
                   {"status": to, "reason": reason})  # fmt: skip
        return queries.user(core, user_id)


def _managed(core: Db, actor: Actor, user_id: UUID) -> PlatformUser:
    """Somebody else, who holds no more than the actor."""
    found = queries.user(core, user_id, lock=True)
    rights.not_oneself(actor, user_id)
    built_in = allowed([found.role]) if found.role == found.user_type else []
    rights.must_hold(core, actor, {*built_in, *found.role_permissions, *found.permissions})
    return found


def deeds(core: Db, user_id: UUID, paging: Paging, action: str | None) -> Page[Entry]:
    """Sign-ins good and bad, and what they did on the platform."""
    queries.user(core, user_id)
    return trail.listed(core, paging, Search(actor_id=user_id, action=action))


def counts(core: Db) -> dict[str, int]:
    """How many hold each built-in role of the platform."""
    return queries.counts(core)


def holders(core: Db, role_id: UUID) -> list[UUID]:
    """Who holds a role of the platform's own."""
    return queries.holders(core, role_id)


def _facts(user: PlatformUser) -> dict[str, Any]:
    return user.model_dump(mode="json", include=set(AUDITED))
