"""What became of a payment as people found out: one says so with evidence, and it counts when another one agrees."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.payments import states
from studyspot.payments.models import PaymentRow
from studyspot.payments.models.resolutions import (
    NothingToResolve,
    Resolution,
    ResolveRequest,
    UnresolvedPayment,
    number_owed,
)
from studyspot.payments.queries import resolutions


def say(db: Db, row: PaymentRow, by: UUID, asked: ResolveRequest) -> Resolution:
    """`applied` when somebody else has said the same before; otherwise it is what is proposed from now on.

    The payment is locked.
    """
    if asked.outcome == "captured" and asked.gateway_payment_id is None:
        raise number_owed()
    if row.status in states.PAID or (asked.outcome == "failed" and row.status not in states.OPEN):
        raise NothingToResolve
    said = resolutions.proposal(db, row.id)
    if said is None or said.proposed_by == by or not _same(said, asked):
        return resolutions.propose(db, row.id, asked, by)
    return resolutions.agree(db, said.id, by)


def _same(said: Resolution, asked: ResolveRequest) -> bool:
    number = asked.gateway_payment_id if asked.outcome == "captured" else None
    return (said.outcome, said.gateway_payment_id) == (asked.outcome, number)


def unresolved(core: Db, minutes: int, paging: Paging) -> Page[UnresolvedPayment]:
    """Of every organisation: outcomes that have not been known for so long."""
    return paging.page(resolutions.unresolved(core, clock.now() - timedelta(minutes=minutes), paging))
