"""What the trail shows: its rows, what changed in one, and what was found when it was checked."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from studyspot.kit.models import Model, Moment, Timestamp

FaultKind = Literal[
    "altered", "deleted", "inserted", "repeated", "seal_altered", "seal_missing", "anchor_differs", "anchor_missing"
]


class Entry(Model):
    """Who did what to which thing. Under impersonation `impersonator_id` is who really acted."""

    id: UUID
    actor_id: UUID | None
    actor_type: str
    impersonator_id: UUID | None
    action: str
    resource_type: str
    resource_id: str | None
    ip_address: str | None
    user_agent: str | None
    request_id: str | None
    created_at: Timestamp


class Difference(Model):
    """One field and its two values; what is secret or personal is masked."""

    field: str
    before: Any
    after: Any


class Detail(Entry):
    """The row with what it changed, and whether it is in the chain already."""

    before: dict[str, Any] | None
    after: dict[str, Any] | None
    changes: list[Difference]
    seal: int | None


class DetailRow(BaseModel):
    """As it lies in the table."""

    id: UUID
    actor_id: UUID | None
    actor_type: str
    impersonator_id: UUID | None
    action: str
    resource_type: str
    resource_id: str | None
    ip_address: str | None
    user_agent: str | None
    request_id: str | None
    created_at: Timestamp
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    seal: int | None


ActionSought = Annotated[str, Field(min_length=1, max_length=200)]


class Search(Model):
    """What to look for. `created_from` is in it, `created_before` is not; `action` may end with `*`."""

    actor_id: UUID | None = None
    action: ActionSought | None = None
    resource_type: str | None = Field(default=None, min_length=1, max_length=100)
    resource_id: str | None = Field(default=None, min_length=1, max_length=200)
    created_from: Moment | None = None
    created_before: Moment | None = None


class ExportRequest(Search):
    """The same search, taken away as a file."""

    format: Literal["csv", "json"] = "csv"


class Fault(Model):
    """A row or a seal that does not fit. `log_id` is None where a whole seal is meant."""

    kind: FaultKind
    log_id: UUID | None = None
    seal: int | None = None


class Anchor(Model):
    """The chain's head as the core database has it since that night."""

    day: date
    seal: int
    anchored_at: Timestamp
    matches: bool


class AnchorRow(BaseModel):
    """A kept head."""

    day: date
    number: int
    head: bytes
    anchored_at: Timestamp


class State(BaseModel):
    """How far the chain reaches, in the snapshot that was checked."""

    seals: int
    sealed: int
    sealed_at: Timestamp | None
    waiting: int
    waiting_since: Timestamp | None
    faults: list[Fault]
    fault_count: int


class Verification(Model):
    """`valid`: what is sealed is as it was written; all that was committed before `sealed_until` is sealed."""

    valid: bool
    rows: int
    seals: int
    sealed_until: Timestamp | None
    waiting: int
    waiting_since: Timestamp | None
    last_anchor: Anchor | None
    anchors: int
    faults: list[Fault]
    fault_count: int


class Exported(Model):
    """The export is being made; GET /jobs/{jobId} tells when its file is there."""

    job_id: UUID
