"""One more period: from the end of the last one, or from today for who lapsed beyond the days of grace."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from studyspot.kit import audit, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import StateConflict
from studyspot.libraries import service as libraries
from studyspot.memberships import dues, pricing, queries, seating
from studyspot.memberships.models import FeePlan, Membership, PlanArchived, QuoteLine
from studyspot.memberships.models.changes import Due, DueRow, MembershipOver, Period, Renewal, Renewed
from studyspot.memberships.queries import money, offers
from studyspot.messaging import service as messaging
from studyspot.students import service as students

OVER = ("cancelled", "transferred", "draft")
MOVING = (
    "start_date", "end_date", "fee_plan_version", "next_version", "price_paise", "visits_left", "late_fee_paise",
    "seat_id", "status",
)  # fmt: skip


def mine(db: Db, actor: Actor, membership_id: UUID) -> Membership:
    """The membership, locked; staff change those of their libraries, students their own."""
    found = queries.locked(db, membership_id)
    if not by_desk(actor):
        actor.own("memberships:change", found.student_id)
    actor.at(found.library_id)
    return found


def by_desk(actor: Actor) -> bool:
    """What the desk does holds at once; a student asks or pays first."""
    return actor.may("memberships:change") or actor.is_platform


def renew(db: Db, actor: Actor, membership_id: UUID, asked: Renewal) -> Renewed:
    """By the desk it holds at once and is owed; by the student as soon as it is paid."""
    with db.transaction():
        member = mine(db, actor, membership_id)
        at_once = by_desk(actor)
        students.active(db, member.student_id)
        libraries.open_library(db, member.library_id)
        if "seat_id" in asked.model_fields_set:
            if not at_once and asked.seat_id != member.seat_id:
                raise StateConflict("the seat is changed apart from the renewal")
            seating.chosen(db, member.library_id, asked.seat_id, _sold(db, member))
            member = member.model_copy(update={"seat_id": asked.seat_id})
        sold, period, due = _opened(db, member)
        if at_once or due is None:
            member, period = _begin(db, member, sold, period)
        audit.note(db, "memberships.renew", "memberships", member.id, after=period.model_dump())
        member = queries.membership(db, member.id)
    return Renewed(membership=member, period=period, due=due)


def open_next(db: Db, member: Membership) -> tuple[Period, Due | None]:
    """The next period is the member's as soon as it is paid; at once where their credit pays for it."""
    sold, period, due = _opened(db, member)
    if due is None:
        member, period = _begin(db, member, sold, period)
    return period, due


def _opened(db: Db, member: Membership) -> tuple[FeePlan, Period, Due | None]:
    sold = _sold(db, member)
    money.keep_first_period(db, member.id)
    drop_pending(db, member)
    lines = _lines(member, sold)
    days = _days(member, sold, queries.today(db))
    period = money.add_period(db, member.id, days, sold, lines[0].total_paise, "pending")
    return sold, period, dues.charge(db, member, "renewal", lines, days[0], period_id=period.id)


def tell_due(db: Db, member: Membership, due: Due | None) -> None:
    """What to pay until when, by message."""
    if due is None:
        return
    payer = money.payer(db, member.student_id)
    library = libraries.open_library(db, member.library_id).name
    facts = {"name": payer.name, "amount": str(-(-due.amount_paise // 100)), "library": library}
    facts["date"] = f"{due.due_on:%d %b %Y}"
    messaging.send(db, "fee_due_reminder", payer.phone, facts, member.student_id, "student", about=due.id)


def deliver(db: Db, member: Membership, due: DueRow) -> bool:
    """What waited for this money happens now, if it still can. In the transaction of the capture."""
    period = money.period(db, due.period_id) if due.period_id else None
    if period is None or period.status == "live":
        return True
    if period.status == "cancelled" or member.status in OVER:
        return False
    sold = offers.terms(db, period.fee_plan_id, period.fee_plan_version)
    start, end = _days(member, sold, queries.today(db))
    if queries.elsewhere(db, member, start, end):
        return False
    money.savepoint(db)
    if seating.try_keep(db, _renewed(db, member, sold, (start, end))):
        money.undo(db)
        return False
    _told(db, member, money.settle_period(db, period.id, (start, end), "live"))
    money.deliver(db, due.id, _moving(member), _moving(queries.membership(db, member.id)))
    return True


def _moving(member: Membership) -> dict[str, Any]:
    """What a further period changes of a membership."""
    return member.model_dump(mode="json", include=set(MOVING))


def undo(db: Db, member: Membership, due: DueRow) -> bool:
    """The further period was never paid: the membership is as it was. False: it was changed since."""
    told = due.delivered or {}
    if due.period_id is None or _moving(member) != told["after"]:
        return False
    period = money.period(db, due.period_id)
    before = member.model_validate({**member.model_dump(), **told["before"]})
    back = queries.put(db, member.id, **before.model_dump(include=set(MOVING)))
    if seating.try_keep(db, back):
        return False
    days = period.start_date, period.end_date
    money.settle_period(db, period.id, days, "pending")
    students.left_off(db, member.student_id, member.fee_plan_id, member.end_date, (back.start_date, back.end_date))
    outbox.emit(db, "membership.changed", member.id, {"fields": ["endDate"]})
    return True


def _begin(db: Db, member: Membership, sold: FeePlan, period: Period) -> tuple[Membership, Period]:
    """The days are the member's; AllotmentTaken when their seat has gone meanwhile."""
    days = period.start_date, period.end_date
    after = _renewed(db, member, sold, days)
    seating.keep(db, after)
    period = money.settle_period(db, period.id, days, "live")
    _told(db, after, period)
    return after, period


def _renewed(db: Db, member: Membership, sold: FeePlan, days: tuple[date, date]) -> Membership:
    """Who lapsed begins anew: the days in between were nobody's."""
    frozen = member.status == "frozen"
    return queries.put(
        db,
        member.id,
        start_date=min(member.start_date, days[0]) if days[0] == member.end_date else days[0],
        end_date=days[1],
        fee_plan_version=sold.version,
        next_version=None,
        price_paise=pricing.line(sold.name, sold.price_paise, sold).total_paise,
        visits_left=sold.visits,
        late_fee_paise=0,
        seat_id=member.seat_id,
        status="frozen" if frozen else "active",
    )


def _told(db: Db, member: Membership, period: Period) -> None:
    students.joined(db, member.student_id, member.fee_plan_id, period.start_date, period.end_date)
    outbox.emit(db, "membership.renewed", member.id, {"startDate": period.start_date, "endDate": period.end_date})


def _sold(db: Db, member: Membership) -> FeePlan:
    """The terms the member has, or the newer ones they were moved to."""
    if member.status in OVER:
        raise MembershipOver
    sold = offers.terms(db, member.fee_plan_id, member.next_version or member.fee_plan_version)
    if sold.status == "archived":
        raise PlanArchived
    return sold


def _days(member: Membership, sold: FeePlan, today: date) -> tuple[date, date]:
    start = today if member.status == "expired" else member.end_date
    return start, pricing.period_end(sold.kind, start, sold.validity_days)


def _lines(member: Membership, sold: FeePlan) -> list[QuoteLine]:
    lines = [pricing.line(sold.name, sold.price_paise, sold)]
    if member.late_fee_paise:
        lines.append(pricing.line("Late fee", member.late_fee_paise, sold))
    return lines


def drop_pending(db: Db, member: Membership) -> None:
    """A renewal that was asked for and not paid makes way for this one."""
    for period in money.periods(db, member.id):
        if period.status == "pending":
            due = money.due_of_period(db, period.id)
            dues.void(db, member, [due] if due else [])
            money.settle_period(db, period.id, (period.start_date, period.end_date), "cancelled")
