"""The rules of a library and plan as a student meets them, and pauses after no-shows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from studyspot.bookings.models import Policy, Use
from studyspot.kit.models import Change, Model, Text, Timestamp

Minutes = Annotated[int, Field(ge=5, le=31 * 24 * 60)]


class PlanRules(Change):
    """What a plan allows less than its library; the stricter of both holds. null = what the library allows."""

    min_minutes: Minutes | None = None
    max_minutes: Minutes | None = None
    max_days_ahead: Annotated[int, Field(ge=0, le=365)] | None = None
    max_open: Annotated[int, Field(ge=1, le=1000)] | None = None
    lead_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] | None = None
    cancel_before_minutes: Annotated[int, Field(ge=0, le=30 * 24 * 60)] | None = None
    max_day_minutes: Minutes | None = None
    max_week_minutes: Minutes | None = None
    max_month_minutes: Minutes | None = None


class PlanRulesInForce(PlanRules):
    """The rules of one plan."""

    fee_plan_id: UUID
    changed_at: Timestamp | None


class Strikes(Model):
    """How many no-shows pause a student's bookings; null = never."""

    strikes: int | None = 3
    strike_days: int = 30
    pause_days: int = 7


class Rules(Policy, Strikes):
    """All rules of bookings, of library and plan the stricter."""


class Effective(Use):
    """The rules in force and the student's state under them; figures of a student are null where none was named."""

    library_id: UUID
    fee_plan_id: UUID | None
    rules: Rules
    no_shows: int | None
    """Within `strikeDays`, since the last pause."""
    pause_id: UUID | None
    paused_until: Timestamp | None


class Pause(Model):
    """Somebody who did not come too often and books nothing until then."""

    id: UUID
    student_id: UUID
    library_id: UUID
    booking_id: UUID
    strikes: int
    until_at: Timestamp
    appeal: str | None
    appealed_at: Timestamp | None
    lifted_by: UUID | None
    lifted_at: Timestamp | None
    lift_reason: str | None
    created_at: Timestamp

    def holds(self, now: datetime) -> bool:
        """Is it still in force?"""
        return self.lifted_at is None and self.until_at > now


class Appeal(Model):
    """Why it should not be so."""

    reason: Text
