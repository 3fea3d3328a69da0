"""What is wrong with a plan is found: who cannot be reached, what lies over what, what nothing sells."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from studyspot.kit import ids
from studyspot.spaces.checking import findings, unreachable
from studyspot.spaces.models.seatmap import Door, Layout, Placed, Wall
from studyspot.spaces.queries.seatmap import Sale

from tests.bookings.scene import Scene
from tests.world import World

ROOM = [
    Wall(x1=0, y1=0, x2=10, y2=0), Wall(x1=10, y1=0, x2=10, y2=10),
    Wall(x1=10, y1=10, x2=0, y2=10), Wall(x1=0, y1=10, x2=0, y2=0),
]  # fmt: skip
ENTRANCE = Door(x=1, y=0)


def at(*places: tuple[float, float]) -> list[Placed]:
    return [Placed(seat_id=UUID(int=n), x=x, y=y) for n, (x, y) in enumerate(places)]


def layout(seats: list[Placed], walls: list[Wall] | None = None, doors: list[Door] | None = None) -> Layout:
    given_doors = [ENTRANCE] if doors is None else doors
    return Layout(width=12, height=12, walls=ROOM + (walls or []), doors=given_doors, seats=seats)


def lost(drawn: Layout) -> list[int] | None:
    found = unreachable(drawn, drawn.seats)
    return None if found is None else [seat.int for seat in found]


def test_a_seat_in_the_room_is_reached_and_one_outside_is_not() -> None:
    assert lost(layout(at((5, 5), (10.5, 5)))) == [1]


def test_a_wall_closes_a_corner_and_a_door_opens_it() -> None:
    wall = [Wall(x1=7, y1=0, x2=7, y2=10)]
    assert lost(layout(at((5, 5), (8, 5)), wall)) == [1]
    assert lost(layout(at((5, 5), (8, 5)), wall, [ENTRANCE, Door(x=7, y=5, kind="inner")])) == []


def test_a_slanting_wall_has_no_gaps() -> None:
    assert lost(layout(at((8, 8), (1, 7)), [Wall(x1=0, y1=9.5, x2=9.8, y2=0)])) == [0]


def test_a_seat_walled_in_by_seats_is_lost_and_an_aisle_saves_it() -> None:
    block = [(4 + x, 4 + y) for y in range(3) for x in range(3)]
    assert lost(layout(at(*block))) == [4]
    assert lost(layout(at(*(place for place in block if place != (4, 5))))) == []


def test_without_an_entrance_nobody_can_say() -> None:
    assert lost(layout(at((5, 5)), doors=[Door(x=1, y=0, kind="inner")])) is None


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8)), max_size=20, unique=True), st.integers(2, 9))
def test_more_walls_never_make_a_seat_reachable(places: list[tuple[int, int]], column: int) -> None:
    before = lost(layout(at(*places))) or []
    after = lost(layout(at(*places), [Wall(x1=column, y1=0, x2=column, y2=10)])) or []
    assert set(before) <= set(after)


def sale(number: int, code: str, **more: bool) -> Sale:
    return Sale(id=UUID(int=number), code=code, **{"priced": True, "in_shift": True, **more})


def told(drawn: Layout | None, sales: list[Sale]) -> dict[str, list[str]]:
    return {one.fault: one.seats for one in findings(drawn, sales)}


def test_codes_that_read_the_same_are_found_and_others_not() -> None:
    codes = ["A-1", "a-01", "A-10", "A-11", "B 2", "B2", "C-100"]
    sales = [sale(n, code) for n, code in enumerate(codes)]
    assert [one.seats for one in findings(None, sales)] == [["A-1", "a-01"], ["B 2", "B2"]]


def test_a_plan_without_fault_has_no_findings() -> None:
    assert told(layout(at((2, 2), (4, 2))), [sale(0, "A-1"), sale(1, "A-2")]) == {}


def test_every_other_fault_is_found() -> None:
    sales = [sale(0, "A"), sale(1, "B", priced=False), sale(2, "C", in_shift=False)]
    assert told(layout(at((2, 2), (2.5, 2.5)), doors=[]), sales) == {
        "not_placed": ["C"], "overlapping": ["A", "B"], "no_entrance": [], "without_price": ["B"],
        "without_shift": ["C"],
    }  # fmt: skip


def check(scene: Scene, drawn: Any = None, token: str | None = None) -> Any:
    body = {} if drawn is None else {"seatMap": drawn}
    path = f"/libraries/{scene.library}/layout-check"
    return scene.world.call("spaces", "POST", path, token or scene.tenant.owner, body)


def test_a_library_is_checked_with_the_plan_it_has_or_one_that_is_sent(world: World) -> None:
    scene = Scene.open(world)
    assert check(scene, token=scene.staff()).code == "forbidden"
    found = check(scene).data
    assert (found["version"], found["seats"]) == (0, 3)
    assert [one["fault"] for one in found["findings"]] == ["without_shift"]
    drawn = {"width": 5, "height": 5, "seats": [{"seatId": str(scene.seats[0]), "x": 1, "y": 1}]}
    faults = {one["fault"]: one["seats"] for one in check(scene, drawn).data["findings"]}
    assert faults == {"not_placed": ["A-02", "A-03"], "no_entrance": [], "without_shift": ["A-01", "A-02", "A-03"]}


def test_a_seat_that_no_plan_sells_is_found(world: World) -> None:
    scene = Scene.open(world)
    with world.db(scene.tenant.id) as db:
        db.run("UPDATE fee_plans SET price_classes = '{standard}'")
        db.run("UPDATE seats SET price_class = 'window' WHERE id = %(id)s", id=scene.seats[1])
    faults = {one["fault"]: one["seats"] for one in check(scene).data["findings"]}
    assert faults["without_price"] == ["A-02"]
    assert scene.world.call(
        "spaces", "POST", f"/libraries/{ids.uuid7()}/layout-check", scene.tenant.owner, {}
    ).status == 404  # fmt: skip
