"""What becomes of a customer's subscription while it is on its way out, when it comes back, and when it is gone."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import ids, outbox
from studyspot.kit.db import Db
from studyspot.subscriptions import charges, queries
from studyspot.subscriptions.queries import pausing
from studyspot.subscriptions.service import MACHINE


def pause(core: Db, tenant_id: UUID) -> None:
    """No debit is announced or asked for while it is paused; one that was asked for is still looked after."""
    with core.transaction():
        pausing.pause(core, tenant_id)


def resume(core: Db, tenant_id: UUID) -> None:
    """Renewals go on where they stopped: an announcement that was taken back is made again."""
    with core.transaction():
        for subscription in pausing.resume(core, tenant_id):
            period = f"r{ids.uuid7().hex[-8:]}"
            outbox.start(core, MACHINE, subscription, "begin", period=period)


def end(core: Db, tenant_id: UUID) -> None:
    """For good: the gateway forgets the mandates, then we do. Safe to repeat."""
    for mandate in pausing.mandates_of(core, tenant_id):
        charges.cancel_mandate(core, mandate)
        with core.transaction():
            queries.change_mandate(core, mandate.id, status="revoked", token_id=None, gateway_customer_id=None)
        core.commit()
    with core.transaction():
        pausing.end(core, tenant_id)
