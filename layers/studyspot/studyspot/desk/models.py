"""What is taken over the counter, claimed, listed by the bank and asked for by a link, and what may go wrong."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from studyspot.kit.errors import Gone, Invalid, RuleViolated, StateConflict
from studyspot.kit.models import MAX_PAISE, Model, Moment, Timestamp
from studyspot.payments.models import Payment
from studyspot.payments.models.payments import GatewayName, Method

Sold = Literal["booking", "membership", "dues"]
"""What an organisation sells to its students, and may be paid for at its desk."""
ByHand = Literal["cash", "bank", "cheque"]
ClaimStatus = Literal["waiting", "approved", "refused"]
LinkStatus = Literal["open", "paid", "expired", "cancelled"]
Compared = Annotated[int, Field(strict=True)]
Sum = Annotated[int, Field(gt=0, le=MAX_PAISE, strict=True)]
Rrn = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
Reference = Annotated[str, Field(min_length=4, max_length=40, pattern=r"^[A-Za-z0-9/-]+$")]
Why = Annotated[str, Field(min_length=1, max_length=200)]


class OfflineRequest(Model):
    """What was taken, for what. The amount is only compared: what it costs the server knows."""

    purpose: Sold
    purpose_id: UUID
    method: ByHand
    amount_paise: Compared | None = None
    reference: Reference | None = None
    """The bank's number of the transfer, owed for `bank`; the number of the cheque."""
    note: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class OfflineVoid(Model):
    """Why the entry is taken back."""

    reason: Why


class OfflinePayment(Payment):
    """A payment over the counter, with the receipt to hand out."""

    receipt_number: str | None


class UpiRequest(Model):
    """What is to be paid by UPI, and from what device."""

    purpose: Sold
    purpose_id: UUID
    amount_paise: Compared | None = None
    flow: Literal["intent", "qr", "collect"] = "intent"
    """`collect`, a request sent to the payer's address, is retired but for what the law exempts."""
    platform: Literal["android", "ios", "web"] | None = None
    through: Literal["own", "gateway"] | None = None
    """Into the organisation's own account, or through a gateway; its own wherever it has an address."""


class UpiPayment(Payment):
    """How to pay it. `intent` opens the payer's app, and is what a QR code of it says."""

    through: Literal["own", "gateway"]
    intent: str | None
    """Of the organisation's own address; through a gateway its checkout offers UPI."""
    payee: str | None
    checkout: dict[str, Any] | None


class ClaimRequest(Model):
    """What the payer's app says of a transfer to the organisation's own address."""

    purpose: Sold
    purpose_id: UUID
    rrn: Rrn
    """The bank's reference number of the transfer (RRN, shown as UTR), twelve digits."""
    amount_paise: Sum
    paid_at: Moment
    proof_file_id: UUID | None = None


class Claim(Model):
    """A claim as people see it."""

    id: UUID
    payment_id: UUID
    student_id: UUID | None
    purpose: Sold
    purpose_id: UUID
    description: str
    payer_name: str
    rrn: str
    amount_paise: int
    paid_at: Timestamp
    proof_file_id: UUID | None
    status: ClaimStatus
    matched: bool
    """A line of the bank's decided, and no person."""
    reason: str | None
    payment_status: str
    created_at: Timestamp
    decided_at: Timestamp | None

    @property
    def location(self) -> str:
        return f"/api/v1/payments/{self.payment_id}"


class Decision(Model):
    """What somebody found who looked into the bank's app."""

    decision: Literal["approve", "refuse"]
    reason: Why | None = None
    """Owed for a refusal: the student reads it at the payment."""


class BankLine(Model):
    """A credit on the organisation's account, as its bank lists it."""

    rrn: Rrn
    amount_paise: Sum
    credited_at: Moment


class Statement(Model):
    """Credits of a bank's statement: line by line, or the file as the bank gives it."""

    lines: Annotated[list[BankLine], Field(max_length=500)] = []
    csv: Annotated[str, Field(max_length=1_000_000)] | None = None
    """Its columns are known by the names that banks use; what is no numbered credit is left out."""


class StatementTaken(Model):
    """What of a statement was new, and which claims it decided."""

    imported: int
    known: int
    ignored: int
    """Lines of the file that are no credit, or name no transfer."""
    approved: int
    """Claims that a line decided."""
    left: int
    """Claims of a transfer in it that somebody has to look at: the amount or the day differs."""


class LinkRequest(Model):
    """What is to be paid by whoever has the link."""

    purpose: Sold
    purpose_id: UUID
    valid_hours: Annotated[int, Field(ge=1, le=30 * 24)] = 72
    send: Literal["sms", "none"] = "sms"


class Link(Model):
    """A link as the desk sees it."""

    id: UUID
    code: str
    url: str
    purpose: Sold
    purpose_id: UUID
    student_id: UUID
    amount_paise: int
    status: LinkStatus
    sent_to: str | None
    """The last digits of the phone it went to."""
    created_at: Timestamp
    expires_at: Timestamp


class LinkPage(Model):
    """What whoever has the code sees: what it is for and how to pay it, and nothing of whose it is."""

    code: str
    payee: str
    description: str
    amount_paise: int | None
    """As it is now; null = there is nothing to pay any more."""
    status: LinkStatus
    expires_at: Timestamp
    upi: bool
    """Whether the organisation has a UPI address of its own; otherwise its checkout offers UPI."""


class LinkPayRequest(Model):
    """How whoever has the link pays."""

    method: Method | None = None
    gateway: Literal["auto"] | GatewayName = "auto"
    through: Literal["own", "gateway"] = "gateway"
    """`own`: into the organisation's account by UPI; who paid tells the desk the bank's reference number."""


class LinkPayment(Model):
    """What the payer's browser needs, and nothing of whose payment it is."""

    payment_id: UUID
    amount_paise: int
    currency: str
    status: str
    gateway: str | None
    expires_at: Timestamp
    checkout: dict[str, Any] | None
    intent: str | None


class VoidedOtherDay(RuleViolated):
    """An entry is voided on the day it was made; after that the money goes back by a refund."""

    code = "void_next_day"


class NotByHand(RuleViolated):
    """Only what was taken over the counter is voided; what came through a gateway or a claim is refunded."""

    code = "not_voidable"


class NoLongerForSale(StateConflict):
    """What was to be paid cannot be had any more; nothing was taken."""

    code = "no_longer_available"


class CollectRetired(Gone):
    """Requests to a payer's UPI address are retired: show the payer a link or a code."""

    code = "upi_collect_retired"
    fix = "Use flow intent on a phone, qr on a screen."


class NoUpiAddress(RuleViolated):
    """The organisation has no UPI address of its own."""

    code = "no_upi_address"
    fix = "Set payments.upiAddress in the organisation's policies, or pay through a gateway."


class ClaimDecided(StateConflict):
    """This claim is decided."""

    code = "claim_decided"


class LinkClosed(Gone):
    """This link can no longer be paid by."""

    code = "link_closed"


def owed(field: str) -> Invalid:
    """A field that is needed because of another one."""
    return Invalid.field(field, "required here")
