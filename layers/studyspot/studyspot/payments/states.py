"""The payment's state machine as data: a news item is applied only if it raises the rank."""

from __future__ import annotations

from studyspot.payments.models import RefundStatus, Status

RANK: dict[Status, int] = {
    "created": 0,
    "pending": 1,
    "unknown": 2,
    "failed": 3,
    "expired": 3,
    "cancelled": 3,
    "authorized": 4,
    "captured": 5,
    "partially_refunded": 6,
    "refunded": 7,
}
OPEN: tuple[Status, ...] = ("created", "pending", "unknown", "authorized")
"""Money may come in without anybody being surprised."""
LATE: tuple[Status, ...] = ("failed", "expired", "cancelled")
"""A success after these is applied and flagged."""
PAID: tuple[Status, ...] = ("captured", "partially_refunded", "refunded")

REFUND_MOVES: dict[RefundStatus, tuple[RefundStatus, ...]] = {
    "pending": ("succeeded", "failed"),
    "succeeded": ("failed",),
    "failed": ("succeeded",),
}
"""Vendors do report a processed refund as failed, and a failed one as done after all."""


def rises(present: Status, news: Status) -> bool:
    """Would this news move the payment forward?"""
    return RANK[news] > RANK[present]


def after_refunds(captured_paise: int, refunded_paise: int) -> Status:
    """The status that the refunds leave behind."""
    if refunded_paise == 0:
        return "captured"
    return "refunded" if refunded_paise >= captured_paise else "partially_refunded"
