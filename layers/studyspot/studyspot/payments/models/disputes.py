"""A chargeback as people see it."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from studyspot.kit.models import Model, Timestamp

DisputeStatus = Literal["open", "under_review", "won", "lost", "closed"]


class Dispute(Model):
    """What a payer's bank takes back of a payment; `respondBy` is the last moment for evidence."""

    id: UUID
    payment_id: UUID
    capture_id: UUID
    gateway: str
    gateway_dispute_id: str
    status: DisputeStatus
    phase: str | None
    reason: str | None
    amount_paise: int
    fee_paise: int
    respond_by: Timestamp | None
    evidence_at: Timestamp | None
    opened_at: Timestamp
    closed_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp
