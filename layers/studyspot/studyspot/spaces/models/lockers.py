"""Lockers, whose they are, and what is settled when one is given back."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model, Paise, Text, Timestamp
from studyspot.libraries.fields import Code
from studyspot.memberships.keeping import ReturnAs

Size = Literal["small", "medium", "large"]
LockerStatus = Literal["free", "assigned", "maintenance", "retired"]


class Occupant(Model):
    """Who has a locker, and until when it is paid for."""

    assignment_id: UUID
    student_id: UUID
    student_name: str
    from_date: date
    until_date: date
    overdue: bool
    """The days that were rented are over, and it was not given back."""


class Locker(Model):
    """One locker; rent is by the month."""

    id: UUID
    library_id: UUID
    code: str
    size: Size
    deposit_paise: int
    rent_paise: int
    status: LockerStatus
    holder: Occupant | None
    created_at: Timestamp
    updated_at: Timestamp


class LockersRequest(Model):
    """One locker by its `code`, or `count` of them numbered on from `prefix`-001."""

    code: Code | None = None
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,10}$")] | None = None
    count: Annotated[int, Field(ge=1, le=1000)] | None = None
    size: Size = "medium"
    deposit_paise: Paise = 0
    rent_paise: Paise = 0

    @model_validator(mode="after")
    def _one_or_many(self) -> LockersRequest:
        if (self.code is None) == (self.count is None) or (self.code is not None and self.prefix is not None):
            raise ValueError("either a code, or a count and its prefix")
        return self

    def codes(self) -> list[str]:
        """Of every locker asked for."""
        if self.code is not None:
            return [self.code]
        return [f"{self.prefix or 'L'}-{number + 1:03d}" for number in range(self.count or 0)]


class AssignRequest(Model):
    """To whom, and for how many months; deposit and rent are the locker's unless said otherwise."""

    student_id: UUID
    months: Annotated[int, Field(ge=1, le=24)] = 1
    deposit_paise: Paise | None = None
    rent_paise: Paise | None = None


class Assignment(Model):
    """A locker in somebody's hands, or given back."""

    id: UUID
    library_id: UUID
    locker_id: UUID
    membership_id: UUID
    student_id: UUID
    from_date: date
    until_date: date
    rent_paise: int
    """A month."""
    deposit_paise: int
    rent_due_id: UUID | None
    """What is to be paid for the months; null where credit paid for them, or there is no rent."""
    deposit_due_id: UUID | None
    released_at: Timestamp | None
    deducted_paise: int
    returned_paise: int
    return_as: ReturnAs | None
    created_at: Timestamp


class ReleaseRequest(Model):
    """What is taken off the deposit and why, and what becomes of the rest. A preview only says what it comes to."""

    deduct_paise: Paise = 0
    reason: Text | None = None
    return_as: ReturnAs = "credit"
    preview: bool = False

    @model_validator(mode="after")
    def _said_why(self) -> ReleaseRequest:
        if self.deduct_paise and self.reason is None:
            raise ValueError("reason is required where something is taken off")
        return self


class Release(Model):
    """What the end of it comes to."""

    assignment: Assignment
    held_paise: int
    """Of the deposit, paid and kept until now."""
    deducted_paise: int
    returned_paise: int
    overdue_months: int
    overdue_paise: int
    """Rent for months that were begun after the last that was paid for; owed from now on."""
    preview: bool


class LockerExists(Conflict):
    """This library already has a locker with that code."""

    code = "locker_code_exists"


class LockerTaken(Conflict):
    """Somebody has this locker, or it is out of use."""

    code = "locker_taken"


class LockerFree(Conflict):
    """Nobody has this locker."""

    code = "locker_free"
