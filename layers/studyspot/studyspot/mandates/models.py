"""Mandates and their debits as rows and as answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from studyspot.kit.errors import Conflict, StateConflict
from studyspot.kit.models import Model, Paise, Timestamp
from studyspot.payments.autopay import Kind

MandateStatus = Literal["created", "active", "paused", "revoked", "rejected"]
DebitStatus = Literal["opening", "announced", "asked", "paid", "failed", "cancelled"]


class MandateRequest(Model):
    """For which membership, by what, and how much at most a debit may be. The payer approves it at the gateway."""

    purpose: Literal["membership"] = "membership"
    purpose_id: UUID
    kind: Kind
    max_amount_paise: Annotated[Paise, Field(ge=100)]
    months: Annotated[int, Field(ge=1, le=120, strict=True)] = 12
    """How long it is valid."""


class Mandate(Model):
    """A standing permission, as the student and the owner see it."""

    id: UUID
    kind: Kind
    status: MandateStatus
    membership_id: UUID
    student_id: UUID
    gateway: str
    max_amount_paise: int
    valid_until: Timestamp
    approved_at: Timestamp | None
    revoked_at: Timestamp | None
    created_at: Timestamp


class OpenedMandate(Mandate):
    """And what the client needs for the payer's approval; `paymentId` is the payment that approves it, if one does."""

    checkout: dict[str, Any]
    payment_id: UUID | None


class MandateRow(Mandate):
    """With what only the product needs."""

    due_id: UUID | None
    account_id: UUID | None
    payment_id: UUID | None
    gateway_order_id: str | None
    gateway_customer_id: str | None
    token_id: str | None
    ended_at: datetime | None

    def shown(self) -> Mandate:
        """Without the inner columns."""
        return Mandate.model_validate(self.model_dump(include=set(Mandate.model_fields)))


class Attempt(Model):
    """One time that a debit was asked for; no result while it is not known."""

    number: int
    asked_at: Timestamp
    result: Literal["paid", "declined", "unanswered"] | None
    reason: str | None


class Debit(Model):
    """One sum debited: when the payer was told, when it was due, every attempt and what came of it."""

    id: UUID
    mandate_id: UUID
    due_id: UUID
    amount_paise: int
    status: DebitStatus
    noticed_at: Timestamp | None
    debit_at: Timestamp
    paid_at: Timestamp | None
    payment_id: UUID | None
    attempts: list[Attempt]
    created_at: Timestamp


class DebitRow(Model):
    """A row of `mandate_debits`."""

    id: UUID
    mandate_id: UUID
    due_id: UUID
    amount_paise: int
    status: DebitStatus
    debit_at: datetime
    noticed_at: datetime | None
    gateway_order_id: str | None
    payment_id: UUID | None
    tried: int
    """How often it was asked for."""
    awaited: bool
    """Whether the result of the last time is not known yet."""


class MandateExists(Conflict):
    """This membership has a mandate already."""

    code = "mandate_exists"


class MandateNotActive(StateConflict):
    """No debit is made under a mandate that is not active."""

    code = "mandate_not_active"


class DebitUnderWay(Conflict):
    """What became of the last attempt is not known yet."""

    code = "debit_under_way"
