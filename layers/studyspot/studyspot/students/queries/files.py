"""Statements on notes, tags, guardians, duplicates, and on many students at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from psycopg import errors as pg

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.students.models import Filter, Guardian, Note, Student, StudentsCollide
from studyspot.students.queries.people import STUDENT, TODAY

NOTE = "id, student_id, note, author_id, created_at"
GUARDIAN = "id, student_id, user_id, name, phone, relation, agreed_by, created_at"
LEARNT = (
    "last_name", "email", "alternate_phone", "gender", "date_of_birth", "address", "city", "state", "pincode",
    "guardian_name", "guardian_phone", "photo_url", "exam_target", "library_id", "notes",
)  # fmt: skip
"""What a student learns from a duplicate where nothing is known; the number of an id proof is bound to its student."""


def add_note(db: Db, student_id: UUID, note: str, author_id: UUID) -> Note:
    return db.one(
        Note,
        f"""
        INSERT INTO student_notes (id, student_id, note, author_id, created_at)
        VALUES (%(id)s, %(student)s, %(note)s, %(author)s, %(now)s) RETURNING {NOTE}""",
        id=ids.uuid7(),
        student=student_id,
        note=note,
        author=author_id,
        now=clock.now(),
    )


def notes(db: Db, student_id: UUID, after: str | None, fetch: int) -> list[Note]:
    """Newest first."""
    query = f"""
        SELECT {NOTE} FROM student_notes WHERE student_id = %(id)s AND (%(after)s::uuid IS NULL OR id < %(after)s::uuid)
        ORDER BY id DESC LIMIT %(fetch)s"""
    return db.all(Note, query, id=student_id, after=after, fetch=fetch)


def set_tags(db: Db, student_id: UUID, tags: list[str]) -> Student:
    query = f"UPDATE students SET tags = %(tags)s, updated_at = %(now)s WHERE id = %(id)s RETURNING {STUDENT}"
    return db.one(Student, query, id=student_id, tags=tags, now=clock.now())


def guardians(db: Db, student_id: UUID) -> list[Guardian]:
    """Those who may know now."""
    query = f"SELECT {GUARDIAN} FROM student_guardians WHERE student_id = %(id)s AND ended_at IS NULL ORDER BY id"
    return db.all(Guardian, query, id=student_id)


def guardian_with_phone(db: Db, phone: str) -> UUID | None:
    """Who signs in by this phone as somebody's guardian."""
    query = "SELECT user_id FROM student_guardians WHERE phone = %(phone)s AND ended_at IS NULL ORDER BY id LIMIT 1"
    found: UUID | None = db.value(query, phone=phone)
    return found


def link(db: Db, student_id: UUID, user_id: UUID, **facts: Any) -> Guardian | None:
    """None: linked already."""
    return db.maybe(
        Guardian,
        f"""
        INSERT INTO student_guardians (id, student_id, user_id, {", ".join(facts)}, created_at)
        VALUES (%(id)s, %(student)s, %(user)s, {", ".join(f"%({name})s" for name in facts)}, %(now)s)
        ON CONFLICT (tenant_id, student_id, phone) WHERE ended_at IS NULL DO NOTHING RETURNING {GUARDIAN}""",
        id=ids.uuid7(),
        student=student_id,
        user=user_id,
        now=clock.now(),
        **facts,
    )


def unlink(db: Db, student_id: UUID, guardian_id: UUID) -> Guardian:
    """Ended, or NotFound."""
    query = f"""
        UPDATE student_guardians SET ended_at = %(now)s
        WHERE id = %(id)s AND student_id = %(student)s AND ended_at IS NULL RETURNING {GUARDIAN}"""
    return db.one(Guardian, query, id=guardian_id, student=student_id, now=clock.now())


def guards(db: Db, user_id: UUID, student_id: UUID | None = None) -> bool:
    """Whether somebody is this student's guardian, or anybody's; a student by the phone they signed in with."""
    found = db.value(
        """
        SELECT 1 FROM student_guardians g
        WHERE g.ended_at IS NULL AND (%(student)s::uuid IS NULL OR g.student_id = %(student)s)
          AND (g.user_id = %(user)s OR g.phone = (SELECT phone FROM students s WHERE s.id = %(user)s)) LIMIT 1""",
        user=user_id,
        student=student_id,
    )
    return found is not None


def rows_of(db: Db, student_id: UUID) -> dict[str, int]:
    """How many rows of which table are theirs."""
    found: dict[str, int] = db.value("SELECT student_rows(%(id)s)", id=student_id)
    return found


def move_rows(db: Db, from_id: UUID, to_id: UUID) -> None:
    """All that can be changed is the other's; what happens at one time twice is StudentsCollide."""
    try:
        db.run("SELECT move_student_rows(%(from_id)s, %(to_id)s)", from_id=from_id, to_id=to_id)
    except (pg.ExclusionViolation, pg.UniqueViolation):
        raise StudentsCollide from None


def absorb(db: Db, kept: UUID, gone: UUID, learnt: Collection[str]) -> None:
    """The one is archived, the other knows what only the first knew, and is a member as long as either was."""
    columns = "".join(f"{name} = g.{name}, " for name in learnt)
    db.run(
        f"""
        UPDATE students k SET {columns} tags = ARRAY(SELECT DISTINCT unnest(k.tags || g.tags) ORDER BY 1),
               fee_plan_id = coalesce(k.fee_plan_id, g.fee_plan_id),
               membership_start = least(k.membership_start, g.membership_start),
               membership_end = greatest(k.membership_end, g.membership_end), updated_at = %(now)s
        FROM students g WHERE k.id = %(kept)s AND g.id = %(gone)s""",
        kept=kept,
        gone=gone,
        now=clock.now(),
    )
    db.run(
        "UPDATE students SET status = 'archived', merged_into = %(kept)s, updated_at = %(now)s WHERE id = %(gone)s",
        kept=kept,
        gone=gone,
        now=clock.now(),
    )


def fitting(db: Db, asked: Filter, most: int) -> list[Student]:
    """Whom a filter names, locked until the transaction ends; archived ones never."""
    facts = asked.model_dump()
    return db.all(
        Student,
        f"""
        SELECT {STUDENT} FROM students
        WHERE status = coalesce(%(status)s::text, status) AND status <> 'archived'
          AND (%(ids)s::uuid[] IS NULL OR id = ANY (%(ids)s::uuid[]))
          AND (%(library_id)s::uuid IS NULL OR library_id = %(library_id)s::uuid)
          AND (%(fee_plan_id)s::uuid IS NULL OR fee_plan_id = %(fee_plan_id)s::uuid)
          AND (%(tag)s::text IS NULL OR lower(%(tag)s::text) = ANY (tags))
          AND (%(expiring_days)s::int IS NULL
               OR membership_end BETWEEN {TODAY} AND {TODAY} + %(expiring_days)s::int)
        ORDER BY id LIMIT %(most)s FOR NO KEY UPDATE""",
        most=most,
        now=clock.now(),
        **facts,
    )


def tag_many(db: Db, student_ids: list[UUID], tag: str, on: bool) -> int:
    """A tag put on, or taken off."""
    tags = (
        "ARRAY(SELECT DISTINCT unnest(tags || %(tag)s::text) ORDER BY 1)" if on else "array_remove(tags, %(tag)s::text)"
    )
    query = f"UPDATE students SET tags = {tags}, updated_at = %(now)s WHERE id = ANY (%(ids)s::uuid[])"
    return db.run(query, ids=student_ids, tag=tag.lower(), now=clock.now())
