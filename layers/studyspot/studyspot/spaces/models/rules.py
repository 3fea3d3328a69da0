"""How many a library takes, and the policies it has of its own."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from studyspot.kit.errors import RuleViolated
from studyspot.kit.models import Change, Model, Timestamp
from studyspot.libraries.fields import Capacity
from studyspot.policies.models import Attendance, Booking

Origin = Literal["library", "organisation", "product"]


class Cap(Model):
    """The cap of one zone or shift; null = none."""

    id: UUID
    capacity: Capacity | None


class CapacityChange(Change):
    """Caps that are sent are set, `null` lifts; others stay."""

    capacity: Capacity | None = None
    zones: Annotated[list[Cap], Field(max_length=200)] = []
    shifts: Annotated[list[Cap], Field(max_length=200)] = []


class Capped(Model):
    """A library, zone or shift with its cap and how much of it is taken."""

    id: UUID
    name: str
    capacity: int | None
    load: int
    """Seats claimed now; of a shift, memberships that run."""
    warning: Literal["capacity_below_load"] | None
    """What is sold stays; nothing more is."""


class Capacities(Model):
    """Every cap of a library."""

    seats: int
    library: Capped
    zones: list[Capped]
    shifts: list[Capped]


class Display(Model):
    """What the screen at a library's wall shows; names only where the library says so."""

    names: bool = False
    mode: Literal["colour", "mono"] = "colour"


class Settings(Model):
    """What a library may decide otherwise than its organisation."""

    booking: Booking = Booking()
    attendance: Attendance = Attendance()
    display: Display = Display()


class SettingsChange(Change):
    """The fields that are sent are changed; `null` for a section takes the organisation's back."""

    booking: Booking | None = None
    attendance: Attendance | None = None
    display: Display | None = None


class SettingsInForce(Settings):
    """What holds in a library, and by whose word."""

    version: int
    changed_at: Timestamp | None
    origins: dict[str, Origin]
    """`booking.holdMinutes` and so on: the library, its organisation, or the product's default."""


class CapacityAboveSeats(RuleViolated):
    """There are fewer seats than that."""

    code = "capacity_above_seats"
