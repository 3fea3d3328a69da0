"""A deployment runs the migrator: everything brought up to date, twice without harm, from nothing to a first tenant."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from studyspot.kit import cells, connections, ids
from studyspot.schema import migrate, placement
from studyspot.subscriptions import service as subscriptions

from tests.tenants.machine import Machine
from tests.world import PASSWORDS, World, function


def as_migrator(world: World, **more: str) -> Any:
    """The role the template gives to the migrator and to the provisioning steps."""
    return world.setting(core_db_user="migrator", core_db_password=PASSWORDS["migrator"], **more)


def test_an_empty_database_becomes_a_stage_and_a_second_run_changes_nothing(world: World) -> None:
    name = f"stage_{ids.uuid7().hex[-8:]}"
    migrate.create_database(world.postgres.dsn(), name, owner="migrator")
    with as_migrator(world, core_db_name=name):
        first = function("operations", "migrator").handler({}, None)["applied"]
        second = function("operations", "migrator").handler({}, None)["applied"]
        with cells.core_db() as core:
            assert core.value("SELECT status FROM tenant_gate") == "active"
            assert core.value("SELECT count(*) FROM subscription_plans") == 4
            assert core.value("SELECT string_agg(kind, ',' ORDER BY kind) FROM cells") == "core,pool"
    assert first["core"] > 0
    assert first[f"{name}_pool_1"] > 0
    assert set(second.values()) == {0}


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_the_steps_run_as_the_migrator_alone(world: World, isolation: str) -> None:
    with cells.core_db() as core:
        subscriptions.seed_plans(core)
    body = {"name": "Hall", "email": f"{ids.uuid7().hex[-12:]}@example.org", "isolation": isolation}
    tenant = world.call("tenants", "POST", "/tenants", world.admin(), body).data["id"]
    (given,) = [m for m in world.outbox(ids.PLATFORM, "tenant_provisioning") if m["subject"] == tenant]
    with as_migrator(world):
        connections.close_all()
        machine = Machine("tenant_provisioning", function("steps", "provisioning").handler)
        assert machine.run(given) == "Succeed"
        connections.close_all()
    with cells.core_db() as core:
        assert core.value("SELECT status FROM tenants WHERE id = %(id)s", id=tenant) == "active"


def test_a_killed_copy_of_the_template_gets_its_settings_on_the_next_try(world: World) -> None:
    name = f"half_{ids.uuid7().hex[-8:]}"
    with psycopg.connect(world.core, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {migrate.CELL_TEMPLATE}")
    migrate.create_cell(world.core, name)
    with psycopg.connect(world.core) as conn:
        granted = conn.execute("SELECT datacl::text FROM pg_database WHERE datname = %s", (name,)).fetchone()
    assert granted and "app=c" in granted[0]


def test_a_tenants_rows_are_removed_from_a_shared_cell_and_no_others(world: World) -> None:
    ours, theirs = world.tenant(), world.tenant()
    place = cells.place_of(ours.id)
    with world.setting(migrator_db_user="migrator", migrator_db_password=PASSWORDS["migrator"]):
        assert placement.empty_pool(place.host, place.port, place.dbname, ours.id) >= 2
        assert placement.empty_pool(place.host, place.port, place.dbname, ours.id) == 0
    assert world.call("tenants", "GET", "/tenants/me", theirs.owner).status == 200
