"""What a student was charged, paid and was let off; what is open, and since when."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from studyspot.kit.errors import Conflict, RuleViolated
from studyspot.kit.models import MAX_PAISE, Model, Text, Timestamp

Kind = Literal["waiver", "discount", "write_off"]
Ageing = Literal["not_due", "1_7", "8_30", "31_60", "over_60"]


class LedgerEntry(Model):
    """One line: what is owed grows by charges and refunds, and falls by payments, adjustments and what is reversed."""

    position: int
    at: Timestamp
    kind: Literal["charge", "payment", "refund", "reversal", "adjustment"]
    reference_id: UUID
    description: str
    amount_paise: int
    balance_paise: int
    """What is owed after this line; negative is too much paid."""


class OpenDue(Model):
    """A sum that is open: POST /payments/create with purpose `dues` and this id."""

    id: UUID
    membership_id: UUID
    kind: str
    description: str
    amount_paise: int
    due_on: date
    days_overdue: int
    ageing: Ageing

    @property
    def place(self) -> list[Any]:
        """Where the next page goes on."""
        return [self.due_on, self.id]


class Defaulter(Model):
    """Somebody who owes since a day that is past."""

    student_id: UUID
    student_code: str
    name: str
    phone: str
    library_id: UUID | None
    dues: int
    overdue_paise: int
    oldest_due_on: date
    days_overdue: int

    @property
    def place(self) -> list[Any]:
        """Where the next page goes on."""
        return [self.oldest_due_on, self.student_id]


class AdjustmentRequest(Model):
    """Part of an open sum, or the whole of what is open, is not asked for any more."""

    due_id: UUID
    kind: Kind
    amount_paise: Annotated[int, Field(ge=1, le=MAX_PAISE, strict=True)] | None = None
    reason: Text


class Adjustment(Model):
    """What was let off, by whom and why."""

    id: UUID
    student_id: UUID
    due_id: UUID
    kind: Kind
    amount_paise: int
    reason: str
    created_by: UUID | None
    created_at: Timestamp

    @property
    def location(self) -> str:
        return f"/api/v1/students/{self.student_id}/ledger"


class HasDues(Conflict):
    """This student still owes something."""

    code = "has_dues"
    fix = "Collect or waive it first, or repeat with force=true: what is owed stays owed."


class AdjustmentTooLarge(RuleViolated):
    """No more can be let off than is open, and a deposit is not."""

    code = "adjustment_too_large"


class AccountHoldsMoney(Conflict):
    """A deposit or credit is kept for the duplicate."""

    code = "account_holds_money"
    fix = "Refund or use it up, then merge."


class Habits(BaseModel):
    """How somebody pays: what is late now and for how many days, and how many of the last six sums were."""

    overdue: int
    overdue_days: int
    paid: int
    paid_late: int
