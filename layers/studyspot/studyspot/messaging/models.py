"""What messaging takes, answers and refuses."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from studyspot.kit.errors import Conflict, RuleViolated
from studyspot.kit.models import Model, Phone, Timestamp
from studyspot.policies.models import StoredMessages

Status = Literal["scheduled", "queued", "sending", "sent", "delivered", "failed", "unknown", "suppressed"]


class TemplateNotApproved(RuleViolated):
    """This text is not registered or was retired."""

    code = "template_not_approved"


class TemplateMismatch(RuleViolated):
    """The variables are not those of the registered text."""

    code = "template_mismatch"


class VariableTooLong(RuleViolated):
    """A variable of a registered text has at most 30 characters."""

    code = "variable_too_long"


class UrlNotWhitelisted(RuleViolated):
    """No link may stand in a variable of this text."""

    code = "url_not_whitelisted"


class Suppressed(Conflict):
    """This number does not want messages."""

    code = "suppressed"


class Person(Model):
    """One recipient and what is said to them."""

    phone: Phone
    variables: Annotated[dict[str, str], Field(max_length=20)] = {}
    recipient_id: UUID | None = None


class SmsRequest(Model):
    """One registered text to one person (`to`, `variables`) or to many (`recipients`)."""

    template_id: Annotated[str, Field(min_length=1, max_length=64)]
    to: Phone | None = None
    variables: Annotated[dict[str, str], Field(max_length=20)] = {}
    recipient_id: UUID | None = None
    recipients: Annotated[list[Person], Field(max_length=100)] = []

    def people(self) -> list[Person]:
        one = [Person(phone=self.to, variables=self.variables, recipient_id=self.recipient_id)] if self.to else []
        return [*one, *self.recipients]


class Message(Model):
    """One message as its sender sees it; codes and links are masked."""

    id: UUID
    recipient_id: UUID | None
    recipient_type: str | None
    channel: str
    template_id: str
    to_address: str
    body: str
    variables: dict[str, str]
    segments: int
    credits_used: int
    status: str
    error_code: str | None
    sent_at: Timestamp | None
    delivered_at: Timestamp | None
    due_at: Timestamp | None
    created_at: Timestamp


class DeliveryEvent(Model):
    """What the vendor reported, as it wrote it."""

    status: str
    code: str
    description: str
    received_at: Timestamp


class MessageDetail(Message):
    """A message with everything that was reported of it."""

    delivery_events: list[DeliveryEvent]


class SmsAccepted(Model):
    """What was taken on, before any of it has left."""

    messages: list[Message]
    segments: int


class TemplateView(Model):
    """A registered text."""

    id: UUID
    code: str
    dlt_template_id: str | None
    header: str
    category: str
    body: str
    variables: list[str]
    language: str
    status: str


class TrialVariables(Model):
    """Sample values."""

    variables: Annotated[dict[str, str], Field(max_length=20)] = {}


class Fault(Model):
    """Why the operator would refuse the text."""

    code: str
    detail: str
    errors: list[dict[str, str]]


class Trial(Model):
    """The text as it would leave, its size and its price; or why it would not leave."""

    valid: bool
    text: str | None
    encoding: str | None
    segments: int
    cost_paise: int
    faults: list[Fault]


class Clearance(BaseModel):
    """Whether a text may be sent to an address, asked in one statement."""

    code: str | None
    text: str | None
    variables: list[str] | None
    status: str | None
    barred: bool
    suppressed: bool
    repeated: bool
    night: StoredMessages


class Outgoing(BaseModel):
    """A message claimed for sending."""

    id: UUID
    template_id: str
    flow_id: str
    to_address: str
    body: str
    variables: dict[str, str]
    sealed: str | None
    segments: int
    acted_at: Timestamp | None
    created_at: Timestamp
    due_at: Timestamp | None
    refused: str | None
    """Why this address is written to no more: it takes no mail, or its owner complained."""
    barred: bool
    night: StoredMessages


class State(BaseModel):
    """Where a message stands."""

    id: UUID
    template_id: str
    to_address: str
    status: str
    segments: int
    claimed_at: Timestamp | None
    due_at: Timestamp | None


class Order(BaseModel):
    """Whose message a report speaks of."""

    tenant_id: UUID
    communication_id: UUID


class StoredReport(BaseModel):
    """A delivery report that could not be placed when it came."""

    event_id: str
    body: bytes
    received_at: Timestamp
