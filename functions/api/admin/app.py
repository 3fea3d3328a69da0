"""What the operator looks after: the jobs of all tenants, queues and their dead letters, schedules, feature flags."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from studyspot.fulfilment import stored
from studyspot.fulfilment.models import InboundEvent, State
from studyspot.jobs import service as jobs
from studyspot.jobs.models import Status, TenantJob
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.response import Response, success
from studyspot.kit.signature import CoreDb, Of
from studyspot.operations import flags, queues, schedules
from studyspot.operations.models import Flag, FlagChange, QueueView, Redriven, ScheduleView

api = Api("admin")

Flagger = Annotated[Actor, allow("flags:manage")]


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


@api.get("/admin/webhook-events")
def webhook_events(
    actor: Annotated[Actor, allow("gateway_events:read")],
    core: CoreDb,
    paging: Paging,
    vendor: str | None = None,
    state: State | None = None,
    kind: str | None = None,
) -> Page[InboundEvent]:
    """What vendors told us, newest first, and what became of it; values that may tell of a person are hidden."""
    return stored.listed(core, vendor, state, kind, paging)


@api.post("/admin/webhook-events/{webhookEventId}/reprocess", status_code=202)
def reprocess(
    webhook_event_id: Annotated[UUID, Of("webhook_events")],
    actor: Annotated[Actor, allow("gateway_events:reprocess")],
    core: CoreDb,
) -> InboundEvent:
    """Back into the queue; what is known already changes nothing."""
    return stored.reprocess(core, webhook_event_id)


@api.get("/admin/queues")
def all_queues(actor: Annotated[Actor, allow("queues:read")], core: CoreDb) -> list[QueueView]:
    """How full every queue is, how old its oldest open command, and its dead letters."""
    return queues.seen()


@api.post("/admin/queues/{queue}/redrive")
def redrive(queue: str, actor: Annotated[Actor, allow("queues:redrive")], core: CoreDb) -> Redriven:
    """Up to 500 dead letters go back to their queue; nothing is lost, and a duplicate has no second effect."""
    return queues.redrive(queue)


@api.get("/admin/schedules")
def all_schedules(actor: Annotated[Actor, allow("schedules:read")], core: CoreDb) -> list[ScheduleView]:
    return schedules.seen(core)


@api.post("/admin/schedules/{schedule}/run")
def run_schedule(
    schedule: str, actor: Annotated[Actor, allow("schedules:run")], core: CoreDb, request: Request
) -> Response:
    """202 when it was started; 200 when it ran well today already (a frequent one: this minute) or is running."""
    asked = schedules.run_now(core, schedule)
    return success(asked, 202 if asked.started else 200, request)


@api.get("/admin/feature-flags")
def all_flags(actor: Flagger, core: CoreDb) -> list[Flag]:
    """Which features are on for whom."""
    return flags.seen(core)


@api.put("/admin/feature-flags/{flag}")
def set_flag(flag: str, asked: FlagChange, actor: Flagger, core: CoreDb) -> Flag:
    """Switch a feature on for organisations by name, and for so many of a hundred of the others."""
    return flags.change(core, actor, flag, asked)


handler = api.handler
