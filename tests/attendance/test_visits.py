"""One visit: begun before a kiosk, ended by itself, corrected by hand - never twice, never past its end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from studyspot.attendance import qr
from studyspot.kit import clock, ids, tally

from tests.attendance.door import Door
from tests.bookings.scene import next_day
from tests.world import Answer, World


@pytest.fixture
def door(world: World) -> Door:
    """At ten in the morning of a day on which the library is open from 06:00 to 23:00."""
    door = Door(world)
    world.advance_to(next_day(10))
    return door


def correct(door: Door, visit: str, token: str | None = None, **body: Any) -> Answer:
    sent = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in body.items()}
    return door.world.call("attendance", "PUT", f"/attendance/{visit}", token or door.owner(), sent)


def test_a_kiosk_reads_a_students_own_code_in_two_round_trips(door: Door) -> None:
    student, kiosk = door.member(), door.device()
    code = door.shown(student)
    came = door.at_kiosk(kiosk, code)
    assert (came.status, came.data["direction"], tally.current.trips) == (200, "in", 3), "one more finds the device"
    (visit,) = door.visits()
    assert (str(visit["device_id"]), visit["marked_by"], visit["library_id"]) == (
        kiosk["id"], None, door.scene.library,
    )  # fmt: skip
    again = door.at_kiosk(kiosk, code)
    assert (again.status, again.code) == (409, "qr_replayed")
    door.world.advance(timedelta(minutes=90))
    assert door.at_kiosk(kiosk, code).code == "qr_expired"
    assert door.at_kiosk(kiosk, door.shown(student)).data["direction"] == "out"


def test_codes_of_students_are_neither_forged_nor_anothers(door: Door) -> None:
    student, kiosk = door.member(), door.device()
    code = door.shown(student)
    flipped = code[:30] + ("A" if code[30] != "A" else "B") + code[31:]
    assert door.at_kiosk(kiosk, flipped).code == "qr_invalid"
    assert door.at_kiosk(kiosk, door.code()).code == "qr_invalid", "a library's code opens no kiosk"
    assert door.scan(student, code).code == "qr_invalid", "nor does one's own replace the library's"
    foreign = Door(door.world)
    assert foreign.at_kiosk(foreign.device(), code).code == "qr_invalid"
    unknown = qr.issue_own(door.scene.tenant.id, ids.uuid7(), clock.now()).code
    assert door.at_kiosk(kiosk, unknown).code == "not_found"
    for token in (door.owner(), door.scene.staff()):
        assert door.world.call("attendance", "GET", "/attendance/me/qr", token).code == "forbidden"


def test_a_picture_of_a_code_opens_no_second_library(door: Door) -> None:
    student = door.member()
    other = door.second_library()
    here, there = door.device(), door.device(library=other)
    code = door.shown(student)
    assert door.at_kiosk(here, code).status == 200
    assert door.at_kiosk(there, code).code == "qr_replayed"


def test_a_kiosk_ends_the_visit_that_was_left_open_elsewhere(door: Door) -> None:
    student = door.member()
    other = door.second_library()
    assert door.at_kiosk(door.device(), door.shown(student)).status == 200
    door.world.advance(timedelta(minutes=5))
    assert door.at_kiosk(door.device(library=other), door.shown(student)).data["direction"] == "in"
    first, second = door.visits()
    assert (first["flags"], first["check_out_at"]) == (["elsewhere"], second["check_in_at"])
    assert (second["library_id"], second["check_out_at"]) == (other, None)


def test_nobody_scans_out_and_the_visit_ends_with_the_library(door: Door) -> None:
    student = door.member()
    visit = door.scan(student).data["attendanceId"]
    door.world.advance_to(next_day(23, 10, days=0))
    door.minute()
    assert door.visits()[0]["check_out_at"] is None
    door.world.advance_to(next_day(23, 16, days=0))
    door.minute()
    (ended,) = door.visits()
    assert (ended["check_out_at"], ended["auto"]) == (next_day(23, 0, days=0), True)
    assert door.occupancy()["present"] == 0
    assert door.world.outbox(door.scene.tenant.id)[-1]["type"] == "attendance.checked_out"
    door.minute()
    assert len(door.visits()) == 1
    late = door.scan(student).data
    assert (late["direction"], late["attendanceId"]) == ("out", visit), "who scans after that is leaving"
    assert door.visits()[0]["flags"] == ["overstay"]
    assert door.visits()[0]["check_out_at"] == next_day(23, 0, days=0)


def test_a_shift_ends_before_the_library_and_an_outage_ends_it_no_later(door: Door) -> None:
    shift = ids.uuid7()
    with door.world.db(door.scene.tenant.id) as db:
        db.run(
            "INSERT INTO shifts (id, library_id, name, start_time, end_time, created_at, updated_at)"
            " VALUES (%(id)s, %(library)s, 'Morning', '06:00', '12:00', %(now)s, %(now)s)",
            id=shift, library=door.scene.library, now=clock.now(),
        )  # fmt: skip
    student = door.member(shift=shift)
    door.scan(student)
    end = next_day(12, days=0)
    door.world.advance(timedelta(days=3))
    door.minute()
    (visit,) = door.visits()
    assert (visit["check_out_at"], visit["auto"]) == (end, True)


def test_a_booking_that_is_extended_moves_the_end_of_its_visit(door: Door) -> None:
    student, booking = door.booked(hours=1)
    door.scan(student)
    with door.world.db(door.scene.tenant.id) as db:
        db.run("UPDATE bookings SET end_at = end_at + interval '1 hour' WHERE id = %(id)s", id=booking)
    door.world.advance(timedelta(minutes=85))
    door.minute()
    assert door.visits()[0]["check_out_at"] is None
    door.world.advance(timedelta(hours=1))
    door.minute()
    (visit,) = door.visits()
    assert visit["auto"]
    assert door.scene.status(booking) == "completed"


def test_a_correction_says_why_and_keeps_what_was_said(door: Door) -> None:
    student = door.member()
    visit = door.scan(student).data["attendanceId"]
    came = clock.now()
    door.world.advance(timedelta(hours=3))
    assert correct(door, visit, checkOutAt=came).status == 422, "no reason"
    assert correct(door, visit, reason="x", checkOutAt=came - timedelta(hours=1)).status == 422
    assert correct(door, visit, reason="x", checkInAt=clock.now() + timedelta(hours=1)).status == 422
    read = door.world.call("attendance", "GET", f"/attendance/{visit}", door.owner())
    after = correct(door, visit, reason="left at noon", checkOutAt=came + timedelta(hours=2))
    assert after.status == 200, after.json
    (kept,) = after.data["corrections"]
    assert (kept["checkInAt"], kept["checkOutAt"], kept["reason"]) == (
        read.data["checkInAt"], None, "left at noon",
    )  # fmt: skip
    assert door.occupancy()["present"] == 0
    stale = door.world.call(
        "attendance", "PUT", f"/attendance/{visit}", door.owner(), {"reason": "again"}, if_match=read.headers["ETag"]
    )
    assert stale.code == "version_conflict"
    door.world.advance(timedelta(days=1))
    door.minute()
    assert len(door.visits()) == 1
    assert not door.visits()[0]["auto"], "its timer went with it"


def test_a_correction_makes_no_two_visits_at_once(door: Door) -> None:
    student = door.member()
    first = door.scan(student).data["attendanceId"]
    door.world.advance(timedelta(hours=1))
    door.scan(student)
    door.world.advance(timedelta(hours=1))
    door.scan(student)
    reopened = correct(door, first, reason="x", checkOutAt=None)
    assert reopened.code == "visit_overlaps"
    began = door.visits()[1]["check_in_at"]
    assert correct(door, first, reason="x", checkOutAt=began + timedelta(minutes=1)).status == 422, "not in the past"
    door.world.advance(timedelta(hours=1))
    assert correct(door, first, reason="x", checkOutAt=began + timedelta(minutes=1)).code == "visit_overlaps"


def test_who_may_not_correct(door: Door) -> None:
    student = door.member()
    visit = door.scan(student).data["attendanceId"]
    assert correct(door, visit, door.scene.token(student), reason="x").code == "forbidden"
    assert correct(door, visit, door.device()["token"], reason="x").code == "forbidden"
    assert correct(door, visit, Door(door.world).owner(), reason="x").code == "not_found"
    elsewhere = door.scene.staff(libraryIds=[str(ids.uuid7())])
    assert correct(door, visit, elsewhere, reason="x").code == "not_found"


def test_devices_of_a_library_are_listed_seen_and_revoked(door: Door) -> None:
    kiosk, display = door.device(), door.device("display")
    path = f"/libraries/{door.scene.library}/devices"
    assert door.world.call("attendance", "GET", f"/attendance/qr?libraryId={door.scene.library}", display["token"]).data
    assert door.at_kiosk(display, door.shown(door.member())).code == "forbidden", "a display opens no door"
    shown = door.world.call("libraries", "GET", path, door.owner()).data
    assert [(d["id"], d["kind"], d["lastSeenAt"] is None, "token" in d) for d in shown] == [
        (display["id"], "display", False, False), (kiosk["id"], "kiosk", True, False),
    ]  # fmt: skip
    other = door.second_library()
    assert door.world.call("libraries", "GET", f"/libraries/{other}/devices", door.owner()).data == []
    wrong = door.world.call("libraries", "DELETE", f"/libraries/{other}/devices/{kiosk['id']}", door.owner())
    assert wrong.code == "not_found"
    assert door.world.call("libraries", "DELETE", f"{path}/{kiosk['id']}", door.owner()).status == 204
    assert door.at_kiosk(kiosk, "x" * 40).code == "device_revoked"
    assert door.world.call("libraries", "POST", path, door.scene.staff(), {"name": "D"}).code == "forbidden"
