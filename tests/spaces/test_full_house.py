"""`make full-house`: ten libraries of 200 seats, booked for 60 days; the plan and what is free answer within budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, timedelta

import psycopg
import pytest
from studyspot.kit import cells, clock, ids, tally

from tests.bookings.scene import Scene, next_day
from tests.world import PASSWORDS, Answer, World

LIBRARIES, SEATS, DAYS, A_DAY = 10, 200, 60, 3
BUDGET_MS = 200
"""Of numbers that the product was promised with: average; p95 < 500."""
TRIES = 60


def furnish(world: World, scene: Scene) -> None:
    """Every seat is claimed three times a day: morning, afternoon, evening."""
    now, begins = clock.now(), next_day(6)
    with world.db(scene.tenant.id) as db, db.transaction():
        for number in range(LIBRARIES):
            library, zone = ids.uuid7(), ids.uuid7()
            if number == 0:
                library, zone = scene.library, scene.zone
            else:
                db.run(
                    "INSERT INTO libraries (id, name, code, created_at, updated_at)"
                    " VALUES (%(id)s, 'Library', %(code)s, %(now)s, %(now)s)",
                    id=library, code=f"L{number + 1}", now=now,
                )  # fmt: skip
                db.run(
                    "INSERT INTO zones (id, library_id, name, created_at, updated_at)"
                    " VALUES (%(id)s, %(library)s, 'Hall', %(now)s, %(now)s)",
                    id=zone, library=library, now=now,
                )  # fmt: skip
            db.run(
                "INSERT INTO seats (id, library_id, zone_id, code, created_at, updated_at)"
                " SELECT gen_random_uuid(), %(library)s, %(zone)s, 'H-' || n, %(now)s, %(now)s"
                " FROM generate_series(1, %(seats)s) n",
                library=library, zone=zone, seats=SEATS if number else SEATS - len(scene.seats), now=now,
            )  # fmt: skip
        db.run(
            "INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id)"
            " SELECT gen_random_uuid(), s.id, tstzrange(t, t + interval '5 hours'), 'allotment', gen_random_uuid()"
            " FROM seats s, generate_series(0, %(days)s - 1) d, generate_series(0, %(a_day)s - 1) h,"
            " LATERAL (SELECT %(begins)s::timestamptz + d * interval '1 day' + h * interval '5 hours' AS t) w",
            days=DAYS, a_day=A_DAY, begins=begins,
        )  # fmt: skip
    place = cells.place_of(scene.tenant.id)
    with psycopg.connect(world.postgres.dsn(place.dbname), autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")


def measured(ask: Callable[[], Answer]) -> tuple[float, float, float]:
    """Milliseconds: mean, median, 95th of a hundred."""
    took = []
    for _ in range(TRIES):
        began = time.perf_counter()
        assert ask().status == 200
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return sum(took) / TRIES, took[TRIES // 2], took[TRIES * 95 // 100]


@pytest.mark.slow
def test_a_full_house_answers_within_its_budget(world: World) -> None:
    scene = Scene.open(world)
    furnish(world, scene)
    token, start = scene.token(scene.student()), next_day(12, days=30).astimezone(UTC)
    span = f"from={start:%Y-%m-%dT%H:%M:%SZ}&to={start + timedelta(hours=4):%Y-%m-%dT%H:%M:%SZ}"
    path = f"/libraries/{scene.library}/seat-map"
    asked: dict[str, Callable[[], Answer]] = {
        "seat map, now": lambda: world.call("spaces", "GET", path, token),
        "seat map, a time in a month": lambda: world.call("spaces", "GET", f"{path}?{span}", token),
        "seat map, drawn": lambda: world.call("spaces", "GET", f"{path}?format=svg", token),
        "what is free": lambda: world.call(
            "bookings", "GET", f"/bookings/availability?libraryId={scene.library}&{span}", token
        ),
    }
    for name, ask in asked.items():
        mean, median, late = measured(ask)
        print(f"{name}: mean {mean:.1f} ms, p50 {median:.1f}, p95 {late:.1f}, {tally.current.trips} round trips")
        assert tally.current.trips == 1, name
        assert mean < BUDGET_MS, name


@pytest.mark.slow
def test_no_claim_of_another_seat_is_read(world: World) -> None:
    """What the plan costs grows with the seats of one library, not with what is booked."""
    from studyspot.spaces.queries import seatmap

    scene = Scene.open(world)
    furnish(world, scene)
    place = cells.place_of(scene.tenant.id)
    asked = {"library": scene.library, "start": None, "end": None, "shift": None, "day": None,
             "caller": scene.tenant.owner_id, "names": True, "now": clock.now()}  # fmt: skip
    with psycopg.connect(world.postgres.dsn(place.dbname, user="app", password=PASSWORDS["app"])) as conn:
        conn.execute("SELECT set_config('app.tenant', %s, true)", (str(scene.tenant.id),))
        [(told,)] = conn.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {seatmap.MAP}", asked).fetchall()
    read = told[0]["Plan"]["Shared Hit Blocks"] + told[0]["Plan"]["Shared Read Blocks"]
    print(f"{read} blocks for {SEATS} seats, {told[0]['Execution Time']:.1f} ms")
    assert read < 10 * SEATS
