"""Pauses: the days come back at the end, the seat is kept or lent to others, and nobody is moved for it."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from studyspot.kit import audit, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, StateConflict
from studyspot.memberships import dues, pricing, queries, seating
from studyspot.memberships.models import Membership
from studyspot.memberships.models.changes import (
    Due,
    Freeze,
    FreezeDecision,
    FreezeLimit,
    FreezeNotice,
    FreezeRequest,
    Frozen,
    MembershipOver,
)
from studyspot.memberships.queries import money, offers, pauses
from studyspot.memberships.renewing import OVER, by_desk, mine
from studyspot.policies import service as policies
from studyspot.policies.models import Memberships

DAY = timedelta(days=1)
YEAR = timedelta(days=365)


def freeze(db: Db, actor: Actor, membership_id: UUID, asked: FreezeRequest) -> Frozen:
    """The desk's pause holds at once; a student's is a request."""
    rules = policies.policies(db).memberships
    with db.transaction():
        member = mine(db, actor, membership_id)
        days = (asked.to_date - asked.from_date).days
        _must_be_allowed(db, member, asked, rules)
        fee = rules.holding_fee_per_day_paise * days if asked.keep_seat and member.seat_id else 0
        status = "approved" if by_desk(actor) else "requested"
        made = pauses.add(db, member.id, **asked.model_dump(), fee_paise=fee, status=status)
        due = None
        if status == "approved":
            member, due = _begin(db, member, made)
        audit.note(db, f"memberships.freeze_{status}", "memberships", member.id, after=made.model_dump())
    return Frozen(freeze=made, membership=member, due=due)


def decide(db: Db, actor: Actor, membership_id: UUID, freeze_id: UUID, asked: FreezeDecision) -> Frozen:
    """The desk's word on what a student asked for."""
    with db.transaction():
        member = mine(db, actor, membership_id)
        found = pauses.one(db, membership_id, freeze_id)
        if found.status != "requested" or (asked.approve and found.from_date < queries.today(db)):
            raise StateConflict(f"this pause is {found.status}, from {found.from_date}")
        status = "approved" if asked.approve else "refused"
        made = pauses.turn(db, found.id, status, found.to_date, found.fee_paise)
        due = None
        if asked.approve:
            member, due = _begin(db, member, made)
        audit.note(db, f"memberships.freeze_{status}", "memberships", member.id, after=made.model_dump())
    return Frozen(freeze=made, membership=member, due=due)


def unfreeze(db: Db, actor: Actor, membership_id: UUID) -> Frozen:
    """Back early, or not away at all: the days not taken are no longer added, the seat is claimed again."""
    with db.transaction():
        member = mine(db, actor, membership_id)
        today = queries.today(db)
        found = pauses.next_of(db, member.id, today)
        if found is None:
            raise StateConflict("there is no pause to end")
        back = max(today, found.from_date)
        returned = (found.to_date - back).days
        paid_for = (found.to_date - found.from_date).days
        fee = pricing.half_up(found.fee_paise * (paid_for - returned), paid_for)
        begun = back > found.from_date
        made = pauses.turn(db, found.id, "ended", back if begun else found.to_date, fee)
        if not begun:
            pauses.drop(db, found.id)
        pauses.move_periods(db, member.id, found.from_date, -returned)
        status = "active" if member.status == "frozen" else None
        member = _moved(db, member, member.end_date - returned * DAY, status)
        due = _less_fee(db, member, found, fee)
        outbox.emit(db, "membership.resumed", member.id, {"endDate": member.end_date})
        audit.note(db, "memberships.unfreeze", "memberships", member.id, after=made.model_dump())
    return Frozen(freeze=made, membership=member, due=due)


def _must_be_allowed(db: Db, member: Membership, asked: FreezeRequest, rules: Memberships) -> None:
    if member.status in OVER or member.status == "expired":
        raise MembershipOver
    today = queries.today(db)
    if asked.from_date < today + rules.freeze_notice_days * DAY:
        raise FreezeNotice(f"a pause begins {rules.freeze_notice_days} days from today or later")
    if not member.start_date <= asked.from_date < member.end_date:
        raise Invalid.field("fromDate", "not a day of this membership")
    used = pauses.days_within(db, member.id, asked.from_date - YEAR)
    left = rules.freeze_days_per_year - used
    if (asked.to_date - asked.from_date).days > left:
        raise FreezeLimit(f"{max(left, 0)} days of pause are left in this year", daysLeft=max(left, 0))


def _begin(db: Db, member: Membership, made: Freeze) -> tuple[Membership, Due | None]:
    days = (made.to_date - made.from_date).days
    today = queries.today(db)
    money.keep_first_period(db, member.id)
    pauses.move_periods(db, member.id, made.from_date, days)
    status = "frozen" if made.from_date <= today and member.status == "active" else None
    member = _moved(db, member, member.end_date + days * DAY, status)
    outbox.emit(db, "membership.frozen", member.id, {"fromDate": made.from_date, "toDate": made.to_date})
    return queries.membership(db, member.id), _fee(db, member, made, made.fee_paise, made.from_date)


def _moved(db: Db, member: Membership, end: date, status: str | None) -> Membership:
    """Another end, with the seat; who has the seat in the added days by now keeps it, and this is refused."""
    turned = {"status": status} if status else {}
    after = queries.put(db, member.id, end_date=end, **turned)
    seating.keep(db, after)
    return after


def _fee(db: Db, member: Membership, made: Freeze, fee: int, due_on: date) -> Due | None:
    sold = offers.terms(db, member.fee_plan_id, member.fee_plan_version)
    lines = [pricing.line("Holding fee", fee, sold)]
    return dues.charge(db, member, "holding_fee", lines, due_on, change={"freeze": made.id})


def _less_fee(db: Db, member: Membership, found: Freeze, fee: int) -> Due | None:
    """Only the days that were taken are paid for."""
    if fee == found.fee_paise:
        return None
    sold = offers.terms(db, member.fee_plan_id, member.fee_plan_version)
    old = money.due_of_freeze(db, found.id)
    if old and old.status == "open":
        dues.void(db, member, [old])
        return _fee(db, member, found, fee, old.due_on)
    before, after = (pricing.line("", paise, sold).total_paise for paise in (found.fee_paise, fee))
    dues.give_credit(db, member, before - after, "downgrade")
    return None
