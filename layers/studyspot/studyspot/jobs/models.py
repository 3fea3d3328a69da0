"""How a job stands, as it is shown to who asked for it and to the operator."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator
from pydantic.alias_generators import to_camel

from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model, Timestamp

Status = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")


class JobNotCancellable(Conflict):
    """This job can no longer be stopped."""

    code = "job_not_cancellable"


class JobCancelled(Exception):
    """Somebody stopped the job between two of its steps."""


def _camel(value: Any) -> Any:
    """Results are kept as the domains write them; outside every name is camelCase."""
    if isinstance(value, dict):
        return {to_camel(name): _camel(inner) for name, inner in value.items()}
    return [_camel(inner) for inner in value] if isinstance(value, list) else value


class Job(Model):
    """One job. `result` leaves out lists that would not fit into an answer; its own route shows them in parts."""

    id: UUID
    kind: str
    status: Status
    steps_done: int
    steps_total: int | None
    result: Annotated[dict[str, Any], AfterValidator(_camel)] | None
    failure: str | None
    requested_by: UUID | None
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None


class TenantJob(Job):
    """The same, and whose it is."""

    tenant_id: UUID
