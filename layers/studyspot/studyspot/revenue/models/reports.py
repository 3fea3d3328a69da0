"""Reports, statements, forecasts and exports of the books."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.errors import RuleViolated
from studyspot.kit.models import Model

Report = Literal["collections", "dues-ageing", "discounts", "deposits", "deferred", "gst", "gateway-fees"]


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


class ExportTooLarge(RuleViolated):
    """More than one answer holds: ask for fewer days."""

    code = "export_too_large"
