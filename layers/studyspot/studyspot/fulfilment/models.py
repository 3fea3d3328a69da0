"""What operators see of the vendors' stored events."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from studyspot.kit.errors import StateConflict
from studyspot.kit.models import Model, Timestamp

State = Literal["received", "processed", "ignored", "parked"]


class InboundEvent(Model):
    """A vendor's event as it was stored; `payload` shows what is known to be nobody's data, and hides the rest."""

    id: UUID
    vendor: str
    event_id: str
    kind: str
    state: State
    detail: str | None
    deliveries: int
    account_id: UUID | None
    """Through which organisation's own account it came; null = the platform's."""
    received_at: Timestamp
    processed_at: Timestamp | None
    payload: Any


class NothingToReprocess(StateConflict):
    """Nothing here acts on such an event."""

    code = "event_not_processable"
