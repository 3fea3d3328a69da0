"""A student's day, and one line of a student's story."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from uuid import UUID

from studyspot.bookings.models import Booking
from studyspot.kit.models import Model, Timestamp
from studyspot.memberships.models import Membership
from studyspot.memberships.models.accounts import OpenDue


class Day(Model):
    """What a student wants to know in the morning."""

    today: date
    membership: Membership | None
    booking: Booking | None
    """The one that runs, or the next."""
    inside: bool
    minutes_today: int
    due: OpenDue | None
    """What is owed for the longest."""


class Happening(Model):
    """Something that happened, as its own domain shows it."""

    id: UUID
    at: Timestamp
    kind: Literal["visit", "booking", "membership", "payment", "message", "note"]
    facts: dict[str, Any]


Level = Literal["low", "medium", "high"]


class RiskReason(Model):
    """One thing that is seen, and what it counts."""

    of: Literal["churn", "default"]
    code: Literal["attendance_decay", "absent", "ending", "lapsed", "overdue", "several_overdue", "paid_late"]
    points: int
    text: str


class Risk(Model):
    """Points of a hundred: how likely somebody is to leave, and not to pay. The reasons add up to them."""

    student_id: UUID
    churn: int
    churn_level: Level
    default: int
    default_level: Level
    reasons: list[RiskReason]
