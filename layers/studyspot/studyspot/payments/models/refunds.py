"""Money on its way back to the payer, whoever asked for it and whoever has to agree."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from studyspot.kit.errors import RuleViolated, StateConflict
from studyspot.kit.models import MAX_PAISE, Model, Timestamp
from studyspot.payments.models.payments import IN_HAND, GatewayName, Till

CREDIT: Literal["credit"] = "credit"
"""Kept for the member's next dues, at once."""
RefundStatus = Literal["pending", "succeeded", "failed"]
Approval = Literal["waiting", "approved", "refused"]


class Refund(Model):
    """Money on its way back to the payer."""

    id: UUID
    payment_id: UUID
    capture_id: UUID
    amount_paise: int
    status: RefundStatus
    kind: Literal["requested", "automatic", "external", "void"]
    reason: str
    gateway: GatewayName | Till | Literal["credit"]
    gateway_refund_id: str | None
    reference: str
    approval: Approval | None
    retry_of: UUID | None
    created_at: Timestamp
    succeeded_at: Timestamp | None

    @property
    def by_hand(self) -> bool:
        """No gateway gives it back: somebody does, and says so."""
        return self.gateway in IN_HAND

    @property
    def at_once(self) -> bool:
        """No gateway is asked."""
        return self.by_hand or self.gateway == CREDIT

    def shown(self) -> RefundView:
        """Without the inner columns."""
        return RefundView.model_validate(self.model_dump(include=set(RefundView.model_fields)))


class RefundView(Model):
    """A refund as people see it."""

    id: UUID
    payment_id: UUID
    status: RefundStatus
    kind: Literal["requested", "automatic", "external", "void"]
    """`void`: the money never was, an entry over the counter was taken back."""
    amount_paise: int
    reason: str
    gateway: str
    """`cash` and `bank`: no gateway gives it back, somebody does; `credit`: kept for the member's next dues."""
    gateway_refund_id: str | None
    approval: Approval | None
    """`waiting`: above the organisation's limit, somebody who may has to agree; null = it needed nobody."""
    retry_of: UUID | None
    """The refund that failed before this one."""
    created_at: Timestamp
    succeeded_at: Timestamp | None

    @property
    def location(self) -> str:
        return f"/api/v1/refunds/{self.id}"


class RefundRequest(Model):
    """No amount means all that is left."""

    amount_paise: Annotated[int, Field(gt=0, le=MAX_PAISE, strict=True)] | None = None
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    to: Literal["source", "credit"] = "source"
    """`credit`: at once, kept for the member's next dues; `source`: the way it came."""
    effects: Literal["keep", "undo"] = "keep"
    """`undo`: what a payment that goes back whole brought is taken back now: a seat is free, a fee is owed again."""


class RefundDecision(Model):
    """What somebody who may says about a refund above the organisation's limit."""

    decision: Literal["approve", "refuse"]


class RefundExceeds(RuleViolated):
    """More than what was paid and not yet given back."""

    code = "refund_exceeds"


class NotRefundable(StateConflict):
    """Only money that was captured can be given back."""


class RefundWindow(RuleViolated):
    """It was paid longer ago than the organisation gives back."""

    code = "refund_window"


class NotUndone(StateConflict):
    """What this payment brought was used, or changed, since: it cannot be undone any more."""

    code = "delivered"


class NoCredit(RuleViolated):
    """Credit is kept for members: what was not paid for a membership goes back the way it came."""

    code = "no_member_credit"


class ApprovalNeeded(StateConflict):
    """This refund is above the organisation's limit and waits for somebody who may approve it."""

    code = "refund_approval_needed"


class NotWaiting(StateConflict):
    """Nobody has to decide about this refund any more."""

    code = "refund_decided"


class RetriedAlready(StateConflict):
    """This refund was tried again already; `refundId` names the newer one."""

    code = "refund_retried"
