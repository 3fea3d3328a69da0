"""Blocks of seats, which claim their time beside everybody else, and whose a seat is when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.spaces.models.seats import Block, Schedule, StickerFacts

BLOCK = "id, seat_id, lower(during) AS start_at, upper(during) AS end_at, reason, created_by, created_at"

# The claim is the referee: the row is written only where the whole time was free.
CLAIM = """
    WITH here AS (
        SELECT s.id FROM seats s WHERE s.id = %(seat)s AND s.library_id = %(library)s AND s.status <> 'retired'
        FOR NO KEY UPDATE),
    won AS MATERIALIZED (
        SELECT here.id,
               claim_seat(%(claim)s, here.id, tstzrange(%(start)s, %(end)s), 'block', %(id)s, %(now)s) AS claimed
        FROM here),
    made AS (
        INSERT INTO seat_blocks (id, seat_id, during, reason, created_by, created_at)
        SELECT %(id)s, won.id, tstzrange(%(start)s, %(end)s), %(reason)s, %(by)s, %(now)s FROM won WHERE won.claimed)
    SELECT claimed FROM won"""

# What has passed stays blocked in the history; a block that has not begun leaves nothing claimed.
LIFT = f"""
    WITH lifted AS (
        UPDATE seat_blocks k SET ended_at = %(now)s FROM seats s
        WHERE k.id = %(id)s AND k.seat_id = %(seat)s AND s.id = k.seat_id AND s.library_id = %(library)s
          AND k.ended_at IS NULL AND (upper_inf(k.during) OR upper(k.during) > %(now)s)
        RETURNING k.*),
    freed AS (DELETE FROM seat_occupancy o USING lifted WHERE o.source_id = lifted.id AND o.starts_at >= %(now)s),
    cut AS (UPDATE seat_occupancy o SET during = tstzrange(lower(o.during), %(now)s) FROM lifted
            WHERE o.source_id = lifted.id AND o.starts_at < %(now)s)
    SELECT {BLOCK} FROM lifted"""

HELD = """
    SELECT EXISTS (SELECT FROM seat_occupancy o WHERE o.seat_id = %(seat)s AND o.kind <> 'block' AND o.ends_at > %(now)s
                   AND (o.lapses_at IS NULL OR o.lapses_at > %(now)s))"""

SCHEDULE = """
    WITH held AS MATERIALIZED (
        SELECT o.kind, o.source_id AS "sourceId", lower(o.during) AS "startAt", upper(o.during) AS "endAt", b.status,
               st.id AS "studentId", st.student_code AS "studentCode",
               nullif(concat_ws(' ', st.first_name, st.last_name), '') AS "studentName", k.reason
        FROM seat_occupancy o LEFT JOIN bookings b ON b.id = o.source_id
        LEFT JOIN seat_allotments a ON a.id = o.source_id LEFT JOIN memberships m ON m.id = a.membership_id
        LEFT JOIN students st ON st.id = coalesce(b.student_id, m.student_id)
        LEFT JOIN seat_blocks k ON k.id = o.source_id
        WHERE o.seat_id = %(seat)s AND o.ends_at > %(start)s AND o.starts_at < %(end)s
          AND (o.lapses_at IS NULL OR o.lapses_at > %(now)s)),
    turn AS (
        SELECT d::date AS day, h.id AS "shiftId", h.name, (d + h.start_time) AT TIME ZONE g.timezone AS "startAt",
               (d + h.end_time + CASE WHEN h.overnight THEN interval '1 day' ELSE '0' END)
                   AT TIME ZONE g.timezone AS "endAt"
        FROM tenant_gate g, shifts h,
             generate_series(date_trunc('day', %(start)s AT TIME ZONE g.timezone) - interval '1 day',
                             %(end)s AT TIME ZONE g.timezone, interval '1 day') d
        WHERE h.library_id = %(library)s AND h.status = 'active' AND extract(isodow FROM d)::int = ANY (h.days))
    SELECT s.id AS seat_id, s.code,
        (SELECT coalesce(jsonb_agg(held ORDER BY held."startAt"), '[]') FROM held) AS holdings,
        (SELECT coalesce(jsonb_agg(t ORDER BY t."startAt", t.name), '[]') FROM (
            SELECT turn.*, ARRAY(SELECT held."sourceId" FROM held WHERE held."startAt" < turn."endAt"
                AND coalesce(held."endAt", 'infinity') > turn."startAt" ORDER BY held."startAt") AS "heldBy"
            FROM turn WHERE turn."startAt" < %(end)s AND turn."endAt" > %(start)s) t) AS shifts
    FROM seats s WHERE s.id = %(seat)s AND s.library_id = %(library)s"""


class Try(Model):
    """What became of a try to block a seat."""

    claimed: bool


def block(db: Db, library: UUID, seat: UUID, asked: Block) -> bool:
    """True: the time is the block's. NotFound when this library has no such seat."""
    tried = db.one(
        Try,
        CLAIM,
        id=asked.id,
        claim=ids.uuid7(),
        library=library,
        seat=seat,
        start=asked.start_at,
        end=asked.end_at,
        reason=asked.reason,
        by=asked.created_by,
        now=asked.created_at,
    )
    return tried.claimed


def lift(db: Db, library: UUID, seat: UUID, block_id: UUID) -> Block:
    """The block, which ends now; NotFound when it is over already."""
    return db.one(Block, LIFT, id=block_id, library=library, seat=seat, now=clock.now())


def is_held(db: Db, seat: UUID) -> bool:
    """Does somebody have it, now or later?"""
    return bool(db.value(HELD, seat=seat, now=clock.now()))


def schedule(db: Db, library: UUID, seat: UUID, start: datetime, end: datetime) -> Schedule:
    """In one round trip."""
    return db.one(Schedule, SCHEDULE, library=library, seat=seat, start=start, end=end, now=clock.now())


def sticker(db: Db, library: UUID, seat: UUID) -> StickerFacts:
    """What stands on it; a retired seat has none."""
    return db.one(
        StickerFacts,
        """SELECT s.id AS seat_id, l.id AS library_id, s.code, z.name AS zone, l.name AS library
           FROM seats s JOIN zones z ON z.id = s.zone_id JOIN libraries l ON l.id = s.library_id
           WHERE s.id = %(seat)s AND s.library_id = %(library)s AND s.status <> 'retired' AND l.status <> 'closed'""",
        library=library,
        seat=seat,
    )
