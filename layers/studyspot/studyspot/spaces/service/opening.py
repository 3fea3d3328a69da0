"""When a library is open, and what becomes of people when that changes."""

from __future__ import annotations

from datetime import date, time
from uuid import UUID

from studyspot.kit import audit, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.libraries import service as libraries
from studyspot.spaces import queries as people
from studyspot.spaces.models import Impact
from studyspot.spaces.models.opening import Holiday, Interval, OpeningHours, WeeklyHours
from studyspot.spaces.queries import opening as queries
from studyspot.spaces.service import facts, settle


def hours(db: Db, library: UUID) -> OpeningHours:
    """In the library's own time."""
    found = queries.hours(db, library)
    return OpeningHours(
        timezone=found.timezone,
        source="plain" if found.weekly is None else "weekly",
        weekly=[_interval(span) for span in (found.plain if found.weekly is None else found.weekly)],
        closed_on=found.closed_on,
        open_now=found.open_now,
    )


def set_hours(db: Db, actor: Actor, library: UUID, asked: WeeklyHours) -> OpeningHours:
    """They bind bookings, availability and doors at once; who booked outside them keeps it or is paid back."""
    actor.at(library)
    with db.transaction():
        libraries.open_library(db, library, to_change=True)
        outside = people.outside(db, library, hours=asked.rows())
        settle(db, actor, outside, asked.bookings, "opening hours changed")
        queries.set_hours(db, library, asked.rows())
        after = hours(db, library)
        told = {"weekly": asked.rows(), "bookings": asked.bookings, "impact": facts(Impact.of(outside))}
        audit.note(db, "libraries.hours", "libraries", library, after=told)
        outbox.emit(db, "library.hours_changed", library)
    return after


def holidays(db: Db, actor: Actor, library: UUID, start: date | None, end: date | None) -> list[Holiday]:
    """By day."""
    actor.at(library)
    return queries.holidays(db, library, start, end)


def _interval(span: queries.Span) -> Interval:
    return Interval(day=span.day, opens=_clock(span.opens), closes=_clock(span.closes))


def _clock(minutes: int) -> time:
    return time(minutes // 60 % 24, minutes % 60)
