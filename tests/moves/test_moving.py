"""A tenant moves to another cell and back: every row arrives or nothing changes, whoever writes, whatever dies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from studyspot.kit import cells, clock, connections, ids, outbox, timers
from studyspot.kit.gate import Moved
from studyspot.moves import moving
from studyspot.schema import copies, migrate, placement, rows
from studyspot.tenants import provisioning

from tests.libraries.test_libraries import add
from tests.schema.test_rows import furnished
from tests.tenants.machine import Killed, Machine
from tests.world import PASSWORDS, Tenant, World, function

MIGRATOR = {"migrator_db_user": "migrator", "migrator_db_password": PASSWORDS["migrator"]}
AHEAD = ["Prepare", "Transfer", "Switch"]


@contextmanager
def machine(world: World, **strikes: str | None) -> Iterator[Machine]:
    with world.setting(**MIGRATOR), world.worker():
        yield Machine("tenant_move", function("steps", "moving").handler, **strikes)  # type: ignore[arg-type]


def asked(world: World, tenant: UUID, to: str) -> dict[str, Any]:
    """The move begun over HTTP, and the command that starts its machine."""
    answer = world.call("tenants", "POST", f"/tenants/{tenant}/move", world.admin(), {"to": to})
    assert answer.status == 202, answer.json
    return command(world, tenant)


def command(world: World, tenant: UUID) -> dict[str, Any]:
    (found,) = [m for m in world.outbox(ids.PLATFORM, "tenant_move") if m["subject"] == str(tenant)]
    return found


def last(world: World, tenant: UUID) -> dict[str, Any]:
    found: dict[str, Any] = world.call("tenants", "GET", f"/tenants/{tenant}/move", world.admin()).data
    return found


def tallies(world: World, tenant: UUID) -> dict[str, rows.Tally]:
    cells.forget(tenant)
    with rows.as_tenant(migrate.at(world.core, cells.place_of(tenant).dbname), tenant) as conn:
        return rows.tallies(conn)


def library(world: World, tenant: Tenant, name: str) -> Any:
    return add(world, tenant, name=name, code=name[:3].upper())


def nothing_stray(world: World, tenant: UUID) -> None:
    with world.worker():
        found = provisioning.sweep()
    assert not [name for name in (*found.databases, *found.cells) if tenant.hex in name]
    assert tenant not in found.tenants and tenant not in found.gates


def test_only_the_operators_administrators_move(world: World) -> None:
    tenant = world.tenant()
    staff = world.token("platform_staff", ids.PLATFORM)
    for method, path, body in (
        ("POST", "move", {"to": "silo"}), ("GET", "move", None), ("POST", "move/rollback", None),
    ):  # fmt: skip
        for token, code in ((None, "unauthenticated"), (tenant.owner, "forbidden"), (staff, "forbidden")):
            assert world.call("tenants", method, f"/tenants/{tenant.id}/{path}", token, body).code == code


def test_there_and_back_every_row_is_the_same(world: World) -> None:
    tenant = world.tenant()
    furnished(world, tenant.id)
    before = tallies(world, tenant.id)
    pool = cells.place_of(tenant.id)
    with machine(world) as steps:
        assert steps.run(asked(world, tenant.id, "silo")) == "Succeed"
    silo = cells.place_of(tenant.id)
    assert silo != pool
    assert tallies(world, tenant.id) == before
    told = last(world, tenant.id)
    assert (told["state"], told["to"], told["failure"]) == ("moved", "silo", None)
    assert told["rows"] == sum(t.rows for t in before.values())
    assert all(t["checksum"] == t["copiedChecksum"] and t["rows"] == t["copiedRows"] for t in told["tables"])
    assert told["pauseMs"] >= 0
    assert world.call("tenants", "GET", "/tenants/me", tenant.owner).data["isolation"] == "silo"
    nothing_stray(world, tenant.id)
    back = world.call("tenants", "POST", f"/tenants/{tenant.id}/move/rollback", world.admin())
    assert (back.status, back.data["takesBack"]) == (202, told["id"])
    with machine(world) as steps:
        assert steps.run(command(world, tenant.id)) == "Succeed"
    cells.forget(tenant.id)
    assert cells.place_of(tenant.id) == pool
    nothing_stray(world, tenant.id)


def test_what_was_written_since_comes_back_too(world: World) -> None:
    tenant = world.tenant()
    with machine(world) as steps:
        steps.run(asked(world, tenant.id, "silo"))
    made = library(world, tenant, "Since")
    assert made.status == 201, made.json
    world.call("tenants", "POST", f"/tenants/{tenant.id}/move/rollback", world.admin())
    with machine(world) as steps:
        assert steps.run(command(world, tenant.id)) == "Succeed"
    found = world.call("libraries", "GET", f"/libraries/{made.data['id']}", tenant.owner)
    assert (found.status, found.data["name"]) == (200, "Since")


def test_while_rows_are_copied_writers_wait_and_readers_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = world.tenant()
    seen: dict[str, Any] = {}
    real = rows.copy

    def copy(here: Any, there: Any) -> None:
        with world.setting(core_db_user="app", core_db_password=PASSWORDS["app"]):
            connections.close_all()
            seen["write"] = library(world, tenant, "Too late")
            seen["read"] = world.call("libraries", "GET", "/libraries", tenant.owner)
            connections.close_all()
        real(here, there)

    monkeypatch.setattr(rows, "copy", copy)
    with machine(world) as steps:
        assert steps.run(asked(world, tenant.id, "silo")) == "Succeed"
    assert (seen["write"].status, seen["write"].headers["Retry-After"]) == (503, "1")
    assert seen["read"].status == 200
    assert library(world, tenant, "Afterwards").status == 201
    assert [one["name"] for one in world.call("libraries", "GET", "/libraries", tenant.owner).data] == ["Afterwards"]


def test_who_remembers_the_old_cell_is_sent_on(world: World) -> None:
    tenant = world.tenant()
    world.call("libraries", "GET", "/libraries", tenant.owner)
    remembered = dict(cells._known)
    with machine(world) as steps:
        steps.run(asked(world, tenant.id, "silo"))
    for attempt in (
        lambda: library(world, tenant, "New"),
        lambda: world.call("libraries", "GET", "/libraries", tenant.owner),
    ):
        cells._known.update(remembered)
        refused, then = attempt(), attempt()
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert then.status in (200, 201)
    cells._known.update(remembered)
    with world.worker():
        with pytest.raises(Moved), cells.tenant_db(tenant.id) as db:
            db.run("UPDATE sessions SET device = 'x'")
        with cells.tenant_db(tenant.id) as db:
            assert db.run("UPDATE sessions SET device = 'x'") == 1


def test_what_waits_moves_once_and_is_done_where_the_tenant_is(world: World) -> None:
    tenant = world.tenant()
    with world.db(tenant.id) as db:
        timers.wait(db, clock.now() - timedelta(minutes=1), "sample", tenant.id, "go")
        outbox.emit(db, "tenant.activated", tenant.id)
    done: list[UUID] = []
    with machine(world) as steps:
        steps.run(asked(world, tenant.id, "silo"))
    with world.worker():
        timers.fire_due({"sample": lambda db, subject, given: done.append(subject)})
        timers.fire_due({"sample": lambda db, subject, given: done.append(subject)})
        waiting = [r for p in cells.places() for r in cells.across(p, outbox.DUE, again=clock.now(), most=500)]
    assert done == [tenant.id]
    assert len([r for r in waiting if r["tenant_id"] == tenant.id]) == 1


def test_a_timer_that_is_due_while_writers_are_paused_fires_afterwards(world: World) -> None:
    tenant, other = world.tenant(), world.tenant()
    for one in (tenant, other):
        with world.db(one.id) as db:
            timers.wait(db, clock.now() - timedelta(minutes=1), "sample", one.id, "go")
    done: list[UUID] = []
    at_once = {"sample": lambda db, subject, given: done.append(subject)}
    with rows.as_tenant(migrate.at(world.core, "pool_1"), tenant.id) as mover:
        mover.execute("SELECT pg_advisory_xact_lock(writers_of(%s))", (tenant.id,))
        with world.worker():
            timers.fire_due(at_once)
        assert done == [other.id]
    with world.worker():
        timers.fire_due(at_once)
    assert done == [other.id, tenant.id]


def test_a_move_waits_for_the_writer_under_way_and_takes_his_row(world: World) -> None:
    tenant = world.tenant()
    given = asked(world, tenant.id, "silo")
    dsn = world.postgres.dsn("pool_1", user="app", password=PASSWORDS["app"])
    with psycopg.connect(dsn) as writer:
        writer.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant.id),))
        writer.execute("UPDATE sessions SET device = 'last word'")
        committing = threading.Timer(0.3, writer.commit)
        committing.start()
        with machine(world) as steps:
            assert steps.run(given) == "Succeed"
        committing.join()
    with world.db(tenant.id) as db:
        assert db.value("SELECT device FROM sessions") == "last word"


def test_a_mismatch_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for start, to in (("pool", "silo"), ("silo", "pool")):
        tenant = world.tenant(start)
        before, place = tallies(world, tenant.id), cells.place_of(tenant.id)
        real = rows.copy

        def copy(here: Any, there: Any, real: Callable[..., None] = real) -> None:
            real(here, there)
            there.execute("UPDATE sessions SET device = 'flipped' WHERE tenant_id = app_tenant()")

        with monkeypatch.context() as patch, machine(world) as steps:
            patch.setattr(rows, "copy", copy)
            assert steps.run(asked(world, tenant.id, to)) == "Fail"
        told = last(world, tenant.id)
        assert (told["state"], told["failure"]) == ("failed", "move_verification_failed")
        differ = [t["table"] for t in told["tables"] if t["checksum"] != t["copiedChecksum"]]
        assert differ == ["sessions"]
        cells.forget(tenant.id)
        assert cells.place_of(tenant.id) == place
        assert tallies(world, tenant.id) == before
        assert library(world, tenant, "Goes on").status == 201
        nothing_stray(world, tenant.id)
        with psycopg.connect(world.core) as conn:
            name = placement.silo_name(tenant.id)
            assert conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None


@pytest.mark.parametrize("when", ["kill_before", "kill_after"])
def test_killed_at_any_step_it_goes_on_or_is_taken_back(world: World, when: str) -> None:
    for state in AHEAD:
        tenant = world.tenant()
        given = asked(world, tenant.id, "silo")
        before = tallies(world, tenant.id)
        with machine(world, **{when: state}) as steps:
            with pytest.raises(Killed):
                steps.run(given)
            connections.settle()
            assert steps.run(given) == "Succeed", state
        assert tallies(world, tenant.id) == before
        nothing_stray(world, tenant.id)


@pytest.mark.parametrize("point", ["closed", "redirected", "opened"])
def test_killed_inside_a_step_it_goes_on(world: World, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    tenant = world.tenant()
    given = asked(world, tenant.id, "silo")
    before = tallies(world, tenant.id)
    where, name = {
        "closed": (moving.queries, "turn"),
        "redirected": (copies, "open_up"),
        "opened": (moving, "_complete"),
    }[point]

    def dies(*_: Any) -> None:
        raise Killed

    with machine(world) as steps:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(where, name, dies)
            steps.run(given)
        connections.settle()
        assert steps.run(given) == "Succeed"
    assert tallies(world, tenant.id) == before
    assert last(world, tenant.id)["state"] == "moved"


def test_failing_before_it_is_closed_it_is_taken_back(world: World) -> None:
    for state in ("Prepare", "Transfer"):
        tenant = world.tenant()
        with machine(world, break_at=state) as steps:
            assert steps.run(asked(world, tenant.id, "silo")) == "Fail"
        assert last(world, tenant.id)["failure"] == "Broken"
        assert library(world, tenant, "Goes on").status == 201
        nothing_stray(world, tenant.id)


def test_the_old_copy_is_kept_seven_days_and_then_gone(world: World) -> None:
    tenant = world.tenant()
    with machine(world) as steps:
        steps.run(asked(world, tenant.id, "silo"))
    with rows.as_tenant(migrate.at(world.core, "pool_1"), tenant.id) as old:
        assert sum(t.rows for t in rows.tallies(old).values()) > 0
    with world.worker():
        timers.fire_due()
    assert not [m for m in world.outbox(ids.PLATFORM, "tenant_move") if m["subject"] == str(tenant.id)]
    world.advance(timedelta(days=7, minutes=1))
    assert (
        world.call("tenants", "POST", f"/tenants/{tenant.id}/move/rollback", world.admin()).code
        == "nothing_to_take_back"
    )
    with world.worker():
        timers.fire_due()
    with machine(world) as steps:
        assert steps.run(command(world, tenant.id)) == "Succeed"
    with rows.as_tenant(migrate.at(world.core, "pool_1"), tenant.id) as old:
        assert sum(t.rows for t in rows.tallies(old).values()) == 0
    assert last(world, tenant.id)["state"] == "dropped"
    assert world.call("tenants", "GET", "/tenants/me", world.token("library_owner", tenant.id)).status == 200


def test_one_move_at_a_time_and_not_to_where_it_is(world: World) -> None:
    tenant, admin = world.tenant(), world.admin()
    path = f"/tenants/{tenant.id}/move"
    assert world.call("tenants", "GET", path, admin).code == "not_found"
    assert world.call("tenants", "POST", f"{path}/rollback", admin).code == "nothing_to_take_back"
    assert world.call("tenants", "POST", path, admin, {"to": "pool"}).code == "already_there"
    assert world.call("tenants", "POST", path, admin, {"to": "moon"}).code == "validation_failed"
    assert world.call("tenants", "POST", path, admin, {"to": "silo"}).status == 202
    assert world.call("tenants", "POST", path, admin, {"to": "silo"}).code == "move_in_progress"
    assert world.call("tenants", "POST", f"/tenants/{ids.uuid7()}/move", admin, {"to": "silo"}).code == "not_found"


def test_nobody_writes_without_a_tenant(world: World) -> None:
    """The worker sees what waits of all tenants; what it changes, it changes as one of them."""
    with world.worker(), pytest.raises(psycopg.errors.InsufficientPrivilege):
        cells.across(cells.places()[-1], "UPDATE outbox SET attempts = 0 RETURNING id")
