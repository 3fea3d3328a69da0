"""Coupons: made and ended by the owner, checked by anybody, used once for each purchase."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import audit
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.memberships import pricing, queries
from studyspot.memberships.models import FeePlan, PlanArchived, QuoteLine
from studyspot.memberships.models.grants import (
    Coupon,
    CouponChange,
    CouponCheck,
    CouponExists,
    CouponInvalid,
    CouponRequest,
    CouponWorth,
)
from studyspot.memberships.queries import coupons, offers


def listed(db: Db, paging: Paging, status: str | None) -> Page[Coupon]:
    """One page of them."""
    return paging.page(coupons.listed(db, paging, status))


def create(db: Db, asked: CouponRequest) -> Coupon:
    """A code that is not in use."""
    with db.transaction():
        made = coupons.add(db, asked.model_dump())
        if made is None:
            raise CouponExists
        audit.note(db, "coupons.create", "coupons", made.id, after=made.model_dump())
    return made


def change(db: Db, coupon_id: UUID, asked: CouponChange) -> Coupon:
    """Who has used it keeps what it was worth."""
    with db.transaction():
        before = coupons.one(db, coupon_id, "FOR UPDATE")
        changes = asked.changes()
        most = changes.get("max_uses")
        if most is not None and most < before.uses:
            raise CouponInvalid(f"it was used {before.uses} times already")
        after = coupons.put(db, coupon_id, changes) if changes else before
        audit.note(db, "coupons.update", "coupons", coupon_id, before.model_dump(), after.model_dump())
    return after


def end(db: Db, coupon_id: UUID) -> None:
    """Its code is free again."""
    with db.transaction():
        if coupons.one(db, coupon_id, "FOR UPDATE").status == "ended":
            raise NotFound
        coupons.put(db, coupon_id, {"status": "ended"})
        audit.note(db, "coupons.end", "coupons", coupon_id)


def validate(db: Db, actor: Actor, asked: CouponCheck) -> CouponWorth:
    """It is used and that is undone, so that there is one set of rules."""
    student = actor.id if actor.user_type == "student" else asked.student_id
    with db.transaction():
        sold = offers.plan(db, asked.fee_plan_id)
        if sold.status == "archived":
            raise PlanArchived
        line = used(db, asked.code, sold, student)
    db.rollback()
    return CouponWorth(code=asked.code, line=line, discount_paise=-line.total_paise)


def used(db: Db, code: str, sold: FeePlan, student: UUID | None, besides: UUID | None = None) -> QuoteLine:
    """What it takes off the price, with the tax in it; CouponInvalid when it does not hold."""
    coupon = coupons.use(db, code, sold.id, student, besides, queries.today(db))
    if coupon is None:
        raise CouponInvalid
    off = pricing.half_up(sold.price_paise * coupon.value, 100) if coupon.kind == "percent" else coupon.value
    off = min(off, coupon.most_paise or off, sold.price_paise)
    line = pricing.line(f"Coupon {coupon.code}", off, sold)
    amounts = {name: -getattr(line, name) for name in ("amount_paise", "gst_paise", "total_paise")}
    return line.model_copy(update=amounts)
