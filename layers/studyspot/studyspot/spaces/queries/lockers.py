"""Lockers and whose they are; one holder at a time is the key's to say."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.kit.pages import Paging
from studyspot.spaces.models.lockers import Assignment, AssignRequest, Locker, LockersRequest

ASSIGNMENT = ", ".join(Assignment.model_fields)
LOCKER = """
    SELECT k.id, k.library_id, k.code, k.size, k.deposit_paise, k.rent_paise, k.created_at, k.updated_at,
           CASE WHEN a.id IS NULL THEN k.status ELSE 'assigned' END AS status,
           CASE WHEN a.id IS NOT NULL THEN jsonb_build_object('assignment_id', a.id, 'student_id', a.student_id,
               'student_name', concat_ws(' ', s.first_name, s.last_name), 'from_date', a.from_date,
               'until_date', a.until_date,
               'overdue', a.until_date <= (%(now)s AT TIME ZONE g.timezone)::date) END AS holder
    FROM tenant_gate g CROSS JOIN lockers k
    LEFT JOIN locker_assignments a ON a.locker_id = k.id AND a.released_at IS NULL
    LEFT JOIN students s ON s.id = a.student_id"""
LIST = f"""
    SELECT * FROM ({LOCKER} WHERE k.library_id = %(library)s) found
    WHERE (%(after)s::uuid IS NULL OR id > %(after)s::uuid) AND (%(size)s::text IS NULL OR size = %(size)s)
      AND (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(overdue)s::boolean IS NULL OR coalesce((holder ->> 'overdue')::boolean, false) = %(overdue)s)
    ORDER BY id LIMIT %(fetch)s"""
CREATE = """
    INSERT INTO lockers (id, library_id, code, size, deposit_paise, rent_paise, created_at, updated_at)
    SELECT u.id, %(library)s, u.code, %(size)s, %(deposit)s, %(rent)s, %(now)s, %(now)s
    FROM unnest(%(ids)s::uuid[], %(codes)s::text[]) AS u (id, code)
    ON CONFLICT (tenant_id, library_id, code) DO NOTHING RETURNING id"""
TAKE = f"""
    WITH free AS (SELECT id, library_id FROM lockers
                  WHERE id = %(locker)s AND library_id = %(library)s AND status = 'free' FOR NO KEY UPDATE)
    INSERT INTO locker_assignments (id, library_id, locker_id, membership_id, student_id, from_date, until_date,
                                    rent_paise, deposit_paise, assigned_by, created_at)
    SELECT %(id)s, free.library_id, free.id, %(membership)s, %(student)s, %(start)s, %(end)s, %(rent)s, %(deposit)s,
           %(by)s, %(now)s FROM free
    ON CONFLICT (tenant_id, locker_id) WHERE released_at IS NULL DO NOTHING RETURNING {ASSIGNMENT}"""
BILL = f"""
    UPDATE locker_assignments SET rent_due_id = %(rent)s, deposit_due_id = %(deposit)s WHERE id = %(id)s
    RETURNING {ASSIGNMENT}"""
HELD = f"""
    SELECT {ASSIGNMENT} FROM locker_assignments
    WHERE locker_id = %(locker)s AND library_id = %(library)s AND released_at IS NULL FOR UPDATE"""
RELEASE = f"""
    UPDATE locker_assignments SET released_at = %(now)s, released_by = %(by)s, deducted_paise = %(deducted)s,
           returned_paise = %(returned)s, return_as = %(return_as)s, reason = %(reason)s
    WHERE id = %(id)s RETURNING {ASSIGNMENT}"""


class Terms(Model):
    """What a locker costs."""

    code: str
    deposit_paise: int
    rent_paise: int


def listed(db: Db, library: UUID, paging: Paging, **filters: Any) -> list[Locker]:
    """By creation, which is the order of their codes."""
    return db.all(Locker, LIST, library=library, after=paging.after, fetch=paging.fetch, now=clock.now(), **filters)


def create(db: Db, library: UUID, asked: LockersRequest) -> list[Locker]:
    """Fewer than asked for means that codes are taken."""
    codes = asked.codes()
    made = db.dicts(
        CREATE,
        library=library,
        ids=sorted(ids.uuid7() for _ in codes),
        codes=codes,
        size=asked.size,
        deposit=asked.deposit_paise,
        rent=asked.rent_paise,
        now=clock.now(),
    )
    found = [row["id"] for row in made]
    return db.all(Locker, f"{LOCKER} WHERE k.id = ANY (%(ids)s) ORDER BY k.id", ids=found, now=clock.now())


def terms(db: Db, library: UUID, locker: UUID) -> Terms:
    """NotFound where this library has no such locker."""
    query = "SELECT code, deposit_paise, rent_paise FROM lockers WHERE id = %(id)s AND library_id = %(library)s"
    return db.one(Terms, query, id=locker, library=library)


def take(
    db: Db, library: UUID, locker: UUID, membership: UUID, asked: AssignRequest, costs: Terms, days: tuple[date, date]
) -> Assignment | None:
    """None: somebody else has it."""
    return db.maybe(
        Assignment,
        TAKE,
        id=ids.uuid7(),
        library=library,
        locker=locker,
        membership=membership,
        student=asked.student_id,
        start=days[0],
        end=days[1],
        rent=costs.rent_paise,
        deposit=costs.deposit_paise,
        by=db.actor.id if db.actor else None,
        now=clock.now(),
    )


def bill(db: Db, assignment: UUID, rent: UUID | None, deposit: UUID | None) -> Assignment:
    """What is to be paid for it."""
    return db.one(Assignment, BILL, id=assignment, rent=rent, deposit=deposit)


def held(db: Db, library: UUID, locker: UUID) -> Assignment | None:
    """Whose it is, locked: one release at a time."""
    return db.maybe(Assignment, HELD, library=library, locker=locker)


def release(db: Db, assignment: UUID, **settled: Any) -> Assignment:
    """It is free from now on."""
    by = db.actor.id if db.actor else None
    return db.one(Assignment, RELEASE, id=assignment, by=by, now=clock.now(), **settled)
