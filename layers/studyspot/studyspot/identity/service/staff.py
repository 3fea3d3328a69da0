"""Staff: invited with no more than their inviter holds, changed, suspended, and removed with everything they had."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from studyspot.audit import service as trail
from studyspot.audit.models import Entry, Search
from studyspot.identity.models.staff import Handover, HandoverRequest, Removal, StaffChange, StaffMember
from studyspot.identity.queries import links
from studyspot.identity.queries import staff as queries
from studyspot.identity.service import rights
from studyspot.identity.service.directory import remove_identities
from studyspot.identity.service.invitations import shown_pending
from studyspot.identity.service.sessions import end_sessions
from studyspot.keys import service as keys
from studyspot.kit import audit, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound, StateConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.permissions import of as allowed

RIGHTS = frozenset({"role", "permissions", "library_ids"})


def listed(
    db: Db, paging: Paging, status: str | None, role: str | None, library: UUID | None, q: str | None
) -> Page[StaffMember]:
    """Who works here; to staff bound to libraries, who works in these."""
    return paging.page(queries.listed(db, paging, status, role, library, q))


def read(db: Db, user_id: UUID) -> StaffMember:
    """One of them."""
    return queries.member(db, user_id)


def change(db: Db, actor: Actor, user_id: UUID, asked: StaffChange, if_match: str | None) -> StaffMember:
    """Edit the fields that were sent; changed rights reach the tokens that are out."""
    changes = asked.changes()
    with db.transaction():
        before = _managed(db, actor, user_id)
        rights.must_be_current(before, if_match)
        after = _granted(db, actor, before, changes)
        if not changes:
            return before
        queries.change(db, user_id, _stored(after, changes))
        if after.model_dump(include=set(RIGHTS)) != before.model_dump(include=set(RIGHTS)):
            rights.renew(db, db, "library_staff", user_id)
            outbox.emit(db, "staff.rights_changed", user_id, {"role": after.role})
        _note(db, "staff.change", before, after)
        return queries.member(db, user_id)


def _granted(db: Db, actor: Actor, before: StaffMember, changes: dict[str, Any]) -> StaffMember:
    """The member as the changes leave them; PrivilegeEscalation when that is more than the actor may give."""
    if changes.get("role", "") is None:
        changes["role"] = "library_staff"
    if changes.get("permissions", ()) is None:
        changes["permissions"] = []
    after = before.model_copy(update=changes)
    if RIGHTS.intersection(changes):
        rights.granted(db, actor, after.role, after.permissions)
        rights.must_reach(actor, after.library_ids)
    return after


def _stored(after: StaffMember, changes: dict[str, Any]) -> dict[str, Any]:
    row = dict(changes)
    if "role" in row:
        row["role"] = None if after.role == "library_staff" else UUID(after.role)
    if row.get("working_hours") is not None:
        row["working_hours"] = json.dumps([h.model_dump(by_alias=True) for h in row["working_hours"]])
    return row


def suspend(db: Db, actor: Actor, user_id: UUID, reason: str | None) -> StaffMember:
    """No sign-in any more: every session ends with this commit."""
    with db.transaction():
        before = _managed(db, actor, user_id)
        if not queries.turn(db, user_id, "active", "suspended"):
            raise StateConflict(f"this member of staff is {before.status}")
        end_sessions(db, user_id, "suspended")
        outbox.emit(db, "staff.suspended", user_id, {"reason": reason})
        audit.note(db, "staff.suspend", "library_staff", user_id, {"status": before.status},
                   {"status": "suspended", "reason": reason})  # fmt: skip
        return queries.member(db, user_id)


def reactivate(db: Db, actor: Actor, user_id: UUID) -> StaffMember:
    """Back from a suspension."""
    with db.transaction():
        before = _managed(db, actor, user_id)
        if not queries.turn(db, user_id, "suspended", "active"):
            raise StateConflict(f"this member of staff is {before.status}")
        audit.note(db, "staff.reactivate", "library_staff", user_id, {"status": before.status}, {"status": "active"})
        return queries.member(db, user_id)


def remove(core: Db, db: Db, actor: Actor, user_id: UUID) -> Removal:
    """Out for good: sessions, API keys and the invitations they sent end in this transaction; the report names them."""
    with db.transaction():
        before = _managed(db, actor, user_id)
        if not queries.remove(db, user_id):
            raise NotFound
        ended = queries.end_sessions(db, user_id, "removed")
        gone = keys.end_all_of(db, user_id)
        revoked = links.revoke_of(db, user_id)
        outbox.emit(db, "staff.removed", user_id, {"role": before.role})
        report = Removal(id=user_id, sessions=ended, api_keys=gone, invitations=[shown_pending(i) for i in revoked])
        audit.note(db, "staff.remove", "library_staff", user_id, before.model_dump(mode="json"),
                   {"status": "removed", "sessions": len(ended), "invitations": len(revoked)})  # fmt: skip
    remove_identities(core, db.tenant, user_id)
    return report


def _managed(db: Db, actor: Actor, user_id: UUID) -> StaffMember:
    """Somebody else, who is still here, holds no more than the actor and works where the actor does."""
    found = queries.member(db, user_id, lock=True)
    if found.status == "removed":
        raise NotFound
    rights.not_oneself(actor, user_id)
    built_in = allowed(["library_staff"]) if found.role == "library_staff" else []
    rights.must_hold(db, actor, {*built_in, *found.role_permissions, *found.permissions})
    rights.must_reach(actor, queries.all_libraries(db, user_id))
    return found


def _note(db: Db, action: str, before: StaffMember, after: StaffMember) -> None:
    shown = {"name", "phone", "role", "permissions", "library_ids", "working_hours"}
    audit.note(
        db, action, "library_staff", before.id, before.model_dump(mode="json", include=shown),
        after.model_dump(mode="json", include=shown),
    )  # fmt: skip


def deeds(db: Db, user_id: UUID, paging: Paging, action: str | None) -> Page[Entry]:
    """What a member of staff did, from the trail; `action` may end with `*` (`payments.*`)."""
    queries.member(db, user_id)
    return trail.listed(db, paging, Search(actor_id=user_id, action=action))


def counts(db: Db) -> dict[str, int]:
    """How many hold the built-in roles: an organisation has one owner."""
    return {"library_owner": 1, "library_staff": queries.counts(db)}


def hand_over(db: Db, actor: Actor, asked: HandoverRequest) -> Handover:
    """The shift's note and the cash it counted. Whether the library is there, its caller has asked."""
    with db.transaction():
        made = queries.hand_over(db, actor.id, asked)
        outbox.emit(db, "staff.handed_over", made.id, {"libraryId": made.library_id, "cashPaise": made.cash_paise})
        audit.note(db, "staff.hand_over", "handovers", made.id, after=made.model_dump(mode="json"))
    return made


def handovers(db: Db, paging: Paging, library: UUID | None) -> Page[Handover]:
    """Newest first."""
    return paging.page(queries.handovers(db, paging, library))
