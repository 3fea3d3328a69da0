"""Every statement of the nightly work on memberships."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from studyspot.kit import cells, clock
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.kit.models import Model

TENANTS = "SELECT tenant_id FROM tenant_gate WHERE status IN ('active','past_due','suspended') ORDER BY 1"
PAUSED = """
    EXISTS (SELECT FROM membership_freezes f WHERE f.membership_id = m.id AND f.status = 'approved'
            AND f.from_date <= %(day)s AND f.to_date > %(day)s)"""
GRACE_DAYS = "v.fee_plan_id = m.fee_plan_id AND v.version = m.fee_plan_version"
EXPIRE = f"""
    UPDATE memberships m SET updated_at = %(now)s,
           status = CASE WHEN m.end_date + v.grace_days > %(day)s THEN 'grace' ELSE 'expired' END,
           late_fee_paise = greatest(m.late_fee_paise, least(%(most)s::bigint, %(fee)s::bigint
                            * least(%(day)s::date - m.end_date + 1, v.grace_days)))
    FROM fee_plan_versions v
    WHERE {GRACE_DAYS} AND m.status IN ('active', 'grace') AND m.end_date <= %(day)s
    RETURNING m.id, m.status"""
FREE = """
    WITH over AS (UPDATE seat_allotments SET status = 'ended', to_date = least(to_date, greatest(from_date, %(day)s))
                  WHERE status = 'live' AND membership_id = ANY (%(ids)s::uuid[]) RETURNING id)
    SELECT end_claims(id, %(now)s) FROM over"""
TO_REMIND = f"""
    SELECT m.id, m.student_id, m.end_date, v.grace_days, v.price_paise + m.late_fee_paise AS amount_paise, st.phone,
           st.first_name AS name, l.name AS library
    FROM memberships m JOIN fee_plan_versions v ON {GRACE_DAYS} JOIN students st ON st.id = m.student_id
    JOIN libraries l ON l.id = m.library_id
    WHERE m.status IN ('active', 'grace') AND st.status IN ('active', 'expired')
      AND (m.end_date - %(day)s::date = ANY (%(before)s::integer[])
           OR (v.grace_days > 0 AND m.end_date + v.grace_days - 1 = %(day)s))
    ORDER BY m.id"""


class Turned(Model):
    """A membership and its new state."""

    id: UUID
    status: str


class Reminder(Model):
    """Who is told that their days end."""

    id: UUID
    student_id: UUID
    end_date: date
    grace_days: int
    amount_paise: int
    phone: str
    name: str
    library: str


def tenants(place: Place) -> list[UUID]:
    """Who lives in this cell (worker role)."""
    return [row["tenant_id"] for row in cells.across(place, TENANTS)]


def last(db: Db) -> date | None:
    """The day up to which everything is done."""
    found: date | None = db.value("SELECT max(day) FROM membership_days")
    return found


def begin(db: Db, day: date) -> bool:
    """Once a day: False for whoever comes second."""
    query = "INSERT INTO membership_days (day, done_at) VALUES (%(day)s, %(now)s) ON CONFLICT DO NOTHING"
    return bool(db.run(query, day=day, now=clock.now()))


def resume(db: Db, day: date) -> list[Turned]:
    """Pauses that are over end; requests that nobody answered in time are refused."""
    db.run("UPDATE membership_freezes SET status = 'ended' WHERE status = 'approved' AND to_date <= %(day)s", day=day)
    db.run(
        "UPDATE membership_freezes SET status = 'refused' WHERE status = 'requested' AND from_date < %(day)s", day=day
    )
    query = f"""
        UPDATE memberships m SET status = 'active', updated_at = %(now)s WHERE m.status = 'frozen' AND NOT {PAUSED}
        RETURNING m.id, m.status"""
    return db.all(Turned, query, day=day, now=clock.now())


def freeze(db: Db, day: date) -> list[Turned]:
    """Pauses that begin."""
    query = f"""
        UPDATE memberships m SET status = 'frozen', updated_at = %(now)s WHERE m.status = 'active' AND {PAUSED}
        RETURNING m.id, m.status"""
    return db.all(Turned, query, day=day, now=clock.now())


def expire(db: Db, day: date, fee: int, most: int) -> list[Turned]:
    """Into the days of grace and out of them; the late fee grows by the day, to its most."""
    return db.all(Turned, EXPIRE, day=day, fee=fee, most=most, now=clock.now())


def free_seats(db: Db, ids: list[UUID], day: date) -> None:
    """Whose grace is over has no seat any more."""
    db.run(FREE, ids=ids, day=day, now=clock.now())


def to_renew(db: Db, day: date) -> list[UUID]:
    """Members whose next period is opened by itself today, or should have been."""
    rows = db.dicts(
        """
        SELECT m.id FROM memberships m JOIN fee_plans p ON p.id = m.fee_plan_id AND p.status = 'active'
        JOIN students st ON st.id = m.student_id AND st.status IN ('active', 'expired')
        WHERE m.auto_renew AND m.status IN ('active', 'grace') AND m.end_date - m.renew_days_before <= %(day)s
          AND NOT EXISTS (SELECT FROM membership_periods o WHERE o.membership_id = m.id AND o.status = 'pending')
        ORDER BY m.id""",
        day=day,
    )
    return [row["id"] for row in rows]


def to_remind(db: Db, day: date, before: list[int]) -> list[Reminder]:
    """So many days before the end (negative: after it), and on the last day of grace."""
    return db.all(Reminder, TO_REMIND, day=day, before=before)
