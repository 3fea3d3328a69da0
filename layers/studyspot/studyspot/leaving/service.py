"""What owners and operators ask for: an export, the list of them, an import."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from uuid import UUID

from studyspot.files import service as files
from studyspot.jobs import service as jobs
from studyspot.kit import audit, cells, clock, ids, outbox, timers
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound, OffboardingInProgress, StateConflict
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.leaving import exporting, importing, offboarding, queries
from studyspot.leaving.models import (
    Certificate,
    Departure,
    Export,
    ExportInProgress,
    ImportRequest,
    JobStarted,
    NotLeaving,
    NotRestorable,
    Offboarding,
    TenantNotEmpty,
    Told,
)
from studyspot.messaging import service as messaging
from studyspot.subscriptions import pausing as subscriptions
from studyspot.tenants import service as tenants

DAY = timedelta(days=1)
RESTORABLE = 30 * DAY
TAKES_ARCHIVES = ("active", "past_due")


def start_export(core: Db, actor: Actor, tenant_id: UUID) -> JobStarted:
    """One at a time: the next begins when the one before has ended."""
    tenants.seen_by(core, actor, tenant_id)
    with _cell(tenant_id) as db, db.transaction():
        if queries.is_under_way(db, exporting.KIND):
            raise ExportInProgress
        job = begin_export(db, actor.id)
        audit.note(db, "tenants.export", "tenants", tenant_id, actor_type=actor.user_type, actor_id=actor.id)
    audit.note(core, "tenants.export", "tenants", tenant_id, after={"jobId": str(job)})
    return JobStarted(job_id=job)


def begin_export(db: Db, asked_by: UUID | None) -> UUID:
    """The job, and the machine that works on it, in the caller's transaction."""
    job = jobs.start(db, exporting.KIND, asked_by)
    outbox.start(db, "data_export", db.tenant, "begin", period=job.hex[-12:], jobId=str(job))
    return job


def exports(core: Db, actor: Actor, tenant_id: UUID, paging: Paging) -> Page[Export]:
    """Newest first, each with a link while it is asked for."""
    tenants.seen_by(core, actor, tenant_id)
    with _cell(tenant_id) as db:
        found = paging.page(queries.exports(db, exporting.KIND, paging.after, paging.fetch))
        if actor.is_platform:
            audit.note(db, "tenants.exports", "tenants", tenant_id, actor_type=actor.user_type, actor_id=actor.id)
        return Page[Export](items=[_shown(db, told) for told in found.items], meta=found.meta)


def _shown(db: Db, told: Told) -> Export:
    result = told.result or {}
    facts = {name: result.get(name) for name in ("file_id", "size_bytes", "sha256", "rows")}
    export = Export.model_validate({**told.model_dump(exclude={"id", "result"}), **facts, "job_id": told.id})
    if export.file_id is None:
        return export
    try:
        url = files.link(db, export.file_id)
    except NotFound:  # its file was deleted by its owner
        return export
    return export.model_copy(update={"url": url, "expires_at": clock.now() + files.LINK_FOR})


def start_import(core: Db, actor: Actor, tenant_id: UUID, asked: ImportRequest) -> JobStarted:
    """Into an organisation that is empty; whether the archive can be believed is found out by the job."""
    tenant = tenants.seen_by(core, actor, tenant_id)
    if tenant.status not in TAKES_ARCHIVES:
        raise StateConflict(f"the organisation is {tenant.status}")
    if not files.exists(core, asked.file_id, "archive"):
        raise Invalid.field("fileId", "there is no such archive")
    if not importing.is_empty(tenant_id):
        raise TenantNotEmpty
    with _cell(tenant_id) as db, db.transaction():
        if queries.is_under_way(db, importing.KIND):
            raise StateConflict("an import is under way")
        job = jobs.start(db, importing.KIND, actor.id, {"fileId": asked.file_id})
        facts = {"jobId": str(job), "fileId": str(asked.file_id)}
        outbox.start(db, "data_import", tenant_id, "begin", period=job.hex[-12:], **facts)
        audit.note(db, "tenants.import", "tenants", tenant_id, actor_type=actor.user_type, actor_id=actor.id)
    audit.note(core, "tenants.import", "tenants", tenant_id, after={"jobId": str(job), "fileId": str(asked.file_id)})
    return JobStarted(job_id=job)


def start_offboarding(core: Db, tenant_id: UUID, reason: str | None) -> Offboarding:
    """Frozen at once, removed in 30 days: until then it can come back."""
    with core.transaction():
        before = tenants.leave(core, tenant_id, reason)
        until = clock.now() + RESTORABLE
        departure = queries.begin(core, ids.uuid7(), tenant_id, before.status, before.scope or "all", reason, until)
        if departure is None:
            raise OffboardingInProgress
        _go_on(core, departure, "begin")
    return _told(departure)


def restore(core: Db, tenant_id: UUID) -> Offboarding:
    """As it was, while nothing has been removed."""
    with core.transaction():
        departure = _newest(core, tenant_id)
        if departure.state == "restored":
            raise StateConflict("the organisation is not on its way out")
        if not queries.restore(core, departure.id):
            raise NotRestorable
        tenants.come_back(core, tenant_id, departure.status_before, departure.scope_before)
        timers.cancel(core, offboarding.MACHINE, tenant_id)
        subscriptions.resume(core, tenant_id)
        owner = tenants.owner_of(core, tenant_id)
        facts = {"tenant": tenants.known(core, tenant_id).name}
        messaging.mail(core, "offboarding_ended", owner.email, facts, owner.id, "library_owner")
    return _told(queries.read(core, departure.id))


def offboardings(core: Db, actor: Actor, tenant_id: UUID, paging: Paging) -> Page[Offboarding]:
    """Newest first: how far it is on its way out, and the times it came back."""
    tenants.seen_by(core, actor, tenant_id)
    found = paging.page(queries.listed(core, tenant_id, paging.after, paging.fetch))
    return Page[Offboarding](items=[_told(departure) for departure in found.items], meta=found.meta)


def certificate(core: Db, tenant_id: UUID) -> Certificate:
    """What was removed; NotFound before."""
    departure = _newest(core, tenant_id)
    if departure.certificate is None or departure.certificate_sha256 is None:
        raise NotLeaving
    return Certificate(tenant_id=tenant_id, statement=departure.certificate, sha256=departure.certificate_sha256)


def _newest(core: Db, tenant_id: UUID) -> Departure:
    departure = queries.newest(core, tenant_id)
    if departure is None:
        raise NotLeaving
    return departure


def _go_on(core: Db, departure: Departure, resume: str) -> None:
    facts = {"period": departure.id.hex[-12:], "departureId": str(departure.id)}
    outbox.start(core, offboarding.MACHINE, departure.tenant_id, resume, **facts)


def _told(departure: Departure) -> Offboarding:
    left = -((clock.now() - departure.purge_at) // DAY) if departure.state == "waiting" else 0
    facts = departure.model_dump(include=set(Offboarding.model_fields) - {"days_left"})
    return Offboarding(**facts, days_left=max(left, 0))


def _cell(tenant_id: UUID) -> AbstractContextManager[Db]:
    cells.forget(tenant_id)
    return cells.tenant_db(tenant_id)
