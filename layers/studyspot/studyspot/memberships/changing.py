"""Another plan, shift or seat: the unused days are credited first, then the same days are charged anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from studyspot.kit import audit, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Forbidden, RuleViolated
from studyspot.libraries import service as libraries
from studyspot.memberships import dues, pricing, queries, seating
from studyspot.memberships.models import FeePlan, Membership, QuoteLine
from studyspot.memberships.models.changes import Changed, DuesOutstanding, MembershipOver, Period
from studyspot.memberships.queries import money, offers, pauses
from studyspot.memberships.renewing import OVER, by_desk, mine
from studyspot.memberships.service import sold_here
from studyspot.policies import service as policies

LIVE = ("active", "scheduled", "frozen")


@dataclass(frozen=True)
class Unused:
    """Days of a period that are still to come, and what was paid for them."""

    period: Period
    days: int
    line: QuoteLine


def unused(db: Db, member: Membership, today: date) -> list[Unused]:
    """Day by day what is left of every period; a day of pause is none that is used."""
    money.keep_first_period(db, member.id)
    away = [(freeze.from_date, freeze.to_date) for freeze in pauses.ahead(db, member.id, today)]
    found = []
    for period in money.periods(db, member.id):
        if period.status != "live" or period.end_date <= today:
            continue
        start = max(period.start_date, today)
        paused = sum(max(0, (min(last, period.end_date) - max(first, start)).days) for first, last in away)
        days = min((period.end_date - start).days - paused, period.days)
        terms = offers.terms(db, period.fee_plan_id, period.fee_plan_version)
        worth = pricing.half_up(period.price_paise * days, period.days)
        line = pricing.line(f"{terms.name}, {days} days unused", worth, terms.model_copy(update={"tax_included": True}))
        found.append(Unused(period, days, line))
    return found


def negative(line: QuoteLine) -> QuoteLine:
    """The same in the payer's favour."""
    amounts = {name: -getattr(line, name) for name in ("amount_paise", "gst_paise", "total_paise")}
    return line.model_copy(update=amounts)


def change(db: Db, actor: Actor, membership_id: UUID, wanted: Mapping[str, Any], preview: bool = False) -> Changed:
    """Plan, shift and seat as far as they are named. A preview is the change itself, undone, so there is one set of
    rules."""
    with db.transaction():
        member = mine(db, actor, membership_id)
        if member.status in OVER or member.status not in LIVE:
            raise MembershipOver
        _must_be_theirs(db, actor, wanted)
        sold = _plan(db, member, wanted)
        lines = _lines(db, member, sold) if sold else []
        net = sum(line.total_paise for line in lines)
        waits = net > 0 and not by_desk(actor)
        if waits:
            made = member
            terms = {**wanted, "version": sold.version if sold else None}
            due = dues.charge(db, member, "change", lines[::-1], queries.today(db), change=terms)
            waits = due is not None
        if not waits:
            made = _applied(db, member, sold, wanted)
            seating.keep(db, made)
            due = (
                dues.charge(db, made, "change", lines[::-1], queries.today(db)) if net > 0 and by_desk(actor) else None
            )
        if net < 0:
            dues.give_credit(db, member, -net, "downgrade")
        if not waits:
            _told(db, member, made, wanted)
        made = queries.membership(db, member.id)
    if preview:
        db.rollback()
    return Changed(membership=made, lines=lines, net_paise=net, credit_paise=max(-net, 0), due=None if preview else due)


def apply_paid(db: Db, member: Membership, wanted: Mapping[str, Any]) -> bool:
    """A change that waited for its money. False: it cannot be made any more."""
    if member.status not in LIVE:
        return False
    facts = {name: UUID(value) if value else None for name, value in wanted.items() if name.endswith("_id")}
    plan_id = facts.get("fee_plan_id")
    sold = offers.terms(db, plan_id, wanted["version"]) if plan_id else None
    money.savepoint(db)
    made = _applied(db, member, sold, facts)
    if seating.try_keep(db, made):
        money.undo(db)
        return False
    _told(db, member, made, facts)
    return True


def _must_be_theirs(db: Db, actor: Actor, wanted: Mapping[str, Any]) -> None:
    """Whether members choose seats and shifts themselves is the organisation's policy."""
    if by_desk(actor):
        return
    rules = policies.policies(db).memberships
    if "fee_plan_id" in wanted and "shift_id" not in wanted:
        return
    allowed = rules.students_change_shift if "shift_id" in wanted else rules.students_change_seat
    if not allowed:
        raise Forbidden("ask the desk to change that")


def _plan(db: Db, member: Membership, wanted: Mapping[str, Any]) -> FeePlan | None:
    """The plan that is changed to, if one is; seat and shift have to be there."""
    sold = None
    if wanted.get("fee_plan_id"):
        sold = sold_here(db, wanted["fee_plan_id"], member.library_id)
        if sold.kind == "hourly":
            raise RuleViolated("an hourly plan is booked by the hour, nobody is enrolled on it")
        if money.owed(db, member.id):
            raise DuesOutstanding
    if wanted.get("shift_id"):
        libraries.shift(db, member.library_id, wanted["shift_id"])
    terms = sold or offers.terms(db, member.fee_plan_id, member.fee_plan_version)
    seating.chosen(db, member.library_id, wanted.get("seat_id", member.seat_id), terms)
    return sold


def _lines(db: Db, member: Membership, sold: FeePlan) -> list[QuoteLine]:
    """Credit first, then charge, for the same days."""
    today = queries.today(db)
    left = unused(db, member, today)
    days = sum(one.days for one in left)
    start = max(today, member.start_date)
    whole = (pricing.period_end(sold.kind, start, sold.validity_days) - start).days
    charge = pricing.line(f"{sold.name}, {days} days", pricing.half_up(sold.price_paise * days, whole), sold)
    return [*(negative(one.line) for one in left), charge]


def _applied(db: Db, member: Membership, sold: FeePlan | None, wanted: Mapping[str, Any]) -> Membership:
    facts = {name: wanted[name] for name in ("seat_id", "shift_id") if name in wanted}
    if sold:
        today = queries.today(db)
        left = unused(db, member, today)
        charge = _lines(db, member, sold)[-1].total_paise
        for one in left:
            money.cut_period(db, one.period, today, one.days, one.line.total_paise)
        days = max(sum(one.days for one in left), 1)
        stretch = max(today, member.start_date), member.end_date
        money.add_period(db, member.id, stretch, sold, charge, "live", paid_days=days)
        price = pricing.line(sold.name, sold.price_paise, sold).total_paise
        facts |= {"fee_plan_id": sold.id, "fee_plan_version": sold.version, "price_paise": price}
        facts |= {"visits_left": sold.visits, "next_version": None}
    return queries.put(db, member.id, **facts) if facts else member


def _told(db: Db, before: Membership, after: Membership, wanted: Mapping[str, Any]) -> None:
    fields = sorted(name for name in wanted if name.endswith("_id"))
    outbox.emit(db, "membership.changed", after.id, {"fields": fields})
    audit.note(
        db,
        "memberships.change",
        "memberships",
        after.id,
        before=before.model_dump(include=set(fields)),
        after=after.model_dump(include=set(fields)),
    )
