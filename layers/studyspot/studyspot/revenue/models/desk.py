"""Expenses, the drawer and counted days, and what can stand against them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import RuleViolated, StateConflict
from studyspot.kit.models import MAX_PAISE, Change, Model, Name, Paise, Text, Timestamp

Category = Literal["rent", "power", "wages", "internet", "maintenance", "supplies", "marketing", "software", "taxes",
                   "other"]  # fmt: skip
PaidFrom = Literal["cash", "bank", "upi", "card"]
Spent = Annotated[int, Field(gt=0, le=MAX_PAISE, strict=True)]


class ExpenseRequest(Model):
    """What was spent; `gst_paise` is the part that is claimed back as input tax."""

    library_id: UUID | None = None
    category: Category
    description: Text
    payee: Name | None = None
    bill_number: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    bill_file_id: UUID | None = None
    """An uploaded file of the purpose `bill`."""
    amount_paise: Spent
    gst_paise: Paise = 0
    paid_from: PaidFrom
    spent_on: date

    @model_validator(mode="after")
    def _tax_is_a_part(self) -> ExpenseRequest:
        if self.gst_paise > self.amount_paise:
            raise ValueError("gstPaise is a part of amountPaise")
        return self


class ExpenseChange(Change):
    """The fields that are sent are changed; `null` clears."""

    library_id: UUID | None = None
    category: Category = "other"
    description: Text = ""
    payee: Name | None = None
    bill_number: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    bill_file_id: UUID | None = None
    amount_paise: Spent = 1
    gst_paise: Paise = 0
    paid_from: PaidFrom = "cash"
    spent_on: date = date.min


class Expense(Model):
    """Money that was spent."""

    id: UUID
    library_id: UUID | None
    category: Category
    description: str
    payee: str | None
    bill_number: str | None
    bill_file_id: UUID | None
    amount_paise: int
    gst_paise: int
    paid_from: PaidFrom
    spent_on: date
    status: Literal["recorded", "void"]
    created_by: UUID | None
    created_at: Timestamp
    updated_at: Timestamp


class ExpenseRow(Expense):
    """With what only the product needs."""

    posting_id: UUID


class DayLine(Model):
    """One way of paying, in the hands of one person."""

    library_id: UUID | None
    day: date
    method: str
    staff_id: UUID | None
    in_paise: int
    out_paise: int
    entries: int


class Drawer(Model):
    """What should be in the drawer."""

    opening_paise: int
    cash_in_paise: int
    cash_out_paise: int
    expected_paise: int


class DayBook(Drawer):
    """A library's day: every way of paying, and the drawer."""

    library_id: UUID
    day: date
    closed: bool
    lines: list[DayLine]


class CloseRequest(Model):
    """The cash as it was counted, in all or note by note."""

    library_id: UUID
    day: date
    counted_paise: Paise | None = None
    denominations: dict[Annotated[str, Field(pattern=r"^(50|100|200|500|1000|2000|5000|10000|20000|50000|200000)$")],
                        Annotated[int, Field(ge=0, le=100_000, strict=True)]] | None = None  # fmt: skip
    """How many of each, by their worth in paise."""
    note: Text | None = None

    @model_validator(mode="after")
    def _counted_once(self) -> CloseRequest:
        if (self.counted_paise is None) == (self.denominations is None):
            raise ValueError("either countedPaise or denominations")
        return self

    @property
    def counted(self) -> int:
        """In all."""
        if self.denominations is None:
            return self.counted_paise or 0
        return sum(int(worth) * many for worth, many in self.denominations.items())


class DayClose(Drawer):
    """A day that was counted and closed."""

    id: UUID
    library_id: UUID
    day: date
    counted_paise: int
    difference_paise: int
    denominations: dict[str, int] | None
    note: str | None
    totals: dict[str, Any]
    closed_by: UUID | None
    closed_at: Timestamp

    @property
    def location(self) -> str:
        return "/api/v1/revenue/day-close"


class DayNotOver(RuleViolated):
    """A day that has not begun cannot be counted."""

    code = "day_not_over"


class ExpenseVoid(StateConflict):
    """This expense was voided."""

    code = "expense_void"
