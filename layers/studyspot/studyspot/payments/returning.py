"""Where a gateway sends the payer's browser back to: an address that names the payment and that only we can make."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import crypto, settings
from studyspot.payments.models import GatewayName

PURPOSE = "payment_return"
ID_LETTERS = 32


def address(tenant: UUID, payment_id: UUID, gateway: GatewayName) -> str:
    """For the gateway to return to, at the end of its page."""
    s = settings.get()
    own = s.paytm_callback_url if gateway == "paytm" else ""
    base = own or f"{s.public_base_url}/api/v1/payments/callback/{gateway}"
    return f"{base}?state={crypto.sealed(PURPOSE, tenant.hex + payment_id.hex)}"


def opened(state: str) -> tuple[UUID, UUID] | None:
    """Tenant and payment of an address that was made here; None when anything was changed."""
    told = crypto.unsealed(PURPOSE, state)
    return (UUID(told[:ID_LETTERS]), UUID(told[ID_LETTERS:])) if told else None


def shown(payment_id: UUID, status: str) -> str:
    """Where people see the payment; the status is what was known when they were sent there."""
    s = settings.get()
    return f"{s.app_base_url or s.public_base_url}/payments/{payment_id}?status={status}"
