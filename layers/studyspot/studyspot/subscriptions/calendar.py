"""Billing dates: month ends keep their day."""

from __future__ import annotations

import calendar
from datetime import datetime

from studyspot.kit.clock import INDIA

RETRY_DAYS = (1, 3, 5)
"""Days after the first failed debit on which it is tried again (G13)."""


def period(anchor: datetime, months: int, index: int) -> tuple[datetime, datetime]:
    """The index-th period `[start, end)` from the anchor, so that 31 January gives 28 February, then 31 March."""
    return _plus_months(anchor, months * index), _plus_months(anchor, months * (index + 1))


def _plus_months(moment: datetime, months: int) -> datetime:
    local = moment.astimezone(INDIA)
    year, month = divmod(local.month - 1 + months, 12)
    year, month = local.year + year, month + 1
    day = min(local.day, calendar.monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day).astimezone(moment.tzinfo)
