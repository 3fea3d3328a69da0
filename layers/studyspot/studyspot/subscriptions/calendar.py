"""Billing dates: month ends keep their day, debits keep to the legal windows."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import datetime, time, timedelta

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


def next_in_windows(moment: datetime, windows: Sequence[Sequence[str]]) -> datetime:
    """The first moment from `moment` on that lies in a window of the Indian day (`[["00:00", "10:00"], ...]`)."""
    local = moment.astimezone(INDIA)
    for day in range(2):
        midnight = datetime.combine(local.date() + timedelta(days=day), time(), INDIA)
        for opens, closes in windows:
            start, end = midnight + _since_midnight(opens), midnight + _since_midnight(closes)
            if local < end:
                return max(local, start).astimezone(moment.tzinfo)
    raise ValueError(f"no window in {windows}")


def _since_midnight(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))
