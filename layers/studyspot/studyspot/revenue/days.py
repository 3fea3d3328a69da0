"""A library's day: who took what in which way, what should be in the drawer, and the day's end."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from studyspot.kit import audit, clock, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.clock import INDIA
from studyspot.kit.closed import DayLocked
from studyspot.kit.db import Db
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.libraries import service as libraries
from studyspot.revenue.models import CloseRequest, DayBook, DayClose, DayLine, DayNotOver
from studyspot.revenue.queries import desk, flows

DAY = timedelta(days=1)


def today() -> date:
    return clock.now().astimezone(INDIA).date()


def book(db: Db, actor: Actor, library_id: UUID, day: date | None) -> DayBook:
    """Today's, unless said otherwise."""
    found, on = libraries.seen_by(db, actor, library_id), day or today()
    should, last = desk.drawer(db, found.id, on), desk.last_closed(db, found.id)
    lines = flows.book(db, on, on + DAY, found.id)
    closed = last is not None and last >= on
    return DayBook(library_id=found.id, day=on, closed=closed, lines=lines, **should.model_dump())


def close(db: Db, actor: Actor, asked: CloseRequest) -> DayClose:
    """Counted and locked: nobody books cash while it is added up, and nobody after.

    Days are closed in their order, each from what was counted last; one that is skipped is closed with the next.
    """
    found = libraries.seen_by(db, actor, asked.library_id)
    if asked.day > today():
        raise DayNotOver
    with db.transaction():
        desk.hold_day(db, found.id)
        last = desk.last_closed(db, found.id)
        if last is not None and asked.day <= last:
            raise DayLocked(day=str(last))
        totals = _totals(flows.book(db, asked.day, asked.day + DAY, found.id))
        done = desk.close(db, asked, desk.drawer(db, found.id, asked.day), totals)
        facts = {"libraryId": found.id, "day": asked.day, "differencePaise": done.difference_paise}
        outbox.emit(db, "day.closed", done.id, facts)
        told = {"day": str(asked.day), "counted": done.counted_paise, "difference": done.difference_paise}
        audit.note(db, "revenue.day_close", "day-closes", done.id, after=told)
    return done


def _totals(lines: list[DayLine]) -> dict[str, dict[str, int]]:
    """In and out by way of paying, as they stood when the day was closed."""
    found: dict[str, dict[str, int]] = {}
    for line in lines:
        one = found.setdefault(line.method, {"inPaise": 0, "outPaise": 0})
        one["inPaise"] += line.in_paise
        one["outPaise"] += line.out_paise
    return found


def closes(db: Db, paging: Paging, library_id: UUID | None) -> Page[DayClose]:
    """Newest first."""
    return paging.page(desk.closes(db, paging, library_id))
