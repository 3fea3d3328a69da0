"""A library's plan and how each of its seats stands, in one statement."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.models import Model, Timestamp
from studyspot.spaces.models import Affected
from studyspot.spaces.models.seatmap import Holder, Layout, MapQuestion
from studyspot.spaces.queries import NAME

LAYOUT = "SELECT version, layout FROM seat_maps WHERE library_id = %(library)s ORDER BY version DESC LIMIT 1"

# Claims of one seat never overlap, so the first to end after the beginning tells how it stands: it lies in the asked
# time, or it is the next to come. Who is sitting there counts only when the asked time is now.
MAP = f"""
    WITH asked AS MATERIALIZED (
        SELECT coalesce(%(start)s::timestamptz, t.start_at, %(now)s) AS start_at,
               coalesce(%(end)s::timestamptz, t.end_at, coalesce(%(start)s::timestamptz, %(now)s)
                        + interval '1 microsecond') AS end_at
        FROM tenant_gate g LEFT JOIN LATERAL (
            SELECT (d.day + h.start_time) AT TIME ZONE g.timezone AS start_at,
                   (d.day + h.end_time + CASE WHEN h.overnight THEN interval '1 day' ELSE '0' END)
                       AT TIME ZONE g.timezone AS end_at
            FROM shifts h, LATERAL (SELECT coalesce(%(day)s::date, (%(now)s AT TIME ZONE g.timezone)::date) AS day) d
            WHERE h.id = %(shift)s::uuid AND h.library_id = %(library)s) t ON true
        WHERE %(shift)s::uuid IS NULL OR t.start_at IS NOT NULL),
    sitting AS MATERIALIZED (
        SELECT DISTINCT ON (a.seat_id) a.seat_id, a.student_id FROM attendance a, asked w
        WHERE a.library_id = %(library)s AND a.check_out_at IS NULL AND a.seat_id IS NOT NULL
          AND w.start_at <= %(now)s AND w.end_at > %(now)s ORDER BY a.seat_id, a.check_in_at),
    stands AS MATERIALIZED (
        SELECT s.id, s.code, s.zone_id, s.row_no, s.column_no, s.kind, s.attributes, s.price_class,
               c.starts_at AS next_at, c.ends_at AS until, c.source_id, v.student_id AS sitter,
               CASE WHEN v.student_id IS NOT NULL THEN 'occupied' WHEN s.status = 'maintenance' THEN 'maintenance'
                    WHEN c.starts_at IS NULL OR c.starts_at >= w.end_at THEN 'free' WHEN c.kind = 'block' THEN 'blocked'
                    WHEN c.kind = 'allotment' THEN 'allotted' WHEN c.lapses_at IS NOT NULL THEN 'held'
                    ELSE 'booked' END AS status
        FROM asked w, seats s LEFT JOIN sitting v ON v.seat_id = s.id LEFT JOIN LATERAL (
            SELECT o.kind, o.source_id, o.starts_at, o.ends_at, o.lapses_at FROM seat_occupancy o
            WHERE o.seat_id = s.id AND o.ends_at > w.start_at AND (o.lapses_at IS NULL OR o.lapses_at > %(now)s)
            ORDER BY o.ends_at LIMIT 1) c ON true
        WHERE s.library_id = %(library)s AND s.status <> 'retired')
    SELECT l.id AS library_id, l.name, w.start_at, w.end_at, coalesce(m.version, 0) AS version, m.layout,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'code', t.code, 'zone', z.name, 'row', t.row_no,
            'column', t.column_no, 'kind', t.kind, 'attributes', t.attributes, 'price_class', t.price_class,
            'status', t.status,
            'until', CASE WHEN t.status NOT IN ('free', 'maintenance') THEN nullif(t.until, 'infinity') END,
            'next_at', CASE WHEN t.status = 'free' THEN t.next_at END, 'mine', st.id = %(caller)s::uuid,
            'holder', CASE WHEN %(names)s AND st.id IS NOT NULL THEN jsonb_build_object('student_id', st.id, 'name',
                concat_ws(' ', st.first_name, st.last_name)) END) ORDER BY z.floor, z.name, t.code), '[]')
         FROM stands t JOIN zones z ON z.id = t.zone_id
         LEFT JOIN bookings b ON b.id = t.source_id AND t.status IN ('held', 'booked')
         LEFT JOIN seat_allotments n ON n.id = t.source_id AND t.status = 'allotted'
         LEFT JOIN memberships k ON k.id = n.membership_id
         LEFT JOIN students st ON st.id = coalesce(t.sitter, b.student_id, k.student_id)) AS seats
    FROM libraries l CROSS JOIN asked w LEFT JOIN LATERAL ({LAYOUT}) m ON true
    WHERE l.id = %(library)s AND l.status <> 'closed'"""

SAVE = """
    INSERT INTO seat_maps (library_id, version, layout, changed_by, changed_at)
    SELECT %(library)s, %(version)s, %(layout)s::jsonb, %(by)s, %(now)s
    WHERE %(version)s = 1 + coalesce((SELECT max(version) FROM seat_maps WHERE library_id = %(library)s), 0)
    ON CONFLICT (tenant_id, library_id, version) DO NOTHING"""

UNKNOWN = """
    SELECT EXISTS (SELECT FROM unnest(%(ids)s::uuid[]) AS asked (id) WHERE NOT EXISTS (
        SELECT FROM seats s WHERE s.id = asked.id AND s.library_id = %(library)s AND s.status <> 'retired'))"""

# Who has, now or later, a seat that was on the plan before and is not on the next one.
LEFT_OUT = f"""
    SELECT o.kind, o.source_id AS id, st.id AS student_id, {NAME}, s.code AS seat_code, lower(o.during) AS start_at,
           upper(o.during) AS end_at, b.status, coalesce(b.amount_paise, 0) AS amount_paise
    FROM ({LAYOUT}) m CROSS JOIN LATERAL jsonb_array_elements(m.layout -> 'seats') p
    JOIN seats s ON s.id = (p ->> 'seat_id')::uuid AND s.status <> 'retired'
    JOIN seat_occupancy o ON o.seat_id = s.id
    LEFT JOIN bookings b ON b.id = o.source_id LEFT JOIN seat_allotments a ON a.id = o.source_id
    LEFT JOIN memberships k ON k.id = a.membership_id
    LEFT JOIN students st ON st.id = coalesce(b.student_id, k.student_id)
    WHERE s.id <> ALL (%(ids)s::uuid[]) AND o.kind <> 'block' AND o.ends_at > %(now)s
      AND (o.lapses_at IS NULL OR o.lapses_at > %(now)s)
    ORDER BY s.code, o.starts_at LIMIT 1000"""

# What sells a seat: a plan on offer here whose seat policy is that of the seat, and that is for its price class.
SALES = """
    SELECT s.id, s.code,
        EXISTS (SELECT FROM fee_plans p JOIN fee_plan_versions v ON v.fee_plan_id = p.id AND v.version = p.version
            WHERE p.status = 'active'
              AND (NOT EXISTS (SELECT FROM fee_plan_libraries f WHERE f.fee_plan_id = p.id)
                   OR EXISTS (SELECT FROM fee_plan_libraries f
                              WHERE f.fee_plan_id = p.id AND f.library_id = s.library_id))
              AND (v.seat_policy = 'any' OR v.seat_policy = s.kind)
              AND (p.price_classes = '{}' OR s.price_class = ANY (p.price_classes))) AS priced,
        EXISTS (SELECT FROM shifts h WHERE h.library_id = s.library_id AND h.status = 'active') AS in_shift
    FROM seats s WHERE s.library_id = %(library)s AND s.status <> 'retired' ORDER BY s.code"""


class SeatRow(Model):
    """A seat as the map reads it."""

    id: UUID
    code: str
    zone: str
    row: int | None
    column: int | None
    kind: str
    attributes: list[str]
    price_class: str
    status: str
    until: Timestamp | None
    next_at: Timestamp | None
    mine: bool | None
    holder: Holder | None


class MapRow(Model):
    """The library, its plan as it is kept, and every seat."""

    library_id: UUID
    name: str
    start_at: datetime
    end_at: datetime
    version: int
    layout: Layout | None
    seats: list[SeatRow]


class Sale(Model):
    """Whether a seat can be sold at all."""

    id: UUID
    code: str
    priced: bool
    in_shift: bool


def seat_map(db: Db, library: UUID, asked: MapQuestion, caller: UUID, names: bool) -> MapRow:
    """In one round trip; NotFound for a closed library, and for a shift that is not of this one."""
    return db.one(
        MapRow,
        MAP,
        library=library,
        start=asked.start_at,
        end=asked.end_at,
        shift=asked.shift_id,
        day=asked.day,
        caller=caller,
        names=names,
        now=clock.now(),
    )


def layout(db: Db, library: UUID) -> tuple[int, Layout | None]:
    """The newest version, and 0 where there is none."""
    found = db.dicts(LAYOUT, library=library)
    return (found[0]["version"], Layout.model_validate(found[0]["layout"])) if found else (0, None)


def save(db: Db, library: UUID, version: int, drawn: dict[str, Any], now: datetime) -> bool:
    """False when the plan has another version by now. The key decides between two who save at once."""
    by = db.actor.id if db.actor else None
    facts = {"layout": json.dumps(drawn), "by": by, "now": now}
    return db.run(SAVE, library=library, version=version, **facts) == 1


def knows_all(db: Db, library: UUID, seats: list[UUID]) -> bool:
    """Are all of these seats of this library, and not retired?"""
    return not db.value(UNKNOWN, library=library, ids=seats)


def left_out(db: Db, library: UUID, seats: list[UUID]) -> list[Affected]:
    """Whose seats are on the plan now, and not among these."""
    return db.all(Affected, LEFT_OUT, library=library, ids=seats, now=clock.now())


def sales(db: Db, library: UUID) -> list[Sale]:
    return db.all(Sale, SALES, library=library)
