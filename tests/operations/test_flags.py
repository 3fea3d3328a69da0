"""Features that some have before others: administrators decide, chance is the same every time, people are told."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg
import pytest
from studyspot.kit import cells, ids
from studyspot.operations import queries

from tests.alongside import at_once
from tests.world import Answer, World


@pytest.fixture(autouse=True)
def forgotten(world: World) -> Iterator[None]:
    """No flag of a test is on in another."""
    yield
    with psycopg.connect(world.postgres.dsn("studyspot"), autocommit=True) as admin:
        admin.execute("DELETE FROM feature_flags")


def put(world: World, flag: str, token: str | None = None, **asked: Any) -> Answer:
    return world.call("admin", "PUT", f"/admin/feature-flags/{flag}", token or world.admin(), asked)


def fresh() -> str:
    return f"flag-{ids.uuid7().hex[-10:]}"


def test_only_administrators_read_and_set_flags_and_it_is_noted(world: World) -> None:
    tenant, name = world.tenant(), fresh()
    for token in (tenant.owner, world.token("platform_staff", ids.PLATFORM)):
        assert world.call("admin", "GET", "/admin/feature-flags", token).code == "forbidden"
        assert put(world, name, token, percent=1).code == "forbidden"
    assert put(world, name, percent=20).data["percent"] == 20
    put(world, name, enabledFor=[str(tenant.id)])
    flags = {flag["name"]: flag for flag in world.call("admin", "GET", "/admin/feature-flags", world.admin()).data}
    assert (flags[name]["percent"], flags[name]["enabledFor"]) == (20, [str(tenant.id)])
    with cells.core_db() as core:
        noted = core.dicts(
            "SELECT before, after FROM audit_logs WHERE action = 'flags.set' AND resource_id = %(name)s ORDER BY id",
            name=name,
        )
    assert [row["before"] and row["before"]["percent"] for row in noted] == [None, 20]
    assert noted[1]["after"]["enabled_for"] == [str(tenant.id)]


def test_what_cannot_be_is_refused(world: World) -> None:
    tenant, name = world.tenant(), fresh()
    ours = str(tenant.id)
    for asked in (
        {"percent": 101}, {"percent": -1}, {"percent": 1.5}, {"percent": None}, {"enabledFor": ["x"]}, {"on": True},
        {"enabledFor": [str(ids.uuid7())]}, {"enabledFor": [ours], "disabledFor": [ours]},
    ):  # fmt: skip
        assert put(world, name, **asked).code == "validation_failed", asked
    assert put(world, "No", percent=1).code == "not_found"
    put(world, name, enabledFor=[ours])
    assert put(world, name, disabledFor=[ours]).code == "validation_failed"
    assert put(world, name, enabledFor=[], disabledFor=[ours]).status == 200
    with (
        psycopg.connect(world.postgres.dsn("studyspot"), autocommit=True) as admin,
        pytest.raises(psycopg.errors.CheckViolation),
    ):
        admin.execute("UPDATE feature_flags SET enabled_for = %s, disabled_for = %s", ([tenant.id], [tenant.id]))


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_an_organisation_sees_its_flags_and_no_other_s(world: World, isolation: str) -> None:
    ours, theirs, name = world.tenant(isolation), world.tenant(isolation), fresh()
    put(world, name, enabledFor=[str(ours.id)])
    assert name in world.call("auth", "GET", "/auth/me", ours.owner).data["flags"]
    assert name not in world.call("auth", "GET", "/auth/me", theirs.owner).data["flags"]
    put(world, name, percent=100, enabledFor=[], disabledFor=[str(ours.id)])
    assert name not in world.call("auth", "GET", "/auth/me", ours.owner).data["flags"]
    assert name in world.call("auth", "GET", "/auth/me", theirs.owner).data["flags"]


def test_a_larger_share_only_adds_and_every_place_is_the_same_each_time(world: World) -> None:
    name, some = fresh(), [ids.uuid7() for _ in range(400)]
    put(world, name, percent=0)

    def chosen(percent: int) -> set[UUID]:
        put(world, name, percent=percent)
        with cells.core_db() as core:
            rows = core.dicts(
                "SELECT t FROM unnest(%(ids)s::uuid[]) t WHERE %(n)s = ANY (flags_of(t))", ids=some, n=name
            )
        return {row["t"] for row in rows}

    def place(tenant: UUID) -> int:
        return int.from_bytes(sha256(f"{name}:{tenant}".encode()).digest()[:2]) * 100 // 65536

    before: set[UUID] = set()
    for percent in (0, 1, 25, 50, 100):
        found = chosen(percent)
        assert found == {tenant for tenant in some if place(tenant) < percent}
        assert before <= found
        before = found
    assert (len(chosen(0)), len(chosen(100))) == (0, 400)
    assert 60 < len(chosen(25)) < 140


def test_those_who_set_a_new_flag_at_once_leave_one(world: World) -> None:
    name = fresh()
    set_ = at_once(ids.PLATFORM, lambda db, n: queries.set_flag(db, name, {"percent": n}, ids.uuid7()), range(1, 9))
    assert sorted(flag.percent for flag in set_) == list(range(1, 9))
    with cells.core_db() as core:
        assert [flag.name for flag in queries.flags(core)].count(name) == 1
