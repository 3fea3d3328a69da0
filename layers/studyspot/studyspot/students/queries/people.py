"""Every statement on students and their guardians' consents."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import errors as pg

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.pages import Paging
from studyspot.students.models import (
    CardFacts,
    ConsentRule,
    GuardianConsent,
    PhoneExists,
    Student,
    ThisDay,
)

STUDENT = (
    "id, user_id, library_id, student_code, first_name, last_name, email, phone, alternate_phone, gender,"
    " date_of_birth, address, city, state, pincode, guardian_name, guardian_phone, id_proof_type, id_proof_number,"
    " photo_url, exam_target, fee_plan_id, seat_id, membership_start, membership_end, status, notes, created_at,"
    " updated_at, tags, merged_into"
)
TODAY = "(SELECT (%(now)s AT TIME ZONE timezone)::date FROM tenant_gate)"
# The figure that holds now; before the first has begun, the one that will, because students are listed by it already.
RULE = f"""
    SELECT valid_from, (value->>'below_age')::int AS below_age FROM statutory_params
    WHERE code = 'guardian_consent_required'
    ORDER BY valid_from <= {TODAY} DESC,
             CASE WHEN valid_from <= {TODAY} THEN valid_from END DESC, valid_from LIMIT 1"""
OF_AGE = f"make_interval(years => (SELECT below_age FROM ({RULE}) r))"
NUMBERS = """
    INSERT INTO student_numbers AS n (last) VALUES (%(count)s)
    ON CONFLICT (tenant_id) DO UPDATE SET last = n.last + EXCLUDED.last RETURNING last"""


def student(db: Db, student_id: UUID, lock: str = "") -> Student:
    """The student, archived ones too, or NotFound."""
    return db.one(Student, f"SELECT {STUDENT} FROM students WHERE id = %(id)s {lock}", id=student_id)


def card(db: Db, student_id: UUID) -> CardFacts:
    """What a student's card shows."""
    return db.one(
        CardFacts,
        """
        SELECT s.id AS student_id, s.student_code, concat_ws(' ', s.first_name, s.last_name) AS name, s.photo_url,
               l.name AS library, e.code AS seat, s.membership_end - 1 AS valid_until, s.status
        FROM students s LEFT JOIN libraries l ON l.id = s.library_id LEFT JOIN seats e ON e.id = s.seat_id
        WHERE s.id = %(id)s""",
        id=student_id,
    )


def with_phone(db: Db, phone: str) -> Student | None:
    """Whose number it is in this tenant."""
    return db.maybe(Student, f"SELECT {STUDENT} FROM students WHERE phone = %(phone)s", phone=phone)


def listed(
    db: Db,
    paging: Paging,
    bound_to: Collection[UUID] | None,
    expiring_days: int | None,
    **filters: UUID | str | bool | None,
) -> list[Student]:
    """Students by creation; archived ones only when asked for by status.

    Row security lets no index serve a text match (its operators are not leakproof), so `q` looks at the tenant's own
    rows only, which the key gives at once.
    """
    return db.all(
        Student,
        f"""
        SELECT {STUDENT} FROM students s
        WHERE (%(after)s::uuid IS NULL OR id > %(after)s::uuid)
          AND (%(bound_to)s::uuid[] IS NULL OR library_id = ANY (%(bound_to)s::uuid[]))
          AND (%(library_id)s::uuid IS NULL OR library_id = %(library_id)s::uuid)
          AND (%(fee_plan_id)s::uuid IS NULL OR fee_plan_id = %(fee_plan_id)s::uuid)
          AND status = coalesce(%(status)s::text, nullif(status, 'archived'))
          AND (%(q)s::text IS NULL OR strpos(
              lower(concat_ws(' ', first_name, last_name, phone, student_code, email)), lower(%(q)s::text)) > 0)
          AND (%(tag)s::text IS NULL OR lower(%(tag)s::text) = ANY (tags))
          AND (%(expiring_days)s::int IS NULL
               OR membership_end BETWEEN {TODAY} AND {TODAY} + %(expiring_days)s::int)
          AND (NOT %(without_consent)s::bool OR (date_of_birth > {TODAY} - {OF_AGE} AND NOT EXISTS (
              SELECT FROM consents c
              WHERE c.student_id = s.id AND c.purpose = 'guardian' AND c.withdrawn_at IS NULL)))
        ORDER BY id LIMIT %(fetch)s""",
        after=paging.after,
        bound_to=list(bound_to) if bound_to is not None else None,
        expiring_days=expiring_days,
        fetch=paging.fetch,
        now=clock.now(),
        **filters,
    )


def create(db: Db, student_id: UUID, facts: dict[str, Any]) -> Student:
    """A new student with the next number; the unique phone decides whether it is new."""
    try:
        made = db.maybe(
            Student,
            f"""
            WITH numbered AS ({NUMBERS})
            INSERT INTO students (id, student_code, {", ".join(facts)}, created_at, updated_at)
            SELECT %(id)s, 'S' || lpad(last::text, greatest(5, length(last::text)), '0'),
                   {", ".join(f"%({name})s" for name in facts)}, %(now)s, %(now)s
            FROM numbered
            ON CONFLICT (tenant_id, phone) DO NOTHING RETURNING {STUDENT}""",
            id=student_id,
            count=1,
            now=clock.now(),
            **facts,
        )
    except pg.ForeignKeyViolation:
        raise NotFound from None
    if made is None:
        raise PhoneExists
    return made


def change(db: Db, student_id: UUID, changes: dict[str, Any]) -> Student:
    """The student with some columns set; their names are fields of a model, never text of a client."""
    columns = "".join(f"{name} = %({name})s, " for name in changes)
    try:
        return db.one(
            Student,
            f"UPDATE students SET {columns} updated_at = %(now)s WHERE id = %(id)s RETURNING {STUDENT}",
            id=student_id,
            now=clock.now(),
            **changes,
        )
    except pg.UniqueViolation:
        raise PhoneExists from None
    except pg.ForeignKeyViolation:
        raise NotFound from None


def turn(db: Db, student_id: UUID, before: Collection[str], after: str) -> Student | None:
    """The student in another state, or None when not in one of those it can come from."""
    return db.maybe(
        Student,
        f"""
        UPDATE students SET status = %(after)s, updated_at = %(now)s
        WHERE id = %(id)s AND status = ANY (%(before)s) RETURNING {STUDENT}""",
        id=student_id,
        before=list(before),
        after=after,
        now=clock.now(),
    )


def joined(db: Db, student_id: UUID, fee_plan_id: UUID, start: date, end: date) -> None:
    """The membership that ends last is the one shown on the student."""
    db.run(
        """
        UPDATE students SET fee_plan_id = %(plan)s, membership_start = %(start)s,
               membership_end = %(end)s, status = 'active', updated_at = %(now)s
        WHERE id = %(id)s AND coalesce(membership_end, '-infinity') <= %(end)s""",
        id=student_id,
        plan=fee_plan_id,
        start=start,
        end=end,
        now=clock.now(),
    )


def left_off(db: Db, student_id: UUID, fee_plan_id: UUID, was: date, span: tuple[date, date]) -> None:
    """Nothing changes where another membership is shown."""
    db.run(
        """
        UPDATE students SET membership_start = %(start)s, membership_end = %(end)s, updated_at = %(now)s
        WHERE id = %(id)s AND fee_plan_id = %(plan)s AND membership_end = %(was)s""",
        id=student_id,
        plan=fee_plan_id,
        was=was,
        start=span[0],
        end=span[1],
        now=clock.now(),
    )


def consent(db: Db, student_id: UUID, given: GuardianConsent) -> None:
    """On record from now on."""
    db.run(
        """
        INSERT INTO consents (id, student_id, purpose, given_by, phone, method, given_at)
        VALUES (%(id)s, %(student_id)s, 'guardian', %(name)s, %(phone)s, %(method)s, %(now)s)""",
        id=ids.uuid7(),
        student_id=student_id,
        now=clock.now(),
        **given.model_dump(),
    )


def consent_rule(db: Db) -> ConsentRule:
    """The dated rule about students under age: the one in force, else the first that will be."""
    return db.one(ConsentRule, RULE, now=clock.now())


def today(db: Db) -> date:
    """The day it is where the tenant is."""
    day: date = db.value(f"SELECT {TODAY}", now=clock.now())
    return day


def this_day(db: Db, now: datetime) -> list[ThisDay]:
    """Where the tenant is; one row."""
    query = """
        SELECT date_trunc('day', %(now)s::timestamptz AT TIME ZONE timezone) AT TIME ZONE timezone AS began,
               (%(now)s::timestamptz AT TIME ZONE timezone)::date AS today FROM tenant_gate"""
    return db.all(ThisDay, query, now=now)
