"""What a holiday gives to members: a day more, a credit, or nothing; and how it is taken back."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.models import Model

LIVE = "('pending_payment','scheduled','active','grace','frozen')"

# Whoever else changes one of these waits: they are locked in one order.
LOCK = "SELECT id FROM memberships WHERE id = ANY (%(ids)s) ORDER BY id FOR UPDATE"

# What was bought to follow without a gap moves along, or it would lie over the day that is added.
FOLLOWERS = f"""
    WITH RECURSIVE chain AS (
        SELECT m.id, m.student_id, m.library_id, m.end_date FROM memberships m WHERE m.id = ANY (%(ids)s)
        UNION
        SELECT n.id, n.student_id, n.library_id, n.end_date FROM chain c JOIN memberships n
            ON n.student_id = c.student_id AND n.library_id = c.library_id AND n.start_date = c.end_date
            AND n.status IN {LIVE})
    SELECT m.id FROM memberships m JOIN chain c ON c.id = m.id WHERE m.id <> ALL (%(ids)s)
    ORDER BY m.start_date DESC, m.id FOR UPDATE OF m"""

# The student's own row tells the last day there is.
TELL = """
    UPDATE students s SET membership_end = m.last, updated_at = %(now)s
    FROM (SELECT student_id, max(end_date) AS last FROM memberships WHERE id = ANY (%(ids)s) GROUP BY 1) m
    WHERE s.id = m.student_id AND s.membership_end IS NOT NULL"""

RECORD = """
    INSERT INTO holiday_effects (holiday_id, membership_id, days, credit_paise)
    SELECT %(holiday)s, u.id, %(days)s, u.credit
    FROM unnest(%(ids)s::uuid[], %(credits)s::bigint[]) AS u (id, credit)"""

GIVEN = f"""
    SELECT m.id, e.days, m.status IN {LIVE} AS live
    FROM holiday_effects e JOIN memberships m ON m.id = e.membership_id
    WHERE e.holiday_id = %(holiday)s ORDER BY m.start_date, m.id FOR UPDATE OF m"""


class Given(Model):
    """What one membership got."""

    id: UUID
    days: int
    live: bool


def followers(db: Db, ids: list[UUID]) -> list[UUID]:
    """What was bought to follow these without a gap, the last first; all of them locked."""
    db.run(LOCK, ids=ids)
    return [row["id"] for row in db.dicts(FOLLOWERS, ids=ids)]


def record(db: Db, holiday: UUID, ids: list[UUID], credit: list[int], days: int = 0) -> None:
    """What each of them got."""
    db.run(RECORD, holiday=holiday, ids=ids, credits=credit, days=days)


def tell(db: Db, ids: list[UUID]) -> None:
    """The students of these memberships."""
    db.run(TELL, ids=ids, now=clock.now())


def given(db: Db, holiday: UUID) -> list[Given]:
    """The first to begin first: in this order nothing is moved over another."""
    return db.all(Given, GIVEN, holiday=holiday)


def forget(db: Db, holiday: UUID) -> None:
    """It was taken back."""
    db.run("DELETE FROM holiday_effects WHERE holiday_id = %(holiday)s", holiday=holiday)


def today(db: Db) -> date:
    """In the organisation's own time."""
    found: date = db.value("SELECT (%(now)s AT TIME ZONE g.timezone)::date FROM tenant_gate g", now=clock.now())
    return found


def remove(db: Db, library: UUID, holiday: UUID) -> None:
    """The row itself; what it gave is taken back before."""
    db.run("DELETE FROM holidays WHERE id = %(id)s AND library_id = %(library)s", id=holiday, library=library)
