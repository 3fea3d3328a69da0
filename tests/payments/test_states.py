"""The state machine of payments as data, every pair of it."""

from __future__ import annotations

from typing import get_args

import pytest
from studyspot.payments.models import Status
from studyspot.payments.states import OPEN, PAID, RANK, after_refunds, rises

STATUSES: tuple[Status, ...] = get_args(Status)


def test_every_status_has_a_rank_and_paid_ones_never_go_back() -> None:
    assert set(RANK) == set(STATUSES)
    for paid in PAID:
        assert not [news for news in STATUSES if news not in PAID and rises(paid, news)]


@pytest.mark.parametrize("news", STATUSES)
@pytest.mark.parametrize("present", STATUSES)
def test_news_is_applied_once_and_only_upwards(present: Status, news: Status) -> None:
    after = news if rises(present, news) else present
    assert not rises(after, news)
    assert RANK[after] == max(RANK[present], RANK[news])


def test_a_late_success_overrules_every_end_without_money() -> None:
    assert all(rises(status, "captured") for status in ("failed", "expired", "cancelled", "unknown", *OPEN))


def test_refund_states_are_derived() -> None:
    assert [after_refunds(100, back) for back in (0, 1, 99, 100)] == [
        "captured", "partially_refunded", "partially_refunded", "refunded",
    ]  # fmt: skip
