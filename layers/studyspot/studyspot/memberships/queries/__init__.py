"""Every statement on memberships themselves."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import errors as pg

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.memberships.models import Membership, MembershipOverlap
from studyspot.students.models import Churn

TODAY = "(SELECT (%(now)s AT TIME ZONE timezone)::date FROM tenant_gate)"
# A day that passes needs no job: what is stored as active is shown by its dates.
GRACE = """
    (SELECT v.grace_days FROM fee_plan_versions v
     WHERE v.fee_plan_id = memberships.fee_plan_id AND v.version = memberships.fee_plan_version)"""
MEMBERSHIP = f"""
    id, student_id, library_id, fee_plan_id, fee_plan_version, shift_id, seat_id, start_date, end_date, price_paise,
    visits_left, payment_id, late_fee_paise, auto_renew, next_version, created_at, updated_at,
    (SELECT coalesce(sum(d.amount_paise), 0)::bigint FROM membership_dues d
     WHERE d.membership_id = memberships.id AND d.status = 'open') AS dues_paise,
    CASE WHEN status = 'active' AND start_date > {TODAY} THEN 'scheduled'
         WHEN status IN ('active', 'grace') AND end_date <= {TODAY} THEN
             CASE WHEN end_date + {GRACE} > {TODAY} THEN 'grace' ELSE 'expired' END
         ELSE status END AS status"""


def today(db: Db) -> date:
    """The day it is where the tenant is."""
    day: date = db.value(f"SELECT {TODAY}", now=clock.now())
    return day


def enrol(db: Db, **facts: Any) -> Membership:
    """A new membership; the exclusion constraint, not our look, decides whether it fits beside the others."""
    try:
        made = db.maybe(
            Membership,
            f"""
            INSERT INTO memberships (id, {", ".join(facts)}, status, created_at, updated_at)
            VALUES (%(id)s, {", ".join(f"%({name})s" for name in facts)}, 'active', %(now)s, %(now)s)
            ON CONFLICT ON CONSTRAINT one_membership_at_a_time DO NOTHING RETURNING {MEMBERSHIP}""",
            id=ids.uuid7(),
            now=clock.now(),
            **facts,
        )
    except pg.ExclusionViolation:
        raise MembershipOverlap from None
    if made is None:
        raise MembershipOverlap
    return made


def membership(db: Db, membership_id: UUID) -> Membership:
    """One membership, or NotFound."""
    query = f"SELECT {MEMBERSHIP} FROM memberships WHERE id = %(id)s"
    return db.one(Membership, query, id=membership_id, now=clock.now())


def locked(db: Db, membership_id: UUID) -> Membership:
    """One change of a membership at a time."""
    query = f"SELECT {MEMBERSHIP} FROM memberships WHERE id = %(id)s FOR UPDATE"
    return db.one(Membership, query, id=membership_id, now=clock.now())


def put(db: Db, membership_id: UUID, **facts: Any) -> Membership:
    """These columns of a membership; another one of the student in that time is MembershipOverlap."""
    try:
        return db.one(
            Membership,
            f"""
            UPDATE memberships SET {", ".join(f"{name} = %({name})s" for name in facts)}, updated_at = %(now)s
            WHERE id = %(id)s RETURNING {MEMBERSHIP}""",
            id=membership_id,
            now=clock.now(),
            **facts,
        )
    except pg.ExclusionViolation:
        raise MembershipOverlap from None


def elsewhere(db: Db, member: Membership, start: date, end: date) -> bool:
    """Has the student another live membership in this library in those days?"""
    found = db.value(
        """
        SELECT EXISTS (SELECT FROM memberships WHERE student_id = %(student)s AND library_id = %(library)s
            AND id <> %(id)s AND status IN ('pending_payment', 'scheduled', 'active', 'grace', 'frozen')
            AND start_date < %(end)s AND end_date > %(start)s)""",
        student=member.student_id,
        library=member.library_id,
        id=member.id,
        start=start,
        end=end,
    )
    return bool(found)


def memberships(
    db: Db,
    paging: Paging,
    bound_to: Collection[UUID] | None,
    library_id: UUID | None,
    expiring_before: date | None,
    **filters: UUID | str | None,
) -> list[Membership]:
    """Memberships by creation."""
    return db.all(
        Membership,
        f"""
        SELECT * FROM (SELECT {MEMBERSHIP} FROM memberships) m
        WHERE (%(after)s::uuid IS NULL OR id > %(after)s::uuid)
          AND (%(bound_to)s::uuid[] IS NULL OR library_id = ANY (%(bound_to)s::uuid[]))
          AND (%(library_id)s::uuid IS NULL OR library_id = %(library_id)s::uuid)
          AND (%(student_id)s::uuid IS NULL OR student_id = %(student_id)s::uuid)
          AND (%(fee_plan_id)s::uuid IS NULL OR fee_plan_id = %(fee_plan_id)s::uuid)
          AND (%(status)s::text IS NULL OR status = %(status)s::text)
          AND (%(expiring_before)s::date IS NULL OR (status = 'active' AND end_date < %(expiring_before)s::date))
        ORDER BY id LIMIT %(fetch)s""",
        after=paging.after,
        bound_to=list(bound_to) if bound_to is not None else None,
        library_id=library_id,
        expiring_before=expiring_before,
        fetch=paging.fetch,
        now=clock.now(),
        **filters,
    )


def has_live(db: Db, student_id: UUID, fee_plan_id: UUID, at: datetime) -> bool:
    """Does the student's day that `at` falls on lie within a membership of that plan?"""
    found = db.value(
        """
        SELECT EXISTS (
            SELECT FROM memberships m, tenant_gate g
            WHERE m.student_id = %(student_id)s AND m.fee_plan_id = %(fee_plan_id)s
              AND m.status IN ('active', 'grace')
              AND m.start_date <= (%(at)s AT TIME ZONE g.timezone)::date
              AND m.end_date > (%(at)s AT TIME ZONE g.timezone)::date)""",
        student_id=student_id,
        fee_plan_id=fee_plan_id,
        at=at,
    )
    return bool(found)


def live_in(db: Db, library_id: UUID) -> int:
    """How many memberships of a library are live today or later."""
    count: int = db.value(
        f"""
        SELECT count(*) FROM memberships
        WHERE library_id = %(library_id)s AND status IN ('pending_payment', 'scheduled', 'active', 'grace', 'frozen')
          AND end_date > {TODAY}""",
        library_id=library_id,
        now=clock.now(),
    )
    return count


def churn(db: Db, library_id: UUID | None, days: int) -> Churn:
    """Who was a member that many days ago, and who of them no longer is one."""
    return db.one(
        Churn,
        f"""
        WITH them AS (
            SELECT DISTINCT m.student_id FROM memberships m
            WHERE m.start_date <= {TODAY} - %(days)s::int AND m.end_date > {TODAY} - %(days)s::int
              AND m.status IN ('active', 'grace', 'frozen', 'expired')
              AND (%(library)s::uuid IS NULL OR m.library_id = %(library)s)),
        counted AS (
            SELECT count(*) AS members, count(*) FILTER (WHERE NOT EXISTS (
                SELECT FROM memberships m WHERE m.student_id = them.student_id AND m.end_date > {TODAY}
                  AND m.status IN ('scheduled', 'active', 'grace', 'frozen'))) AS lost
            FROM them)
        SELECT members, lost, round(100.0 * lost / nullif(members, 0), 1)::float8 AS percent FROM counted""",
        library=library_id,
        days=days,
        now=clock.now(),
    )
