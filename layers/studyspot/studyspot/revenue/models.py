"""Reports, expenses, counted days and exports, and what can stand against them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import RuleViolated, StateConflict
from studyspot.kit.models import MAX_PAISE, Change, Model, Name, Paise, Text, Timestamp

Report = Literal["collections", "dues-ageing", "discounts", "deposits", "deferred", "gst", "gateway-fees"]
Category = Literal["rent", "power", "wages", "internet", "maintenance", "supplies", "marketing", "software", "taxes",
                   "other"]  # fmt: skip
PaidFrom = Literal["cash", "bank", "upi", "card"]
Spent = Annotated[int, Field(gt=0, le=MAX_PAISE, strict=True)]


class Line(Model):
    """One line of a report: where, what, how often, how much."""

    library_id: UUID | None
    group: str
    detail: str | None = None
    count: int
    amount_paise: int


class ReportView(Model):
    """A report of days from `from` to before `to`, or as it stands on that day."""

    report: Report
    from_: Annotated[date, Field(alias="from")]
    to: date
    lines: list[Line]
    total_paise: int
    ledger_paise: int | None = None
    """What the accounts behind it come to in the same days, or altogether: equal to the total."""


class Slice(Model):
    """Part of what was collected."""

    by: Literal["method", "plan", "library", "month"]
    name: str
    collected_paise: int
    refunded_paise: int


class Summary(Model):
    """What came in, what went back, and what is still owed."""

    from_: Annotated[date, Field(alias="from")]
    to: date
    collected_paise: int
    refunded_paise: int
    due_paise: int
    """Open today, whatever the days asked for."""
    slices: list[Slice]


class Account(Model):
    """An account in a statement."""

    account: str
    amount_paise: int


class LibraryResult(Model):
    """One library's income and expenses; null is what belongs to none in particular."""

    library_id: UUID | None
    income_paise: int
    expenses_paise: int
    result_paise: int
    accounts: list[Account]


class ProfitAndLoss(Model):
    """Income less expenses; tax is in neither."""

    from_: Annotated[date, Field(alias="from")]
    to: date
    income_paise: int
    expenses_paise: int
    result_paise: int
    libraries: list[LibraryResult]


class Deferral(Model):
    """One library's memberships that were paid ahead."""

    library_id: UUID
    sold_paise: int
    recognised_paise: int
    unearned_paise: int
    memberships: int


class Deferred(Model):
    """Of what was paid for memberships, before tax: earned until a day, and still to be earned."""

    on: date
    sold_paise: int
    recognised_paise: int
    unearned_paise: int
    booked_paise: int
    """The liability in the books, brought up to the day every night."""
    libraries: list[Deferral]


class ForecastMonth(Model):
    """A month to come: renewals that fall into it, as many as usually stay, as strong as the month usually is."""

    month: str
    renewals: int
    listed_paise: int
    """If everybody stayed."""
    expected_paise: int


class Forecast(Model):
    """The next three months, and what they are reckoned from."""

    retention_percent: int
    """Of memberships whose period ended in the last 90 days: how many went on."""
    seasonal: bool
    """Whether the same month of last year is known."""
    months: list[ForecastMonth]


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


class ExportRequest(Model):
    """The journal of days from `from` to before `to`: a sheet, or what Tally imports."""

    from_: Annotated[date, Field(alias="from")]
    to: date
    format: Literal["csv", "tally"] = "csv"

    @model_validator(mode="after")
    def _a_year_at_most(self) -> ExportRequest:
        if not 0 < (self.to - self.from_).days <= 366:
            raise ValueError("to lies after from, at most a year later")
        return self


class JournalEntry(Model):
    """One line of the journal."""

    transaction_id: UUID
    day: date
    kind: str
    description: str
    library: str | None
    account: str
    amount_paise: int


class PlatformMonth(Model):
    """One month of the platform."""

    month: str
    subscriptions_paise: int
    credits_paise: int
    credits_cost_paise: int
    commissions_paise: int


class PlatformSummary(Model):
    """What the platform earned, before tax: plans, the margin on credits, commissions."""

    subscriptions_paise: int
    gst_output_paise: int
    gateway_fees_paise: int
    credits_paise: int
    credits_cost_paise: int
    credits_margin_paise: int
    commissions_paise: int
    months: list[PlatformMonth]


class TenantRevenue(Model):
    """What one organisation brings."""

    id: UUID
    name: str
    plan_code: str
    subscriptions_paise: int
    credits_paise: int
    credits_cost_paise: int
    margin_paise: int


class AlreadyClosed(StateConflict):
    """This day, or a later one, is closed already."""

    code = "day_locked"


class DayNotOver(RuleViolated):
    """A day that has not begun cannot be counted."""

    code = "day_not_over"


class ExpenseVoid(StateConflict):
    """This expense was voided."""

    code = "expense_void"


class ExportTooLarge(RuleViolated):
    """More than one answer holds: ask for fewer days."""

    code = "export_too_large"
