"""Every statement on coupons."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.memberships.models.grants import Coupon

COUPON = ", ".join(Coupon.model_fields)
# The row's own lock is the referee of the last use, and of the first time: it is had before anything else is looked at.
LOCK = "SELECT 1 FROM coupons WHERE upper(code) = upper(%(code)s) AND status = 'active' FOR UPDATE"
USE = f"""
    UPDATE coupons SET uses = uses + 1, updated_at = %(now)s
    WHERE upper(code) = upper(%(code)s) AND status = 'active' AND (max_uses IS NULL OR uses < max_uses)
      AND (valid_until IS NULL OR valid_until >= %(today)s)
      AND (fee_plan_ids = '{{}}' OR %(plan)s = ANY (fee_plan_ids))
      AND NOT (first_time_only AND EXISTS (
          SELECT FROM memberships m WHERE m.student_id = %(student)s AND m.id IS DISTINCT FROM %(except)s))
    RETURNING {COUPON}"""


def listed(db: Db, paging: Paging, status: str | None) -> list[Coupon]:
    """Newest last; ended ones only when asked for."""
    return db.all(
        Coupon,
        f"""
        SELECT {COUPON} FROM coupons WHERE status = coalesce(%(status)s::text, 'active')
            AND (%(after)s::uuid IS NULL OR id > %(after)s::uuid) ORDER BY id LIMIT %(fetch)s""",
        status=status,
        after=paging.after,
        fetch=paging.fetch,
    )


def one(db: Db, coupon_id: UUID, lock: str = "") -> Coupon:
    return db.one(Coupon, f"SELECT {COUPON} FROM coupons WHERE id = %(id)s {lock}", id=coupon_id)


def add(db: Db, facts: dict[str, Any]) -> Coupon | None:
    """None: the code is taken."""
    return db.maybe(
        Coupon,
        f"""
        INSERT INTO coupons (id, {", ".join(facts)}, created_at, updated_at)
        VALUES (%(id)s, {", ".join(f"%({name})s" for name in facts)}, %(now)s, %(now)s)
        ON CONFLICT DO NOTHING RETURNING {COUPON}""",
        id=ids.uuid7(),
        now=clock.now(),
        **facts,
    )


def put(db: Db, coupon_id: UUID, facts: dict[str, Any]) -> Coupon:
    return db.one(
        Coupon,
        f"""
        UPDATE coupons SET {", ".join(f"{name} = %({name})s" for name in facts)}, updated_at = %(now)s
        WHERE id = %(id)s RETURNING {COUPON}""",
        id=coupon_id,
        now=clock.now(),
        **facts,
    )


def use(db: Db, code: str, plan_id: UUID, student_id: UUID | None, besides: UUID | None, today: date) -> Coupon | None:
    """Used once more; None: it does not hold."""
    db.run(LOCK, code=code)
    facts = {"code": code, "plan": plan_id, "student": student_id, "except": besides}
    return db.maybe(Coupon, USE, today=today, now=clock.now(), **facts)
