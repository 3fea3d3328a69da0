"""Notices, pictures, and what the wall tells."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.models import Model, Timestamp
from studyspot.kit.pages import Paging
from studyspot.spaces.models.board import Arrival, Notice, NoticeRequest, NoticeState, ShiftAhead

SOON = timedelta(hours=1)
NOTICE = """
    n.id, n.library_id, n.title, n.body, n.on_display, n.starts_at, n.expires_at, n.created_at,
    CASE WHEN n.starts_at > %(now)s THEN 'coming' WHEN n.expires_at <= %(now)s THEN 'over' ELSE 'live' END AS state"""
NOTICES = f"""
    SELECT * FROM (SELECT {NOTICE} FROM notices n WHERE n.library_id = %(library)s AND n.withdrawn_at IS NULL) found
    WHERE state = %(state)s AND (%(after)s::uuid IS NULL OR id < %(after)s::uuid) ORDER BY id DESC LIMIT %(fetch)s"""
PUBLISH = f"""
    WITH n AS (
        INSERT INTO notices (id, library_id, title, body, on_display, starts_at, expires_at, created_by, created_at)
        VALUES (%(id)s, %(library)s, %(title)s, %(body)s, %(on_display)s, %(starts_at)s, %(expires_at)s, %(by)s,
                %(now)s) RETURNING *)
    SELECT {NOTICE} FROM n"""
WITHDRAW = """
    UPDATE notices SET withdrawn_at = %(now)s
    WHERE id = %(id)s AND library_id = %(library)s AND withdrawn_at IS NULL"""

# The library's row keeps two from taking the last place at once.
ADD_IMAGE = """
    WITH here AS (SELECT id FROM libraries WHERE id = %(library)s AND status <> 'closed' FOR NO KEY UPDATE)
    INSERT INTO library_images (library_id, file_id, caption, created_at)
    SELECT here.id, %(file)s, %(caption)s, %(now)s FROM here
    WHERE (SELECT count(*) FROM library_images i WHERE i.library_id = here.id) < %(most)s"""
IMAGES = """
    SELECT i.file_id, i.caption FROM library_images i WHERE i.library_id = %(library)s
    ORDER BY i.created_at, i.file_id"""

BOARD = f"""
    WITH turn AS (
        SELECT h.name, (d + h.start_time) AT TIME ZONE g.timezone AS starts_at,
               (d + h.end_time + CASE WHEN h.overnight THEN interval '1 day' ELSE '0' END)
                   AT TIME ZONE g.timezone AS ends_at
        FROM tenant_gate g, shifts h,
             generate_series(date_trunc('day', %(now)s AT TIME ZONE g.timezone) - interval '1 day',
                             date_trunc('day', %(now)s AT TIME ZONE g.timezone) + interval '7 days',
                             interval '1 day') d
        WHERE h.library_id = %(library)s AND h.status = 'active' AND extract(isodow FROM d)::int = ANY (h.days)
          AND NOT EXISTS (SELECT FROM holidays o WHERE o.library_id = h.library_id AND o.day = d::date))
    SELECT l.id AS library_id, l.name, library_open(l.tenant_id, l.id, g.timezone, %(now)s) AS open_now,
        coalesce(p.display ->> 'mode', 'colour') AS mode, coalesce((p.display ->> 'names')::boolean, false) AS names,
        (SELECT to_jsonb(t) FROM turn t WHERE t.starts_at <= %(now)s AND t.ends_at > %(now)s
         ORDER BY t.ends_at, t.name LIMIT 1) AS current_shift,
        (SELECT to_jsonb(t) FROM turn t WHERE t.starts_at > %(now)s ORDER BY t.starts_at, t.name LIMIT 1) AS next_shift,
        (SELECT coalesce(jsonb_agg(t ORDER BY t.id DESC), '[]') FROM (
            SELECT {NOTICE} FROM notices n WHERE n.library_id = l.id AND n.on_display AND n.withdrawn_at IS NULL
              AND n.starts_at <= %(now)s AND coalesce(n.expires_at > %(now)s, true)
            ORDER BY n.id DESC LIMIT 10) t) AS notices,
        CASE WHEN coalesce((p.display ->> 'names')::boolean, false) THEN (
            SELECT coalesce(jsonb_agg(t ORDER BY t.starts_at, t.seat), '[]') FROM (
                SELECT concat_ws(' ', st.first_name, left(st.last_name, 1) || '.') AS name, s.code AS seat,
                       b.start_at AS starts_at
                FROM bookings b JOIN students st ON st.id = b.student_id JOIN seats s ON s.id = b.seat_id
                WHERE b.library_id = l.id AND b.status = 'confirmed' AND b.start_at >= %(now)s AND b.start_at < %(soon)s
                ORDER BY b.start_at, s.code LIMIT 20) t) ELSE '[]' END AS arrivals
    FROM tenant_gate g CROSS JOIN libraries l CROSS JOIN LATERAL (SELECT library_policy(l.id, 'display') AS display) p
    WHERE l.id = %(library)s AND l.status <> 'closed'"""


class Image(Model):
    """Which file, and what is said beneath it."""

    file_id: UUID
    caption: str | None


class Facts(Model):
    """All that the wall tells but how full it is."""

    library_id: UUID
    name: str
    open_now: bool
    mode: str
    names: bool
    current_shift: ShiftAhead | None
    next_shift: ShiftAhead | None
    notices: list[Notice]
    arrivals: list[Arrival]


class Told(Model):
    """When a notice hangs."""

    starts_at: Timestamp


def notices(db: Db, library: UUID, paging: Paging, state: NoticeState) -> list[Notice]:
    """Newest first; what was withdrawn is gone."""
    return db.all(
        Notice, NOTICES, library=library, state=state, after=paging.after, fetch=paging.fetch, now=clock.now()
    )


def publish(db: Db, library: UUID, asked: NoticeRequest, starts_at: datetime) -> Notice:
    facts: dict[str, Any] = asked.model_dump() | {"starts_at": starts_at}
    by = db.actor.id if db.actor else None
    return db.one(Notice, PUBLISH, id=ids.uuid7(), library=library, by=by, now=clock.now(), **facts)


def withdraw(db: Db, library: UUID, notice: UUID) -> bool:
    return db.run(WITHDRAW, id=notice, library=library, now=clock.now()) == 1


def add_image(db: Db, library: UUID, file: UUID, caption: str | None, most: int) -> bool:
    """False: the library has as many as it may, or is closed."""
    return db.run(ADD_IMAGE, library=library, file=file, caption=caption, most=most, now=clock.now()) == 1


def images(db: Db, library: UUID) -> list[Image]:
    """In the order in which they came."""
    return db.all(Image, IMAGES, library=library)


def board(db: Db, library: UUID) -> Facts:
    """In one round trip."""
    return db.one(Facts, BOARD, library=library, now=clock.now(), soon=clock.now() + SOON)
