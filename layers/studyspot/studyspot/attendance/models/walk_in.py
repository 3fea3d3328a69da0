"""Somebody who comes without a booking."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from studyspot.attendance.models import Scan
from studyspot.bookings.models import Booking, DeskMethod, SeatWish, Time
from studyspot.kit.models import Paise, Text


class WalkInRequest(SeatWish):
    """Until when, on which seat, under which plan; staff name the student and how it was paid."""

    library_id: UUID
    end_at: Time
    fee_plan_id: UUID
    student_id: UUID | None = None
    code: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """A kiosk sends the code that the student shows it."""
    method: DeskMethod | None = None
    """How it was paid over the counter; needed where it costs something."""
    amount_paise: Paise | None = None
    """What was taken; anything but the price is refused."""
    override_reason: Text | None = None


class WalkedIn(Booking):
    """The booking, checked in, with what the door says."""

    scan: Scan

    @property
    def location(self) -> str:
        return f"/api/v1/bookings/{self.id}"
