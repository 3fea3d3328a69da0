"""Blocks of a seat, and who holds it when."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model, Moment, Timestamp
from studyspot.spaces.models import Impact

LONGEST_SCHEDULE_DAYS = 92


class Resolution(Model):
    """What becomes of one booking that is in the way: another seat for the same time, or given up and paid back."""

    booking_id: UUID
    move_to: UUID | None = None
    cancel: bool = False

    @model_validator(mode="after")
    def _one(self) -> Resolution:
        if (self.move_to is None) is not self.cancel:
            raise ValueError("either moveTo or cancel")
        return self


class BlockRequest(Model):
    """A seat out of use, from now where no start is given, until it is lifted where no end is."""

    start_at: Moment | None = None
    end_at: Moment | None = None
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    resolutions: Annotated[list[Resolution], Field(max_length=200)] = []


class Block(Model):
    """A seat out of use."""

    id: UUID
    seat_id: UUID
    start_at: Timestamp
    end_at: Timestamp | None
    reason: str
    created_by: UUID | None
    created_at: Timestamp


class Blocked(Block):
    """The block, and the bookings that were moved or given up for it."""

    impact: Impact


class Holding(Model):
    """Whose a seat is for a time."""

    kind: Literal["booking", "allotment", "block"]
    source_id: UUID
    start_at: Timestamp
    end_at: Timestamp | None
    status: str | None
    student_id: UUID | None
    student_code: str | None
    student_name: str | None
    reason: str | None


class ShiftOnDay(Model):
    """One shift on one day, and who has the seat in it."""

    day: date
    shift_id: UUID
    name: str
    start_at: Timestamp
    end_at: Timestamp
    held_by: list[UUID]
    """Sources of the holdings that take part of it."""


class Schedule(Model):
    """Who holds a seat, in order of time, and shift by shift."""

    seat_id: UUID
    code: str
    holdings: list[Holding]
    shifts: list[ShiftOnDay]


class SeatHeld(Conflict):
    """Somebody holds this seat for part of that time."""

    code = "seat_held"
    fix = "`affected` names who; move or cancel bookings by `resolutions`, move members to another seat first."


class StickerFacts(Model):
    """What is told at the seat itself."""

    seat_id: UUID
    library_id: UUID
    code: str
    zone: str
    library: str


class SeatSticker(StickerFacts):
    """A sticker: what its code says, and the whole of it as a picture of 6 by 8 centimetres."""

    link: str
    svg: str
