"""Rules of plans, the rules in force, and pauses after no-shows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.bookings.models import Policy
from studyspot.bookings.models.policies import Effective, Pause, PlanRules, PlanRulesInForce, Strikes
from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.policies.models import known

PAUSE = ", ".join(f"p.{name}" for name in Pause.model_fields)
USUAL = Strikes().model_dump_json(by_alias=False)

EFFECTIVE = """
    WITH rule AS MATERIALIZED (
        SELECT %(strikes)s::jsonb || booking_policy(%(library)s, %(plan)s, %(policy)s::jsonb) AS rules)
    SELECT l.id AS library_id, p.id AS fee_plan_id, rule.rules, used.*, pause.id AS pause_id,
        pause.until_at AS paused_until, CASE WHEN %(student)s::uuid IS NOT NULL THEN (
            SELECT count(*) FROM bookings k WHERE k.student_id = %(student)s AND k.library_id = l.id
                AND k.status = 'no_show'
                AND k.start_at > %(now)s - make_interval(days => (rule.rules ->> 'strike_days')::integer)
                AND k.updated_at > coalesce((SELECT max(greatest(q.created_at, q.lifted_at)) FROM booking_pauses q
                    WHERE q.student_id = %(student)s AND q.library_id = l.id), '-infinity')) END AS no_shows
    FROM libraries l CROSS JOIN rule LEFT JOIN fee_plans p ON p.id = %(plan)s
    LEFT JOIN LATERAL (SELECT id, until_at FROM booking_pauses q
        WHERE q.student_id = %(student)s AND q.library_id = l.id AND q.until_at > %(now)s AND q.lifted_at IS NULL
        ORDER BY until_at DESC LIMIT 1) pause ON true,
    booking_use(%(student)s::uuid IS NOT NULL, %(student)s, %(nobody)s, %(now)s, %(now)s) used
    WHERE l.id = %(library)s AND (%(plan)s::uuid IS NULL OR p.id IS NOT NULL)
      AND (%(student)s::uuid IS NULL OR EXISTS (SELECT FROM students s WHERE s.id = %(student)s))"""

PUT_RULES = """
    INSERT INTO booking_plan_rules (fee_plan_id, rules, changed_by, changed_at)
    VALUES (%(plan)s, %(rules)s::jsonb, %(by)s, %(now)s)
    ON CONFLICT (tenant_id, fee_plan_id) DO UPDATE
        SET rules = EXCLUDED.rules, changed_by = EXCLUDED.changed_by, changed_at = EXCLUDED.changed_at"""

PAUSES = f"""
    SELECT {PAUSE} FROM booking_pauses p
    WHERE (%(after)s::uuid IS NULL OR p.id < %(after)s) AND (%(student)s::uuid IS NULL OR p.student_id = %(student)s)
      AND (%(library)s::uuid IS NULL OR p.library_id = %(library)s)
      AND (%(libraries)s::uuid[] IS NULL OR p.library_id = ANY (%(libraries)s))
      AND (%(live)s::boolean IS NULL OR %(live)s = (p.lifted_at IS NULL AND p.until_at > %(now)s))
    ORDER BY p.id DESC LIMIT %(most)s"""


def effective(db: Db, library: UUID, plan: UUID | None, student: UUID | None) -> Effective:
    """NotFound when library, plan or student do not exist."""
    return db.one(
        Effective,
        EFFECTIVE,
        library=library,
        plan=plan,
        student=student,
        nobody=UUID(int=0),
        policy=Policy().written(),
        strikes=USUAL,
        now=clock.now(),
    )


def plan_rules(db: Db, plan: UUID) -> PlanRulesInForce:
    """What was set for a plan."""
    found = db.dicts(
        """SELECT p.id, r.rules, r.changed_at FROM fee_plans p LEFT JOIN booking_plan_rules r ON r.fee_plan_id = p.id
           WHERE p.id = %(plan)s""",
        plan=plan,
    )
    if not found:
        raise NotFound
    rules = known(PlanRules, found[0]["rules"] or {})
    return PlanRulesInForce(fee_plan_id=plan, changed_at=found[0]["changed_at"], **rules)


def put_plan_rules(db: Db, plan: UUID, rules: PlanRules) -> None:
    by = db.actor.id if db.actor else None
    kept = rules.model_dump_json(by_alias=False, exclude_none=True, exclude={"fee_plan_id", "changed_at"})
    db.run(PUT_RULES, plan=plan, rules=kept, by=by, now=clock.now())


def strike(db: Db, booking_id: UUID) -> UUID | None:
    """The pause that this no-show brought, if it was one too many."""
    pause_id = ids.uuid7()
    query = "SELECT strike(%(id)s, %(booking)s, %(usual)s::jsonb, %(now)s)"
    struck = db.value(query, id=pause_id, booking=booking_id, usual=USUAL, now=clock.now())
    return pause_id if struck else None


def pause(db: Db, pause_id: UUID) -> Pause:
    """Locked: it is changed next."""
    return db.one(Pause, f"SELECT {PAUSE} FROM booking_pauses p WHERE p.id = %(id)s FOR UPDATE", id=pause_id)


def pauses(db: Db, most: int, after: Any, libraries: Collection[UUID] | None, **filters: Any) -> list[Pause]:
    """Newest first, one more than a page."""
    bound = list(libraries) if libraries is not None else None
    return db.all(Pause, PAUSES, most=most, after=after, libraries=bound, now=clock.now(), **filters)


def appeal(db: Db, pause_id: UUID, reason: str, now: datetime) -> None:
    query = "UPDATE booking_pauses SET appeal = %(reason)s, appealed_at = %(now)s WHERE id = %(id)s"
    db.run(query, id=pause_id, reason=reason, now=now)


def lift(db: Db, pause_id: UUID, by: UUID, reason: str, now: datetime) -> None:
    query = "UPDATE booking_pauses SET lifted_by = %(by)s, lifted_at = %(now)s, lift_reason = %(reason)s"
    db.run(f"{query} WHERE id = %(id)s", id=pause_id, by=by, reason=reason, now=now)
