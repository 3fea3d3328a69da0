"""When a schedule of the template is due: `rate(...)` and six-field `cron(...)` in the schedule's own time zone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
MONTHS = {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], start=1
    )
}
WEEKDAYS = dict(zip(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], range(1, 8), strict=True))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FARTHEST = 366 * 5


class Schedule(Protocol):
    """When something fires, as EventBridge Scheduler spells it."""

    @property
    def expression(self) -> str: ...

    @property
    def timezone(self) -> str: ...


def next_due(schedule: Schedule, after: datetime) -> datetime:
    """The first moment strictly after `after` at which the schedule fires."""
    kind, _, inside = schedule.expression.rstrip(")").partition("(")
    if kind == "rate":
        return _next_beat(_interval(inside), after)
    if kind == "cron":
        return _next_cron(inside.split(), ZoneInfo(schedule.timezone), after)
    raise ValueError(f"unknown schedule expression {schedule.expression}")


def last_due(schedule: Schedule, after: datetime, until: datetime) -> datetime | None:
    """The latest moment in (after, until] at which the schedule fires."""
    if schedule.expression.startswith("rate("):
        beat = _interval(schedule.expression[5:-1])
        latest = _next_beat(beat, until) - beat
        return latest if latest > after else None
    found = None
    due = next_due(schedule, after)
    while due <= until:
        found, due = due, next_due(schedule, due)
    return found


def frequent(schedule: Schedule) -> bool:
    """Whether it fires every hour or oftener."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    first = next_due(schedule, start)
    return next_due(schedule, first) - first <= timedelta(hours=1)


def _interval(text: str) -> timedelta:
    amount, unit = text.split()
    return int(amount) * UNITS[unit.rstrip("s")]


def _next_beat(interval: timedelta, after: datetime) -> datetime:
    return EPOCH + ((after - EPOCH) // interval + 1) * interval


def _next_cron(fields: list[str], zone: ZoneInfo, after: datetime) -> datetime:
    minutes, hours, days, months, weekdays, years = fields
    local = after.astimezone(zone)
    times = [(h, m) for h in sorted(_values(hours, 0, 23)) for m in sorted(_values(minutes, 0, 59))]
    fits = _day_test(days, months, weekdays, years)
    for day in (local.date() + timedelta(days=n) for n in range(FARTHEST)):
        if fits(day):
            for hour, minute in times:
                due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)
                if due > after:
                    return due
    raise ValueError(f"cron({' '.join(fields)}) is never due")


def _day_test(days: str, months: str, weekdays: str, years: str) -> Callable[[date], bool]:
    in_months = _values(_numbered(months, MONTHS), 1, 12)
    in_years = _values(years, 1970, 2199)
    in_days = _values(days, 1, 31)
    on_weekdays = _values(_numbered(weekdays, WEEKDAYS), 1, 7)
    return lambda day: (
        day.month in in_months
        and day.year in in_years
        and day.day in in_days
        and day.isoweekday() % 7 + 1 in on_weekdays
    )


def _numbered(field: str, names: dict[str, int]) -> str:
    return re.sub("[A-Z]{3}", lambda found: str(names[found[0]]), field)


def _values(field: str, lowest: int, highest: int) -> frozenset[int]:
    return frozenset(value for part in field.split(",") for value in _range(part, lowest, highest))


def _range(part: str, lowest: int, highest: int) -> Iterator[int]:
    span, _, step = part.partition("/")
    if span in ("*", "?"):
        first, last = lowest, highest
    else:
        first, last = (int(bound) for bound in (span.split("-") * 2)[:2])
        last = highest if step and "-" not in span else last
    return iter(range(first, last + 1, int(step or 1)))
