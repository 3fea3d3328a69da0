"""Reports: each is the ledger's own movement, or stands beside the balance it has to agree with."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import groupby
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid
from studyspot.revenue.models import (
    Account,
    Deferred,
    LibraryResult,
    Line,
    ProfitAndLoss,
    Report,
    ReportView,
    Summary,
)
from studyspot.revenue.queries import flows

LONGEST = timedelta(days=3 * 366)
SOLD = ["revenue.%", "liability.refunds_due"]
BEHIND: dict[Report, tuple[list[str], list[str] | None, bool, int]] = {
    "collections": (SOLD, ["capture", "capture_reversal", "refund", "refund_reversal"], True, -1),
    "discounts": (["expense.%"], ["adjustment"], True, 1),
    "deposits": (["liability.deposits"], None, False, -1),
    "gst": (["liability.gst_output", "asset.gst_input"], None, True, -1),
    "gateway-fees": (["expense.gateway_fees"], None, True, 1),
}
"""The accounts behind a report, of which causes, whether in the days asked for or altogether, and their sign."""

Days = tuple[date, date]


def days(first: date | None, last: date | None) -> Days:
    """The running month unless said otherwise."""
    today = clock.now().astimezone(INDIA).date()
    start = first or today.replace(day=1)
    end = last or today + timedelta(days=1)
    if not timedelta() < end - start <= LONGEST:
        raise Invalid.field("to", "lies after from, at most three years later")
    return start, end


def report(db: Db, name: Report, span: Days, library_id: UUID | None) -> ReportView:
    """Its lines, their sum, and what the ledger says of the same."""
    if name == "deferred":
        lines = _deferred_lines(deferred(db, span[1] - timedelta(days=1), library_id))
    else:
        lines = flows.report(db, name, *span, library_id)
    behind = BEHIND.get(name)
    said = None
    if behind:
        accounts, kinds, within, sign = behind
        first, last = span if within else (None, None)
        said = sign * flows.ledger(db, accounts, kinds, first, last, library_id)
    total = sum(line.amount_paise for line in lines)
    return ReportView(report=name, from_=span[0], to=span[1], lines=lines, total_paise=total, ledger_paise=said)


def _deferred_lines(told: Deferred) -> list[Line]:
    return [
        Line(library_id=one.library_id, group="unearned", count=one.memberships, amount_paise=one.unearned_paise)
        for one in told.libraries
    ]


def summary(db: Db, span: Days, library_id: UUID | None) -> Summary:
    """What came in and went back, looked at in four ways, and what is owed today."""
    slices = flows.slices(db, *span, library_id)
    by_method = [part for part in slices if part.by == "method"]
    return Summary(
        from_=span[0],
        to=span[1],
        collected_paise=sum(part.collected_paise for part in by_method),
        refunded_paise=sum(part.refunded_paise for part in by_method),
        due_paise=flows.due(db, library_id),
        slices=slices,
    )


def profit_and_loss(db: Db, span: Days, library_id: UUID | None) -> ProfitAndLoss:
    """By library, account by account; income is shown positive."""
    found = []
    rows = flows.accounts(db, *span, library_id)
    for place, part in groupby(sorted(rows, key=lambda row: str(row.library_id)), key=lambda row: row.library_id):
        shown = [Account(account=row.account, amount_paise=_signed(row)) for row in part]
        income = sum(one.amount_paise for one in shown if one.account.startswith("revenue."))
        spent = sum(one.amount_paise for one in shown if one.account.startswith("expense."))
        result = LibraryResult(
            library_id=place, income_paise=income, expenses_paise=spent, result_paise=income - spent, accounts=shown
        )
        found.append(result)
    income, spent = sum(one.income_paise for one in found), sum(one.expenses_paise for one in found)
    return ProfitAndLoss(
        from_=span[0], to=span[1], income_paise=income, expenses_paise=spent, result_paise=income - spent,
        libraries=found,
    )  # fmt: skip


def _signed(row: flows.Result) -> int:
    return -row.amount_paise if row.account.startswith("revenue.") else row.amount_paise


def deferred(db: Db, on: date | None, library_id: UUID | None) -> Deferred:
    """At the end of a day, today unless said otherwise: days of membership that are over are earned."""
    day = on or clock.now().astimezone(INDIA).date()
    until = datetime.combine(day + timedelta(days=1), time(), INDIA)
    found = flows.deferred(db, day, until, library_id)
    return Deferred(
        on=day,
        sold_paise=sum(one.sold_paise for one in found),
        recognised_paise=sum(one.recognised_paise for one in found),
        unearned_paise=sum(one.unearned_paise for one in found),
        booked_paise=-flows.ledger(db, ["liability.deferred_revenue"], None, None, None, library_id),
        libraries=found,
    )
