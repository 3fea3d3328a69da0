"""The waiting list: its lines, who is next, and what is offered. The functions that claim are in the schema."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from studyspot.bookings.models import Policy
from studyspot.bookings.models.waiting import Next, Waiting, WaitRequest
from studyspot.bookings.queries.trying import AROUND, CIRCUMSTANCES, NOT_KEPT
from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.models import Model

Span = tuple[datetime, datetime]

AHEAD = """
    SELECT count(*) FROM waitlist_entries o
    WHERE o.library_id = w.library_id AND o.kind = w.kind AND o.status = 'waiting'
      AND o.start_at < w.end_at AND o.end_at > w.start_at
      AND (waitlist_rank(o), o.created_at, o.id) < (waitlist_rank(w), w.created_at, w.id)"""

ENTRY = f"""
    w.id, w.student_id, w.library_id, w.fee_plan_id, w.kind, w.seat_kind, w.attributes, w.shift_id, w.start_at,
    w.end_at, w.status, w.refusal, CASE WHEN w.status = 'waiting' THEN 1 + ({AHEAD}) END AS position, w.seat_id,
    w.booking_id, w.membership_id, w.offered_at, w.offer_expires_at, w.created_at, w.updated_at"""

ADD = """
    INSERT INTO waitlist_entries (id, student_id, library_id, fee_plan_id, kind, seat_kind, attributes, shift_id,
                                  start_at, end_at, created_by, created_at, updated_at)
    VALUES (%(id)s, %(student)s, %(library)s, %(plan)s, %(kind)s, %(seat_kind)s, %(attributes)s, %(shift)s,
            %(start)s, %(end)s, %(by)s, %(now)s, %(now)s) ON CONFLICT DO NOTHING"""

LIST = f"""
    SELECT {ENTRY} FROM waitlist_entries w
    WHERE (%(after)s::uuid IS NULL OR w.id < %(after)s) AND (%(student)s::uuid IS NULL OR w.student_id = %(student)s)
      AND (%(library)s::uuid IS NULL OR w.library_id = %(library)s)
      AND (%(libraries)s::uuid[] IS NULL OR w.library_id = ANY (%(libraries)s))
      AND (%(status)s::text IS NULL OR w.status = %(status)s) AND (%(kind)s::text IS NULL OR w.kind = %(kind)s)
    ORDER BY w.id DESC LIMIT %(most)s"""

# Whoever hands out offers of a library does so alone: who is first is asked under this lock.
LEAD = "SELECT pg_advisory_xact_lock(hashtextextended('waitlist ' || %(library)s::text, 0))"

# In the order of the line, those for whom a seat may be free; a monthly seat is looked for when it is offered.
NEXT = """
    WITH line AS MATERIALIZED (
        SELECT w.*, waitlist_rank(w) AS rank FROM waitlist_entries w
        WHERE w.library_id = %(library)s AND w.status = 'waiting' AND w.start_at > %(now)s
          AND (w.kind = 'monthly' OR EXISTS (
            SELECT FROM free_seats(w.library_id, tstzrange(w.start_at, w.end_at), %(now)s) f JOIN seats s ON s.id = f.id
            WHERE (w.seat_kind IS NULL OR s.kind = w.seat_kind) AND s.attributes @> w.attributes
              AND sells(w.fee_plan_id, s.price_class)))
        ORDER BY rank, w.created_at, w.id LIMIT %(most)s)
    SELECT id, kind, student_id, library_id, fee_plan_id, shift_id, start_at, end_at FROM line
    ORDER BY rank, created_at, id"""

FACTS = f"""
    WITH rule AS MATERIALIZED (SELECT booking_policy(%(library)s, %(plan)s, %(policy)s::jsonb) AS policy)
    SELECT %(entry)s::uuid AS id, %(entry_kind)s AS kind, %(student)s::uuid AS student_id,
           %(library)s::uuid AS library_id, %(plan)s::uuid AS fee_plan_id, %(shift)s::uuid AS shift_id,
           %(start)s::timestamptz AS start_at, %(end)s::timestamptz AS end_at, rule.policy,
           (rule.policy - %(not_kept)s::text[])::text AS kept,
           (SELECT max(until_at) FROM booking_pauses
            WHERE student_id = %(student)s AND library_id = %(library)s AND until_at > %(now)s
              AND lifted_at IS NULL) AS paused_until, {CIRCUMSTANCES}
    FROM rule, booking_use(rule.policy ?| '{{max_open,max_day_minutes,max_week_minutes,max_month_minutes}}',
                           %(student)s, %(entry)s, %(start)s, %(now)s) used, {AROUND}
    WHERE l.id = %(library)s AND p.id = %(plan)s AND st.id = %(student)s"""

TOLD = """
    SELECT st.first_name AS name, st.phone, l.name AS library, s.code AS seat, w.start_at, w.offer_expires_at,
           g.timezone
    FROM waitlist_entries w JOIN students st ON st.id = w.student_id JOIN libraries l ON l.id = w.library_id
        JOIN seats s ON s.id = w.seat_id, tenant_gate g WHERE w.id = %(id)s"""


class Place(Model):
    """One in the line."""

    id: UUID
    kind: str
    student_id: UUID
    library_id: UUID
    fee_plan_id: UUID
    shift_id: UUID | None
    start_at: datetime
    end_at: datetime


class Told(Model):
    """What the message about an offer says."""

    name: str
    phone: str
    library: str
    seat: str
    start_at: datetime
    offer_expires_at: datetime
    timezone: str


def add(db: Db, student: UUID, asked: WaitRequest, start: datetime, end: datetime) -> UUID | None:
    """None: that student waits for that time already. NotFound where something it names does not exist."""
    entry, now = ids.uuid7(), clock.now()
    facts = {"student": student, "library": asked.library_id, "plan": asked.fee_plan_id, "shift": asked.shift_id}
    by = db.actor.id if db.actor else None
    try:
        added = db.run(
            ADD, id=entry, kind=asked.kind, seat_kind=asked.seat_kind, attributes=asked.attributes, start=start,
            end=end, by=by, now=now, **facts,
        )  # fmt: skip
    except psycopg.errors.ForeignKeyViolation:
        raise NotFound from None
    return entry if added else None


def read(db: Db, entry: UUID) -> Waiting:
    return db.one(Waiting, f"SELECT {ENTRY} FROM waitlist_entries w WHERE w.id = %(id)s", id=entry)


def listed(db: Db, most: int, after: Any, libraries: Collection[UUID] | None, **filters: Any) -> list[Waiting]:
    """Newest first, one more than a page."""
    bound = sorted(libraries) if libraries is not None else None
    return db.all(Waiting, LIST, most=most, after=after, libraries=bound, **filters)


def lead(db: Db, library: UUID) -> None:
    """One at a time hands out the offers of a library, until COMMIT."""
    db.run(LEAD, library=library)


def line(db: Db, library: UUID, most: int) -> list[Place]:
    """Who is to be asked, the first first."""
    return db.all(Place, NEXT, library=library, most=most, now=clock.now())


def facts(db: Db, one: Place) -> Next | None:
    """What the rules judge of who is next; None where the asker may not see who that is."""
    return db.maybe(
        Next,
        FACTS,
        entry=one.id,
        entry_kind=one.kind,
        library=one.library_id,
        plan=one.fee_plan_id,
        student=one.student_id,
        shift=one.shift_id,
        start=one.start_at,
        end=one.end_at,
        policy=Policy().written(),
        not_kept=NOT_KEPT,
        now=clock.now(),
    )


def offer(db: Db, one: Next, booking_id: UUID, amount: int, until: datetime, now: datetime) -> str:
    """`held`, or why not."""
    outcome: str = db.value(
        "SELECT offer_seat(%(entry)s, %(id)s, %(amount)s, %(until)s, %(policy)s::jsonb, %(now)s)",
        entry=one.id,
        id=booking_id,
        amount=amount,
        until=until,
        policy=one.kept,
        now=now,
    )
    return outcome


def offer_own(db: Db, entry: UUID, hours: Sequence[Span], until: datetime, now: datetime) -> bool:
    """A seat of their own for all of those hours."""
    offered: bool = db.value(
        """SELECT offer_own_seat(%(entry)s, %(ids)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
                                 %(until)s, %(now)s)""",
        entry=entry,
        ids=[ids.uuid7() for _ in hours],
        starts=[begins for begins, _ in hours],
        ends=[ends for _, ends in hours],
        until=until,
        now=now,
    )
    return offered


def accept(db: Db, entry: UUID, until: datetime) -> str:
    """`accepted`, `again`, `expired` or `gone`."""
    query = "SELECT accept_offer(%(id)s, %(until)s, %(now)s)"
    outcome: str = db.value(query, id=entry, until=until, now=clock.now())
    return outcome


def end(db: Db, entry: UUID, status: str, due: datetime | None = None) -> bool:
    """True: it waits no more, and nothing is held for it."""
    query = "SELECT end_waiting(%(id)s, %(status)s, %(due)s, %(now)s)"
    ended: bool = db.value(query, id=entry, status=status, due=due, now=clock.now())
    return ended


def refuse(db: Db, entry: UUID, rule: str) -> None:
    """A seat was free, and a rule stood against the student."""
    query = "UPDATE waitlist_entries SET status = 'refused', refusal = %(rule)s, updated_at = %(now)s"
    db.run(f"{query} WHERE id = %(id)s AND status = 'waiting'", id=entry, rule=rule, now=clock.now())


def joined(db: Db, entry: UUID, membership: UUID) -> None:
    """What an accepted seat of one's own became."""
    db.run(
        "UPDATE waitlist_entries SET membership_id = %(membership)s WHERE id = %(id)s", id=entry, membership=membership
    )


def told(db: Db, entry: UUID) -> Told:
    return db.one(Told, TOLD, id=entry)


def timezone(db: Db) -> str:
    """Where the tenant is."""
    zone: str = db.value("SELECT timezone FROM tenant_gate")
    return zone
