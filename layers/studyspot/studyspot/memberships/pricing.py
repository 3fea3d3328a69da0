"""What a plan costs: integers of paise, every line rounded half up by itself."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, timedelta

from studyspot.memberships.models import QuoteLine, Terms

MONTHS = {"monthly": 1, "quarterly": 3, "half_year": 6, "yearly": 12}
DAYS = {"daily": 1, "weekly": 7, "visits": 30}
MINUTE = timedelta(minutes=1)


def half_up(numerator: int, denominator: int) -> int:
    """The quotient of two non-negative integers, a half rounded up."""
    return (2 * numerator + denominator) // (2 * denominator)


def by_the_hour(price_paise: int, start: datetime, end: datetime) -> int:
    """The listed price of a stretch of time; a begun minute counts."""
    minutes = -(-(end - start) // MINUTE)
    return half_up(price_paise * minutes, 60)


def line(description: str, listed_paise: int, terms: Terms) -> QuoteLine:
    """A listed amount with its tax taken out of it or put on it."""
    if terms.tax_included:
        net = half_up(listed_paise * 100, 100 + terms.gst_rate)
        return _line(description, net, listed_paise - net)
    return _line(description, listed_paise, half_up(listed_paise * terms.gst_rate, 100))


def untaxed(description: str, paise: int) -> QuoteLine:
    """A deposit is owed back, never sold: no tax."""
    return _line(description, paise, 0)


def _line(description: str, net: int, gst: int) -> QuoteLine:
    return QuoteLine(description=description, amount_paise=net, gst_paise=gst, total_paise=net + gst)


def period_end(kind: str, start: date, validity_days: int | None) -> date:
    """The first day no longer covered; the 31st of January plus a month is the last of February."""
    if kind in MONTHS:
        month = start.month - 1 + MONTHS[kind]
        year, month = start.year + month // 12, month % 12 + 1
        return date(year, month, min(start.day, monthrange(year, month)[1]))
    return start + timedelta(days=validity_days or DAYS[kind])
