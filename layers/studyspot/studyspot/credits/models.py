"""What credits take, answer and refuse."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from studyspot.kit.errors import Conflict, PaymentRequired
from studyspot.kit.models import Model, Name, Timestamp

CreditType = Literal["sms", "whatsapp", "voice", "ai_tokens"]
Quantity = Annotated[int, Field(ge=1, le=100_000_000, strict=True)]
UnitPaise = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


class InsufficientCredits(PaymentRequired):
    """There are not enough credits for this."""

    code = "insufficient_credits"


class MasterInsufficient(Conflict):
    """The operator holds fewer credits than that."""

    code = "master_insufficient"


class Wallet(Model):
    """A tenant's credits of one type; `balance` excludes what is `reserved`."""

    balance: int = 0
    reserved: int = 0
    consumed_total: int = 0
    unit_price_paise: int = 25
    low_balance_threshold: int = 100


class Entry(Model):
    """One leg of a movement; the legs of a transaction sum to zero."""

    id: UUID
    transaction_id: UUID
    credit_type: str
    kind: str
    account: str
    quantity: int
    reference: str
    created_at: Timestamp


class Purchase(Model):
    """Buy from a vendor."""

    credit_type: CreditType = "sms"
    quantity: Quantity
    unit_cost_paise: UnitPaise
    vendor: Name = "MSG91"
    invoice_ref: Annotated[str, Field(max_length=100)] | None = None


class Purchased(Model):
    """A purchase as it was booked; tax on top."""

    id: UUID
    vendor_id: UUID
    credit_type: str
    quantity: int
    unit_cost_paise: int
    total_paise: int
    gst_paise: int
    invoice_ref: str | None
    purchased_at: Timestamp


class Allocation(Model):
    """From the master wallet to the tenant named by X-Tenant-Id; a grant costs the tenant nothing."""

    credit_type: CreditType = "sms"
    quantity: Quantity
    kind: Literal["sale", "grant"] = "sale"
    unit_price_paise: UnitPaise = 25


class Allocated(Model):
    """An allocation as it was booked."""

    id: UUID
    to_tenant: UUID
    credit_type: str
    quantity: int
    kind: str
    unit_price_paise: int
    cost_paise: int
    reference: str
    created_at: Timestamp
    arrived_at: Timestamp | None


class MasterWallet(Model):
    """The operator's credits of one type."""

    id: UUID
    credit_type: str
    vendor_id: UUID
    purchased_total: int
    available: int
    allocated_total: int
    consumed_total: int
    reserved: int
    low_balance_threshold: int


class Margin(Model):
    """What was sold to one tenant in one month of India, what it cost, and what is left."""

    tenant_id: UUID
    month: str
    credit_type: str
    quantity: int
    cost_paise: int
    revenue_paise: int
    profit_paise: int
    margin_percent: float | None
    """A ratio for people to read; no money is computed from it."""


class Vendor(BaseModel):
    """Whom credits are bought from."""

    id: UUID
    unit_cost_paise: int


class Conservation(Model):
    """G12: purchased = master + tenants' balance and reserved + consumed + on its way."""

    credit_type: str
    purchased: int
    master: int
    tenants: int
    consumed: int
    on_the_way: int

    @property
    def holds(self) -> bool:
        return self.purchased == self.master + self.tenants + self.consumed + self.on_the_way
