"""Month ends keep their day, debits their windows, years their April."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studyspot.kit.clock import INDIA
from studyspot.payments import autopay
from studyspot.subscriptions import calendar

WINDOWS = [["00:00", "10:00"], ["13:00", "17:00"], ["21:30", "24:00"]]


def ist(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=INDIA)


@pytest.mark.parametrize(
    ("anchor", "index", "start", "end"),
    [
        ("2026-01-31", 0, "2026-01-31", "2026-02-28"),
        ("2026-01-31", 1, "2026-02-28", "2026-03-31"),
        ("2026-01-31", 2, "2026-03-31", "2026-04-30"),
        ("2028-01-31", 1, "2028-02-29", "2028-03-31"),
        ("2026-11-21", 2, "2027-01-21", "2027-02-21"),
        ("2024-02-29", 12, "2025-02-28", "2025-03-29"),
    ],
)
def test_a_month_end_keeps_its_day(anchor: str, index: int, start: str, end: str) -> None:
    assert calendar.period(ist(anchor), 1, index) == (ist(start), ist(end))


@given(
    st.integers(1_704_067_200, 1_893_456_000),
    st.sampled_from([1, 3, 12]),
    st.integers(0, 60),
)
def test_periods_follow_one_another_without_gap_or_overlap(anchor: int, months: int, index: int) -> None:
    moment = datetime.fromtimestamp(anchor, UTC)
    this, following = (calendar.period(moment, months, i) for i in (index, index + 1))
    assert this[0] < this[1] == following[0]


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("2026-11-21T09:59", "2026-11-21T09:59"),
        ("2026-11-21T10:00", "2026-11-21T13:00"),
        ("2026-11-21T16:59", "2026-11-21T16:59"),
        ("2026-11-21T17:00", "2026-11-21T21:30"),
        ("2026-11-21T23:30", "2026-11-21T23:30"),
    ],
)
def test_debits_keep_out_of_the_peak_hours(asked: str, allowed: str) -> None:
    assert autopay.next_in_windows(ist(asked), WINDOWS) == ist(allowed)
