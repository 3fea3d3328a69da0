"""Could this user do that, and why: the checks of a request one after the other, told instead of enforced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from studyspot.identity.models import Person, TenantState
from studyspot.identity.models.staff import Check, Decision, Question
from studyspot.identity.queries import people
from studyspot.identity.queries import roles as role_queries
from studyspot.identity.service import rights
from studyspot.identity.service.directory import as_user
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound, Problem
from studyspot.kit.ids import PLATFORM
from studyspot.kit.permissions import KNOWN, ROLE_PERMISSIONS

Read = Callable[[Db, Actor, UUID], Any]
"""How a thing is really read, by somebody, with everything that may hide it."""
STAFF = ("library_owner", "library_staff", "platform_admin", "platform_staff")


def simulate(core: Db, db: Db, actor: Actor, asked: Question, reads: Mapping[str, Read]) -> Decision:
    """Decided by the same rights, the same policies and the same reading code as the user's own request would be."""
    rights.must_be_known([asked.permission])
    known = _known(core, db, asked.user_id)
    if asked.on:
        reads[asked.on.type](db, actor, asked.on.id)  # what the caller cannot see is not theirs to ask about
    path = [_organisation(core, db, asked.permission), _account(known), _permission(db, known, asked.permission)]
    if asked.on and all(check.passed for check in path):
        path.append(_thing(db, known, asked, reads[asked.on.type]))
    stop = next((n for n, check in enumerate(path, 1) if not check.passed), len(path))
    return Decision(
        allowed=all(check.passed for check in path), user_id=known.id, permission=asked.permission, on=asked.on,
        path=path[:stop],
    )  # fmt: skip


def _known(core: Db, db: Db, user_id: UUID) -> Person:
    """Somebody of this organisation; whoever belongs to another does not exist."""
    if db.tenant == PLATFORM:
        found = people.admin(core, user_id)
    else:
        found = people.user(db, user_id) or people.owner(core, user_id)
    if found is None or found.tenant_id != db.tenant:
        raise NotFound
    return found


def _organisation(core: Db, db: Db, permission: str) -> Check:
    if db.tenant == PLATFORM:
        return Check(step="organisation", passed=True, because="the platform itself is never suspended")
    state: TenantState | None = people.tenant(core, db.tenant)
    assert state is not None, "the caller came in by this tenant"
    reads_only = permission.partition(":")[2].startswith("read")
    barred = state.status == "suspended" and (state.scope == "all" or (state.scope == "writes" and not reads_only))
    scope = f" ({state.scope})" if state.status == "suspended" else ""
    return Check(step="organisation", passed=not barred and state.placed, because=f"it is {state.status}{scope}")


def _account(known: Person) -> Check:
    return Check(step="account", passed=known.status == "active", because=f"the account is {known.status}")


def _permission(db: Db, known: Person, permission: str) -> Check:
    role = known.roles[0].removeprefix("custom:")
    if permission not in as_user(known).permissions:
        holders = [name for name, held in ROLE_PERMISSIONS.items() if permission in held]
        holders += [own.name for own in role_queries.listed(db) if permission in own.permissions]
        others = f"; held by {', '.join(holders)}" if holders else ""
        because = f"neither the role {role} nor a grant of their own holds it{others}"
        return Check(step="permission", passed=False, because=because)
    by_role = permission in ROLE_PERMISSIONS.get(role, ()) or any(
        f"custom:{own.name}" == known.roles[0] and permission in own.permissions for own in role_queries.listed(db)
    )
    return Check(step="permission", passed=True, because=f"the role {role}" if by_role else "a grant of their own")


def _thing(db: Db, known: Person, asked: Question, read: Read) -> Check:
    """The real reading, as the user: row security, libraries and ownership all speak."""
    assert asked.on is not None, "asked only about a thing"
    user = as_user(known)
    bound = frozenset(known.library_ids) if known.library_ids is not None else None
    # Whether staff may read at all is a permission of its own; what is asked here is whether they reach the thing.
    held = KNOWN if known.user_type in STAFF else frozenset(user.permissions)
    them = Actor(
        id=known.id, user_type=known.user_type, tenant_id=known.tenant_id, session_id=known.id, token_id=str(known.id),
        email=known.email, roles=tuple(user.roles), permissions=held, library_ids=bound,
    )  # fmt: skip
    reach = "of all libraries" if bound is None else f"bound to {len(bound)} of the libraries"
    if known.user_type not in STAFF:
        reach = "with what is their own"
    try:
        read(Db(db.connection, db.tenant, them), them, asked.on.id)
    except Problem as refusal:
        return Check(step="thing", passed=False, because=f"somebody {reach} does not reach it ({refusal.code})")
    return Check(step="thing", passed=True, because=f"somebody {reach} reaches it")
