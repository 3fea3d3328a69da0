"""When a gateway pays out what it took."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from studyspot.kit.clock import INDIA
from studyspot.settlements.models import SETTLES_AFTER

SATURDAY = 5


def due_on(gateway: str, taken_at: datetime) -> date:
    """The day on which money taken at that moment is paid out; weekends do not count."""
    day, left = taken_at.astimezone(INDIA).date(), SETTLES_AFTER[gateway]
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < SATURDAY
    return day
