"""Every statement on members' own seats. The functions that claim time are in the schema."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.libraries.models import Shift
from studyspot.memberships.models import Membership
from studyspot.memberships.models.changes import Allotment, Freeze
from studyspot.memberships.models.seats import GridSeat, SeatFree

ALLOTMENT = ", ".join(Allotment.model_fields)
FREEZE = ", ".join(Freeze.model_fields)
SHIFT = ", ".join(Shift.model_fields)
Span = tuple[datetime, datetime]

CLAIM = (
    "SELECT allot_seat(%(id)s, %(seat)s, %(ids)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(now)s)"
)
FREE = """
    SELECT s.id AS seat_id, s.code FROM seats s
    WHERE s.library_id = %(library)s AND s.status = 'active' AND NOT EXISTS (
        SELECT FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS w (t, u)
        JOIN seat_occupancy o ON o.seat_id = s.id AND o.ends_at > w.t AND o.starts_at < w.u
            AND (o.lapses_at IS NULL OR o.lapses_at > %(now)s))
    ORDER BY s.code LIMIT 5"""
ENDED = """
    WITH ended AS (
        UPDATE seat_allotments SET status = 'ended', to_date = least(to_date, greatest(
            from_date, (SELECT (%(now)s AT TIME ZONE timezone)::date FROM tenant_gate)))
        WHERE id = %(id)s AND status = 'live' RETURNING id)
    SELECT end_claims(id, %(now)s) FROM ended"""
GRID = """
    SELECT s.id AS seat_id, s.code, z.name AS zone, coalesce(jsonb_agg(jsonb_build_object(
        'id', a.id, 'membership_id', a.membership_id, 'seat_id', a.seat_id, 'shift_id', a.shift_id,
        'from_date', a.from_date, 'to_date', a.to_date, 'status', a.status, 'student_id', st.id,
        'student_name', concat_ws(' ', st.first_name, st.last_name), 'shift', h.name,
        'held', (SELECT coalesce(jsonb_agg(jsonb_build_object('starts_at', o.starts_at, 'ends_at', o.ends_at)
                                           ORDER BY o.starts_at), '[]')
                 FROM seat_occupancy o WHERE o.source_id = a.id AND o.ends_at > %(start)s AND o.starts_at < %(end)s))
        ORDER BY a.from_date, a.id) FILTER (WHERE a.id IS NOT NULL), '[]') AS allotments
    FROM seats s JOIN zones z ON z.id = s.zone_id
    LEFT JOIN (seat_allotments a JOIN memberships m ON m.id = a.membership_id JOIN students st ON st.id = m.student_id
               LEFT JOIN shifts h ON h.id = a.shift_id)
        ON a.seat_id = s.id AND a.from_date < %(until)s AND a.to_date > %(from)s
           AND (%(shift)s::uuid IS NULL OR a.shift_id = %(shift)s)
    WHERE s.library_id = %(library)s AND s.status <> 'retired' AND (%(seat)s::uuid IS NULL OR s.id = %(seat)s)
    GROUP BY s.id, s.code, z.name ORDER BY s.code"""


class Facts(Model):
    """What the claims of a membership depend on beside itself."""

    grace_days: int
    timezone: str


def facts(db: Db, membership_id: UUID) -> Facts:
    """Days of grace as sold, and where the tenant is."""
    return db.one(
        Facts,
        """
        SELECT v.grace_days, g.timezone FROM tenant_gate g, memberships m JOIN fee_plan_versions v
            ON v.fee_plan_id = m.fee_plan_id AND v.version = m.fee_plan_version WHERE m.id = %(id)s""",
        id=membership_id,
    )


def timezone(db: Db) -> str:
    """Where the tenant is."""
    zone: str = db.value("SELECT timezone FROM tenant_gate")
    return zone


def freezes(db: Db, membership_id: UUID) -> list[Freeze]:
    """Every pause that was asked for, oldest first."""
    query = f"SELECT {FREEZE} FROM membership_freezes WHERE membership_id = %(id)s ORDER BY from_date, id"
    return db.all(Freeze, query, id=membership_id)


def class_of(db: Db, library_id: UUID, seat_id: UUID) -> str | None:
    """The price class of a seat in use of that library; None where it is none."""
    query = "SELECT price_class FROM seats WHERE id = %(seat)s AND library_id = %(library)s AND status = 'active'"
    found: str | None = db.value(query, seat=seat_id, library=library_id)
    return found


def shift(db: Db, shift_id: UUID) -> Shift:
    """The shift, ended ones too: who has it keeps it."""
    return db.one(Shift, f"SELECT {SHIFT} FROM shifts WHERE id = %(id)s", id=shift_id)


def live(db: Db, membership_id: UUID) -> Allotment | None:
    """The seat that is theirs now."""
    query = f"SELECT {ALLOTMENT} FROM seat_allotments WHERE membership_id = %(id)s AND status = 'live'"
    return db.maybe(Allotment, query, id=membership_id)


def away(db: Db, membership_id: UUID) -> list[Freeze]:
    """The pauses in which others may have the seat."""
    query = f"""
        SELECT {FREEZE} FROM membership_freezes
        WHERE membership_id = %(id)s AND status = 'approved' AND NOT keep_seat ORDER BY from_date"""
    return db.all(Freeze, query, id=membership_id)


def allot(db: Db, member: Membership, last: date) -> UUID:
    """The seat is on record; its time is claimed apart."""
    allotment_id = ids.uuid7()
    db.run(
        """
        INSERT INTO seat_allotments (id, membership_id, library_id, seat_id, shift_id, from_date, to_date, created_at)
        SELECT %(id)s, %(membership)s, %(library)s, %(seat)s, %(shift)s,
               greatest(%(start)s, (%(now)s AT TIME ZONE timezone)::date), %(last)s, %(now)s FROM tenant_gate""",
        id=allotment_id,
        membership=member.id,
        library=member.library_id,
        seat=member.seat_id,
        shift=member.shift_id,
        start=member.start_date,
        last=last,
        now=clock.now(),
    )
    return allotment_id


def prolong(db: Db, allotment_id: UUID, shift_id: UUID | None, last: date) -> None:
    """Other hours, another end."""
    db.run(
        "UPDATE seat_allotments SET shift_id = %(shift)s, to_date = greatest(from_date, %(last)s) WHERE id = %(id)s",
        id=allotment_id,
        shift=shift_id,
        last=last,
    )


def claim(db: Db, allotment_id: UUID, seat_id: UUID, wanted: Sequence[Span], now: datetime) -> bool:
    """True: these times, and no others from now on, are the allotment's."""
    won: bool = db.value(
        CLAIM,
        id=allotment_id,
        seat=seat_id,
        ids=[ids.uuid7() for _ in wanted],
        starts=[begins for begins, _ in wanted],
        ends=[ends for _, ends in wanted],
        now=now,
    )
    return won


def free(db: Db, library_id: UUID, wanted: Sequence[Span]) -> list[SeatFree]:
    """Some seats that nobody has for any part of those times."""
    starts, ends = [begins for begins, _ in wanted], [ends for _, ends in wanted]
    return db.all(SeatFree, FREE, library=library_id, starts=starts, ends=ends, now=clock.now())


def end(db: Db, allotment_id: UUID) -> None:
    """Free from now on; what is past stays."""
    db.run(ENDED, id=allotment_id, now=clock.now())


def grid(
    db: Db, library_id: UUID, days: tuple[date, date], hours: Span, shift_id: UUID | None, seat_id: UUID | None
) -> list[GridSeat]:
    """Every seat with its allotments that touch those days."""
    return db.all(
        GridSeat,
        GRID,
        library=library_id,
        until=days[1],
        start=hours[0],
        end=hours[1],
        shift=shift_id,
        seat=seat_id,
        **{"from": days[0]},
    )
