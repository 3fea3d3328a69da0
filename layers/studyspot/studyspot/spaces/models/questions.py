"""Changes that are thought of: asked about before they are made."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import model_validator

from studyspot.kit.models import Model, Moment
from studyspot.spaces.models.opening import WeeklyHours
from studyspot.spaces.models.seatmap import Layout


class SeatTime(Model):
    """A seat, from a moment on (now) to another (open end)."""

    seat_id: UUID
    start_at: Moment | None = None
    end_at: Moment | None = None


class Day(Model):
    """One day of the library."""

    day: date


class Which(Model):
    """One seat or one shift."""

    id: UUID


def exactly_one(of: Model) -> None:
    """ValueError unless one field is sent."""
    if len(of.model_fields_set) != 1 or any(getattr(of, name) is None for name in of.model_fields_set):
        raise ValueError("name exactly one change")


class ImpactQuestion(Model):
    """A change that is thought of: of seat time, a closed day, a seat removed, a shift changed or ended,
    other hours, another plan."""

    block: SeatTime | None = None
    holiday: Day | None = None
    seat: Which | None = None
    shift: Which | None = None
    hours: WeeklyHours | None = None
    seat_map: Layout | None = None

    @model_validator(mode="after")
    def _one(self) -> ImpactQuestion:
        exactly_one(self)
        return self
