"""Zones, seats and shifts of a library."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from studyspot.kit import clock, ids

from tests.libraries.test_libraries import add, get
from tests.world import Answer, Tenant, World

GRID = {"zone": "Silent", "rows": 4, "columns": 5, "prefix": "A"}


@pytest.fixture
def tenant(world: World) -> Tenant:
    return world.tenant()


@pytest.fixture
def path(world: World, tenant: Tenant) -> str:
    return f"/libraries/{add(world, tenant).data['id']}"


def send(world: World, tenant: Tenant, method: str, path: str, body: Any = None) -> Answer:
    return world.call("libraries", method, path, tenant.owner, body)


def test_students_and_staff_cannot_build(world: World, tenant: Tenant, path: str) -> None:
    for kind in ("student", "library_staff"):
        token = world.token(kind, tenant.id)
        for what in ("zones", "seats", "shifts"):
            assert world.call("libraries", "POST", f"{path}/{what}", token, {}).code == "forbidden"


def test_rows_by_columns_make_numbered_seats(world: World, tenant: Tenant, path: str) -> None:
    made = send(world, tenant, "POST", f"{path}/seats", GRID)
    assert made.status == 201
    assert [seat["code"] for seat in made.data] == [f"A-{n:02d}" for n in range(1, 21)]
    assert (made.data[6]["row"], made.data[6]["column"]) == (2, 2)
    assert get(world, path, tenant.owner).data["totalSeats"] == 20
    (zone,) = get(world, f"{path}/zones", tenant.owner).data
    assert (zone["name"], zone["kind"], zone["id"]) == ("Silent", "silent", made.data[0]["zoneId"])
    listed = get(world, f"{path}/seats?zoneId={zone['id']}", world.token("student", tenant.id)).data
    assert listed == made.data


def test_taken_codes_refuse_all_of_them(world: World, tenant: Tenant, path: str) -> None:
    send(world, tenant, "POST", f"{path}/seats", {"zone": "Silent", "code": "A-03"})
    refused = send(world, tenant, "POST", f"{path}/seats", GRID | {"zone": "Hall"})
    assert (refused.status, refused.code, refused.json["codes"]) == (409, "seat_code_exists", ["A-03"])
    assert get(world, path, tenant.owner).data["totalSeats"] == 1
    assert [zone["name"] for zone in get(world, f"{path}/zones", tenant.owner).data] == ["Silent"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "A"}, {"code": "A"}, {"zone": "A", "rows": 2}, {"zone": "A", "rows": 0, "columns": 1},
        {"zone": "A", "rows": 1000, "columns": 1000}, {"zone": "A", "code": "X", "rows": 1, "columns": 1},
        {"zone": "A", "zoneId": str(ids.uuid7()), "code": "X"}, {"zoneId": str(ids.uuid7()), "code": "X"},
    ],
)  # fmt: skip
def test_seats_that_make_no_sense_are_refused(world: World, tenant: Tenant, path: str, wrong: dict[str, Any]) -> None:
    assert send(world, tenant, "POST", f"{path}/seats", wrong).code == "validation_failed"


def test_a_seat_changes_and_retires(world: World, tenant: Tenant, path: str) -> None:
    first, second, *_ = send(world, tenant, "POST", f"{path}/seats", GRID).data
    seat = f"{path}/seats/{first['id']}"
    changed = send(world, tenant, "PUT", seat, {"code": "W-1", "row": 9, "attributes": ["window"]}).data
    assert (changed["code"], changed["row"], changed["attributes"]) == ("W-1", 9, ["window"])
    assert send(world, tenant, "PUT", seat, {"code": second["code"]}).code == "seat_code_exists"
    assert send(world, tenant, "PUT", seat, {"zoneId": str(ids.uuid7())}).status == 404
    assert send(world, tenant, "DELETE", seat).status == 204
    assert send(world, tenant, "DELETE", seat).status == 404
    assert get(world, path, tenant.owner).data["totalSeats"] == 19
    assert len(get(world, f"{path}/seats?status=retired", tenant.owner).data) == 1
    assert send(world, tenant, "POST", f"{path}/seats", {"zone": "Silent", "code": "W-1"}).status == 201


def test_a_seat_of_another_library_does_not_exist_here(world: World, tenant: Tenant, path: str) -> None:
    seat = send(world, tenant, "POST", f"{path}/seats", {"zone": "Hall", "code": "X"}).data[0]["id"]
    other = f"/libraries/{add(world, tenant, code='C2').data['id']}"
    assert send(world, tenant, "PUT", f"{other}/seats/{seat}", {"code": "Y"}).status == 404
    assert send(world, tenant, "DELETE", f"{other}/seats/{seat}").status == 404


def test_a_seat_somebody_holds_is_not_retired(world: World, tenant: Tenant, path: str) -> None:
    seat = send(world, tenant, "POST", f"{path}/seats", {"zone": "Hall", "code": "X"}).data[0]
    student, plan, start = ids.uuid7(), ids.uuid7(), clock.now() + timedelta(days=1)
    with world.db(tenant.id) as db, db.transaction():
        facts = {"student": student, "plan": plan, "now": clock.now()}
        db.run(
            "INSERT INTO students (id, student_code, first_name, phone, created_at, updated_at)"
            " VALUES (%(student)s, 'S1', 'A', '+919876543210', %(now)s, %(now)s)", **facts,
        )  # fmt: skip
        db.run(
            "INSERT INTO fee_plans (id, kind, created_at, updated_at) VALUES (%(plan)s, 'hourly', %(now)s, %(now)s)",
            **facts,
        )
        held = db.value(
            "SELECT outcome FROM hold_seat(%(id)s, %(library)s, %(seat)s, %(student)s, %(plan)s, %(start)s, %(end)s,"
            " %(end)s, '{}'::jsonb, %(student)s, %(now)s)",
            id=ids.uuid7(), library=seat["libraryId"], seat=seat["id"], start=start, end=start + timedelta(hours=2),
            **facts,
        )  # fmt: skip
    assert held == "held"
    assert send(world, tenant, "DELETE", f"{path}/seats/{seat['id']}").code == "seat_in_use"
    assert get(world, path, tenant.owner).data["totalSeats"] == 1


def test_zones_come_and_go_when_empty(world: World, tenant: Tenant, path: str) -> None:
    zone = send(world, tenant, "POST", f"{path}/zones", {"name": "Hall", "kind": "ac", "floor": 2})
    assert (zone.status, zone.data["floor"]) == (201, 2)
    assert send(world, tenant, "POST", f"{path}/zones", {"name": "Hall"}).code == "zone_exists"
    here = f"{path}/zones/{zone.data['id']}"
    assert send(world, tenant, "PUT", here, {"name": "Great hall"}).data["name"] == "Great hall"
    send(world, tenant, "POST", f"{path}/seats", {"zoneId": zone.data["id"], "code": "X"})
    assert send(world, tenant, "DELETE", here).code == "zone_not_empty"
    empty = send(world, tenant, "POST", f"{path}/zones", {"name": "Empty"}).data["id"]
    assert send(world, tenant, "DELETE", f"{path}/zones/{empty}").status == 204
    assert send(world, tenant, "DELETE", f"{path}/zones/{empty}").status == 404


def test_a_shift_may_run_past_midnight(world: World, tenant: Tenant, path: str) -> None:
    night = send(world, tenant, "POST", f"{path}/shifts", {"name": "Night", "startTime": "22:00", "endTime": "06:00"})
    assert (night.status, night.data["overnight"]) == (201, True)
    evening = {"name": "Evening", "startTime": "16:00", "endTime": "24:00", "days": [5, 1, 5]}
    made = send(world, tenant, "POST", f"{path}/shifts", evening).data
    assert (made["endTime"], made["days"]) == ("00:00", [1, 5])
    assert send(world, tenant, "POST", f"{path}/shifts", evening).code == "shift_exists"
    here = f"{path}/shifts/{made['id']}"
    assert send(world, tenant, "PUT", here, {"endTime": "21:00"}).data["overnight"] is False
    assert send(world, tenant, "PUT", here, {"name": "Night"}).code == "shift_exists"
    assert send(world, tenant, "DELETE", here).status == 204
    assert send(world, tenant, "DELETE", here).status == 404
    names = [shift["name"] for shift in get(world, f"{path}/shifts", world.token("student", tenant.id)).data]
    assert names == ["Night"]
