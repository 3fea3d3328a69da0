"""Many bookings at once: a weekly pattern, and a range that is given up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from studyspot.bookings.models import Booking, BookingRequest, Day, Time
from studyspot.kit.errors import RuleViolated
from studyspot.kit.models import Model, Text, Timestamp

MOST_OCCURRENCES = 200
MOST_CANCELLED = 500

Weekdays = Annotated[
    list[Annotated[int, Field(ge=1, le=7)]], Field(min_length=1, max_length=7), AfterValidator(lambda d: sorted(set(d)))
]


class SeriesRequest(BookingRequest):
    """A booking that is made again every week until a date, at the same time of day."""

    until: Day
    weekdays: Weekdays | None = None
    """1 = Monday; where none are named, the weekday of `startAt`."""


class Occurrence(Model):
    """One of the times of a series: booked, or the rule that stood against it."""

    start_at: Timestamp
    end_at: Timestamp
    booking: Booking | None = None
    code: str | None = None
    message: str | None = None


class Series(Model):
    """What became of each of its times."""

    id: UUID
    booked: int
    refused: int
    amount_paise: int
    occurrences: list[Occurrence]

    @property
    def location(self) -> str:
        return f"/api/v1/bookings?seriesId={self.id}"


class Range(Model):
    """Which bookings are given up: those that begin from then on, and before that."""

    library_id: UUID | None = None
    student_id: UUID | None = None
    series_id: UUID | None = None
    from_: Annotated[Time | None, Field(alias="from")] = None
    to: Time | None = None


class BulkCancellation(Range):
    """A range of bookings to be given up; a preview only tells which, and what goes back."""

    from_: Annotated[Time, Field(alias="from")]
    to: Time
    reason: Text | None = None
    preview: bool = False

    @model_validator(mode="after")
    def _forward(self) -> BulkCancellation:
        if self.to <= self.from_:
            raise ValueError("to must be after from")
        return self


class GivenUp(Model):
    """One booking of the range."""

    id: UUID
    student_id: UUID
    seat_code: str
    start_at: datetime
    refund_paise: int


class Kept(Model):
    """One that stays, and the rule that keeps it."""

    id: UUID
    code: str


class BulkCancelled(Model):
    """What is given up and what goes back by each booking's own policy; what stays, and why."""

    preview: bool
    cancelled: list[GivenUp]
    kept: list[Kept]
    refund_paise: int
    more: bool
    """There are more of them than one call takes: ask again."""


class NothingBooked(RuleViolated):
    """None of the times could be booked."""

    code = "nothing_booked"
    fix = "`occurrences` names the rule against each of them."
