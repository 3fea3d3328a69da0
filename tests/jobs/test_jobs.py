"""Jobs: seen and stopped by who asked for them, and never in two states at once."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest
from studyspot.jobs import queries
from studyspot.jobs import service as jobs
from studyspot.jobs.models import JobCancelled
from studyspot.kit import cells, ids
from studyspot.kit.connections import Connection
from studyspot.kit.db import Db
from studyspot.students import importing

from tests.world import Tenant, World


def started(world: World, tenant: Tenant, by: UUID | None = None, **how: Any) -> UUID:
    with world.db(tenant.id) as db:
        return jobs.start(db, "export", by or tenant.owner_id, **how)


def cancel(world: World, token: str | None, job_id: UUID) -> Any:
    return world.call("developer", "POST", f"/jobs/{job_id}/cancel", token)


def test_a_job_is_seen_by_who_asked_for_it(world: World) -> None:
    tenant, person = world.tenant(), ids.uuid7()
    job_id = started(world, tenant, person)
    mine = world.token("library_staff", tenant.id, person)
    assert world.call("developer", "GET", f"/jobs/{job_id}", mine).data["status"] == "queued"
    assert world.call("developer", "GET", f"/jobs/{job_id}", tenant.owner).status == 200
    assert world.call("developer", "GET", f"/jobs/{job_id}", world.token("library_staff", tenant.id)).status == 404
    assert world.call("developer", "GET", f"/jobs/{job_id}", world.tenant().owner).status == 404
    assert cancel(world, world.token("library_staff", tenant.id), job_id).status == 404


def test_progress_and_result_are_shown(world: World) -> None:
    tenant = world.tenant()
    job_id = started(world, tenant, steps=3)
    with world.db(tenant.id) as db:
        assert jobs.begin(db, job_id)
        jobs.progress(db, job_id, 2)
    shown = world.call("developer", "GET", f"/jobs/{job_id}", tenant.owner).data
    assert (shown["status"], shown["stepsDone"], shown["stepsTotal"]) == ("running", 2, 3)
    with world.db(tenant.id) as db:
        assert jobs.finish(db, job_id, {"file_id": "x", "by_table": [{"row_count": 1}]})
        assert not jobs.finish(db, job_id, {"file_id": "y"})
        assert not jobs.begin(db, job_id)
    shown = world.call("developer", "GET", f"/jobs/{job_id}", tenant.owner).data
    assert (shown["status"], shown["result"]) == ("done", {"fileId": "x", "byTable": [{"rowCount": 1}]})


def test_a_queued_job_is_stopped_a_running_one_only_if_it_asks(world: World) -> None:
    tenant = world.tenant()
    queued, running, asking = (started(world, tenant, interruptible=i == 2) for i in range(3))
    with world.db(tenant.id) as db:
        assert jobs.begin(db, running)
        assert jobs.begin(db, asking)
    assert cancel(world, tenant.owner, queued).data["status"] == "cancelled"
    assert cancel(world, tenant.owner, queued).code == "job_not_cancellable"
    assert cancel(world, tenant.owner, running).status == 409
    assert cancel(world, tenant.owner, asking).data["status"] == "cancelled"
    with world.db(tenant.id) as db:
        assert not jobs.begin(db, queued)
        jobs.progress(db, running, 1)
        with pytest.raises(JobCancelled):
            jobs.progress(db, asking, 1)
        assert not jobs.finish(db, asking)
        assert jobs.fail(db, running, "the store is full")


def test_a_stopped_import_brings_nobody_and_its_file_may_come_again(world: World) -> None:
    tenant = world.tenant()
    library = {"name": "Main", "code": "M1", "city": "Pune", "state": "Maharashtra", "pincode": "411001",
               "addressLine1": "1 Road", "openingTime": "06:00", "closingTime": "22:00"}  # fmt: skip
    assert world.call("libraries", "POST", "/libraries", tenant.owner, library).status == 201
    rows = "name,phone\n" + "".join(f"Reader {n},98{n:08}\n" for n in range(importing.AT_ONCE + 1))

    def bring() -> Any:
        return world.call("imports", "POST", "/students/bulk-import", tenant.owner, rows, content_type="text/csv")

    job_id = UUID(bring().data["jobId"])
    assert world.call("developer", "GET", f"/jobs/{job_id}", tenant.owner).data["kind"] == "student_import"
    assert cancel(world, tenant.owner, job_id).data["status"] == "cancelled"
    (message,) = world.outbox(tenant.id, "imports")
    assert world.deliver("importer", message) == {"batchItemFailures": []}
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM students") == 0
    shown = world.call("imports", "GET", f"/students/imports/{job_id}", tenant.owner)
    assert shown.data["status"] == "cancelled"
    again = bring()
    assert again.status == 202
    assert world.deliver("importer", *world.outbox(tenant.id, "imports")) == {"batchItemFailures": []}
    done = world.call("developer", "GET", f"/jobs/{again.data['jobId']}", tenant.owner).data
    assert (done["status"], done["result"]["imported"]) == ("done", importing.AT_ONCE + 1)
    assert cancel(world, tenant.owner, UUID(again.data["jobId"])).code == "job_not_cancellable"


def test_the_worker_and_who_stops_it_never_both_win(world: World) -> None:
    tenant = world.tenant()
    for _ in range(8):
        job_id = started(world, tenant)
        outcomes: list[str] = []
        gate = threading.Barrier(2)

        def contend(what: str, job: UUID = job_id, at: threading.Barrier = gate, told: list[str] = outcomes) -> None:
            own = Connection(cells.place_of(tenant.id))
            db = Db(own, tenant.id)
            at.wait()
            if queries.begin(db, job) if what == "begin" else queries.cancel(db, job):
                told.append(what)
            own.pg.close()

        both = [threading.Thread(target=contend, args=(what,)) for what in ("begin", "cancel")]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert len(outcomes) == 1, outcomes


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_the_operator_sees_every_tenant_s_jobs_newest_first(world: World, isolation: str) -> None:
    one, two = world.tenant(isolation), world.tenant()
    made = [started(world, tenant) for tenant in (one, two, one, two)]
    admin = world.admin()
    first = world.call("admin", "GET", "/admin/jobs?limit=3&kind=export", admin).json
    assert [row["id"] for row in first["data"]] == [str(job) for job in reversed(made[1:])]
    rest = world.call("admin", "GET", f"/admin/jobs?kind=export&cursor={first['meta']['nextCursor']}", admin).json
    assert str(made[0]) in [row["id"] for row in rest["data"]]
    only = world.call("admin", "GET", f"/admin/jobs?tenantId={one.id}&status=queued", admin).data
    assert [row["tenantId"] for row in only] == [str(one.id)] * 2
    assert world.call("admin", "GET", "/admin/jobs", one.owner).status == 403
    assert world.call("admin", "GET", "/admin/jobs").status == 401
