"""Quiet hours: no service message from 22:00 to 08:00 in India, but what the recipient's own act just caused.

An organisation may begin its night earlier and end it later (`policies.models.Messages`), never the other way round.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from studyspot.kit.clock import INDIA
from studyspot.policies.models import Messages

TRIGGERED_FOR = timedelta(minutes=30)
"""TRAI: later than this a message no longer counts as caused by the act."""


def allowed_from(now: datetime, acted_at: datetime | None, night: Messages) -> datetime:
    """The moment it may leave: now, or the end of the night."""
    local = now.astimezone(INDIA)
    is_quiet = local.time() >= night.quiet_from or local.time() < night.quiet_until
    if not is_quiet or (acted_at is not None and now - acted_at <= TRIGGERED_FOR):
        return now
    day = local.date() + timedelta(days=1 if local.time() >= night.quiet_from else 0)
    return datetime.combine(day, night.quiet_until, INDIA)
