"""The steps of `tenant_offboarding`: freeze, offer an export, wait in a timer; then keep, count, remove and certify.

Each may run again. Until `begin_purge` the way back is open; after it every step finds what the one before left, and
what was counted is counted once, before anything is removed.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from typing import Any, BinaryIO, cast
from uuid import UUID

from studyspot.files import service as files
from studyspot.gateways import store
from studyspot.jobs import service as jobs
from studyspot.kit import cells, clock, outbox, timers
from studyspot.kit.clock import INDIA
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.kit.steps import Steps
from studyspot.leaving import queries
from studyspot.leaving.archive import Writer
from studyspot.leaving.exporting import KIND, TYPE, measured
from studyspot.leaving.models import Departure
from studyspot.leaving.tables import RETAINED
from studyspot.messaging import service as messaging
from studyspot.schema import forgetting, telling
from studyspot.subscriptions import pausing as subscriptions
from studyspot.tenants import service as tenants

MACHINE = "tenant_offboarding"
RETAINED_PURPOSE = "retained"
steps = Steps()


def _tenant(given: dict[str, Any]) -> UUID:
    return UUID(given["subject"])


def _departure(core: Db, given: dict[str, Any]) -> Departure:
    return queries.read(core, UUID(given["departureId"]))


@steps.step
def freeze(given: dict[str, Any]) -> dict[str, Any]:
    """Writes were refused from the request on; now nothing is debited any more either."""
    with cells.core_db() as core:
        if _departure(core, given).state != "waiting":
            return {"next": "end"}
        subscriptions.pause(core, _tenant(given))
    return {"next": "offer"}


@steps.step
def offer(given: dict[str, Any]) -> None:
    """An export, once, and a mail to the owner that says until when."""
    tenant = _tenant(given)
    with cells.core_db() as core:
        departure = _departure(core, given)
    if departure.export_job_id:
        return
    with cells.tenant_db(tenant) as db, db.transaction():
        if not queries.job_exists(db, departure.id):
            jobs.start(db, KIND, None, job_id=departure.id)
            outbox.start(
                db, "data_export", tenant, "begin", period=departure.id.hex[-12:], jobId=str(departure.id)
            )  # fmt: skip
    with cells.core_db() as core, core.transaction():
        if queries.offered(core, departure.id, departure.id):
            _tell(core, tenant, departure)


def _tell(core: Db, tenant: UUID, departure: Departure) -> None:
    owner, known = tenants.owner_of(core, tenant), tenants.known(core, tenant)
    last = departure.purge_at.astimezone(INDIA).date()
    years = queries.years_kept(core, clock.now().astimezone(INDIA).date())
    facts = {"tenant": known.name, "date": f"{last:%d %B %Y}", "years": years}
    messaging.mail(core, "offboarding", owner.email, facts, owner.id, "library_owner")


@steps.step
def wait(given: dict[str, Any]) -> None:
    """The timer is what starts the purge, however often this runs."""
    with cells.core_db() as core, core.transaction():
        departure = _departure(core, given)
        if departure.state == "waiting":
            period = departure.id.hex[-12:]
            timers.wait(
                core, departure.purge_at, MACHINE, departure.tenant_id, "purge", period, departureId=departure.id
            )  # fmt: skip
        queries.settle_command(core, UUID(given["outboxId"]))


@steps.step
def begin_purge(given: dict[str, Any]) -> dict[str, Any]:
    """No way back from here: who was restored meanwhile, or is not due yet, is left alone."""
    with cells.core_db() as core, core.transaction():
        going = queries.begin_purge(core, UUID(given["departureId"]))
    if not going:
        return {"next": "end"}
    tenants.shut(_tenant(given))
    with cells.core_db() as core:
        subscriptions.end(core, _tenant(given))
    return {"next": "retain"}


@steps.step
def retain(given: dict[str, Any]) -> None:
    """Invoices and books for as long as the law asks, without a person in them, in tenant zero's files."""
    with cells.core_db() as core:
        departure = _departure(core, given)
        if departure.archive:
            return
        today = clock.now().astimezone(INDIA).date()
        until = today.replace(year=today.year + queries.years_kept(core, today), day=min(today.day, 28))
        core.commit()
        with tempfile.TemporaryFile() as target:
            writer = Writer(target)
            with telling.snapshot(_place(departure.tenant_id), departure.tenant_id) as at:
                for table in telling.tables(at):
                    _retain(writer, at, table)
            facts = {"id": str(departure.tenant_id)}
            writer.close(telling.version(), facts, clock.now().isoformat(), {})
            size, digest = measured(target)
            with core.transaction():
                name = f"retained-{departure.tenant_id}.zip"
                files.store(
                    core, RETAINED_PURPOSE, name, cast(BinaryIO, target), TYPE, permission="tenants:delete",
                    file_id=departure.id,
                )  # fmt: skip
                told = {table: part.rows for table, part in writer.tables.items()}
                archive = {"fileId": str(departure.id), "sha256": digest, "sizeBytes": size, "rows": told}
                queries.keep(core, departure.id, "archive", {**archive, "keepUntil": until.isoformat()})
                timers.wait(
                    core, clock.now().replace(year=until.year, month=until.month, day=until.day), MACHINE,
                    departure.tenant_id, "expire", departure.id.hex[-12:], departureId=departure.id,
                )  # fmt: skip


def _retain(writer: Writer, at: telling.Rows, table: telling.Table) -> None:
    kept = RETAINED.get(table.name)
    if kept:
        without = frozenset(table.columns) - set(kept)
        columns = [column for column in table.columns if column in kept]
        writer.table(table.name, lambda: telling.lines(at, table, without), columns)


@steps.step
def count(given: dict[str, Any]) -> None:
    """Before anything is removed, and once: a repetition would find less."""
    tenant = _tenant(given)
    with cells.core_db() as core:
        departure = _departure(core, given)
    if departure.removed:
        return
    place = _place(tenant)
    told = forgetting.rows_of(place.host, place.port, place.dbname, tenant)
    stored = sum(1 for _ in store.below(f"{tenant}/"))
    found = {"cell": told, "directory": forgetting.counts(tenant), "files": stored, "database": place.dbname}
    with cells.core_db() as core, core.transaction():
        queries.keep(core, departure.id, "removed", found)


@steps.step
def remove(given: dict[str, Any]) -> None:
    """Files, then the database or the rows, then what the core knows; all of it may be gone already."""
    tenant = _tenant(given)
    store.delete(list(store.below(f"{tenant}/")))
    forgetting.remove_rows(tenant)
    forgetting.forget(tenant)
    cells.forget(tenant)


@steps.step
def certify(given: dict[str, Any]) -> None:
    """What was removed and what was kept, in words that can be checked later; the directory forgets the name."""
    with cells.core_db() as core, core.transaction():
        departure = _departure(core, given)
        if departure.state == "purging":
            now = clock.now()
            statement = certificate(departure, now.isoformat())
            queries.purged(core, departure.id, statement, digest_of(statement), now)
            queries.nameless(core, departure.tenant_id)
            outbox.emit(core, "tenant.offboarded", departure.tenant_id)


@steps.step
def expire(given: dict[str, Any]) -> None:
    """The law does not ask for it any more."""
    with cells.core_db() as core:
        files.delete(core, UUID(given["departureId"]))


@steps.step
def settle(given: dict[str, Any]) -> None:
    with cells.core_db() as core:
        queries.settle_command(core, UUID(given["outboxId"]))


def certificate(departure: Departure, purged_at: str) -> dict[str, Any]:
    """Plain facts, without the name of anybody."""
    return {
        "tenantId": str(departure.tenant_id),
        "requestedAt": departure.requested_at.isoformat(),
        "restorableUntil": departure.purge_at.isoformat(),
        "purgedAt": purged_at,
        "removed": departure.removed,
        "kept": departure.archive,
    }


def digest_of(statement: dict[str, Any]) -> str:
    """SHA-256 over the statement with sorted names and without blanks, in UTF-8."""
    told = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()


def _place(tenant: UUID) -> Place:
    cells.forget(tenant)
    return cells.place_of(tenant)
