"""When a library is open: hours of the week, and the days on which it is closed."""

from __future__ import annotations

from datetime import date, time
from itertools import pairwise
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model, Name, Timestamp
from studyspot.libraries.fields import ClockTime
from studyspot.spaces.models import Choice, Effect, Impact

WEEK = 7 * 1440


class Interval(Model):
    """Open from a time of that day; a close at or before it is on the next day."""

    day: Annotated[int, Field(ge=1, le=7)]
    opens: ClockTime
    closes: ClockTime

    def minutes(self) -> tuple[int, int]:
        """After the midnight that the day begins with."""
        opens, closes = _minutes(self.opens), _minutes(self.closes)
        return opens, closes if closes > opens else closes + 1440


class WeeklyHours(Model):
    """The hours of a week, or null for the library's plain opening time again."""

    weekly: Annotated[list[Interval], Field(min_length=1, max_length=84)] | None
    bookings: Choice | None = None
    """What becomes of bookings outside the new hours; needed only where there are any."""

    @model_validator(mode="after")
    def _apart(self) -> WeeklyHours:
        if any(one.opens.second or one.closes.second for one in self.weekly or ()):
            raise ValueError("hours are told in whole minutes")
        spans = sorted(_in_week(one) for one in self.weekly or ())
        ends = [(0, spans[-1][1] - WEEK), *spans] if spans else []
        if any(after[0] < before[1] for before, after in pairwise(ends)):
            raise ValueError("two intervals overlap")
        return self

    def rows(self) -> list[dict[str, int]] | None:
        """As they are kept."""
        if self.weekly is None:
            return None
        spans = [(one.day, *one.minutes()) for one in self.weekly]
        return [{"day": day, "opens": opens, "closes": closes} for day, opens, closes in spans]


def _minutes(value: time) -> int:
    return value.hour * 60 + value.minute


def _in_week(one: Interval) -> tuple[int, int]:
    opens, closes = one.minutes()
    return (one.day - 1) * 1440 + opens, (one.day - 1) * 1440 + closes


class OpeningHours(Model):
    """When a library is open, in its own time zone."""

    timezone: str
    source: Literal["weekly", "plain"]
    """Hours of the week, or the library's one opening time on its operating days."""
    weekly: list[Interval]
    closed_on: list[date]
    """Holidays ahead."""
    open_now: bool


class Holiday(Model):
    """A day on which a library is closed, and what it gave to its members."""

    id: UUID
    library_id: UUID
    day: date
    name: str
    effect: Effect
    members: int
    credit_paise: int
    created_at: Timestamp


class HolidayRequest(Model):
    """A day closed: what members get for it is always said."""

    day: date
    name: Name
    effect: Effect
    bookings: Choice | None = None
    """What becomes of bookings on that day; needed only where there are any."""


class Closed(Holiday):
    """The holiday, and whom it touched."""

    impact: Impact


class HolidayExists(Conflict):
    """This library is closed on that day already."""

    code = "holiday_exists"
