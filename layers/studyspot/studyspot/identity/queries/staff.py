"""Staff of an organisation: rows of `users`, what they did, and what they handed over."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from studyspot.identity.models.staff import EndedSession, Handover, HandoverRequest, StaffMember
from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging

# To staff bound to libraries the others are not even a name.
STAFF = """
    SELECT u.id, u.email, u.phone, NULLIF(concat_ws(' ', u.first_name, u.last_name), '') AS name, u.status,
           coalesce(u.role_id::text, u.role) AS role, coalesce(r.name, u.role) AS role_name,
           coalesce(r.permissions, '{}') AS role_permissions, u.permissions, u.working_hours, u.last_login_at,
           u.created_at, u.updated_at,
           CASE WHEN u.library_ids IS NULL OR app_libraries() IS NULL THEN u.library_ids
                ELSE ARRAY(SELECT unnest(u.library_ids) INTERSECT SELECT unnest(app_libraries())) END AS library_ids
    FROM users u LEFT JOIN roles r ON r.id = u.role_id
    WHERE u.role = 'library_staff'"""
LISTED = f"""
    {STAFF} AND (%(after)s::uuid IS NULL OR u.id < %(after)s)
      AND CASE WHEN %(status)s::text IS NULL THEN u.status <> 'removed' ELSE u.status = %(status)s END
      AND (%(role)s::text IS NULL OR coalesce(u.role_id::text, u.role) = %(role)s)
      AND (%(library)s::uuid IS NULL OR u.library_ids IS NULL OR %(library)s = ANY (u.library_ids))
      AND (%(q)s::text IS NULL OR strpos(lower(concat_ws(' ', u.first_name, u.last_name, u.email, u.phone)),
                                         lower(%(q)s)) > 0)
    ORDER BY u.id DESC LIMIT %(limit)s"""
MEMBER = f"{STAFF} AND u.id = %(id)s"
ALL_LIBRARIES = "SELECT library_ids FROM users WHERE id = %(id)s"
HOLDERS = "SELECT id FROM users WHERE role_id = %(role)s AND status <> 'removed'"
CHANGE = "UPDATE users SET {columns}, updated_at = %(now)s WHERE id = %(id)s"
COLUMNS = {
    "name": "first_name = %(name)s, last_name = NULL",
    "phone": "phone = %(phone)s",
    "role": "role_id = %(role)s",
    "permissions": "permissions = %(permissions)s",
    "library_ids": "library_ids = %(library_ids)s",
    "working_hours": "working_hours = %(working_hours)s::jsonb",
}
COUNTS = "SELECT count(*) FROM users WHERE role = 'library_staff' AND role_id IS NULL AND status <> 'removed'"
REMOVE = """
    UPDATE users SET status = 'removed', email = NULL, phone = NULL, password_hash = NULL, permissions = '{}',
                     role_id = NULL, updated_at = %(now)s
    WHERE id = %(id)s AND role = 'library_staff' AND status <> 'removed'"""
TURN = """
    UPDATE users SET status = %(to)s, updated_at = %(now)s
    WHERE id = %(id)s AND role = 'library_staff' AND status = %(from)s"""
END_ALL = """
    WITH ended AS (
        UPDATE sessions SET revoked_at = %(now)s, reason = %(reason)s WHERE user_id = %(user)s AND revoked_at IS NULL
        RETURNING id, device, ip_address, created_at, last_used_at
    ), tokens AS (
        UPDATE refresh_tokens SET revoked_at = %(now)s
        WHERE family_id IN (SELECT id FROM ended) AND revoked_at IS NULL)
    SELECT * FROM ended ORDER BY id"""
PLACES_TAKEN = "SELECT staff_places_taken(%(now)s)"
HANDOVER = "id, library_id, shift_id, handed_by, note, cash_paise, denominations, created_at"
HAND_OVER = f"""
    INSERT INTO shift_handovers (id, library_id, shift_id, handed_by, note, cash_paise, denominations, created_at)
    VALUES (%(id)s, %(library_id)s, %(shift_id)s, %(by)s, %(note)s, %(cash_paise)s, %(denominations)s::jsonb, %(now)s)
    RETURNING {HANDOVER}"""
HANDOVERS = f"""
    SELECT {HANDOVER} FROM shift_handovers
    WHERE (%(after)s::uuid IS NULL OR id < %(after)s) AND (%(library)s::uuid IS NULL OR library_id = %(library)s)
    ORDER BY id DESC LIMIT %(limit)s"""


def listed(
    db: Db, paging: Paging, status: str | None, role: str | None, library: UUID | None, q: str | None
) -> list[StaffMember]:
    """Newest first; removed people only when asked for."""
    chosen = {"status": status, "role": role, "library": library, "q": q}
    return db.all(StaffMember, LISTED, after=paging.after, limit=paging.fetch, **chosen)


def member(db: Db, user_id: UUID, lock: bool = False) -> StaffMember:
    """One, or NotFound; held until COMMIT if asked."""
    return db.one(StaffMember, f"{MEMBER} FOR UPDATE OF u" if lock else MEMBER, id=user_id)


def all_libraries(db: Db, user_id: UUID) -> list[UUID] | None:
    """What somebody is bound to, in full, whoever asks."""
    found: list[UUID] | None = db.value(ALL_LIBRARIES, id=user_id)
    return found


def holders(db: Db, role_id: UUID) -> list[UUID]:
    """Who holds that role."""
    return [row["id"] for row in db.dicts(HOLDERS, role=role_id)]


def counts(db: Db) -> int:
    """How many hold the built-in role."""
    number: int = db.value(COUNTS)
    return number


def change(db: Db, user_id: UUID, changes: dict[str, Any]) -> None:
    """The fields that were sent; `role` is the id of an own role, or None for the built-in one."""
    columns = ", ".join(COLUMNS[name] for name in changes)
    db.run(CHANGE.format(columns=columns), id=user_id, now=clock.now(), **changes)


def remove(db: Db, user_id: UUID) -> bool:
    """Who they were stays in the trail; how to reach them does not."""
    return db.run(REMOVE, id=user_id, now=clock.now()) == 1


def turn(db: Db, user_id: UUID, from_: str, to: str) -> bool:
    """From one state to another, by one request only."""
    return db.run(TURN, id=user_id, **{"from": from_, "to": to}, now=clock.now()) == 1


def end_sessions(db: Db, user_id: UUID, reason: str) -> list[EndedSession]:
    """All of a person's, told."""
    return db.all(EndedSession, END_ALL, user=user_id, reason=reason, now=clock.now())


def places_taken(db: Db) -> int:
    """Of the plan's places for staff; others who ask wait until COMMIT."""
    taken: int = db.value(PLACES_TAKEN, now=clock.now())
    return taken


def hand_over(db: Db, by: UUID, asked: HandoverRequest) -> Handover:
    """A note and its cash count; never changed afterwards."""
    facts = asked.model_dump(exclude={"denominations"})
    counted = None if asked.denominations is None else json.dumps(asked.denominations)
    return db.one(Handover, HAND_OVER, id=ids.uuid7(), by=by, denominations=counted, now=clock.now(), **facts)


def handovers(db: Db, paging: Paging, library: UUID | None) -> list[Handover]:
    """Newest first."""
    return db.all(Handover, HANDOVERS, after=paging.after, limit=paging.fetch, library=library)
