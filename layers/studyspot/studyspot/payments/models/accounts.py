"""An organisation's own account at a payment gateway: what is given, kept and shown of it."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from studyspot.kit.errors import GatewayError, RuleViolated
from studyspot.kit.models import Change, Model, Timestamp
from studyspot.payments.models.payments import GatewayName, Method

KeyText = Annotated[str, Field(min_length=8, max_length=200, pattern=r"^[!-~]+$")]


class AccountChange(Change):
    """Credentials are written, never read; absent ones stay. `keyId` is what the gateway calls key id, client id,
    merchant id (Paytm) or publishable key (Stripe)."""

    key_id: KeyText | None = None
    key_secret: KeyText | None = None
    webhook_secret: KeyText | None = None
    """Razorpay's and Stripe's; Cashfree and Paytm sign with the key's own secret."""
    mode: Literal["test", "live"] | None = None
    """Owed for Paytm alone: the other gateways' keys say it themselves."""
    priority: Annotated[int, Field(ge=1, le=1000)] = 100
    """Lower first; among equals the cheaper one."""
    methods: Annotated[list[Method], Field(max_length=4)] = []
    """Ways to pay that it takes; none named = all."""


class AccountRow(Model):
    """An own account as it is stored."""

    id: UUID
    gateway: GatewayName
    key_id: str
    credentials: str
    mode: Literal["test", "live"]
    priority: int
    methods: list[str]
    status: Literal["connected", "disconnected"]
    tested_at: Timestamp | None
    test_order: str | None
    webhook_at: Timestamp | None


class GatewayAccount(Model):
    """An own account as people see it; the secrets are not shown to anybody."""

    id: UUID
    gateway: GatewayName
    key_id: str
    mode: Literal["test", "live"]
    priority: int
    methods: list[str]
    status: Literal["connected", "disconnected"]
    webhook_url: str
    """What to enter at the gateway."""
    tested_at: Timestamp | None
    webhook_at: Timestamp | None
    """When a correctly signed webhook came last."""
    circuit: Literal["closed", "open", "half_open"] | None
    success_rate: float | None


class AccountTested(Model):
    """The credentials work: the gateway gave an order of one rupee in test mode."""

    order_id: str
    amount_paise: int
    account: GatewayAccount


class AccountTestFailed(GatewayError):
    """The payment gateway did not accept the account's credentials."""

    code = "gateway_test_failed"


class LiveAccount(RuleViolated):
    """A live account is not tried with an order: connect its test keys for that."""

    code = "gateway_live"
