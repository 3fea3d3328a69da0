"""Payouts and their lines, runs of reconciliation and what they find, and the evidence for a chargeback."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from studyspot.gateways.settlements.lines import Kind
from studyspot.kit.errors import RuleViolated, StateConflict
from studyspot.kit.models import Model, Timestamp
from studyspot.payments.models import GatewayName

Standing = Literal["counted", "duplicate", "unknown", "elsewhere", "currency"]
ItemKind = Literal[
    "missing_here", "missing_there", "amount_mismatch", "fee_mismatch", "tax_mismatch", "net_mismatch",
    "currency_mismatch", "duplicate", "wrong_settlement", "late", "ledger_mismatch",
]  # fmt: skip
Resolution = Literal["explained", "written_off", "settled_later"]
SETTLES_AFTER: dict[str, int] = {"razorpay": 2, "cashfree": 1, "paytm": 1, "stripe": 3}
"""Working days, as the gateways publish them for India; a contract may say otherwise, and bank holidays come on top."""


class Settlement(Model):
    """One payout, as far as it is this organisation's."""

    id: UUID
    gateway: str
    account_id: UUID | None
    """The own account that was paid out; null = the platform's."""
    gateway_settlement_id: str
    utr: str | None
    settled_on: date
    lines: int
    gross_paise: int
    fee_paise: int
    """Before GST."""
    gst_paise: int
    net_paise: int
    created_at: Timestamp


class Expected(Model):
    """What a gateway holds and pays out on a day to come, or should have paid out by now."""

    gateway: str
    expected_on: date
    payments: int
    refunds: int
    net_paise: int
    overdue: bool


class Line(Model):
    """One line of a payout, and what our books expected it to say."""

    id: UUID
    kind: Kind
    entity_id: str
    standing: Standing
    payment_id: UUID | None
    refund_id: UUID | None
    gateway_order_id: str | None
    currency: str
    gross_paise: int
    fee_paise: int
    gst_paise: int
    net_paise: int
    expected_gross_paise: int | None
    expected_fee_paise: int | None
    expected_gst_paise: int | None
    due_on: date | None


class SettlementWithLines(Settlement):
    """And the lines it is made of, the first thousand."""

    items: list[Line]


class StoredLine(Line):
    """A line with what only the product needs."""

    settlement_id: UUID
    gateway: GatewayName
    occurrence: int
    capture_id: UUID | None
    created_at: datetime
    settled_on: date
    account_id: UUID | None


class FetchRequest(Model):
    """Ask the gateway itself what it paid out on a day."""

    gateway: GatewayName
    day: date
    account_id: UUID | None = None
    """An organisation's own account; absent = the platform's."""


class Imported(Model):
    """What came of a report. Lines that were known already are not counted again."""

    gateway: GatewayName
    settlements: int
    lines: int
    added: int
    net_paise: int
    """Of what was added, in rupees alone."""
    standing: dict[str, int]


class RunRequest(Model):
    """Compare a gateway's day."""

    gateway: GatewayName
    day: date
    account_id: UUID | None = None


class Item(Model):
    """One difference between our books and the gateway's report."""

    id: UUID
    run_id: UUID
    tenant_id: UUID
    gateway: str
    kind: ItemKind
    subject: Kind
    reference: str
    line_id: UUID | None
    payment_id: UUID | None
    currency: str
    expected_paise: int | None
    found_paise: int | None
    detail: dict[str, Any]
    status: Literal["open", "resolved"]
    resolution: Resolution | None
    reason: str | None
    resolved_by: UUID | None
    resolved_at: Timestamp | None
    created_at: Timestamp


class Run(Model):
    """One gateway's day, compared."""

    id: UUID
    gateway: GatewayName
    account_id: UUID | None
    day: date
    status: Literal["queued", "running", "done", "failed"]
    matched: int
    failure: str | None
    requested_by: UUID | None
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None


class RunView(Run):
    """With what it found: how often of each kind, and the first hundred."""

    found: dict[str, int]
    items: list[Item]


class Finding(Model):
    """A difference before it is written down."""

    kind: ItemKind
    subject: Kind
    reference: str
    line_id: UUID | None = None
    payment_id: UUID | None = None
    currency: str = "INR"
    expected_paise: int | None = None
    found_paise: int | None = None
    detail: dict[str, Any] = {}


class Resolve(Model):
    """`written_off` books the difference as an expense, `explained` books nothing."""

    resolution: Literal["explained", "written_off"]
    reason: Annotated[str, Field(min_length=3, max_length=500)]


class EvidenceRequest(Model):
    """A word of one's own beside what the books show."""

    statement: Annotated[str, Field(max_length=1000)] = ""


class Service(Model):
    """What the money bought, for a time."""

    kind: Literal["booking", "membership"]
    name: str
    start: Timestamp
    end: Timestamp


class Visited(Model):
    """One visit, as the door recorded it."""

    came: Timestamp
    left: Timestamp | None
    minutes: int
    method: str


class Receipted(Model):
    """The receipt of the payment."""

    number: str
    invoice_number: str | None
    amount_paise: int
    issued_at: Timestamp


class EvidencePack(Model):
    """What shows that the service was given: attendance, what was bought, receipts and consents."""

    dispute_id: UUID
    gateway: str
    gateway_dispute_id: str
    gateway_payment_id: str | None
    reason: str | None
    amount_paise: int
    respond_by: Timestamp | None
    paid_paise: int
    paid_at: Timestamp | None
    method: str | None
    description: str
    customer: str | None
    customer_code: str | None
    service: Service | None
    visits: int
    days: int
    minutes: int
    attendance: list[Visited]
    receipts: list[Receipted]
    consents: list[dict[str, Any]]
    statement: str
    prepared_at: Timestamp


class BookFault(Model):
    """Something that the rows and the ledger say differently."""

    what: Literal["unbalanced", "capture", "refund", "void", "settlement", "dispute", "orphan", "receivable"]
    reference: str
    expected_paise: int
    found_paise: int


class Verified(Model):
    """An organisation's books, looked through."""

    tenant_id: UUID
    postings: int
    faults: list[BookFault]


class NoEvidence(StateConflict):
    """Nothing was put together for this chargeback yet."""

    code = "no_evidence"


class AlreadyResolved(StateConflict):
    """This difference was resolved before."""

    code = "already_resolved"


class NothingToWriteOff(RuleViolated):
    """No money stands apart for this difference; say what explains it."""

    code = "nothing_to_write_off"


class UnreadableReportFile(RuleViolated):
    """The settlement report cannot be read."""

    code = "unreadable_report"
    fix = "Send the file as the gateway gives it, in CSV; the detail names the line."


class DisputeEnded(StateConflict):
    """This chargeback is decided: evidence changes nothing any more."""

    code = "dispute_ended"
