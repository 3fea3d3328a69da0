"""What a client may say about a payment, and what a gateway's page handed to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from studyspot.kit.models import Model
from studyspot.payments.models.payments import GatewayName, Method, Purpose


class PinnedRequest(Model):
    """What a client may say about a payment: what it is for. The amount is only compared."""

    purpose: Purpose
    purpose_id: UUID
    amount_paise: Annotated[int, Field(strict=True)] | None = None
    method: Method | None = None

    def at(self, gateway: GatewayName) -> PayRequest:
        """The same, to be paid at that gateway."""
        return PayRequest(**self.model_dump(), gateway=gateway)


class PayRequest(PinnedRequest):
    """And at which gateway, if not at the one that is chosen."""

    gateway: Literal["auto"] | GatewayName = "auto"


class VerifyRequest(Model):
    """What the gateway's client handed to the app."""

    payment_id: UUID
    callback: dict[str, Any]
