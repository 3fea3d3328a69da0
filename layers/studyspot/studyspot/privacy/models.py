"""What people ask about their data and what they agreed to; what is kept how long; figures of law."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from studyspot.kit.errors import Conflict, Gone, RuleViolated
from studyspot.kit.models import Model, Moment, Name, Phone, Text, Timestamp

Kind = Literal["access", "correction", "erasure", "nomination", "grievance"]
RequestStatus = Literal["open", "fulfilled", "refused"]
Purpose = Literal["guardian", "marketing", "data_processing", "behaviour"]
Language = Literal["en", "hi"]


class RequestOpen(Conflict):
    """A request of this kind is already open."""

    code = "request_open"
    fix = "Wait until it is decided; it has its due date."


class RetentionHold(Conflict):
    """The law or an open payment does not let this be erased yet."""

    code = "retention_hold"
    fix = "Settle what `holds` names, then fulfil the request."


class ConsentRequired(RuleViolated):
    """A guardian has to consent first."""

    code = "consent_required"
    fix = "POST /privacy/guardian/request sends the guardian a code."


class PackageGone(Gone):
    """The package could be taken for thirty days; ask again."""

    code = "package_gone"


class RequestAsked(Model):
    """What somebody wants about their own data. A correction says which fields should say what."""

    kind: Kind
    detail: Text | None = None
    changes: dict[str, str | None] | None = None

    @model_validator(mode="after")
    def _fitting(self) -> RequestAsked:
        if (self.kind == "correction") != bool(self.changes):
            raise ValueError("changes belong to a correction, and to nothing else")
        if self.kind in ("nomination", "grievance") and not self.detail:
            raise ValueError("detail is required: whom to nominate, or what is wrong")
        return self


class PrivacyRequest(Model):
    """One request and what became of it. `erased` counts rows by table."""

    id: UUID
    kind: Kind
    user_type: str
    user_id: UUID
    detail: str | None
    changes: dict[str, str | None] | None
    status: RequestStatus
    due_on: date
    overdue: bool
    decided_by: UUID | None
    decided_at: Timestamp | None
    answer: str | None
    erased: dict[str, int] | None
    created_at: Timestamp

    @property
    def location(self) -> str:
        return "/api/v1/privacy/requests"


class Closing(Model):
    """What became of an account that its holder closed."""

    status: Literal["erasure_requested", "deactivated"]
    request: PrivacyRequest | None


class Decision(Model):
    """Fulfilled or refused; whoever is refused is told why."""

    decision: Literal["fulfil", "refuse"]
    reason: Text | None = None

    @model_validator(mode="after")
    def _reasoned(self) -> Decision:
        if self.decision == "refuse" and not self.reason:
            raise ValueError("a refusal has a reason")
        return self


class Package(Model):
    """Everything the product holds about one person, table by table, without hashes and keys."""

    person: UUID
    user_type: str
    made_at: Timestamp
    tables: dict[str, list[dict[str, Any]]]


class Notice(Model):
    """What people are told about their data, in one language."""

    version: int
    language: Language
    published_on: date
    title: str
    text: str
    versions: list[int]


class ConsentGiven(Model):
    """Agreed to, in the words of this version of the notice."""

    purpose: Literal["marketing", "data_processing", "behaviour"]
    version: int = Field(ge=1)
    language: Language = "en"


class Consent(Model):
    """A record of consent: to what, in which words, when, how, and until when."""

    id: UUID
    student_id: UUID
    purpose: Purpose
    given_by: str
    phone: str | None
    method: Literal["paper", "otp", "digilocker", "app"]
    version: int | None
    language: str | None
    channel: str | None
    given_at: Timestamp
    withdrawn_at: Timestamp | None

    @property
    def location(self) -> str:
        return "/api/v1/privacy/consents"


class GuardianAsked(Model):
    """Whom to ask. Staff name the student; a student asks for themselves."""

    student_id: UUID | None = None
    guardian_name: Name
    phone: Phone
    language: Language = "en"


class GuardianRequest(Model):
    """A code is on its way to the guardian's phone."""

    id: UUID
    student_id: UUID
    expires_at: Timestamp


class GuardianAnswer(Model):
    """The code that came to the guardian's phone."""

    request_id: UUID
    code: str = Field(pattern=r"^\d{6}$")


class Subject(BaseModel):
    """A student as consents see them."""

    id: UUID
    name: str
    phone: str
    date_of_birth: date | None
    minor: bool
    rule_in_force: bool
    guardian_consented: bool


class Tried(BaseModel):
    """A guardian's request at the moment a code is tried."""

    id: UUID
    student_id: UUID
    guardian_name: str
    phone: str
    code_hash: str
    attempts: int
    language: str
    version: int
    expires_at: Timestamp
    verified_at: Timestamp | None


class Parameter(Model):
    """A figure of law, since when it holds, and where it stands."""

    code: str
    valid_from: date
    value: Any
    source: str


class ParameterAsked(Model):
    """A dated figure with its source. In force when a second person puts the same."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{2,60}$")
    valid_from: date
    value: Any
    source: str = Field(min_length=10, max_length=500)


class Proposal(Parameter):
    """`proposed` by one person, `confirmed` by another."""

    id: UUID
    status: Literal["proposed", "confirmed"]
    proposed_by: UUID
    confirmed_by: UUID | None


class BreachAsked(Model):
    """What leaked, as far as it is known."""

    title: Name
    description: Text
    categories: list[Name] = Field(min_length=1, max_length=20)
    affected_tenants: list[UUID] = Field(default=[], max_length=10_000)
    people_count: int = Field(ge=0, le=10**9)
    discovered_at: Moment
    board_told_at: Moment | None = None
    people_told_at: Moment | None = None


class Breach(Model):
    """An entry of the breach register. `board_due_at` is when the Board has to know the details."""

    id: UUID
    title: str
    description: str
    categories: list[str]
    affected_tenants: list[UUID]
    people_count: int
    discovered_at: Timestamp
    board_due_at: Timestamp
    board_told_at: Timestamp | None
    people_told_at: Timestamp | None
    created_at: Timestamp


class RetentionRule(Model):
    """How long one kind of data is kept. `least_days` is the law's or the product's lower bound."""

    data: str
    about: str
    days: int
    default_days: int
    least_days: int


class RetentionChange(Model):
    """Another time for one kind of data; `null` goes back to the product's own."""

    data: str = Field(min_length=1, max_length=60)
    days: int | None = Field(ge=1, le=36_500)


class RetentionReport(Model):
    """One night's dry run or run: rows by kind of data."""

    day: date
    mode: Literal["dry", "run"]
    found: dict[str, int]
    finished_at: Timestamp | None


class Retention(Model):
    """The schedule, and the last nights."""

    rules: list[RetentionRule]
    runs: list[RetentionReport]
