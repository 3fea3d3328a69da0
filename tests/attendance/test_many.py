"""Many at once, readers of fingers, planned absence, and what of it all is told as odd."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.kit import clock, ids

from tests.attendance.door import Door
from tests.attendance.kiosk import OfflineKiosk
from tests.bookings.scene import INDIA, next_day
from tests.world import Answer, World


@pytest.fixture
def door(world: World) -> Door:
    door = Door(world)
    world.advance_to(next_day(10))
    door.always_open()
    return door


def bulk(door: Door, students: list[UUID], direction: str = "in", token: str | None = None, **more: Any) -> Answer:
    body = {"libraryId": door.scene.library, "direction": direction, "studentIds": students, **more}
    return door.world.call("attendance", "POST", "/attendance/bulk", token or door.owner(), body)


def test_a_class_comes_and_goes_and_who_may_not_stops_nobody(door: Door) -> None:
    first, second, nobody = door.member(), door.member(), door.scene.student()
    foreign = Door(door.world).scene.student()
    tried = bulk(door, [first, second], dryRun=True).data
    assert (tried["marked"], door.visits()) == (2, [])
    told = bulk(door, [first, second, nobody, foreign]).data
    outcomes = {row["studentId"]: row["outcome"] for row in told["students"]}
    assert outcomes == {str(first): "in", str(second): "in", str(nobody): "no_booking", str(foreign): "not_found"}
    assert door.occupancy()["present"] == 2
    assert {row["outcome"] for row in bulk(door, [first]).data["students"]} == {"already_inside"}
    assert bulk(door, [first, second], "out").data["marked"] == 2
    assert door.occupancy()["present"] == 0
    assert bulk(door, [first], token=door.scene.token(first)).code == "forbidden"
    assert bulk(door, [first], token=Door(door.world).owner()).code == "not_found"


def test_staff_of_one_library_mark_nobody_of_another(door: Door) -> None:
    other = door.second_library()
    student = door.member()
    bound = door.scene.staff(libraryIds=[str(other)])
    assert bulk(door, [student], token=bound, libraryId=other).data["students"][0]["outcome"] == "not_found"
    assert bulk(door, [student], token=bound).code == "not_found"


def pushed(door: Door, reader: dict[str, Any], *events: dict[str, Any], ahead: timedelta = timedelta()) -> Answer:
    body = {"sentAt": (clock.now() + ahead).isoformat(), "events": list(events)}
    return door.world.call("attendance", "POST", "/attendance/device-events", reader["token"], body)


def finger(number: int, code: str = "S0001", ahead: timedelta = timedelta(), **more: Any) -> dict[str, Any]:
    return {"eventId": f"e{number}", "person": code, "at": (clock.now() + ahead).isoformat(), **more}


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(days=900), -timedelta(days=900)])
def test_a_reader_tells_each_event_once_by_our_time(door: Door, ahead: timedelta) -> None:
    student, reader = door.member(), door.device("biometric")
    came = clock.now()
    events = [finger(1, ahead=ahead)]
    door.world.advance(timedelta(hours=2))
    events += [finger(2, ahead=ahead), finger(3, "nobody", ahead=ahead)]
    late = pushed(door, reader, events[1], ahead=ahead).data
    assert late == [{"eventId": "e2", "outcome": "taken"}]
    outcomes = [e["outcome"] for e in pushed(door, reader, *events, ahead=ahead).data]
    assert outcomes == ["taken", "known", "unknown_student"]
    (visit,) = door.visits()
    assert (visit["student_id"], visit["method"], visit["check_out_at"] is None) == (student, "device", False)
    assert abs(visit["check_in_at"] - came) < timedelta(minutes=1)
    assert pushed(door, reader, finger(9, ahead=timedelta(days=99))).data[0]["outcome"] == "clock_unknown"
    for token in (door.owner(), door.device()["token"], door.device("display")["token"]):
        assert pushed(door, {"token": token}, finger(5)).code == "forbidden"


def test_planned_absence_is_ones_own_and_ahead(door: Door) -> None:
    student = door.member()
    today = clock.now().astimezone(INDIA).date()

    def away(start: int, end: int, token: str | None = None) -> Answer:
        body = {"fromDate": today + timedelta(days=start), "untilDate": today + timedelta(days=end), "reason": "exam"}
        return door.world.call("attendance", "POST", "/attendance/leave", token or door.scene.token(student), body)

    assert away(2, 2).status == away(-1, 2).status == away(0, 400).status == 422
    assert away(1, 5).status == 201
    assert away(4, 6).code == "absence_overlaps"
    assert away(5, 6).status == 201
    assert away(1, 5, door.scene.token(door.member())).status == 201, "of each for themselves"
    assert away(1, 5, door.owner()).code == "forbidden"


def test_what_looks_wrong_is_told_to_the_owner_alone(door: Door) -> None:
    first, second = door.member(), door.member()
    other = door.second_library()
    for student in (first, second):
        assert door.scan(student, phoneId="phone-one-of-two").status == 200
    kiosk = OfflineKiosk(door, library=other)
    door.world.advance(timedelta(minutes=10))
    kiosk.sees(first)
    kiosk.sees(door.scene.student())
    kiosk.sees(None, "x" * 40)
    assert kiosk.upload(kiosk.queue).status == 200

    def found(token: str, query: str = "") -> Answer:
        return door.world.call("attendance", "GET", f"/attendance/anomalies{query}", token)

    told = found(door.owner()).data
    assert sorted(row["kind"] for row in told) == ["forged", "shared_phone", "two_places", "unwarranted"]
    (shared,) = (row for row in told if row["kind"] == "shared_phone")
    assert (shared["studentId"], shared["detail"]) == (str(second), str(first))
    page = found(door.owner(), "?limit=3")
    rest = found(door.owner(), f"?cursor={page.json['meta']['nextCursor']}").data
    assert [*page.data, *rest] == told
    assert {row["libraryId"] for row in found(door.owner(), f"?libraryId={other}").data} == {str(other)}
    assert found(door.scene.staff()).code == "forbidden"
    assert found(Door(door.world).owner()).data == []
    elsewhere = door.world.token(
        "library_staff", door.scene.tenant.id, permissions=["attendance:anomalies"], libraryIds=[str(ids.uuid7())]
    )
    assert found(elsewhere).data == []
