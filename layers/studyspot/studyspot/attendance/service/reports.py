"""Hours, streaks and punctuality; who stays away; the register, to read, to print and as a table."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from uuid import UUID

from studyspot.attendance.models.reports import Absentee, Period, Register, RegisterRow, Summary, Unit
from studyspot.attendance.queries import reports as queries
from studyspot.kit import clock
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.response import Response, neutral

LONGEST_SUMMARY = timedelta(days=366)
LONGEST_REGISTER = timedelta(days=31)
MONTH = timedelta(days=30)


def summary(
    db: Db, actor: Actor, from_: date | None, to: date | None, unit: Unit, student: UUID | None, library: UUID | None
) -> Summary:
    """Of one student, or of everybody; students see their own."""
    start, end = _span(from_, to, LONGEST_SUMMARY)
    if not (actor.may("attendance:read") or actor.is_platform):
        if student not in (None, actor.id):
            raise NotFound
        student = actor.id
    days = queries.by_day(db, start, end, student=student, library=library, libraries=_libraries(actor))
    came = [day.day for day in days]
    return Summary(
        start=start,
        end=end,
        minutes=sum(day.minutes for day in days),
        visits=sum(day.visits for day in days),
        days=len(days),
        on_time=sum(day.on_time for day in days),
        late=sum(day.late for day in days),
        streak=_streak(came, end) if student else None,
        longest_streak=max(map(len, _rows(came)), default=0) if student else None,
        periods=[_period(first, list(of)) for first, of in groupby(days, key=lambda day: _first(day.day, unit))],
    )


def absentees(db: Db, actor: Actor, paging: Paging, days: int, library: UUID | None) -> Page[Absentee]:
    """Members without a visit for so many days, who are not on leave."""
    return paging.page(queries.absentees(db, days, paging.fetch, paging.after, library, _libraries(actor)))


def register(db: Db, library: UUID, from_: date | None, to: date | None, accept: str) -> Register | Response:
    """JSON; CSV or a page to print where that is asked for."""
    start, end = _span(from_, to, LONGEST_REGISTER)
    name = queries.name_of(db, library)
    if name is None:
        raise NotFound
    lines = queries.register(db, library, start, end)
    rows = [_row(list(of)) for _, of in groupby(lines, key=lambda line: line.student_id)]
    made = Register(library_id=library, library=name, start=start, end=end, rows=rows)
    if "text/csv" in accept:
        return Response(200, _csv(made), "text/csv; charset=utf-8")
    if "text/html" in accept:
        return Response(200, _page(made), "text/html; charset=utf-8")
    return made


def _span(from_: date | None, to: date | None, longest: timedelta) -> tuple[date, date]:
    """From one day up to another that is not in it; a month up to and with today where nothing is said."""
    end = to or (
        min(from_, date.max - MONTH) + MONTH
        if from_
        else clock.now().astimezone(clock.INDIA).date() + timedelta(days=1)
    )
    start = from_ or end - min(MONTH, end - date.min)
    if not timedelta(0) < end - start <= longest:
        raise Invalid.field("to", f"after from, by {longest.days} days at most")
    return start, end


def _libraries(actor: Actor) -> list[UUID] | None:
    return sorted(actor.library_ids) if actor.library_ids is not None else None


def _first(day: date, unit: Unit) -> date:
    """Of the day's period."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _period(first: date, days: list[queries.Day]) -> Period:
    return Period(start=first, minutes=sum(d.minutes for d in days), visits=sum(d.visits for d in days))


def _rows(days: Sequence[date]) -> list[list[date]]:
    """Days one after the other, broken where one is missing."""
    rows: list[list[date]] = []
    for day in days:
        if rows and day - rows[-1][-1] == timedelta(days=1):
            rows[-1].append(day)
        else:
            rows.append([day])
    return rows


def _streak(days: Sequence[date], end: date) -> int:
    """Who came yesterday has not broken it yet."""
    last = min(end - timedelta(days=1), clock.now().astimezone(clock.INDIA).date())
    rows = _rows([day for day in days if day <= last])
    return len(rows[-1]) if rows and rows[-1][-1] >= last - timedelta(days=1) else 0


def _row(lines: list[queries.Line]) -> RegisterRow:
    known = lines[0].model_dump(include={"student_id", "student_code", "first_name", "last_name"})
    days = {line.day: line.minutes or 0 for line in lines if line.day}
    return RegisterRow(**known, days=days, present=len(days), minutes=sum(days.values()))


def _table(made: Register) -> list[list[str]]:
    span = [made.start + timedelta(days=n) for n in range((made.end - made.start).days)]
    head = ["Code", "Name", *(day.isoformat() for day in span), "Days", "Hours"]
    body = [
        [
            row.student_code,
            " ".join(filter(None, (row.first_name, row.last_name))),
            *(_hours(row.days[day]) if day in row.days else "" for day in span),
            str(row.present),
            _hours(row.minutes),
        ]
        for row in made.rows
    ]
    return [head, *body]


def _hours(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02d}"


def _csv(made: Register) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([neutral(cell) for cell in line] for line in _table(made))
    return out.getvalue().encode()


def _page(made: Register) -> bytes:
    """A table with headers for rows and columns, without a style: the edge lets none in."""
    head, *body = _table(made)
    title = html.escape(f"{made.library}: {made.start} to {made.end - timedelta(days=1)}")
    columns = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
    lines = "".join(
        f'<tr><th scope="row">{html.escape(line[0])}</th>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in line[1:])
        + "</tr>"
        for line in body
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>'
        f'<table border="1"><caption>{title}</caption><thead><tr>{columns}</tr></thead><tbody>{lines}</tbody></table>'
        "</body></html>"
    ).encode()
