"""Starting, advancing and ending jobs, for the domains that work; asking and stopping, for people."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from studyspot.jobs import queries
from studyspot.jobs.models import Job, JobCancelled, JobNotCancellable, Status, TenantJob
from studyspot.kit import ids
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging

MANAGE = "jobs:manage"


def start(
    db: Db,
    kind: str,
    requested_by: UUID | None,
    options: dict[str, Any] | None = None,
    job_id: UUID | None = None,
    steps: int | None = None,
    interruptible: bool = False,
) -> UUID:
    """A queued job. `interruptible`: the worker calls `progress` between its steps and can stop there."""
    job_id = job_id or ids.uuid7()
    facts = {"options": json.dumps(options or {}, default=str), "steps_total": steps, "interruptible": interruptible}
    queries.add(db, job_id, kind=kind, created_by=requested_by, **facts)
    return job_id


def begin(db: Db, job_id: UUID) -> bool:
    """The work starts or goes on; False when the job was cancelled or has ended, and there is nothing to do."""
    return queries.begin(db, job_id)


def progress(db: Db, job_id: UUID, done: int, total: int | None = None) -> None:
    """How far it is; JobCancelled when it should stop here."""
    if not queries.advance(db, job_id, done, total):
        raise JobCancelled


def finish(db: Db, job_id: UUID, result: dict[str, Any] | None = None) -> bool:
    """Done, in the transaction of the work; False when it had ended before, so undo yours."""
    return queries.close(db, job_id, "done", result, None)


def fail(db: Db, job_id: UUID, why: str, result: dict[str, Any] | None = None) -> bool:
    """It will not be done; `why` is for who asked."""
    return queries.close(db, job_id, "failed", result, why)


def seen_by(db: Db, actor: Actor, job_id: UUID) -> Job:
    """One's own job, or any of the organisation's for who manages them."""
    found = queries.read(db, job_id)
    actor.own(MANAGE, found.requested_by or actor.tenant_id)
    return found


def cancel(db: Db, actor: Actor, job_id: UUID) -> Job:
    """Stop it if it can be stopped; who is faster, this or the worker, is the row's to say."""
    with db.transaction():
        seen_by(db, actor, job_id)
        if not queries.cancel(db, job_id):
            raise JobNotCancellable
        return queries.read(db, job_id)


def of_all_tenants(
    core: Db, tenant: UUID | None, status: Status | None, kind: str | None, paging: Paging
) -> Page[TenantJob]:
    """For the operator: the newest first."""
    return paging.page(queries.across(core, tenant, status, kind, paging))
