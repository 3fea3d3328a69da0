"""The next three months: who has to renew when, how many usually stay, how strong the month usually is."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.revenue.models import Forecast, ForecastMonth
from studyspot.revenue.queries import ahead

LOOKS_BACK = timedelta(days=90)
MONTHS = 3
FULL = 100


def forecast(db: Db, library_id: UUID | None) -> Forecast:
    """In whole percent and paise: each renewal counts as often as it has to be made until then."""
    today = clock.now().astimezone(INDIA).date()
    stayed, ended = ahead.stayed(db, today - LOOKS_BACK, today, library_id)
    retention = FULL * stayed // (stayed + ended) if stayed + ended else FULL
    firsts = [_after(today, n) for n in range(1, MONTHS + 1)]
    seasons = ahead.seasons(db, today, library_id)
    months = [_month(db, first, retention, seasons, library_id) for first in firsts]
    known = any(f"{first.year - 1}-{first.month:02}" in seasons for first in firsts)
    return Forecast(retention_percent=retention, seasonal=known, months=months)


def _after(today: date, months: int) -> date:
    year, month = divmod(today.month - 1 + months, 12)
    return date(today.year + year, month + 1, 1)


def _month(db: Db, first: date, retention: int, seasons: dict[str, int], library_id: UUID | None) -> ForecastMonth:
    due = ahead.renewals(db, first, library_id)
    listed = sum(one.paise for one in due)
    staying = sum(one.paise * retention**one.times // FULL**one.times for one in due)
    last_year = seasons.get(f"{first.year - 1}-{first.month:02}")
    average = sum(seasons.values()) // len(seasons) if seasons else 0
    strength = FULL * last_year // average if last_year is not None and average else FULL
    return ForecastMonth(
        month=f"{first:%Y-%m}",
        renewals=sum(one.members for one in due),
        listed_paise=listed,
        expected_paise=staying * strength // FULL,
    )
