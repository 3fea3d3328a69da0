"""The plan of a library: what its owner drew, which seat is where, and how each stands for a time."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import Invalid
from studyspot.kit.models import Model, Moment, Name, Timestamp
from studyspot.libraries.models import SeatKind
from studyspot.spaces.models import Impact

LARGEST = 200
"""Seats' widths, along either side."""
MOST_SEATS = 2000
Along = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]
Span = Annotated[float, Field(ge=1, le=LARGEST, allow_inf_nan=False)]
SeatStatus = Literal["free", "held", "booked", "allotted", "occupied", "blocked", "maintenance"]
STATUSES: tuple[SeatStatus, ...] = ("free", "held", "booked", "allotted", "occupied", "blocked", "maintenance")
Fault = Literal[
    "duplicate_code", "not_placed", "overlapping", "no_entrance", "unreachable", "without_price", "without_shift"
]  # fmt: skip


class Wall(Model):
    """A straight wall between two points."""

    x1: Along
    y1: Along
    x2: Along
    y2: Along


class Door(Model):
    """A way through a wall; people come in by an entrance."""

    x: Along
    y: Along
    width: Annotated[float, Field(ge=0.5, le=20, allow_inf_nan=False)] = 1
    kind: Literal["entrance", "inner"] = "entrance"


class Label(Model):
    """A word on the plan."""

    x: Along
    y: Along
    text: Annotated[str, Field(min_length=1, max_length=40)]


class Placed(Model):
    """Where a seat is: the corner of its square, one by one, that is nearest to the plan's beginning."""

    seat_id: UUID
    x: Along
    y: Along


class Layout(Model):
    """A plan, measured in seats: a seat is one wide and one deep."""

    width: Span
    height: Span
    walls: Annotated[list[Wall], Field(max_length=500)] = []
    doors: Annotated[list[Door], Field(max_length=50)] = []
    labels: Annotated[list[Label], Field(max_length=100)] = []
    seats: Annotated[list[Placed], Field(max_length=MOST_SEATS)] = []

    @model_validator(mode="after")
    def _within(self) -> Layout:
        if len({one.seat_id for one in self.seats}) < len(self.seats):
            raise ValueError("a seat is placed twice")
        points = [(seat.x + 1, seat.y + 1) for seat in self.seats]
        points += [(x, y) for w in self.walls for x, y in ((w.x1, w.y1), (w.x2, w.y2))]
        points += [(door.x, door.y) for door in self.doors] + [(label.x, label.y) for label in self.labels]
        if any(x > self.width or y > self.height for x, y in points):
            raise ValueError("something lies outside of the plan")
        return self


class LayoutRequest(Layout):
    """The next version of a plan. `version` is the one it was drawn on: 0 where there is none yet."""

    version: Annotated[int, Field(ge=0)]
    left_out: Literal["keep"] | None = None
    """Needed where seats that somebody has are no longer on the plan: they keep their time."""


class LayoutSaved(Model):
    """The plan is this one from now on."""

    library_id: UUID
    version: int
    seats: int
    changed_at: Timestamp
    impact: Impact


class Holder(Model):
    """Whose time it is; told to staff."""

    student_id: UUID
    name: str


class SeatOnMap(Model):
    """A seat, where it is and how it stands; without a place it is not drawn on the plan yet."""

    id: UUID
    code: str
    zone: str
    kind: SeatKind
    attributes: list[str]
    price_class: str
    x: float | None
    y: float | None
    status: SeatStatus
    until: Timestamp | None
    """When whoever has it gives it back; null for a free seat, and without an end."""
    next_at: Timestamp | None
    """When somebody else has a seat that is free now."""
    mine: bool
    holder: Holder | None


class SeatMap(Model):
    """A library's plan with how every seat stands at a moment, or over a time."""

    library_id: UUID
    name: str
    version: int
    """0 = nobody drew a plan: seats stand in their rows, zone by zone."""
    as_of: Timestamp
    start_at: Timestamp
    end_at: Timestamp
    width: float
    height: float
    walls: list[Wall]
    doors: list[Door]
    labels: list[Label]
    seats: list[SeatOnMap]
    counts: dict[SeatStatus, int]


class MapQuestion(Model):
    """For which time: a moment (now), from one to another, or a shift on a day (today)."""

    start_at: Moment | None = None
    end_at: Moment | None = None
    shift_id: UUID | None = None
    day: date | None = None

    def must_be_one_time(self) -> None:
        """Invalid where the question contradicts itself."""
        if self.shift_id and (self.start_at or self.end_at):
            raise Invalid.field("shiftId", "either a shift, or from and to")
        if self.day and not self.shift_id:
            raise Invalid.field("day", "a day is asked for with a shift")
        if self.end_at and (not self.start_at or self.end_at <= self.start_at):
            raise Invalid.field("to", "lies after from")


class Finding(Model):
    """Something that is wrong with a library's seats."""

    fault: Fault
    seats: list[str]
    """Codes of the seats it is about."""
    message: Name


class LayoutCheck(Model):
    """What was looked at, and what was found; no findings: all is well."""

    version: int
    seats: int
    findings: list[Finding]


class CheckRequest(Model):
    """A plan that is thought of; without one, the plan there is."""

    seat_map: Layout | None = None
