"""A student's way to another library, and what goes along."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from studyspot.kit.models import Model
from studyspot.memberships.models import Membership


class Place(Model):
    """Where a membership is from then on."""

    membership_id: UUID
    seat_id: UUID | None = None
    shift_id: UUID | None = None


class TransferRequest(Model):
    """To which library; a membership that is not named goes along without a seat and a shift. `preview` only looks."""

    library_id: UUID
    memberships: Annotated[list[Place], Field(max_length=50)] = []
    preview: bool


class Transfer(Model):
    """What went along, as it is now, and what is owed for it."""

    student_id: UUID
    from_library_id: UUID | None
    library_id: UUID
    preview: bool
    memberships: list[Membership]
    dues_paise: int
