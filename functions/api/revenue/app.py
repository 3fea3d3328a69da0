"""/revenue and /expenses - what came in, what was spent, counted days; /admin/revenue - what the platform earns."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.response import Response
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.revenue import days, exporting, forecasting, platform, reports, spending
from studyspot.revenue.models import (
    Category,
    CloseRequest,
    DayBook,
    DayClose,
    Deferred,
    Expense,
    ExpenseChange,
    ExpenseRequest,
    ExportRequest,
    Forecast,
    PlatformSummary,
    ProfitAndLoss,
    Report,
    ReportView,
    Summary,
    TenantRevenue,
)

api = Api("revenue", module="library")
handler = api.handler

Owner = Annotated[Actor, allow("revenue:read", everywhere=True)]
Closer = Annotated[Actor, allow("revenue:day")]
Reader = Annotated[Actor, allow("expenses:read")]
Recorder = Annotated[Actor, allow("expenses:record")]
Operator = Annotated[Actor, allow("revenue:read_all")]
Known = Annotated[UUID, Of("expenses")]


@api.get("/revenue/summary")
def summary(
    actor: Owner, db: TenantDb, from_: date | None = None, to: date | None = None, library_id: UUID | None = None
) -> Summary:
    """What came in and went back by way of paying, plan, library and month, and what is owed today.

    Days from `from` to before `to`, the running month unless said otherwise.
    """
    return reports.summary(db, reports.days(from_, to), library_id)


@api.get("/revenue/reports/{report}")
def report(
    report: Report,
    actor: Owner,
    db: TenantDb,
    from_: date | None = None,
    to: date | None = None,
    library_id: UUID | None = None,
) -> ReportView:
    """One of collections, dues-ageing, discounts, deposits, deferred, gst and gateway-fees."""
    return reports.report(db, report, reports.days(from_, to), library_id)


@api.get("/revenue/pnl")
def profit_and_loss(
    actor: Owner, db: TenantDb, from_: date | None = None, to: date | None = None, library_id: UUID | None = None
) -> ProfitAndLoss:
    """Income less expenses by library, account by account, as the ledger has them."""
    return reports.profit_and_loss(db, reports.days(from_, to), library_id)


@api.get("/revenue/deferred")
def deferred(actor: Owner, db: TenantDb, on: date | None = None, library_id: UUID | None = None) -> Deferred:
    """Of what was paid for memberships: earned by the end of a day, and still to be earned."""
    return reports.deferred(db, on, library_id)


@api.get("/revenue/forecast")
def forecast(actor: Owner, db: TenantDb, library_id: UUID | None = None) -> Forecast:
    """The next three months from renewals, how many usually stay, and last year's season."""
    return forecasting.forecast(db, library_id)


@api.get("/revenue/day-book")
def day_book(actor: Closer, db: TenantDb, library_id: UUID, day: date | None = None) -> DayBook:
    """A library's day by way of paying and person, and what should be in the drawer."""
    return days.book(db, actor, library_id, day)


@api.post("/revenue/day-close", status_code=201)
def close_day(asked: CloseRequest, actor: Closer, db: TenantDb) -> DayClose:
    """Count the cash and lock the day: afterwards it takes nothing but what reverses an entry."""
    return days.close(db, actor, asked)


@api.get("/revenue/day-close")
def closed_days(
    actor: Annotated[Actor, allow("revenue:read")], db: TenantDb, paging: Paging, library_id: UUID | None = None
) -> Page[DayClose]:
    """Counted days, newest first."""
    return days.closes(db, paging, library_id)


@api.post("/revenue/export", keyed="ignored")
def export(
    asked: ExportRequest, actor: Annotated[Actor, allow("revenue:export", everywhere=True)], db: TenantDb
) -> Response:
    """The journal as a sheet, or as vouchers that Tally imports."""
    made, kind, name = exporting.export(db, asked)
    return Response(200, made, kind, {"Content-Disposition": f'attachment; filename="{name}"'})


@api.get("/expenses")
def expenses(
    actor: Reader,
    db: TenantDb,
    paging: Paging,
    library_id: UUID | None = None,
    category: Category | None = None,
    status: Literal["recorded", "void"] | None = None,
    from_: date | None = None,
    to: date | None = None,
) -> Page[Expense]:
    """Newest first. Days from `from` to before `to`."""
    wanted = {"library": library_id, "category": category, "status": status, "from": from_, "to": to}
    return spending.listed(db, paging, **wanted)


@api.post("/expenses", status_code=201)
def record(asked: ExpenseRequest, actor: Recorder, db: TenantDb) -> Expense:
    return spending.record(db, actor, asked)


@api.get("/expenses/{expenseId}")
def expense(expense_id: Known, actor: Reader, db: TenantDb) -> Expense:
    return spending.read(db, actor, expense_id)


@api.put("/expenses/{expenseId}")
def change(expense_id: Known, asked: ExpenseChange, actor: Recorder, db: TenantDb, request: Request) -> Expense:
    """Change the fields that are sent; what was booked is reversed and booked anew."""
    return spending.change(db, actor, expense_id, asked, request.headers.get("if-match"))


@api.delete("/expenses/{expenseId}")
def void(expense_id: Known, actor: Annotated[Actor, allow("expenses:void")], db: TenantDb) -> None:
    """Voided and reversed: the row stays."""
    spending.void(db, expense_id)


@api.get("/admin/revenue/summary")
def platform_summary(
    actor: Operator, core: CoreDb, from_: date | None = None, to: date | None = None
) -> PlatformSummary:
    """Plans net of tax, the margin on credits and commissions of the whole platform."""
    return platform.summary(core, reports.days(from_, to))


@api.get("/admin/revenue/tenants")
def platform_tenants(
    actor: Operator, core: CoreDb, paging: Paging, from_: date | None = None, to: date | None = None
) -> Page[TenantRevenue]:
    """What each organisation brings."""
    return platform.tenants(core, paging, reports.days(from_, to))
