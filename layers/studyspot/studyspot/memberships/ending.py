"""Leaving before the end: what was paid for days to come, less what is owed."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import audit, clock, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.memberships import dues, queries, seating
from studyspot.memberships.changing import negative, unused
from studyspot.memberships.models import Membership, QuoteLine
from studyspot.memberships.models.changes import Cancellation, MembershipOver, Settlement
from studyspot.memberships.queries import money, pauses
from studyspot.memberships.renewing import OVER, by_desk, drop_pending, mine


def cancel(db: Db, actor: Actor, membership_id: UUID, asked: Cancellation, preview: bool) -> Settlement:
    """The desk ends it and settles; a student sees what it would come to, and asks."""
    with db.transaction():
        member = mine(db, actor, membership_id)
        if member.status in OVER:
            raise MembershipOver
        drop_pending(db, member)
        found = _settlement(db, member)
        if not by_desk(actor):
            queries.put(db, member.id, cancel_asked_at=clock.now())
            outbox.emit(db, "membership.cancel_asked", member.id, {"reason": asked.reason})
            audit.note(db, "memberships.cancel_asked", "memberships", member.id)
            found = found.model_copy(update={"requested": True})
        else:
            _end(db, member, found)
            outbox.emit(db, "membership.cancelled", member.id, {"reason": asked.reason})
            audit.note(
                db, "memberships.cancel", "memberships", member.id, after=found.model_dump(exclude={"membership"})
            )
        after = queries.membership(db, member.id)
    if preview:
        db.rollback()
    return found.model_copy(update={"membership": after})


def _settlement(db: Db, member: Membership) -> Settlement:
    left = unused(db, member, queries.today(db))
    worth = sum(one.line.total_paise for one in left)
    lines = [negative(one.line) for one in left]
    if member.late_fee_paise:
        late = member.late_fee_paise
        lines.append(QuoteLine(description="Late fee", amount_paise=late, gst_paise=0, total_paise=late))
    open_dues = [due for due in money.dues(db, member.id) if due.status == "open"]
    for due in open_dues:
        amount = due.amount_paise - due.deposit_paise
        lines.append(QuoteLine(description=due.description, amount_paise=amount, gst_paise=0, total_paise=amount))
    net = sum(line.total_paise for line in lines)
    return Settlement(
        membership=member,
        lines=lines,
        unused_days=sum(one.days for one in left),
        unused_paise=worth,
        dues_paise=net + worth,
        deposit_paise=money.kept(db, member.student_id, "deposit", member.id),
        credit_paise=max(-net, 0),
        owed_paise=max(net, 0),
        requested=False,
    )


def _end(db: Db, member: Membership, found: Settlement) -> None:
    open_dues = [due.id for due in money.dues(db, member.id) if due.status == "open"]
    money.void(db, open_dues)
    pauses.drop_all(db, member.id)
    seating.give_up(db, member.id)
    queries.put(db, member.id, status="cancelled", cancelled_at=clock.now(), auto_renew=False, late_fee_paise=0)
    if found.credit_paise:
        dues.give_credit(db, member, found.credit_paise, "cancelled")
    if found.owed_paise:
        owed = found.owed_paise
        line = QuoteLine(description="Settlement", amount_paise=owed, gst_paise=0, total_paise=owed)
        dues.charge(db, member, "settlement", [line], queries.today(db))
