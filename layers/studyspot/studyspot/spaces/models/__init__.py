"""Whom a change of the premises touches, and what has to be chosen for them."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model, Timestamp

Effect = Literal["extend", "credit", "nothing"]
Choice = Literal["keep", "cancel"]
"""What becomes of bookings that a change leaves outside the hours."""


class Affected(Model):
    """A booking, an allotment, a membership (or another block) that a change touches."""

    kind: Literal["booking", "allotment", "membership", "block"]
    id: UUID
    student_id: UUID | None
    student_name: str | None
    seat_code: str | None
    start_at: Timestamp
    end_at: Timestamp | None
    status: str | None
    amount_paise: int
    """What was paid for it; of a membership on a holiday, one day's worth."""


class Impact(Model):
    """Everybody a change touches, and the money at stake."""

    affected: list[Affected]
    people: int
    amount_paise: int

    @classmethod
    def of(cls, affected: list[Affected]) -> Impact:
        people = {one.student_id for one in affected if one.student_id}
        return cls(affected=affected, people=len(people), amount_paise=sum(one.amount_paise for one in affected))

    def facts(self) -> list[dict[str, Any]]:
        """As a refusal tells it."""
        return [one.model_dump(mode="json", by_alias=True) for one in self.affected]


class ImpactNotAccepted(Conflict):
    """Somebody has time there: choose what becomes of it."""

    code = "impact_not_accepted"
    fix = "`affected` names them; send the choice with the change."
