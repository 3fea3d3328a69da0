"""Students added up: how many there are of which kind, and who is to be called today."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from studyspot.kit.models import Model
from studyspot.students.models.people import Status


class Counts(Model):
    """Students of the tenant, or of one library, by what is known of them; `unknown` where it is not."""

    total: int
    new: int
    """Who came in the last thirty days."""
    active: int
    expired: int
    suspended: int
    by_status: dict[str, int]
    by_gender: dict[str, int]
    by_exam_target: dict[str, int]
    by_source: dict[str, int]
    """How they came: `desk`, `import` or `self`."""


class Churn(Model):
    """Of those who were members thirty days ago, how many are not any more."""

    members: int
    lost: int
    percent: float | None


class Analytics(Counts):
    """What an owner asks about students."""

    churn: Churn


class Expiring(Model):
    """Whose membership ends soon, or has just ended: `days_left` is negative then."""

    student_id: UUID
    student_code: str
    name: str
    phone: str
    library_id: UUID | None
    fee_plan_id: UUID | None
    membership_end: date
    days_left: int
    status: Status

    @property
    def place(self) -> list[Any]:
        """Where the next page goes on."""
        return [self.membership_end, self.student_id]
