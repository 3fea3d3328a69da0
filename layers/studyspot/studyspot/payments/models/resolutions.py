"""What people found out about a payment whose outcome no gateway tells; two of them, or it does not count."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from studyspot.kit.errors import Invalid, StateConflict
from studyspot.kit.models import Model, Timestamp

Outcome = Literal["captured", "failed"]


class ResolveRequest(Model):
    """What became of it, and how that is known. The second person sends the same outcome and number."""

    outcome: Outcome
    evidence: Annotated[str, Field(min_length=10, max_length=2000)]
    gateway_payment_id: Annotated[str, Field(min_length=4, max_length=100, pattern=r"^[!-~]+$")] | None = None
    """As the gateway's own dashboard or its support names it; owed for `captured`."""


class Resolution(Model):
    """`proposed` by one, `applied` when another one agreed, `withdrawn` when something else was proposed."""

    id: UUID
    payment_id: UUID
    outcome: Outcome
    gateway_payment_id: str | None
    evidence: str
    status: Literal["proposed", "applied", "withdrawn"]
    proposed_by: UUID
    agreed_by: UUID | None
    created_at: Timestamp
    decided_at: Timestamp | None


class UnresolvedPayment(Model):
    """A payment whose outcome has not been known for long, whosever it is."""

    id: UUID
    tenant_id: UUID
    purpose: str
    amount_paise: int
    gateway: str | None
    gateway_order_id: str | None
    failure: str | None
    created_at: Timestamp
    updated_at: Timestamp


class NothingToResolve(StateConflict):
    """What became of this payment is known."""

    code = "payment_resolved"


class NoOrder(StateConflict):
    """No gateway was asked for this payment: what was paid otherwise is claimed, or taken over the counter."""

    code = "no_order"


def number_owed() -> Invalid:
    """Money that is said to be there has a number there."""
    return Invalid.field("gatewayPaymentId", "required for captured")
