"""An operator's look at an organisation's proof of identity, and the decision on it, in that organisation's cell."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import audit
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kyc import service as kyc
from studyspot.kyc.models import Decision, Kyc
from studyspot.tenants.service import opened


def read(core: Db, actor: Actor, tenant_id: UUID) -> Kyc:
    """The look itself is noted there."""
    with opened(core, tenant_id) as db:
        audit.note(db, "kyc.read", "tenants", tenant_id, actor_type=actor.user_type, actor_id=actor.id)
        return kyc.read(db)


def decide(core: Db, actor: Actor, tenant_id: UUID, asked: Decision) -> Kyc:
    """Committed in the cell before the answer."""
    with opened(core, tenant_id) as db:
        return kyc.decide(db, actor, asked)
