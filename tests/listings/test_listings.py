"""Libraries that want to be found are found, with what is free in them now, and nothing else of anybody is told."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from studyspot.attendance import service as attendance
from studyspot.kit import cells, clock, connections, ids, tally
from studyspot.listings import service

from tests.bookings.scene import Scene, next_day
from tests.world import Answer, World, function

KOTA = {"city": "Kota", "latitude": 25.18, "longitude": 75.85, "pincode": "324001", "amenities": ["wifi", "ac"]}


def facts(scene: Scene, **what: Any) -> None:
    path = f"/libraries/{scene.library}"
    assert scene.world.call("libraries", "PUT", path, scene.tenant.owner, what).status == 200


def put(scene: Scene, slug: str | None, token: str | None = None) -> Answer:
    path = f"/libraries/{scene.library}/listing"
    return scene.world.call("spaces", "PUT", path, token or scene.tenant.owner, {"slug": slug})


def listed(world: World, slug: str, **what: Any) -> Scene:
    scene = Scene.open(world)
    facts(scene, **(KOTA | what))
    assert put(scene, slug).status == 200
    return scene


def search(world: World, **query: Any) -> Answer:
    return world.call("public", "GET", "/public/libraries?" + "&".join(f"{k}={v}" for k, v in query.items()))


def slugs(world: World, **query: Any) -> list[str]:
    return [one["slug"] for one in search(world, **query).data]


def minute(world: World) -> None:
    with world.worker():
        function("schedules", "minute").handler({}, None)


def enquire(world: World, slug: str, **more: Any) -> Answer:
    body = {"name": "Somebody", "phone": "9812345678", "consent": True, **more}
    return world.call("public", "POST", f"/public/libraries/{slug}/enquiries", None, body)


def test_who_may_not(world: World) -> None:
    scene = Scene.open(world)
    assert put(scene, "a-name", scene.staff()).code == "forbidden"
    assert put(scene, "a-name", world.tenant().owner).status == 404
    student = scene.token(scene.student())
    path = f"/libraries/{scene.library}/enquiries"
    assert world.call("spaces", "GET", path, student).code == "forbidden"
    assert world.call("spaces", "GET", path, world.tenant().owner).status == 404
    assert slugs(world) == []


def test_only_who_wants_to_be_found_is(world: World) -> None:
    Scene.open(world)
    scene = listed(world, "quiet-hall")
    assert slugs(world) == ["quiet-hall"]
    found = search(world).data[0]
    assert (found["freeSeats"], found["seats"], found["openNow"], found["hourlyFromPaise"]) == (3, 0, True, 6000)
    assert str(scene.tenant.id) not in search(world).raw.decode()
    assert put(scene, None).data == {"libraryId": str(scene.library), "listed": False, "slug": None}
    assert slugs(world) == []
    assert world.call("public", "GET", "/public/libraries/quiet-hall").status == 404


def test_a_name_is_one_library_s_and_free_again_when_given_up(world: World) -> None:
    first, second = listed(world, "quiet-hall"), Scene.open(world)
    refused = put(second, "quiet-hall")
    assert (refused.status, refused.code) == (409, "slug_taken")
    assert put(first, "loud-hall").data["slug"] == "loud-hall"
    assert put(second, "quiet-hall").status == 200
    assert slugs(world) == ["loud-hall", "quiet-hall"]
    assert put(first, "-").code == "validation_failed"


def test_near_by_price_by_amenity_by_town_and_by_what_is_free(world: World) -> None:
    near = listed(world, "near")
    listed(world, "far", latitude=25.28, amenities=["wifi"])
    listed(world, "delhi", city="Delhi", latitude=28.61, longitude=77.2, pincode="110001")
    assert slugs(world, near="25.18,75.85", radiusKm=50) == ["near", "far"]
    assert slugs(world, near="25.28,75.85", radiusKm=50) == ["far", "near"]
    assert slugs(world, near="25.18,75.85", radiusKm=5) == ["near"]
    assert (slugs(world, city="kota"), slugs(world, pincode="110001"), slugs(world, q="DELH")) == (
        ["far", "near"], ["delhi"], ["delhi"],
    )  # fmt: skip
    assert slugs(world, amenities="wifi,ac") == ["delhi", "near"]
    assert (slugs(world, maxHourlyPaise=5999), len(slugs(world, maxMonthlyPaise=6000))) == ([], 3)
    with world.db(near.tenant.id) as db:
        db.run("UPDATE seats SET status = 'maintenance' WHERE id = %(id)s", id=near.seats[0])
    assert slugs(world, minFree=3) == ["delhi", "far"]
    for wrong in ({"near": "x"}, {"radiusKm": 0}, {"limit": 0}, {"minFree": -1}):
        assert search(world, **wrong).code == "validation_failed"
    assert search(world, cursor="forged").status == 400


def test_pages_follow_one_another_by_distance_and_by_name(world: World) -> None:
    names = ["aa-1", "bb-2", "cc-3", "dd-4", "ee-5"]
    for number, name in enumerate(names):
        listed(world, name, latitude=25.18 + number // 2 / 100)
    for query in ({}, {"near": "25.18,75.85"}):
        seen, cursor = [], None
        while cursor is not None or not seen:
            page = search(world, limit=2, **query, **({"cursor": cursor} if cursor else {})).json
            seen += [one["slug"] for one in page["data"]]
            cursor = page["meta"]["nextCursor"]
        assert seen == names


def test_a_page_of_many_organisations_costs_one_question_a_cell(world: World) -> None:
    for number in range(6):
        listed(world, f"hall-{number}")
    assert len(slugs(world)) == 6
    search(world)
    assert tally.current.trips <= 4, "the gate, the directory, the cells, the pool"


def test_what_changes_is_told_within_the_minute(world: World) -> None:
    scene = listed(world, "quiet-hall")
    facts(scene, name="Another name")
    world.call("memberships", "PUT", f"/fee-plans/{scene.hourly}", scene.tenant.owner, {"pricePaise": 4000})
    minute(world)
    found = search(world).data[0]
    assert (found["name"], found["hourlyFromPaise"]) == ("Another name", 4000)
    world.call("libraries", "PUT", f"/libraries/{scene.library}", scene.tenant.owner, {"status": "inactive"})
    assert slugs(world) == [], "its cell says so before the directory knows"
    minute(world)
    assert slugs(world) == []


def test_an_organisation_that_is_stopped_is_not_found(world: World) -> None:
    scene = listed(world, "quiet-hall")
    with world.db(scene.tenant.id) as db:
        db.run("UPDATE tenant_gate SET status = 'suspended'")
    assert slugs(world) == []
    assert world.call("public", "GET", "/public/libraries/quiet-hall").status == 404
    assert enquire(world, "quiet-hall").status == 404


def test_a_cell_that_cannot_be_asked_leaves_its_libraries_without_a_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = listed(world, "quiet-hall")
    away = connections.Place("127.0.0.1", 1, "nowhere")
    monkeypatch.setattr(cells, "places_of", lambda tenants: {scene.tenant.id: away})
    found = search(world).data
    assert [(one["slug"], one["freeSeats"], one["openNow"]) for one in found] == [("quiet-hall", None, None)]
    assert slugs(world, minFree=1) == []


def test_the_page_of_a_library_tells_hours_plans_and_what_is_free(world: World) -> None:
    scene = listed(world, "quiet-hall")
    with world.db(scene.tenant.id) as db:
        db.run("UPDATE fee_plans SET is_public = false WHERE id = %(id)s", id=scene.monthly)
    found = world.call("public", "GET", "/public/libraries/quiet-hall").data
    assert (found["name"], found["freeSeats"], found["zones"]) == (
        "Library", 3, [{"name": "Silent", "free": 3, "seats": 3}],
    )  # fmt: skip
    assert (found["hours"]["source"], len(found["hours"]["weekly"]), found["hours"]["openNow"]) == ("plain", 7, True)
    assert [plan["kind"] for plan in found["plans"]] == ["hourly"]
    assert "agree" in found["consent"]
    for nothing in ("nobody", "Quiet-Hall", "a" * 200):
        assert world.call("public", "GET", f"/public/libraries/{nothing}").status == 404


def test_an_enquiry_is_kept_with_its_consent_and_told_to_the_staff(world: World) -> None:
    scene = listed(world, "quiet-hall")
    assert enquire(world, "quiet-hall", consent=False).code == "validation_failed"
    assert enquire(world, "quiet-hall", phone="12").code == "validation_failed"
    assert enquire(world, "quiet-hall", feePlanId=str(ids.uuid7())).code == "validation_failed"
    assert enquire(world, "nobody-here").status == 404
    made = enquire(world, "quiet-hall", message="A window seat?", feePlanId=str(scene.hourly))
    assert (made.status, made.data) == (202, {"status": "received"})
    path = f"/libraries/{scene.library}/enquiries"
    kept = world.call("spaces", "GET", path, scene.staff()).data
    assert [(one["name"], one["phone"], one["message"]) for one in kept] == [
        ("Somebody", "+919812345678", "A window seat?")
    ]
    assert (kept[0]["consentText"], kept[0]["consentedAt"]) == (service_text(world), kept[0]["createdAt"])
    assert [row["type"] for row in world.outbox(scene.tenant.id, "enquiry.received")] == ["enquiry.received"]


def service_text(world: World) -> str:
    text: str = world.call("public", "GET", "/public/libraries/quiet-hall").data["consent"]
    return text


def test_who_asks_again_and_again_is_not_heard_more_often(world: World) -> None:
    scene = listed(world, "quiet-hall")
    told = [enquire(world, "quiet-hall").status for _ in range(service.ASKED_A_DAY + 1)]
    assert told == [202, 202, 202, 429]
    assert enquire(world, "quiet-hall", phone="9812345679").status == 202
    world.advance(timedelta(days=1, minutes=1))
    assert enquire(world, "quiet-hall").status == 202
    with world.setting(rate_limit_factor="1"):
        numbers = [enquire(world, "quiet-hall", phone=f"98123456{n:02d}").status for n in range(10, 22)]
    assert 429 in numbers
    with world.db(scene.tenant.id) as db:
        assert db.value("SELECT count(*) FROM enquiries") == 5 + numbers.count(202)


def test_what_the_directory_calls_free_is_what_occupancy_calls_free(world: World) -> None:
    """One definition: whatever claims, blocks, visits and caps there are."""
    scene = Scene.open(world, seats=6)
    random, now = Random(4), clock.now()
    for _ in range(12):
        with world.db(scene.tenant.id) as db:
            db.run("DELETE FROM seat_occupancy")
            db.run("DELETE FROM attendance")
            cap = random.choice([None, 3, 5, 9])
            db.run("UPDATE libraries SET capacity = %(cap)s", cap=cap)
            for seat in scene.seats:
                db.run(
                    "UPDATE seats SET status = %(s)s WHERE id = %(id)s",
                    id=seat, s=random.choice(["active", "active", "maintenance", "retired"]),
                )  # fmt: skip
                if random.random() < 0.6:
                    start = now + timedelta(minutes=random.choice([-30, 0, 30]))
                    db.run(
                        "INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id, lapses_at) VALUES (%(id)s,"
                        " %(seat)s, tstzrange(%(a)s, %(b)s), %(kind)s, %(id)s, %(lapses)s)",
                        id=ids.uuid7(), seat=seat, a=start, b=start + timedelta(hours=1),
                        kind=random.choice(["booking", "allotment", "block"]),
                        lapses=random.choice([None, None, now + timedelta(minutes=5)]),
                    )  # fmt: skip
            for seat in (*random.sample(scene.seats, 2), None):
                db.run(
                    "INSERT INTO attendance (id, student_id, library_id, seat_id, check_in_at, method, created_at)"
                    " VALUES (%(id)s, %(student)s, %(library)s, %(seat)s, %(now)s, 'desk', %(now)s)",
                    id=ids.uuid7(), student=scene.student(), library=scene.library, seat=seat, now=now,
                )  # fmt: skip
        with world.db(scene.tenant.id) as db:
            told = db.value("SELECT free_now(%(id)s, %(now)s)", id=scene.library, now=clock.now())
            assert [told] == [full.free for full in attendance.occupancy(db, scene.library)]


def test_one_question_of_a_cell_leaves_no_organisation_behind(world: World) -> None:
    scene, other = listed(world, "quiet-hall"), Scene.open(world)
    with world.db(other.tenant.id) as db, db.transaction():
        rows = db.dicts(
            "SELECT * FROM listed_now(%(t)s::uuid[], %(l)s::uuid[], %(now)s)",
            t=[scene.tenant.id, other.tenant.id, other.tenant.id, scene.tenant.id],
            l=[scene.library, other.library, scene.library, other.library], now=next_day(10),
        )  # fmt: skip
        assert [row["library_id"] for row in rows] == [scene.library]
        assert db.value("SELECT id FROM libraries") == other.library
