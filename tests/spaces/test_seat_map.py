"""The plan of a library shows every seat as it stands, to everybody what concerns them, and is never drawn over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from studyspot.kit import clock, ids, tally
from studyspot.spaces.queries import seatmap

from tests.alongside import at_once
from tests.bookings.scene import Scene, next_day
from tests.world import Answer, World


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.open(world)


def see(scene: Scene, token: str | None = None, **query: Any) -> Answer:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return scene.world.call(
        "spaces", "GET", f"/libraries/{scene.library}/seat-map?{asked}", token or scene.tenant.owner
    )


def plan(scene: Scene, seats: int | None = None, **more: Any) -> dict[str, Any]:
    placed = [{"seatId": str(seat), "x": 1 + 2 * n, "y": 1} for n, seat in enumerate(scene.seats[:seats])]
    return {"version": 0, "width": 10, "height": 6, "seats": placed, **more}


def draw(scene: Scene, drawn: dict[str, Any], token: str | None = None) -> Answer:
    return scene.world.call("spaces", "PUT", f"/libraries/{scene.library}/seat-map", token or scene.tenant.owner, drawn)


def standing(answer: Answer) -> dict[str, str]:
    return {seat["code"]: seat["status"] for seat in answer.data["seats"]}


def moment(at: Any) -> str:
    return str(at.isoformat()).replace("+", "%2B")


def held_by(scene: Scene, kind: str, seat: int, begins: Any, ends: Any, lapses: Any = None) -> None:
    with scene.world.db(scene.tenant.id) as db:
        db.run(
            "INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id, lapses_at)"
            " VALUES (%(id)s, %(seat)s, tstzrange(%(a)s, %(b)s), %(kind)s, %(id)s, %(lapses)s)",
            id=ids.uuid7(), seat=scene.seats[seat], a=begins, b=ends, kind=kind, lapses=lapses,
        )  # fmt: skip


def test_nobody_draws_but_the_owner(scene: Scene, world: World) -> None:
    for token in (scene.staff(), scene.token(scene.student())):
        assert draw(scene, plan(scene), token).code == "forbidden"
    assert draw(scene, plan(scene), world.tenant().owner).status == 404
    bound = scene.staff(libraryIds=[str(ids.uuid7())])
    assert see(scene, bound).status == 404
    assert see(scene, world.token("student", world.tenant().id)).status == 404


def test_a_library_that_nobody_drew_shows_its_seats_in_their_rows(scene: Scene) -> None:
    found = see(scene, scene.token(scene.student())).data
    assert (found["version"], found["counts"]["free"], len(found["seats"])) == (0, 3, 3)
    places = {(seat["x"], seat["y"]) for seat in found["seats"]}
    assert len(places) == 3
    assert all(0 <= x < found["width"] and 0 <= y < found["height"] for x, y in places)


def test_every_claim_is_seen_for_what_it_is_and_until_when(scene: Scene) -> None:
    now = clock.now()
    later = now + timedelta(hours=2)
    held_by(scene, "booking", 0, now - timedelta(hours=1), later)
    held_by(scene, "block", 1, now - timedelta(hours=1), None)
    held_by(scene, "allotment", 2, later, later + timedelta(hours=1))
    assert standing(see(scene)) == {"A-01": "booked", "A-02": "blocked", "A-03": "free"}
    by_code = {seat["code"]: seat for seat in see(scene).data["seats"]}
    assert by_code["A-01"]["until"] == later.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert by_code["A-02"]["until"] is None
    assert by_code["A-03"]["nextAt"] == by_code["A-01"]["until"]
    then = standing(see(scene, **{"from": moment(later)}))
    assert then == {"A-01": "free", "A-02": "blocked", "A-03": "allotted"}
    over = see(scene, **{"from": moment(now), "to": moment(later + timedelta(minutes=1))})
    assert standing(over) == {"A-01": "booked", "A-02": "blocked", "A-03": "allotted"}


def test_an_unpaid_hold_is_seen_until_it_lapses_though_its_timer_is_late(scene: Scene, world: World) -> None:
    start = next_day(10)
    assert scene.book(scene.token(scene.student()), start=start).status == 201
    assert standing(see(scene, **{"from": moment(start)}))["A-01"] == "held"
    world.advance(timedelta(minutes=11))
    assert standing(see(scene, **{"from": moment(start)}))["A-01"] == "free"


def test_who_sits_there_now_is_seen_now_and_not_tomorrow(scene: Scene) -> None:
    student = scene.student()
    with scene.world.db(scene.tenant.id) as db:
        db.run(
            "INSERT INTO attendance (id, student_id, library_id, seat_id, check_in_at, method, created_at)"
            " VALUES (%(id)s, %(student)s, %(library)s, %(seat)s, %(now)s, 'desk', %(now)s)",
            id=ids.uuid7(), student=student, library=scene.library, seat=scene.seats[2], now=clock.now(),
        )  # fmt: skip
    assert standing(see(scene))["A-03"] == "occupied"
    assert standing(see(scene, **{"from": moment(next_day(10))}))["A-03"] == "free"
    mine = {seat["code"]: seat["mine"] for seat in see(scene, scene.token(student)).data["seats"]}
    assert mine == {"A-01": False, "A-02": False, "A-03": True}


def test_staff_see_whose_a_seat_is_and_students_only_their_own(scene: Scene) -> None:
    mine, other = scene.student(), scene.student()
    start = next_day(10)
    for number, student in enumerate((mine, other)):
        assert scene.book(scene.token(student), number, start=start).status == 201
    when = {"from": moment(start)}
    told = [seat["holder"] for seat in see(scene, scene.staff(), **when).data["seats"]]
    assert [one and one["name"] for one in told] == ["Student 001", "Student 002", None]
    for answer in (see(scene, scene.token(mine), **when), see(scene, scene.token(mine), format="svg", **when)):
        assert b"Student 0" not in answer.raw
        assert str(other).encode() not in answer.raw
    assert [seat["mine"] for seat in see(scene, scene.token(mine), **when).data["seats"]] == [True, False, False]


def test_a_shift_on_a_day_is_a_time_too_and_an_overnight_one_ends_on_the_next(scene: Scene) -> None:
    night = scene.world.call(
        "libraries", "POST", f"/libraries/{scene.library}/shifts", scene.tenant.owner,
        {"name": "Night", "startTime": "22:00", "endTime": "06:00"},
    ).data["id"]  # fmt: skip
    day = next_day(22).date()
    held_by(scene, "booking", 1, next_day(3, days=2), next_day(5, days=2))
    found = see(scene, shiftId=night, day=day)
    assert standing(found) == {"A-01": "free", "A-02": "booked", "A-03": "free"}
    assert standing(see(scene, shiftId=night))["A-02"] == "free"
    assert see(scene, shiftId=ids.uuid7()).status == 404
    for wrong in ({"day": day}, {"shiftId": night, "from": moment(next_day(1))}, {"to": moment(next_day(1))}):
        assert see(scene, **wrong).code == "validation_failed"


def test_a_plan_is_kept_version_by_version_and_an_older_one_does_not_win(scene: Scene) -> None:
    wall = {"x1": 0, "y1": 0, "x2": 10, "y2": 0}
    saved = draw(scene, plan(scene, walls=[wall], doors=[{"x": 5, "y": 0}], labels=[{"x": 1, "y": 3, "text": "Hall"}]))
    assert (saved.status, saved.data["version"], saved.data["seats"]) == (200, 1, 3)
    found = see(scene).data
    assert (found["version"], found["walls"], found["doors"][0]["kind"]) == (1, [wall], "entrance")
    assert {(seat["x"], seat["y"]) for seat in found["seats"]} == {(1, 1), (3, 1), (5, 1)}
    stale = draw(scene, plan(scene, seats=1))
    assert (stale.status, stale.code) == (409, "version_conflict")
    assert see(scene).data["version"] == 1
    assert draw(scene, plan(scene, version=7)).code == "version_conflict"
    assert draw(scene, plan(scene, version=1)).data["version"] == 2


def test_of_many_who_draw_at_once_one_wins(scene: Scene) -> None:
    def save(db: Any, number: int) -> bool:
        with db.transaction():
            return seatmap.save(db, scene.library, 1, {"width": number + 1, "height": 1}, clock.now())

    assert sorted(at_once(scene.tenant.id, save, range(8))) == [False] * 7 + [True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 0}, {"height": 201}, {"walls": [{"x1": 0, "y1": 0, "x2": 11, "y2": 0}]}, {"width": 2},
        {"doors": [{"x": 1, "y": 99}]}, {"seats": [{"seatId": "nothing", "x": 1, "y": 1}]}, {"colour": "red"},
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused(scene: Scene, wrong: dict[str, Any]) -> None:
    assert draw(scene, plan(scene) | wrong).code == "validation_failed"
    assert see(scene).data["version"] == 0


def test_a_seat_of_elsewhere_or_twice_is_not_placed(scene: Scene, world: World) -> None:
    foreign = {"seatId": str(Scene.open(world).seats[0]), "x": 1, "y": 1}
    assert draw(scene, plan(scene) | {"seats": [foreign]}).status == 404
    here = {"seatId": str(scene.seats[0]), "x": 1, "y": 1}
    assert draw(scene, plan(scene) | {"seats": [here, here]}).code == "validation_failed"
    assert see(scene).data["version"] == 0


def test_whoever_has_a_seat_that_is_left_out_is_told_of_and_keeps_it(scene: Scene) -> None:
    assert draw(scene, plan(scene)).status == 200
    booked = scene.book(scene.token(scene.student()), 2, start=next_day(10)).data["id"]
    smaller = plan(scene, seats=2, version=1)
    impact = scene.world.call(
        "spaces", "POST", f"/libraries/{scene.library}/impact", scene.tenant.owner,
        {"seatMap": {name: smaller[name] for name in ("width", "height", "seats")}},
    ).data  # fmt: skip
    assert [one["id"] for one in impact["affected"]] == [booked]
    refused = draw(scene, smaller)
    assert (refused.code, [one["id"] for one in refused.json["affected"]]) == ("impact_not_accepted", [booked])
    assert see(scene).data["version"] == 1
    saved = draw(scene, smaller | {"leftOut": "keep"})
    assert (saved.data["version"], saved.data["impact"]["people"]) == (2, 1)
    assert scene.status(booked) == "held"
    assert [seat["x"] is None for seat in see(scene).data["seats"]] == [False, False, True]


def test_the_map_is_one_round_trip_as_a_picture_too(scene: Scene) -> None:
    assert draw(scene, plan(scene)).status == 200
    student = scene.token(scene.student())
    for query in ({}, {"format": "svg", "theme": "dark"}, {"from": moment(next_day(9)), "to": moment(next_day(10))}):
        assert see(scene, student, **query).status == 200
        assert tally.current.trips == 1


def test_a_sticker_links_to_its_seat(scene: Scene) -> None:
    path = f"/libraries/{scene.library}/seats/{scene.seats[0]}/qr"
    told = scene.world.call("spaces", "GET", path, scene.staff()).data
    assert told["link"].endswith(f"/libraries/{scene.library}/seats/{scene.seats[0]}")
    assert (told["code"], told["zone"], told["library"]) == ("A-01", "Silent", "Library")
    picture = scene.world.call("spaces", "GET", f"{path}?format=svg", scene.staff())
    assert picture.headers["Content-Type"].startswith("image/svg+xml")
    assert picture.raw.decode() == told["svg"]
    assert scene.world.call("spaces", "GET", path, scene.token(scene.student())).code == "forbidden"
    elsewhere = path.replace(str(scene.seats[0]), str(ids.uuid7()))
    assert scene.world.call("spaces", "GET", elsewhere, scene.staff()).status == 404
