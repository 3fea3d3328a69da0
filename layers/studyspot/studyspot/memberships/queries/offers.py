"""Every statement on fee plans: what is offered, and on which terms."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.memberships.models import FeePlan, FeePlanVersion
from studyspot.memberships.models.grants import MigratedMember

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
    SELECT p.id, p.kind, p.version, p.price_classes, p.is_public, p.status, p.created_at, p.updated_at,
           {", ".join("v." + t for t in TERMS)},
           ARRAY(SELECT l.library_id FROM fee_plan_libraries l WHERE l.fee_plan_id = p.id ORDER BY 1) AS library_ids
    FROM fee_plans p JOIN fee_plan_versions v ON v.fee_plan_id = p.id AND v.version = p.version"""


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


def set_classes(db: Db, plan_id: UUID, classes: list[str]) -> None:
    """Which seats it sells from now on."""
    db.run("UPDATE fee_plans SET price_classes = %(classes)s WHERE id = %(id)s", id=plan_id, classes=classes)


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


def migrate(db: Db, plan_id: UUID, version: int, only: list[UUID] | None) -> list[MigratedMember]:
    """The newest terms from the next period on, for who has older ones."""
    return db.all(
        MigratedMember,
        """
        UPDATE memberships SET next_version = %(version)s, updated_at = %(now)s
        WHERE fee_plan_id = %(plan)s AND status IN ('active', 'grace', 'frozen', 'scheduled')
          AND coalesce(next_version, fee_plan_version) <> %(version)s
          AND (%(only)s::uuid[] IS NULL OR id = ANY (%(only)s::uuid[]))
        RETURNING id AS membership_id, student_id, price_paise, end_date AS from_date""",
        plan=plan_id,
        version=version,
        only=only,
        now=clock.now(),
    )


def terms(db: Db, plan_id: UUID, version: int) -> FeePlan:
    """The plan with the terms of that version."""
    query = PLAN.replace("v.version = p.version", "v.version = %(version)s")
    return db.one(FeePlan, f"{query} WHERE p.id = %(id)s", id=plan_id, version=version)
