"""How well an organisation does: from its own rows, with reasons, for operators; the list can be filtered by it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import cells, clock, ids
from studyspot.tenants import health, scoring
from studyspot.tenants.scoring import Facts, judge

from tests.world import Answer, Tenant, World, function

QUIET = {"seen_at": None, "logins_7": 0, "logins_30": 0, "collected_paise": 0, "collected_before_paise": 0,
         "payments_ended": 0, "payments_failed": 0, "messages_ended": 0, "messages_failed": 0}  # fmt: skip


def look(world: World, tenant: UUID, token: str | None = None) -> Answer:
    return world.call("tenants", "GET", f"/tenants/{tenant}/health", token or world.admin())


def parts(found: dict[str, Any]) -> dict[str, int | None]:
    return {part["name"]: part["score"] for part in found["components"]}


def pay(world: World, tenant: Tenant, paise: int, at: datetime, status: str = "captured") -> None:
    with world.db(tenant.id) as db:
        db.run(
            "INSERT INTO payments (id, purpose, purpose_id, amount_paise, status, captured_paise, captured_at,"
            " created_at, updated_at, description, expires_at) VALUES (%(id)s, 'membership', %(id)s, %(paise)s,"
            " %(status)s, %(captured)s, %(captured_at)s, %(at)s, %(at)s, 'fee', %(at)s)",
            id=ids.uuid7(), paise=paise, status=status, at=at,
            captured=paise if status == "captured" else 0, captured_at=at if status == "captured" else None,
        )  # fmt: skip


def begun(world: World, tenant: Tenant, ago: timedelta) -> None:
    with cells.core_db() as core:
        core.run("UPDATE tenants SET created_at = %(at)s WHERE id = %(id)s", id=tenant.id, at=clock.now() - ago)


def last_here(world: World, tenant: Tenant, ago: timedelta) -> None:
    with world.db(tenant.id) as db:
        db.run("UPDATE sessions SET created_at = %(at)s, last_used_at = %(at)s", at=clock.now() - ago)


def test_only_operators_look_and_every_look_is_noted(world: World) -> None:
    tenant = world.tenant()
    for token in (tenant.owner, world.token("library_staff", tenant.id), world.token("student", tenant.id)):
        assert look(world, tenant.id, token).code == "forbidden"
    assert look(world, ids.uuid7()).code == "not_found"
    assert look(world, tenant.id, world.token("platform_staff", ids.PLATFORM)).status == 200
    with world.db(tenant.id) as db:
        noted = db.dicts("SELECT actor_type, resource_id FROM audit_logs WHERE action = 'tenants.health'")
    assert noted == [{"actor_type": "platform_staff", "resource_id": str(tenant.id)}]


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_it_says_of_each_part_how_good_it_is_and_why(world: World, isolation: str) -> None:
    tenant = world.tenant(isolation)
    now = clock.now()
    pay(world, tenant, 60_00, now - timedelta(days=2))
    pay(world, tenant, 100_00, now - timedelta(days=40))
    pay(world, tenant, 900_00, now - timedelta(days=61))
    for n in range(10):
        pay(world, tenant, 10_00 + n, now - timedelta(days=1), status="failed")
    found = look(world, tenant.id).data
    assert parts(found) == {"logins": 100, "collections": 60, "payments": 0, "messages": None, "tickets": None}
    assert (found["score"], found["band"]) == (71, "at_risk")
    reasons = {part["name"]: part["reason"] for part in found["components"]}
    assert reasons["collections"] == "6000 paise net of refunds in 30 days, 10000 in the 30 before: 60 %"
    assert reasons["payments"] == "10 of 11 payments failed in 30 days"
    assert reasons["logins"].startswith("sign-ins of owner and staff: 1 in 7 days")
    assert reasons["tickets"] == "the product has no support tickets yet"


def test_students_and_platform_users_do_not_make_an_abandoned_library_look_used(world: World) -> None:
    tenant = world.tenant()
    begun(world, tenant, timedelta(days=200))
    last_here(world, tenant, timedelta(days=90))
    world.token("student", tenant.id)
    world.token("library_owner", tenant.id, tenant.owner_id)
    with world.db(tenant.id) as db:
        db.run("UPDATE sessions SET impersonator = id WHERE created_at > %(at)s", at=clock.now() - timedelta(days=1))
    found = look(world, tenant.id).data
    assert parts(found)["logins"] == 0
    assert (found["score"], found["band"]) == (0, "critical")


def test_who_began_yesterday_is_not_blamed_for_a_history_it_cannot_have(world: World) -> None:
    now = clock.now()
    found = judge(ids.uuid7(), now - timedelta(days=1), Facts(**QUIET), now)
    assert (found.score, found.band) == (100, "healthy")


@pytest.mark.parametrize(
    ("facts", "score", "band"),
    [
        ({}, 0, "critical"),
        ({"collected_paise": 1}, 50, "at_risk"),
        ({"collected_paise": 50, "collected_before_paise": 100}, 25, "critical"),
        ({"payments_ended": 9, "payments_failed": 9}, 0, "critical"),
        ({"messages_ended": 100, "messages_failed": 5}, 20, "critical"),
        ({"messages_ended": 100, "messages_failed": 40, "collected_paise": 9, "collected_before_paise": 3}, 44,
         "at_risk"),
    ],
)  # fmt: skip
def test_what_is_not_measured_is_left_out_of_the_score(facts: dict[str, int], score: int, band: str) -> None:
    now = clock.now()
    found = judge(ids.uuid7(), now - timedelta(days=90), Facts(**QUIET | facts), now)
    assert (found.score, found.band) == (score, band)


@pytest.mark.parametrize(
    ("days", "score"), [(0, 100), (7, 100), (8, 96), (18.5, 50), (29, 4), (30, 0), (300, 0)]
)  # fmt: skip
def test_absence_counts_from_a_week_on_and_is_complete_after_a_month(days: float, score: int) -> None:
    now = clock.now()
    facts = Facts(**QUIET | {"seen_at": now - timedelta(days=days)})
    found = judge(ids.uuid7(), now - timedelta(days=900), facts, now)
    assert found.components[0].score == score


def test_the_bands_meet_without_a_gap() -> None:
    bands = [scoring.band_of(score) for score in range(101)]
    assert [bands.count(band) for band in ("critical", "at_risk", "healthy")] == [40, 35, 26]


def test_the_night_judges_everybody_at_work_and_the_list_is_filtered_by_it(world: World) -> None:
    good, bad, away, new = world.tenant(), world.tenant("silo"), world.tenant(), world.tenant(status="provisioning")
    for tenant in (bad, away):
        begun(world, tenant, timedelta(days=100))
        last_here(world, tenant, timedelta(days=100))
    admin = world.admin()
    listed = world.call("tenants", "GET", "/tenants?health=critical", admin)
    assert listed.data == []
    lost = moved_out_of_reach(world, away.id)
    with world.worker():
        assert function("schedules", "daily").JOBS["health"]() == 2
        assert health.roll_up() == 0, "it does not judge twice in a night"
    placed(world, away.id, lost)
    with world.worker():
        assert health.roll_up() == 1, "who was out of reach is next"
    shown = {row["id"]: row["health"] for row in world.call("tenants", "GET", "/tenants", admin).data}
    assert shown == {str(good.id): "healthy", str(bad.id): "critical", str(away.id): "critical", str(new.id): None}
    critical = world.call("tenants", "GET", "/tenants?health=critical", admin).data
    assert [(row["id"], row["healthScore"]) for row in critical] == [(str(away.id), 0), (str(bad.id), 0)]


def moved_out_of_reach(world: World, tenant: UUID) -> UUID:
    """Its cell's server does not answer; gives back where it was."""
    core, _ = world._owners
    row = core.execute("SELECT cell_id FROM tenants WHERE id = %s", (tenant,)).fetchone()
    assert row is not None
    nowhere = ids.uuid7()
    core.execute("INSERT INTO cells VALUES (%s, 'silo', '127.0.0.1', 1, 'none', %s)", (nowhere, clock.now()))
    placed(world, tenant, nowhere)
    was: UUID = row[0]
    return was


def placed(world: World, tenant: UUID, cell: UUID) -> None:
    core, _ = world._owners
    core.execute("UPDATE tenants SET cell_id = %s WHERE id = %s", (cell, tenant))
    cells.forget(tenant)


def test_an_operator_s_look_renews_what_the_list_says(world: World) -> None:
    tenant = world.tenant()
    with world.worker():
        health.roll_up()
    begun(world, tenant, timedelta(days=100))
    last_here(world, tenant, timedelta(days=100))
    assert look(world, tenant.id).data["band"] == "critical"
    listed = world.call("tenants", "GET", "/tenants?health=critical", world.admin()).data
    assert [row["id"] for row in listed] == [str(tenant.id)]
