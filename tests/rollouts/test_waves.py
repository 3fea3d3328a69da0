"""A release's migrations go from cell to cell: the chosen first, none after a failure, on where a killed wave was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from studyspot.kit import connections, ids
from studyspot.schema import migrate

from tests.tenants.machine import Killed, Machine
from tests.world import PASSWORDS, Answer, World, function

MIGRATOR = {"migrator_db_user": "migrator", "migrator_db_password": PASSWORDS["migrator"]}
NEW = migrate.Migration(9001, "9001_sample", "CREATE TABLE sample_of_a_release (id integer PRIMARY KEY)")


@contextmanager
def machine(world: World, **strikes: str | None) -> Iterator[Machine]:
    with world.setting(**MIGRATOR), world.worker():
        yield Machine("schema_wave", function("steps", "wave").handler, **strikes)  # type: ignore[arg-type]


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch, world: World) -> Iterator[Callable[[], None]]:
    """From the call on, one migration more than before; taken back from the shared cell afterwards."""
    real = migrate.migrations

    def comes() -> None:
        monkeypatch.setattr(migrate, "migrations", lambda track: [*real(track), *([NEW] if track == "tenant" else [])])

    yield comes
    with psycopg.connect(world.postgres.dsn("pool_1"), autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS sample_of_a_release")
        conn.execute("DELETE FROM schema_migrations WHERE version = 9001")


def ask(world: World, method: str, path: str, body: Any = None) -> Answer:
    return world.call("tenants", method, path, world.admin(), body)


def begun(world: World, path: str = "/admin/tenants/migrate-all", body: Any = None) -> dict[str, Any]:
    answer = ask(world, "POST", path, body)
    assert answer.status == 202, answer.json
    (found,) = [m for m in world.outbox(ids.PLATFORM, "schema_wave") if m["waveId"] == answer.data["id"]]
    return found


def schema(world: World, tenant: UUID) -> dict[str, Any]:
    (found,) = [row for row in ask(world, "GET", "/admin/tenants/migrations").data if row["id"] == str(tenant)]
    return found


def test_the_chosen_go_first_and_a_failure_stops_the_rest(world: World, release: Callable[[], None]) -> None:
    chosen, broken, later = world.tenant("silo"), world.tenant("silo"), world.tenant("silo")
    release()
    hindered = migrate.at(world.core, f"silo_{broken.id.hex}")
    with psycopg.connect(hindered, autocommit=True) as conn:
        conn.execute("CREATE TABLE sample_of_a_release (other text)")
    given = begun(world, body={"canary": [str(chosen.id), str(broken.id)], "batchSize": 1})
    assert ask(world, "POST", "/admin/tenants/migrate-all", {}).code == "wave_in_progress"
    with machine(world) as steps:
        assert steps.run(given) == "Fail"
    told = ask(world, "GET", "/admin/tenants/migrate-all").data
    assert (told["state"], told["done"], told["failed"]) == ("stopped", 1, 1)
    assert "DuplicateTable" in told["failure"]
    assert (schema(world, chosen.id)["schemaVersion"], schema(world, chosen.id)["schemaMissing"]) == (9001, 0)
    assert schema(world, later.id)["schemaSeenAt"] is None
    with psycopg.connect(hindered, autocommit=True) as conn:
        conn.execute("DROP TABLE sample_of_a_release")
    with machine(world) as steps:
        assert steps.run(begun(world, body={"batchSize": 2})) == "Succeed"
    assert {schema(world, t.id)["schemaMissing"] for t in (chosen, broken, later)} == {0}
    assert not world.outbox(ids.PLATFORM, "schema_wave")


@pytest.mark.parametrize("when", ["kill_before", "kill_after"])
def test_a_killed_wave_goes_on(world: World, release: Callable[[], None], when: str) -> None:
    tenants = [world.tenant("silo") for _ in range(2)]
    release()
    given = begun(world, body={"canary": [str(tenants[0].id)]})
    with machine(world, **{when: "Batch"}) as steps:
        with pytest.raises(Killed):
            steps.run(given)
        connections.settle()
        assert steps.run(given) == "Succeed"
    assert ask(world, "GET", "/admin/tenants/migrate-all").data["state"] == "done"
    assert {schema(world, t.id)["schemaVersion"] for t in tenants} == {9001}


def test_one_tenant_s_cell_is_migrated_alone_and_drift_is_told(world: World, release: Callable[[], None]) -> None:
    ours, theirs = world.tenant("silo"), world.tenant("silo")
    release()
    with machine(world) as steps:
        assert steps.run(begun(world, f"/tenants/{ours.id}/migrate")) == "Succeed"
    assert schema(world, ours.id)["schemaVersion"] == 9001
    assert schema(world, theirs.id)["schemaVersion"] is None
    cell = migrate.at(world.core, f"silo_{ours.id.hex}")
    with psycopg.connect(cell, autocommit=True) as conn:
        conn.execute("UPDATE schema_migrations SET checksum = 'other' WHERE version = 2 AND track = 'tenant'")
    with machine(world) as steps:
        assert steps.run(begun(world, f"/tenants/{ours.id}/migrate")) == "Fail"
    assert "SchemaDrift" in ask(world, "GET", "/admin/tenants/migrate-all").data["failure"]
    assert schema(world, ours.id)["schemaChanged"] == ["0002_identity"]


def test_only_the_operators_administrators_roll_out(world: World) -> None:
    tenant = world.tenant()
    for method, path in (
        ("POST", f"/tenants/{tenant.id}/migrate"), ("POST", "/admin/tenants/migrate-all"),
        ("GET", "/admin/tenants/migrate-all"), ("GET", "/admin/tenants/migrations"),
    ):  # fmt: skip
        assert world.call("tenants", method, path, None).code == "unauthenticated"
        assert world.call("tenants", method, path, tenant.owner).code == "forbidden"
