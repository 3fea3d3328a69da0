"""What an owner is told by mail because of something that happened below."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.kit import cells
from studyspot.kit.db import Db
from studyspot.messaging import service as messaging
from studyspot.tenants.queries import directory

KINDS = {"sms": "SMS", "whatsapp": "WhatsApp", "voice": "voice", "ai_tokens": "AI"}


def wallet_low(db: Db, wallet_id: UUID, given: dict[str, Any]) -> None:
    """The wallet fell below its threshold (timer `wallet_low`)."""
    with cells.core_db() as core:
        tenant, owner = directory.by_id(core, db.tenant), directory.owner_of(core, db.tenant)
    facts = {"kind": KINDS[given["creditType"]], "balance": given["balance"], "threshold": given["threshold"]}
    messaging.mail(db, "wallet_low", owner.email, {"tenant": tenant.name, **facts}, owner.id, "library_owner")
