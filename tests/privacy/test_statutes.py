"""Figures of law come into force by two people and on their day, everywhere; breaches have their hour."""

from __future__ import annotations

from datetime import timedelta

import psycopg
from studyspot.kit import clock, ids
from studyspot.privacy.service import statutes

from tests.world import Answer, World

SOURCE = "Gazette of India, extraordinary, part II"


def put(world: World, token: str, code: str, value: object, days: int = 10) -> Answer:
    day = (clock.now().astimezone(clock.INDIA) + timedelta(days=days)).date().isoformat()
    body = {"code": code, "validFrom": day, "value": value, "source": SOURCE}
    return world.call("privacy", "PUT", "/compliance/params", token, body)


def test_only_the_platform_reads_and_only_administrators_put(world: World) -> None:
    tenant, staff = world.tenant(), world.token("platform_staff", ids.PLATFORM)
    assert world.call("privacy", "GET", "/compliance/params", tenant.owner).status == 403
    assert put(world, tenant.owner, "a_figure", 1).status == 403
    assert put(world, staff, "a_figure", 1).status == 403
    found = world.call("privacy", "GET", "/compliance/params?code=gst_rate_saas", staff).data
    assert [row["value"] for row in found] == [18]
    assert world.call("privacy", "GET", "/compliance/params?on=2000-01-01", staff).data == []


def test_one_proposes_another_confirms_and_every_cell_has_it(world: World) -> None:
    world.tenant("silo")
    first, second = world.admin(), world.admin()
    code = f"figure_{ids.uuid7().hex[-8:]}"
    proposed = put(world, first, code, 5)
    assert (proposed.status, proposed.data["status"]) == (200, "proposed")
    assert put(world, first, code, 5).data["status"] == "proposed", "nobody confirms their own"
    assert put(world, second, code, 6).code == "state_conflict", "another value is no confirmation"
    assert put(world, first, code, 7).data["value"] == 7
    confirmed = put(world, second, code, 7)
    assert confirmed.data["status"] == "confirmed"
    assert put(world, first, code, 8).code == "state_conflict", "in force is in force"
    with world.worker():
        assert statutes.spread() >= 1
        assert statutes.spread() == 0
    with psycopg.connect(world.core) as core:
        cells = [row[0] for row in core.execute("SELECT dbname FROM cells")]
    for name in cells:
        with psycopg.connect(world.postgres.dsn(name)) as conn:
            assert conn.execute("SELECT value FROM statutory_params WHERE code = %s", (code,)).fetchone() == (7,), name
    today = world.call("privacy", "GET", f"/compliance/params?code={code}", first).data
    assert today == [], "not before its day"
    day = (clock.now() + timedelta(days=11)).date().isoformat()
    assert world.call("privacy", "GET", f"/compliance/params?code={code}&on={day}", first).data[0]["source"] == SOURCE


def test_what_is_in_force_is_never_changed(world: World) -> None:
    refused = put(world, world.admin(), "gst_rate_saas", 20, days=0)
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "validFrom")


def test_a_breach_has_its_hour_at_the_board(world: World) -> None:
    found = clock.now()
    body = {"title": "Laptop lost", "description": "A laptop with an export", "categories": ["phone"],
            "peopleCount": 3, "discoveredAt": found.isoformat()}  # fmt: skip
    assert world.call("privacy", "POST", "/privacy/breaches", world.tenant().owner, body).status == 403
    made = world.call("privacy", "POST", "/privacy/breaches", world.admin(), body)
    assert made.status == 201, made.raw
    due = (found + timedelta(hours=72)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert made.data["boardDueAt"] == due
