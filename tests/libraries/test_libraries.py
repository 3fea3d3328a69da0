"""Owners describe their libraries; staff and students read them; nobody else finds them."""

from __future__ import annotations

from typing import Any

import pytest
from studyspot.kit import ids

from tests.world import Answer, Tenant, World

REGISTER = {
    "name": "Central",
    "code": "C1",
    "city": "Pune",
    "state": "Maharashtra",
    "pincode": "411001",
    "latitude": 18.5204,
    "longitude": 73.8567,
    "openingTime": "06:00",
    "closingTime": "23:00",
}


def add(world: World, tenant: Tenant, **facts: Any) -> Answer:
    return world.call("libraries", "POST", "/libraries", tenant.owner, REGISTER | facts)


def get(world: World, path: str, token: str | None) -> Answer:
    return world.call("libraries", "GET", path, token)


def test_nobody_and_students_cannot_create_a_library(world: World) -> None:
    tenant = world.tenant()
    for group_path in ("/libraries", "/libraries/x/seats"):
        assert world.call("libraries", "POST", group_path, None, "{", content_type="application/json").status == 401
    for kind in ("student", "library_staff"):
        assert world.call("libraries", "POST", "/libraries", world.token(kind, tenant.id), {}).code == "forbidden"


def test_the_library_of_the_first_day(world: World) -> None:
    tenant = world.tenant()
    made = add(world, tenant)
    assert (made.status, made.data["totalSeats"], made.data["openingTime"]) == (201, 0, "06:00")
    assert made.headers["Location"] == f"/api/v1/libraries/{made.data['id']}"
    student = world.token("student", tenant.id)
    assert get(world, f"/libraries/{made.data['id']}", student).data == made.data
    assert [row["id"] for row in get(world, "/libraries", student).data] == [made.data["id"]]


def test_a_foreign_library_does_not_exist(world: World) -> None:
    ours, theirs = world.tenant(), world.tenant()
    library = add(world, ours).data["id"]
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/zones"), ("POST", "/seats")):
        body = {"nonsense": 1} if method in ("PUT", "POST") else None
        answer = world.call("libraries", method, f"/libraries/{library}{path}", theirs.owner, body)
        unknown = world.call("libraries", method, f"/libraries/{ids.uuid7()}{path}", theirs.owner, body)
        assert (answer.status, unknown.status, answer.code) == (404, 404, "not_found")
    assert get(world, "/libraries", theirs.owner).data == []


def test_staff_bound_to_one_library_see_no_other(world: World) -> None:
    tenant = world.tenant()
    mine, other = add(world, tenant).data["id"], add(world, tenant, code="C2").data["id"]
    staff = world.token("library_staff", tenant.id, libraryIds=[mine])
    assert [row["id"] for row in get(world, "/libraries", staff).data] == [mine]
    assert get(world, f"/libraries/{other}", staff).status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"openingTime": "6 am"}, {"openingTime": 6}, {"latitude": 91}, {"latitude": None}, {"pincode": "0"},
        {"code": ""}, {"operatingDays": [8]}, {"name": "\x00"}, {"colour": "red"}, {"images": ["http://x"]},
        {"latitude": "NaN"},
    ],
)  # fmt: skip
def test_a_library_that_makes_no_sense_is_refused(world: World, wrong: dict[str, Any]) -> None:
    assert add(world, world.tenant(), **wrong).code == "validation_failed"


def test_a_code_names_one_library_until_it_is_closed(world: World) -> None:
    tenant = world.tenant()
    first = add(world, tenant).data["id"]
    assert add(world, tenant).code == "library_code_exists"
    other = add(world, tenant, code="C2").data["id"]
    change = world.call("libraries", "PUT", f"/libraries/{other}", tenant.owner, {"code": "C1"})
    assert change.code == "library_code_exists"
    assert world.call("libraries", "DELETE", f"/libraries/{first}", tenant.owner).status == 204
    assert world.call("libraries", "DELETE", f"/libraries/{first}", tenant.owner).status == 404
    assert add(world, tenant).status == 201


def test_put_changes_what_is_sent_and_null_clears(world: World) -> None:
    tenant = world.tenant()
    path = f"/libraries/{add(world, tenant).data['id']}"
    before = get(world, path, tenant.owner)
    changed = world.call(
        "libraries", "PUT", path, tenant.owner, {"city": None, "capacity": 30}, if_match=before.headers["ETag"]
    ).data
    assert (changed["city"], changed["capacity"], changed["name"]) == (None, 30, "Central")
    stale = world.call("libraries", "PUT", path, tenant.owner, {"name": "X"}, if_match=before.headers["ETag"])
    assert stale.code == "version_conflict"
    assert world.call("libraries", "PUT", path, tenant.owner, {"name": None}).code == "validation_failed"
    with world.db(tenant.id) as db:
        noted = db.value("SELECT after->>'capacity' FROM audit_logs WHERE action = 'libraries.update'")
    assert noted == "30"


def test_libraries_are_found_by_place(world: World) -> None:
    tenant = world.tenant()
    pune = add(world, tenant).data["id"]
    add(world, tenant, code="M", city="Mumbai", pincode="400001", latitude=19.0760, longitude=72.8777)
    near = get(world, "/libraries?near=18.53,73.85&radiusKm=5", tenant.owner).data
    assert [row["id"] for row in near] == [pune] and near[0]["distanceKm"] < 2
    assert len(get(world, "/libraries?near=18.53,73.85&radiusKm=150", tenant.owner).data) == 2
    assert [row["city"] for row in get(world, "/libraries?city=mumbai", tenant.owner).data] == ["Mumbai"]
    assert [row["city"] for row in get(world, "/libraries?pincode=400001", tenant.owner).data] == ["Mumbai"]
    assert get(world, "/libraries?status=closed", tenant.owner).data == []
    for wrong in ("near=here", "near=1,2,3", "near=nan,1", "near=99,1", "radiusKm=-1", "status=gone"):
        assert get(world, f"/libraries?{wrong}", tenant.owner).code == "validation_failed"


def test_a_list_is_read_page_by_page(world: World) -> None:
    tenant = world.tenant()
    made = [add(world, tenant, code=f"L{n}").data["id"] for n in range(5)]
    seen, path = [], "/libraries?limit=2"
    while path:
        answer = get(world, path, tenant.owner)
        seen += [row["id"] for row in answer.data]
        cursor = answer.json["meta"]["nextCursor"]
        path = f"/libraries?limit=2&cursor={cursor}" if cursor else ""
    assert seen == made


def test_occupancy_has_the_promised_shape(world: World) -> None:
    tenant = world.tenant()
    library = add(world, tenant).data["id"]
    seats = {"zone": "Silent", "rows": 2, "columns": 2, "prefix": "A"}
    world.call("libraries", "POST", f"/libraries/{library}/seats", tenant.owner, seats)
    (row,) = get(world, "/libraries/realtime-occupancy", world.token("student", tenant.id)).data
    assert {row[name] for name in ("capacity", "free")} == {4}
    assert {row[name] for name in ("present", "booked", "allotted")} == {0}
    assert row["libraryId"] == library and row["asOf"].endswith("Z") and len(row["zones"]) == 1
    one = get(world, f"/libraries/{library}/occupancy", tenant.owner).data
    assert one | {"asOf": 0} == row | {"asOf": 0}
    assert get(world, f"/libraries/{library}/occupancy", world.tenant().owner).status == 404
