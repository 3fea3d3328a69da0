"""Days on which a library was closed: given back at the end, with the seat; or as credit."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from studyspot.kit.db import Db
from studyspot.memberships import dues, queries, seating
from studyspot.memberships.queries import money, pauses

DAY = timedelta(days=1)


def add_days(db: Db, membership_id: UUID, since: date, days: int) -> bool:
    """The end moves, the periods and the own seat with it; one that begins after that day is moved whole.

    False: somebody else has the seat by then, and nothing is changed.
    """
    member = queries.membership(db, membership_id)
    money.keep_first_period(db, member.id)
    whole = days * DAY if member.start_date > since else timedelta()
    before = {"start_date": member.start_date, "end_date": member.end_date}
    pauses.move_periods(db, member.id, since, days)
    after = queries.put(db, member.id, start_date=member.start_date + whole, end_date=member.end_date + days * DAY)
    if not seating.try_keep(db, after):
        return True
    # Of a seat that is only given back nothing is refused, so this is a day that was to be added.
    pauses.move_periods(db, member.id, since, -days)
    queries.put(db, member.id, **before)
    return False


def credit(db: Db, membership_id: UUID, paise: int) -> None:
    """Kept for the next dues."""
    if paise:
        dues.give_credit(db, queries.membership(db, membership_id), paise, "downgrade")
