"""Every statement on fee plans and memberships."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import errors as pg

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.memberships.models import FeePlan, FeePlanVersion, Membership, MembershipOverlap
from studyspot.students.models import Churn

TERMS = (
    "name",
    "description",
    "price_paise",
    "tax_included",
    "gst_rate",
    "sac",
    "registration_fee_paise",
    "deposit_paise",
    "seat_policy",
    "grace_days",
    "visits",
    "validity_days",
)
PLAN = f"""
    SELECT p.id, p.kind, p.version, p.is_public, p.status, p.created_at, p.updated_at,
           {", ".join("v." + t for t in TERMS)},
           ARRAY(SELECT l.library_id FROM fee_plan_libraries l WHERE l.fee_plan_id = p.id ORDER BY 1) AS library_ids
    FROM fee_plans p JOIN fee_plan_versions v ON v.fee_plan_id = p.id AND v.version = p.version"""
TODAY = "(SELECT (%(now)s AT TIME ZONE timezone)::date FROM tenant_gate)"
# A day that passes needs no job: what is stored as active is shown by its dates.
MEMBERSHIP = f"""
    id, student_id, library_id, fee_plan_id, fee_plan_version, shift_id, seat_id, start_date, end_date, price_paise,
    visits_left, payment_id, created_at, updated_at,
    CASE WHEN status = 'active' AND start_date > {TODAY} THEN 'scheduled'
         WHEN status = 'active' AND end_date <= {TODAY} THEN 'expired'
         ELSE status END AS status"""


def plan(db: Db, plan_id: UUID) -> FeePlan:
    """The plan with its current terms, archived ones too, or NotFound."""
    return db.one(FeePlan, f"{PLAN} WHERE p.id = %(id)s", id=plan_id)


def lock_plan(db: Db, plan_id: UUID) -> bool:
    """One change at a time, so that versions have no gap."""
    return db.value("SELECT 1 FROM fee_plans WHERE id = %(id)s FOR UPDATE", id=plan_id) is not None


def versions(db: Db, plan_id: UUID) -> list[FeePlanVersion]:
    """Newest first."""
    return db.all(
        FeePlanVersion,
        f"""
        SELECT version, created_at, {", ".join(TERMS)} FROM fee_plan_versions
        WHERE fee_plan_id = %(id)s ORDER BY version DESC""",
        id=plan_id,
    )


def plans(
    db: Db, paging: Paging, only_public: bool, library_id: UUID | None, kind: str | None, status: str | None
) -> list[FeePlan]:
    """Plans by creation; archived ones only when asked for by status."""
    return db.all(
        FeePlan,
        f"""{PLAN}
        WHERE (%(after)s::uuid IS NULL OR p.id > %(after)s::uuid)
          AND (p.is_public OR NOT %(only_public)s)
          AND (%(kind)s::text IS NULL OR p.kind = %(kind)s::text)
          AND p.status = coalesce(%(status)s::text, 'active')
          AND (%(library_id)s::uuid IS NULL
               OR EXISTS (SELECT FROM fee_plan_libraries l
                          WHERE l.fee_plan_id = p.id AND l.library_id = %(library_id)s::uuid)
               OR NOT EXISTS (SELECT FROM fee_plan_libraries l WHERE l.fee_plan_id = p.id))
        ORDER BY p.id LIMIT %(fetch)s""",
        after=paging.after,
        only_public=only_public,
        library_id=library_id,
        kind=kind,
        status=status,
        fetch=paging.fetch,
    )


def add_plan(db: Db, kind: str, is_public: bool) -> UUID:
    """A plan without terms yet."""
    plan_id = ids.uuid7()
    db.run(
        """
        INSERT INTO fee_plans (id, kind, is_public, created_at, updated_at)
        VALUES (%(id)s, %(kind)s, %(is_public)s, %(now)s, %(now)s)""",
        id=plan_id,
        kind=kind,
        is_public=is_public,
        now=clock.now(),
    )
    return plan_id


def add_version(db: Db, plan_id: UUID, version: int, terms: dict[str, Any]) -> None:
    """The terms from now on."""
    db.run(
        f"""
        INSERT INTO fee_plan_versions (fee_plan_id, version, {", ".join(TERMS)}, created_at)
        VALUES (%(id)s, %(version)s, {", ".join(f"%({t})s" for t in TERMS)}, %(now)s)""",
        id=plan_id,
        version=version,
        now=clock.now(),
        **{t: terms[t] for t in TERMS},
    )


def set_libraries(db: Db, plan_id: UUID, library_ids: Collection[UUID]) -> bool:
    """Where the plan holds; False when one of them is not a library of the tenant."""
    db.run("DELETE FROM fee_plan_libraries WHERE fee_plan_id = %(id)s", id=plan_id)
    added = db.run(
        """
        INSERT INTO fee_plan_libraries (fee_plan_id, library_id)
        SELECT %(id)s, id FROM libraries WHERE id = ANY (%(library_ids)s::uuid[]) AND status <> 'closed'""",
        id=plan_id,
        library_ids=list(library_ids),
    )
    return added == len(library_ids)


def turn_plan(db: Db, plan_id: UUID, version: int, is_public: bool, status: str) -> None:
    """Which version is sold, to whom it is shown, whether it still is."""
    db.run(
        """
        UPDATE fee_plans SET version = %(version)s, is_public = %(is_public)s, status = %(status)s, updated_at = %(now)s
        WHERE id = %(id)s""",
        id=plan_id,
        version=version,
        is_public=is_public,
        status=status,
        now=clock.now(),
    )


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
