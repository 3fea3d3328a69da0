"""Quiet hours: no service message from 22:00 to 08:00 in India, but what the recipient's own act just caused."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from studyspot.kit.clock import INDIA

QUIET_FROM, QUIET_UNTIL = time(22), time(8)
TRIGGERED_FOR = timedelta(minutes=30)
"""TRAI: later than this a message no longer counts as caused by the act."""


def allowed_from(now: datetime, acted_at: datetime | None) -> datetime:
    """The moment it may leave: now, or the end of the night."""
    local = now.astimezone(INDIA)
    is_quiet = local.time() >= QUIET_FROM or local.time() < QUIET_UNTIL
    if not is_quiet or (acted_at is not None and now - acted_at <= TRIGGERED_FOR):
        return now
    day = local.date() + timedelta(days=1 if local.time() >= QUIET_FROM else 0)
    return datetime.combine(day, QUIET_UNTIL, INDIA)
