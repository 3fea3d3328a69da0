"""Provisioning is all or nothing: killed at any step it resumes, failing at any step it is taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from studyspot.credits import service as wallets
from studyspot.kit import cells, connections, ids
from studyspot.schema import migrate
from studyspot.subscriptions import service as subscriptions
from studyspot.tenants import provisioning
from studyspot.tenants.queries import saga as saga_queries

from tests.tenants.machine import Killed, Machine
from tests.world import PASSWORDS, World, function

COMMON = ["Validate", "ReserveSlug", "CreateCoreRows", "Migrate", "Seed", "GrantCredits", "StartTrial", "InviteOwner"]
STATES = [*COMMON, "Smoke", "Activate"]
PLACED = {"pool": "ChooseCell", "silo": "CreateSilo"}
NOTES = {"pool": range(1, 12), "silo": (4, 5, 6, 11)}
"""Which note of a step is lost. A silo differs where its database is made, entered and filled, and at the end."""


@pytest.fixture
def asked(world: World) -> Callable[[str], tuple[UUID, dict[str, Any]]]:
    """A tenant that was asked for, and the command that starts its saga."""
    with cells.core_db() as core:
        subscriptions.seed_plans(core)
    admin = world.admin()

    def ask(isolation: str) -> tuple[UUID, dict[str, Any]]:
        name = f"Library {ids.uuid7().hex[-10:]}"
        body = {"name": name, "email": f"{ids.uuid7().hex[-12:]}@example.org", "isolation": isolation}
        answer = world.call("tenants", "POST", "/tenants", admin, body)
        assert answer.status == 202, answer.json
        tenant = UUID(answer.data["id"])
        return tenant, command(world, tenant)

    return ask


def command(world: World, tenant: UUID) -> dict[str, Any]:
    (found,) = [m for m in world.outbox(ids.PLATFORM, "tenant_provisioning") if m["subject"] == str(tenant)]
    return found


@contextmanager
def saga(world: World, **strikes: str | None) -> Iterator[Machine]:
    """The steps as they run: rows as the worker, databases as the migrator."""
    steps = function("steps", "provisioning")
    migrator = {"migrator_db_user": "migrator", "migrator_db_password": PASSWORDS["migrator"]}
    with world.setting(**migrator), world.worker():
        yield Machine("tenant_provisioning", steps.handler, **strikes)  # type: ignore[arg-type]


def status_of(tenant: UUID) -> str:
    with cells.core_db() as core:
        return str(core.value("SELECT status FROM tenants WHERE id = %(id)s", id=tenant))


def exactly_once(world: World, tenant: UUID) -> None:
    """Active in both places, one of everything, nothing left to do, nothing that belongs to nobody."""
    assert status_of(tenant) == "active"
    with cells.tenant_db(tenant) as db:
        assert db.value("SELECT status FROM tenant_gate") == "active"
        assert db.value("SELECT sum(balance) FROM tenant_credit_wallets") == 500
        assert db.value("SELECT count(*) FROM sms_templates") >= 6
    with cells.core_db() as core:
        one = {"t": tenant}
        assert core.value("SELECT count(*) FROM subscriptions WHERE customer_id = %(t)s", **one) == 1
        assert core.value("SELECT count(*) FROM identities WHERE tenant_id = %(t)s", **one) == 1
        assert core.value("SELECT count(*) FROM invitations WHERE invited_to = %(t)s", **one) == 1
        done = core.value("SELECT count(*) FROM provisioning_steps WHERE status = 'done' AND tenant_id = %(t)s", **one)
        assert done == 11
    assert not [m for m in world.outbox(ids.PLATFORM, "tenant_provisioning") if m["subject"] == str(tenant)]
    assert nothing_of(world, tenant)


def taken_back(world: World, tenant: UUID) -> None:
    """Failed, retryable, and without a trace in any cell."""
    assert status_of(tenant) == "provisioning_failed"
    with psycopg.connect(world.core) as conn:
        row = conn.execute("SELECT cell_id FROM tenants WHERE id = %s", (tenant,)).fetchone()
        assert row == (None,)
        assert conn.execute("SELECT 1 FROM pg_database WHERE datname LIKE %s", (f"%{tenant.hex}",)).fetchone() is None
    with cells.core_db() as core:
        assert core.value("SELECT count(*) FROM subscriptions WHERE customer_id = %(t)s", t=tenant) == 0
        assert core.value("SELECT count(*) FROM identities WHERE tenant_id = %(t)s", t=tenant) == 0
    with world.worker():
        for place in cells.places()[1:]:
            assert not cells.across(place, "SELECT 1 FROM tenant_gate WHERE tenant_id = %(t)s", t=tenant)
    assert not [m for m in world.outbox(ids.PLATFORM, "tenant_provisioning") if m["subject"] == str(tenant)]
    assert nothing_of(world, tenant)


def nothing_of(world: World, tenant: UUID) -> bool:
    """The sweep over everything names nothing of this tenant."""
    with world.worker():
        found = provisioning.sweep()
    named = [name for name in (*found.databases, *found.cells) if tenant.hex in name]
    return not named and tenant not in found.tenants and tenant not in found.gates


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_a_tenant_is_set_up(world: World, asked: Any, isolation: str) -> None:
    tenant, given = asked(isolation)
    with saga(world) as machine:
        assert machine.run(given) == "Succeed"
    exactly_once(world, tenant)
    owner = world.token("library_owner", tenant)
    assert world.call("tenants", "GET", "/tenants/me", owner).data["status"] == "active"
    if isolation == "silo":
        with psycopg.connect(world.core) as conn:
            query = "SELECT datconnlimit FROM pg_database WHERE datname LIKE %s"
            assert conn.execute(query, (f"%{tenant.hex}",)).fetchone() == (20,)


@pytest.mark.parametrize("isolation", ["pool", "silo"])
@pytest.mark.parametrize("when", ["kill_before", "kill_after"])
def test_killed_at_any_step_it_resumes(world: World, asked: Any, isolation: str, when: str) -> None:
    for state in [*STATES, PLACED[isolation]]:
        tenant, given = asked(isolation)
        with saga(world, **{when: state}) as machine:
            with pytest.raises(Killed):
                machine.run(given)
            connections.settle()
            assert machine.run(given) == "Succeed", state
        exactly_once(world, tenant)


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_killed_between_an_effect_and_its_note_it_resumes(world: World, asked: Any, isolation: str) -> None:
    for nth in NOTES[isolation]:
        tenant, given = asked(isolation)
        real, left = saga_queries.record, [nth]

        def record(*args: Any, real: Any = real, left: list[int] = left, **more: Any) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            real(*args, **more)

        with saga(world) as machine, pytest.MonkeyPatch.context() as patch:
            patch.setattr(saga_queries, "record", record)
            with pytest.raises(Killed):
                machine.run(given)
            connections.settle()
            assert machine.run(given) == "Succeed", nth
        exactly_once(world, tenant)


def test_killed_between_a_database_and_its_entry_it_resumes_or_is_taken_back(world: World, asked: Any) -> None:
    for break_at in (None, "CreateSilo"):
        tenant, given = asked("silo")
        with saga(world) as machine:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(migrate, "register_cell", lambda *_: (_ for _ in ()).throw(Killed()))
                with pytest.raises(Killed):
                    machine.run(given)
            machine.break_at = break_at
            assert machine.run(given) == ("Fail" if break_at else "Succeed")
        (taken_back if break_at else exactly_once)(world, tenant)


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_failing_at_any_step_it_is_taken_back_and_can_be_tried_again(world: World, asked: Any, isolation: str) -> None:
    for state in [*STATES, PLACED[isolation]]:
        tenant, given = asked(isolation)
        with saga(world, break_at=state) as machine:
            assert machine.run(given) == "Fail", state
        taken_back(world, tenant)
        assert wallets.conservation("sms").holds
        again = world.call("tenants", "POST", f"/tenants/{tenant}/provisioning/retry", world.admin())
        assert (again.status, again.data["status"]) == (202, "provisioning")
        with saga(world) as machine:
            assert machine.run(command(world, tenant)) == "Succeed", state
        assert status_of(tenant) == "active"
        assert wallets.conservation("sms").holds
        assert nothing_of(world, tenant)


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_a_compensation_that_is_killed_is_finished_by_the_next_start(world: World, asked: Any, isolation: str) -> None:
    for when in ("kill_before", "kill_after"):
        tenant, given = asked(isolation)
        with saga(world, break_at="Smoke", **{when: "Compensate"}) as machine:
            with pytest.raises(Killed):
                machine.run(given)
            connections.settle()
            machine.break_at = "Smoke" if when == "kill_before" else None
            assert machine.run(given) == "Fail"
        taken_back(world, tenant)


def test_a_late_second_execution_does_not_take_back_a_working_tenant(world: World, asked: Any) -> None:
    tenant, given = asked("pool")
    with saga(world) as machine:
        machine.run(given)
        assert machine.run(given) == "Succeed"
    exactly_once(world, tenant)


def test_what_failed_can_be_read_step_by_step(world: World, asked: Any) -> None:
    tenant, given = asked("pool")
    step = function("steps", "provisioning").provisioning
    with saga(world) as machine, pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "smoke", lambda _: (_ for _ in ()).throw(step.SmokeFailed("no")))
        assert machine.run(given) == "Fail"
    steps = world.call("tenants", "GET", f"/tenants/{tenant}/provisioning", world.admin()).data["steps"]
    by_name = {s["step"]: (s["status"], s["detail"]) for s in steps}
    assert by_name["smoke"] == ("failed", "SmokeFailed")
    assert by_name["seed"] == ("compensated", None)
    assert by_name["activate"] == ("pending", None)
    assert "create_silo" not in by_name
