"""What an owner grants: goodwill days, part payments, deposits given back, newer terms, and renewals by the list."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from studyspot.kit import audit, ids, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, Problem, RuleViolated
from studyspot.ledger import service as ledger
from studyspot.libraries import service as libraries
from studyspot.memberships import pricing, queries, renewing, seating
from studyspot.memberships.models import Membership, QuoteLine
from studyspot.memberships.models.changes import DuesOutstanding, MembershipOver
from studyspot.memberships.models.grants import (
    BulkRenewal,
    BulkRenewed,
    DepositRefund,
    Extension,
    Installments,
    InstallmentsChange,
    Migrated,
    Migration,
    NoDeposit,
    Refunded,
)
from studyspot.memberships.paying import DEPOSITS
from studyspot.memberships.queries import accounts, money, offers
from studyspot.memberships.renewing import OVER, mine
from studyspot.messaging import service as messaging
from studyspot.messaging.models import Person
from studyspot.policies import service as policies
from studyspot.students import desk
from studyspot.students.models import Bulk, BulkRequest

DAY = timedelta(days=1)
YEAR = 365 * DAY
CASH = "asset.cash"


def extend(db: Db, actor: Actor, membership_id: UUID, asked: Extension) -> Membership:
    """Days for nothing, with the reason on record; no more in a year than the organisation allows."""
    most = policies.policies(db).memberships.goodwill_days_per_year
    with db.transaction():
        member = mine(db, actor, membership_id)
        if member.status in OVER or member.status == "expired":
            raise MembershipOver
        money.keep_first_period(db, member.id)
        left = most - money.goodwill_days(db, member.id, queries.today(db) - YEAR)
        if asked.days > left:
            raise RuleViolated(f"{max(left, 0)} days of goodwill are left in this year")
        sold = offers.terms(db, member.fee_plan_id, member.fee_plan_version)
        days = member.end_date, member.end_date + asked.days * DAY
        money.add_period(db, member.id, days, sold, 0, "live", kind="goodwill")
        status = {"status": "active"} if member.status == "grace" and days[1] > queries.today(db) else {}
        after = queries.put(db, member.id, end_date=days[1], **status)
        seating.keep(db, after)
        outbox.emit(db, "membership.changed", member.id, {"fields": ["end_date"]})
        told = {"days": asked.days, "reason": asked.reason, "end_date": after.end_date}
        audit.note(db, "memberships.extend", "memberships", member.id, {"end_date": member.end_date}, told)
    return after


def installments(db: Db, actor: Actor, membership_id: UUID) -> Installments:
    """What is to be paid, and when."""
    found = queries.membership(db, membership_id)
    actor.own("memberships:read", found.student_id)
    actor.at(found.library_id)
    return Installments(dues=money.dues(db, membership_id))


def set_installments(db: Db, actor: Actor, membership_id: UUID, asked: InstallmentsChange) -> Installments:
    """The open dues in parts with days of their own; the sum stays to the paisa."""
    parts = [(part.amount_paise, part.due_on) for part in asked.parts]
    with db.transaction():
        member = mine(db, actor, membership_id)
        open_dues = [due for due in money.dues(db, member.id) if due.status == "open"]
        total = sum(due.amount_paise for due in open_dues)
        if sum(paise for paise, _ in parts) != total:
            raise Invalid.field("parts", f"the parts have to come to {total} paise")
        if any(money.due(db, due.id).change or money.pending(db, due.id) for due in open_dues):
            raise RuleViolated("what waits for its money is paid at once")
        deposit = sum(due.deposit_paise for due in open_dues)
        money.void(db, [due.id for due in open_dues])
        period = next((money.due(db, due.id).period_id for due in open_dues), None)
        for number, (paise, due_on) in enumerate(parts, 1):
            part = min(deposit, paise)
            deposit -= part
            line = QuoteLine(
                description=f"Instalment {number} of {len(parts)}", amount_paise=paise, gst_paise=0, total_paise=paise
            )
            money.add_due(
                db, ids.uuid7(), member, [line], kind="instalment", description=line.description, due_on=due_on,
                period_id=period, deposit_paise=part,
            )  # fmt: skip
        audit.note(db, "memberships.installments", "memberships", member.id, after={"parts": parts})
        return Installments(dues=money.dues(db, member.id))


def refund_deposit(db: Db, actor: Actor, membership_id: UUID, asked: DepositRefund) -> Refunded:
    """Given back over the counter, once nothing is owed any more."""
    with db.transaction():
        member = mine(db, actor, membership_id)
        held = money.balance(db, member.student_id, "deposit", member.id)
        if money.owed(db, member.id):
            raise DuesOutstanding
        amount = asked.amount_paise or held
        if not 0 < amount <= held:
            raise NoDeposit(depositPaise=held)
        reference = ids.uuid7()
        money.enter(db, member, "deposit", -amount, "refunded", reference)
        ledger.post(db, "deposit_refunded", reference, [(DEPOSITS, amount), (CASH, -amount)], "Deposit of a member")
        after = {"paise": amount, "note": asked.note}
        audit.note(db, "memberships.deposit_refund", "memberships", member.id, after=after)
    return Refunded(id=reference, membership_id=member.id, refunded_paise=amount, deposit_paise=held - amount)


def migrate(db: Db, plan_id: UUID, asked: Migration) -> Migrated:
    """From their next period on members have the plan's newest terms; a preview only counts and compares."""
    with db.transaction():
        plan = offers.plan(db, plan_id)
        moved = offers.migrate(db, plan.id, plan.version, asked.membership_ids)
        audit.note(
            db, "fee_plans.migrate", "fee-plans", plan.id, after={"version": plan.version, "members": len(moved)}
        )
    if asked.preview:
        db.rollback()
    price = pricing.line(plan.name, plan.price_paise, plan).total_paise
    return Migrated(version=plan.version, price_paise=price, members=moved, preview=asked.preview)


def bulk_renew(db: Db, actor: Actor, asked: BulkRenewal) -> list[BulkRenewed]:
    """The next period of each is opened and the member told what to pay; one that cannot be stops no other."""
    return [_one_of_list(db, actor, membership_id) for membership_id in asked.membership_ids]


def renew_fitting(db: Db, actor: Actor, asked: BulkRequest) -> Bulk:
    """The same for whom a filter names: of each the membership that ends last. A preview counts them and weighs what
    telling them costs."""
    actor.must("memberships:change")
    with db.transaction():
        members = accounts.to_renew(db, [student.id for student in desk.fitting(db, asked)])
        units, cost = messaging.weigh(db, "fee_due_reminder", [_told_to(db, member) for member in members])
    told = Bulk(action="renew", preview=asked.expected is None, count=len(members), sms_credits=units,
                cost_paise=cost, done=0)  # fmt: skip
    if asked.expected is None:
        return told
    db.commit()
    done = sum(_one_of_list(db, actor, member.id).code is None for member in members)
    with db.transaction():
        after = {"action": "renew", "count": len(members), "done": done, "ids": [member.id for member in members]}
        audit.note(db, "students.bulk", "students", None, after=after)
    return told.model_copy(update={"done": done})


def _told_to(db: Db, member: Membership) -> Person:
    payer = money.payer(db, member.student_id)
    facts = {"name": payer.name, "amount": str(-(-member.price_paise // 100)), "date": f"{member.end_date:%d %b %Y}"}
    library = libraries.library(db, member.library_id).name
    return Person(phone=payer.phone, variables=facts | {"library": library}, recipient_id=member.student_id)


def _one_of_list(db: Db, actor: Actor, membership_id: UUID) -> BulkRenewed:
    try:
        with db.transaction():
            member = mine(db, actor, membership_id)
            libraries.open_library(db, member.library_id)
            period, due = renewing.open_next(db, member)
            renewing.tell_due(db, member, due)
            audit.note(db, "memberships.renew", "memberships", member.id, after=period.model_dump())
        db.commit()
    except Problem as refused:
        db.rollback()
        return BulkRenewed(membership_id=membership_id, code=refused.code, message=refused.detail)
    return BulkRenewed(membership_id=membership_id, due=due, status=period.status)
