"""Weekly hours and holidays."""

from __future__ import annotations

import json
from datetime import date
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.spaces.models.opening import Holiday, HolidayExists, HolidayRequest

# `opening_windows` is the definition; here its two sources are only told.
READ = """
    SELECT g.timezone,
        coalesce((SELECT jsonb_agg(jsonb_build_object('day', h.day, 'opens', h.opens, 'closes', h.closes)
                  ORDER BY h.day, h.opens) FROM library_hours h WHERE h.library_id = l.id),
                 'null') AS weekly,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('day', d,
             'opens', CASE WHEN w.always THEN 0 ELSE w.opens END,
             'closes', CASE WHEN w.always THEN 1440 WHEN w.closes <= w.opens THEN w.closes + 1440 ELSE w.closes END)
             ORDER BY d), '[]')
         FROM unnest(l.operating_days) d) AS plain,
        ARRAY(SELECT o.day FROM holidays o WHERE o.library_id = l.id AND o.day >= n.today ORDER BY o.day) AS closed_on,
        l.status = 'active' AND opening_windows(l.id, g.timezone, n.today, n.today) @> %(now)s AS open_now
    FROM tenant_gate g, libraries l,
        LATERAL (SELECT (%(now)s AT TIME ZONE g.timezone)::date AS today) n,
        LATERAL (SELECT l.opening_time IS NULL OR l.closing_time IS NULL AS always,
                        extract(epoch FROM l.opening_time)::int / 60 AS opens,
                        extract(epoch FROM l.closing_time)::int / 60 AS closes) w
    WHERE l.id = %(library)s AND l.status <> 'closed'"""

HOLIDAY = """
    h.id, h.library_id, h.day, h.name, h.effect, h.created_at,
    (SELECT count(*) FROM holiday_effects e WHERE e.holiday_id = h.id) AS members,
    (SELECT coalesce(sum(e.credit_paise), 0)::bigint FROM holiday_effects e
     WHERE e.holiday_id = h.id) AS credit_paise"""


class Span(Model):
    """Minutes after the midnight that a day of the week begins with."""

    day: int
    opens: int
    closes: int


class Found(Model):
    """Both sources of a library's hours."""

    timezone: str
    weekly: list[Span] | None
    plain: list[Span]
    closed_on: list[date]
    open_now: bool


def hours(db: Db, library: UUID) -> Found:
    """NotFound for a closed library too."""
    return db.one(Found, READ, library=library, now=clock.now())


def set_hours(db: Db, library: UUID, rows: list[dict[str, int]] | None) -> None:
    """These and no others; who sets them goes one after the other, by the library's row."""
    db.run("DELETE FROM library_hours WHERE library_id = %(library)s", library=library)
    if rows:
        db.run(
            """INSERT INTO library_hours (library_id, day, opens, closes)
               SELECT %(library)s, g.day, g.opens, g.closes
               FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (day smallint, opens smallint, closes smallint)""",
            library=library,
            rows=json.dumps(rows),
        )


class Calendar(Model):
    """A library's holidays; there is one of every library, however empty."""

    holidays: list[Holiday]


def holidays(db: Db, library: UUID, start: date | None, end: date | None) -> list[Holiday]:
    """By day, in one round trip; NotFound without such a library."""
    found = db.one(
        Calendar,
        f"""SELECT (SELECT coalesce(jsonb_agg(d ORDER BY d.day), '[]') FROM (
                SELECT {HOLIDAY} FROM holidays h WHERE h.library_id = l.id
                  AND (%(start)s::date IS NULL OR h.day >= %(start)s)
                  AND (%(end)s::date IS NULL OR h.day < %(end)s)) d) AS holidays
            FROM libraries l WHERE l.id = %(library)s""",
        library=library,
        start=start,
        end=end,
    )
    return found.holidays


def holiday(db: Db, library: UUID, holiday_id: UUID) -> Holiday:
    return db.one(
        Holiday,
        f"SELECT {HOLIDAY} FROM holidays h WHERE h.id = %(id)s AND h.library_id = %(library)s",
        id=holiday_id,
        library=library,
    )


def add_holiday(db: Db, library: UUID, asked: HolidayRequest) -> UUID:
    """The key decides whether it is new."""
    made: UUID | None = db.value(
        """INSERT INTO holidays (id, library_id, day, name, effect, created_at)
           VALUES (%(id)s, %(library)s, %(day)s, %(name)s, %(effect)s, %(now)s)
           ON CONFLICT (tenant_id, library_id, day) DO NOTHING RETURNING id""",
        id=ids.uuid7(),
        library=library,
        day=asked.day,
        name=asked.name,
        effect=asked.effect,
        now=clock.now(),
    )
    if made is None:
        raise HolidayExists
    return made
