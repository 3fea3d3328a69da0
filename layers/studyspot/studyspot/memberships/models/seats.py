"""Which seats are whose, hour by hour."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from studyspot.kit.models import Model, Timestamp
from studyspot.memberships.models.changes import Allotment


class Taken(Model):
    """Hours of a day in which a seat is somebody's."""

    starts_at: Timestamp
    ends_at: Timestamp


class GridAllotment(Allotment):
    """Whose it is."""

    student_id: UUID
    student_name: str
    shift: str | None
    held: list[Taken]


class GridSeat(Model):
    """One seat and its allotments in the time asked for."""

    seat_id: UUID
    code: str
    zone: str
    allotments: list[GridAllotment]


class Grid(Model):
    """Seats of a library by shift and date."""

    library_id: UUID
    from_date: date
    to_date: date
    seats: list[GridSeat]


class SeatFree(Model):
    """A seat that is free for all of that time."""

    seat_id: UUID
    code: str
