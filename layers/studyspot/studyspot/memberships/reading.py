"""A membership with all that belongs to it, and which seats are whose."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from studyspot.kit import audit
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid
from studyspot.libraries import service as libraries
from studyspot.memberships import queries, renewing, service
from studyspot.memberships.models import Membership
from studyspot.memberships.models.changes import AutoRenewal, MembershipDetail
from studyspot.memberships.models.seats import Grid
from studyspot.memberships.queries import money, seats

MOST_DAYS = 62


def membership(db: Db, actor: Actor, membership_id: UUID) -> MembershipDetail:
    """With its periods, seat, pauses and dues."""
    found = service.membership(db, actor, membership_id)
    return MembershipDetail(
        **found.model_dump(),
        periods=money.periods(db, membership_id),
        allotment=seats.live(db, membership_id),
        freezes=seats.freezes(db, membership_id),
        dues=money.dues(db, membership_id),
        deposit_paise=money.kept(db, found.student_id, "deposit", membership_id),
        credit_paise=money.kept(db, found.student_id, "credit"),
    )


def grid(
    db: Db,
    actor: Actor,
    library_id: UUID,
    first: date | None,
    last: date | None,
    shift_id: UUID | None,
    seat_id: UUID | None,
) -> Grid:
    """Seat by shift and date; a week from today unless said otherwise."""
    found = libraries.seen_by(db, actor, library_id)
    start = first or queries.today(db)
    end = last or start + timedelta(days=7)
    if not start < end <= start + timedelta(days=MOST_DAYS):
        raise Invalid.field("to", f"after from, at most {MOST_DAYS} days later")
    zone = ZoneInfo(seats.timezone(db))
    hours = datetime.combine(start, time.min, zone), datetime.combine(end, time.min, zone)
    rows = seats.grid(db, found.id, (start, end), hours, shift_id, seat_id)
    return Grid(library_id=found.id, from_date=start, to_date=end, seats=rows)


def auto_renew(db: Db, actor: Actor, membership_id: UUID, asked: AutoRenewal) -> Membership:
    """On or off; the period is opened some days before the end, and holds when it is paid."""
    with db.transaction():
        before = renewing.mine(db, actor, membership_id)
        changes = asked.changes()
        names = {"enabled": "auto_renew", "days_before": "renew_days_before"}
        facts = {names[name]: value for name, value in changes.items()}
        after = queries.put(db, membership_id, **facts) if facts else before
        audit.note(db, "memberships.auto_renew", "memberships", membership_id, after=facts)
    return after
