"""What attendance adds up to: hours, streaks and punctuality, who stays away, the register of a month."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from studyspot.kit.models import Model, Timestamp

Unit = Literal["day", "week", "month"]
Away = Annotated[int, Field(ge=1, le=365)]


class Period(Model):
    """A day, the week from its Monday or the month from its first, with what was studied in it."""

    start: date
    minutes: int
    visits: int


class Summary(Model):
    """Of one student, or of everybody whom the caller sees."""

    start: date
    end: date
    """The first day that is not in it any more."""
    minutes: int
    visits: int
    days: int
    on_time: int
    """First visits of a day that began no later than 15 minutes after the shift or the booking did."""
    late: int
    streak: int | None
    """Days in a row up to today; of one student only."""
    longest_streak: int | None
    periods: list[Period]


class Absentee(Model):
    """A member who has not come for a while, and has not said why."""

    id: UUID
    student_code: str
    first_name: str
    last_name: str | None
    phone: str
    library_id: UUID
    seat_code: str | None
    last_visit_at: Timestamp | None
    days_away: int


class RegisterRow(Model):
    """One student's line of the register: minutes by day."""

    student_id: UUID
    student_code: str
    first_name: str
    last_name: str | None
    days: dict[date, int]
    present: int
    minutes: int


class Register(Model):
    """Who was there on which days, as it is printed and filed."""

    library_id: UUID
    library: str
    start: date
    end: date
    rows: list[RegisterRow]
