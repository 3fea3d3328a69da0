"""What a library is made of, what may be asked for, and what can be wrong with it."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import Conflict
from studyspot.kit.models import Change, Email, Model, Name, Text, Timestamp
from studyspot.libraries.fields import (
    EVERY_DAY,
    Capacity,
    ClockTime,
    Code,
    Days,
    Floor,
    Latitude,
    Links,
    Longitude,
    Pincode,
    PriceClass,
    SeatNumber,
    Tags,
    Telephone,
)

LARGEST_GRID = 2000
LibraryStatus = Literal["active", "inactive", "closed"]
ZoneKind = Literal["open", "silent", "ac", "girls_only", "discussion"]
SeatKind = Literal["fixed", "flexi"]


class Library(Model):
    """A library as it is."""

    id: UUID
    name: str
    code: str
    description: str | None
    address_line1: str | None
    address_line2: str | None
    city: str | None
    state: str | None
    pincode: str | None
    latitude: float | None
    longitude: float | None
    phone: str | None
    email: str | None
    total_seats: int
    capacity: int | None
    opening_time: ClockTime | None
    closing_time: ClockTime | None
    operating_days: list[int]
    amenities: list[str]
    images: list[str]
    day_start: ClockTime
    status: LibraryStatus
    created_at: Timestamp
    updated_at: Timestamp
    distance_km: float | None = None
    """From the point of `near`, where one was named."""


class LibraryFacts(Model):
    """What is optional about a library."""

    description: Text | None = None
    address_line1: Name | None = None
    address_line2: Name | None = None
    city: Name | None = None
    state: Name | None = None
    pincode: Pincode | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    phone: Telephone | None = None
    email: Email | None = None
    capacity: Capacity | None = None
    opening_time: ClockTime | None = None
    closing_time: ClockTime | None = None
    operating_days: Days = EVERY_DAY
    amenities: Tags = []
    images: Links = []
    day_start: ClockTime = time(0)


class LibraryRequest(LibraryFacts):
    """A new library."""

    name: Name
    code: Code

    @model_validator(mode="after")
    def _pairs(self) -> LibraryRequest:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude belong together")
        if (self.opening_time is None) != (self.closing_time is None):
            raise ValueError("openingTime and closingTime belong together")
        return self


class LibraryChange(LibraryFacts, Change):
    """What may change about a library."""

    name: Name = ""
    code: Code = ""
    status: Literal["active", "inactive"] = "active"


class Zone(Model):
    """A part of a library."""

    id: UUID
    library_id: UUID
    name: str
    floor: int
    kind: ZoneKind
    created_at: Timestamp
    updated_at: Timestamp


class ZoneFacts(Model):
    """What is optional about a zone."""

    floor: Floor = 0
    kind: ZoneKind = "open"


class ZoneRequest(ZoneFacts):
    """A new zone."""

    name: Name


class ZoneChange(ZoneFacts, Change):
    """What may change about a zone."""

    name: Name = ""


class Seat(Model):
    """One seat."""

    id: UUID
    library_id: UUID
    zone_id: UUID
    code: str
    row: int | None
    column: int | None
    kind: SeatKind
    attributes: list[str]
    price_class: str
    status: Literal["active", "maintenance", "retired"]
    created_at: Timestamp
    updated_at: Timestamp


class SeatsRequest(Model):
    """One seat by its `code`, or `rows` x `columns` of them numbered on from `prefix`-01."""

    zone: Name | None = None
    zone_id: UUID | None = None
    code: Code | None = None
    row: SeatNumber | None = None
    column: SeatNumber | None = None
    rows: SeatNumber | None = None
    columns: SeatNumber | None = None
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,10}$")] | None = None
    kind: SeatKind = "flexi"
    attributes: Tags = []

    @model_validator(mode="after")
    def _one_or_grid(self) -> SeatsRequest:
        if (self.zone is None) == (self.zone_id is None):
            raise ValueError("name the zone, or give its zoneId")
        if self.code is not None:
            if self.rows or self.columns or self.prefix:
                raise ValueError("either a code, or rows and columns")
        elif self.rows is None or self.columns is None:
            raise ValueError("a code is missing, or rows and columns")
        elif self.rows * self.columns > LARGEST_GRID:
            raise ValueError(f"at most {LARGEST_GRID} seats at once")
        return self

    def places(self) -> list[tuple[str, int | None, int | None]]:
        """Code, row and column of every seat asked for, row by row."""
        if self.code is not None:
            return [(self.code, self.row, self.column)]
        rows, columns, prefix = self.rows or 0, self.columns or 0, self.prefix or "S"
        width = max(2, len(str(rows * columns)))
        return [
            (f"{prefix}-{row * columns + column + 1:0{width}d}", row + 1, column + 1)
            for row in range(rows)
            for column in range(columns)
        ]


class SeatChange(Change):
    """What may change about a seat."""

    zone_id: UUID = UUID(int=0)
    code: Code = ""
    row: SeatNumber | None = None
    column: SeatNumber | None = None
    kind: SeatKind = "flexi"
    attributes: Tags = []
    price_class: PriceClass = "standard"
    status: Literal["active", "maintenance"] = "active"


class Shift(Model):
    """A part of the day that is sold; an overnight one ends on the next day."""

    id: UUID
    library_id: UUID
    name: str
    start_time: ClockTime
    end_time: ClockTime
    overnight: bool
    days: list[int]
    status: Literal["active", "ended"]
    created_at: Timestamp
    updated_at: Timestamp


class ShiftRequest(Model):
    """A new shift."""

    name: Name
    start_time: ClockTime
    end_time: ClockTime
    days: Days = EVERY_DAY


class ShiftChange(Change):
    """What may change about a shift."""

    name: Name = ""
    start_time: ClockTime = time(0)
    end_time: ClockTime = time(0)
    days: Days = EVERY_DAY


class LibraryCodeExists(Conflict):
    """Another library has this code."""

    code = "library_code_exists"


class LibraryClosed(Conflict):
    """This library is closed."""

    code = "library_closed"


class ZoneExists(Conflict):
    """This library already has a zone of that name."""

    code = "zone_exists"


class ZoneNotEmpty(Conflict):
    """There are seats in this zone."""

    code = "zone_not_empty"
    fix = "Move its seats to another zone, then delete it."


class SeatCodeExists(Conflict):
    """This library already has a seat with that code."""

    code = "seat_code_exists"


class SeatInUse(Conflict):
    """Somebody holds this seat now or later."""

    code = "seat_in_use"


class ShiftExists(Conflict):
    """This library already has a shift of that name."""

    code = "shift_exists"
