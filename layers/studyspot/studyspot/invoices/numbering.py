"""Consecutive numbers, decided by the database: one row for a series and financial year, held until the commit."""

from __future__ import annotations

from studyspot.invoices import arithmetic
from studyspot.invoices.models.refusals import SeriesExhausted
from studyspot.invoices.queries import documents
from studyspot.kit import clock
from studyspot.kit.db import Db

Number = tuple[str, str, str]
"""(number, series, financial year)."""


def take(db: Db, *series: str) -> list[Number]:
    """The next number of each series. Call it last: whoever has taken one keeps the next of them waiting."""
    year = arithmetic.financial_year(clock.now())
    found = documents.take(db, series, year)
    if set(series) - set(found):
        raise SeriesExhausted
    return [(f"{name}/{year}/{found[name]:06}", name, year) for name in series]
