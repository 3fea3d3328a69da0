"""What the operator looks after: the jobs of all tenants."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from studyspot.jobs import service as jobs
from studyspot.jobs.models import Status, TenantJob
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import CoreDb

api = Api("admin")


@api.get("/admin/jobs")
def all_jobs(
    actor: Annotated[Actor, allow("jobs:read_any")],
    core: CoreDb,
    paging: Paging,
    tenant_id: UUID | None = None,
    status: Status | None = None,
    kind: str | None = None,
) -> Page[TenantJob]:
    """The newest jobs of every tenant."""
    return jobs.of_all_tenants(core, tenant_id, status, kind, paging)


handler = api.handler
