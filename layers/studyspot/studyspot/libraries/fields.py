"""The kinds of value a library is described with, and what is accepted as one."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from studyspot.kit.errors import Invalid
from studyspot.kit.models import Model

CLOCK = re.compile(r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")


def _clock_time(value: Any) -> Any:
    """`HH:MM` of the library's own day; 24:00 is the midnight that ends it."""
    if isinstance(value, time):
        return value
    if value == "24:00":
        return time(0)
    if not isinstance(value, str) or not CLOCK.match(value):
        raise ValueError("expected a time as HH:MM")
    return time.fromisoformat(value)


def _days(value: list[int]) -> list[int]:
    return sorted(set(value))


ClockTime = Annotated[
    time, BeforeValidator(_clock_time), PlainSerializer(lambda t: t.strftime("%H:%M"), return_type=str)
]
Days = Annotated[list[Annotated[int, Field(ge=1, le=7)]], Field(min_length=1, max_length=7), AfterValidator(_days)]
"""ISO days of the week, 1 = Monday."""
EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
Code = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._/-]*$")]
Pincode = Annotated[str, Field(pattern=r"^[1-9][0-9]{5}$")]
Telephone = Annotated[str, Field(pattern=r"^\+?[0-9][0-9 ()-]{5,19}$")]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Capacity = Annotated[int, Field(ge=0, le=100_000)]
Tags = Annotated[list[Annotated[str, Field(min_length=1, max_length=60)]], Field(max_length=50)]
Links = Annotated[list[Annotated[str, Field(max_length=500, pattern=r"^https://[^\s]+$")]], Field(max_length=20)]
Floor = Annotated[int, Field(ge=-10, le=200)]
SeatNumber = Annotated[int, Field(ge=1, le=1000)]
PriceClass = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
"""What a seat is sold as: a plan that names classes sells only seats of them."""


class Near(Model):
    """A point and how far from it, in kilometres."""

    latitude: Latitude
    longitude: Longitude
    radius_km: float

    @classmethod
    def of(cls, text: str, radius_km: float) -> Near:
        """`lat,lng` of the query string."""
        try:
            latitude, longitude = (float(part) for part in text.split(","))
            return cls(latitude=latitude, longitude=longitude, radius_km=radius_km)
        except ValueError:
            raise Invalid.field("near", "expected latitude,longitude") from None
