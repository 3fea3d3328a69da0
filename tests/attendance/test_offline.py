"""A kiosk without a line: no scan lost or counted twice, in whatever order it becomes known, by whatever clock."""

from __future__ import annotations

import os
import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from studyspot.attendance import qr, service
from studyspot.kit import clock, ids, tokens

from tests.attendance.door import Door
from tests.attendance.kiosk import OfflineKiosk
from tests.bookings.scene import next_day
from tests.world import World

YEARS = timedelta(days=2557)


@pytest.fixture
def door(world: World) -> Door:
    door = Door(world)
    world.advance_to(next_day(10))
    door.always_open()
    return door


def member(door: Door) -> UUID:
    student = door.member(days=3000)
    with door.world.db(door.scene.tenant.id) as db:
        db.run("UPDATE memberships SET start_date = '2020-01-01'")
    return student


def told(door: Door, student: UUID) -> list[tuple[Any, ...]]:
    """A student's visits: where, when, how ended."""
    return [
        (v["library_id"], v["check_in_at"], v["check_out_at"], v["auto"])
        for v in door.visits()
        if v["student_id"] == student
    ]


def test_the_roster_is_signed_and_names_who_may_come_in(door: Door) -> None:
    student, _ = member(door), door.scene.student()
    kiosk = OfflineKiosk(door)
    given = kiosk.roster().data
    (public,) = tokens.public_keys()[:1]
    facts = jwt.decode(
        given["roster"], jwt.PyJWK(public).key, algorithms=["ES256"], audience="studyspot-roster",
        options={"verify_exp": False, "verify_iat": False},
    )  # fmt: skip
    assert facts["libraryId"] == str(door.scene.library)
    (welcome,) = facts["entries"]
    assert welcome["studentId"] == str(student)
    code = qr.issue_own(door.scene.tenant.id, student, clock.now()).code
    key = bytes.fromhex(welcome["keys"][str(qr.day_of(qr.step_at(clock.now())))])
    _, _, raw = qr._taken_apart(code)
    qr._must_be_genuine(raw, key)
    assert door.world.call("libraries", "GET", "/libraries", given["roster"]).code == "unauthenticated"
    for token in (door.owner(), door.scene.token(student), door.device("display")["token"]):
        assert door.world.call("attendance", "GET", "/attendance/roster", token).code == "forbidden"
        assert door.world.call("attendance", "POST", "/attendance/sync", token, {}).code == "forbidden"


def test_a_stretch_is_taken_once_however_often_it_is_sent(door: Door) -> None:
    student, kiosk = member(door), OfflineKiosk(door)
    kiosk.sees(student)
    door.world.advance(timedelta(hours=2))
    kiosk.sees(student)
    first = kiosk.upload(kiosk.queue)
    assert first.status == 200, first.json
    assert [e["outcome"] for e in first.data["entries"]] == ["taken", "taken"]
    before = door.visits()
    assert kiosk.upload(kiosk.queue).data == first.data
    assert door.visits() == before
    (visit,) = before
    assert visit["check_out_at"] - visit["check_in_at"] >= timedelta(hours=2)
    assert len(door.scans()) == 2


def test_later_stretches_may_come_first_and_what_is_missing_is_told(door: Door) -> None:
    student, kiosk = member(door), OfflineKiosk(door)
    for _ in range(3):
        kiosk.sees(student)
        door.world.advance(timedelta(hours=1))
    last = kiosk.upload(kiosk.queue[2:]).data
    assert (last["missing"], last["nextSequence"]) == ([1, 2], 4)
    middle = kiosk.upload(kiosk.queue[1:2]).data
    assert middle["missing"] == [1]
    assert len(told(door, student)) == 1, "in and out, until the first is known"
    assert kiosk.upload(kiosk.queue[:1]).data["missing"] == []
    assert [v["check_out_at"] is None for v in door.visits()] == [False, True]


def test_a_queue_is_neither_forged_nor_changed_nor_cut(door: Door) -> None:
    student, kiosk = member(door), OfflineKiosk(door)
    for _ in range(3):
        kiosk.sees(student)
        door.world.advance(timedelta(minutes=10))
    changed = kiosk.queue[0] | {"admitted": False}
    assert kiosk.upload([changed]).code == "bad_signature"
    assert OfflineKiosk(door).upload(kiosk.queue).code == "bad_signature", "another device's"
    assert kiosk.upload(kiosk.queue[:1]).status == 200
    rewritten = kiosk.signed(kiosk.queue[0] | {"deviceTime": 5})
    assert kiosk.upload([rewritten]).code == "chain_broken"
    cut = kiosk.signed(kiosk.queue[2] | {"sequence": 2})
    assert kiosk.upload([cut]).code == "chain_broken"
    assert kiosk.upload([kiosk.queue[1], kiosk.queue[1]]).status == 200
    assert len(door.scans()) == 2


def test_forged_foreign_and_replayed_codes_are_stored_and_change_nothing(door: Door) -> None:
    student, kiosk, foreign = member(door), OfflineKiosk(door), Door(door.world)
    code = door.shown(student)
    kiosk.sees(student, code)
    door.world.advance(timedelta(minutes=5))
    kiosk.sees(student, code)
    kiosk.sees(None, code[:20] + ("A" if code[20] != "A" else "B") + code[21:])
    kiosk.sees(None, foreign.shown(foreign.scene.student()))
    kiosk.sees(None, qr.issue_own(door.scene.tenant.id, ids.uuid7(), clock.now()).code)
    outcomes = [e["outcome"] for e in kiosk.upload(kiosk.queue).data["entries"]]
    assert outcomes == ["taken", "taken", "forged", "forged", "unknown_student"]
    assert [reason for _, reason in door.scans()] == [None, "replayed"]
    (visit,) = door.visits()
    assert visit["check_out_at"] is None


@pytest.mark.parametrize("wrong", [-YEARS, YEARS, timedelta()])
def test_a_clock_years_off_moves_no_visit(door: Door, wrong: timedelta) -> None:
    student, carded = member(door), member(door)
    kiosk = OfflineKiosk(door, wrong=wrong)
    came = clock.now()
    kiosk.sees(student)
    kiosk.sees(carded, card=True)
    door.world.advance(timedelta(hours=5))
    answer = kiosk.upload(kiosk.queue).data
    assert abs(answer["clockOffsetSeconds"] + wrong.total_seconds()) < 30
    assert {v["student_id"] for v in door.visits()} == {student, carded}
    assert all(abs(v["check_in_at"] - came) < timedelta(minutes=1) for v in door.visits())


def test_a_clock_that_was_set_in_between_is_found_out_by_the_code(door: Door) -> None:
    student, carded = member(door), member(door)
    kiosk = OfflineKiosk(door, wrong=-YEARS)
    came = clock.now()
    kiosk.sees(student)
    kiosk.sees(carded, card=True)
    door.world.advance(timedelta(hours=5))
    kiosk.wrong = timedelta()
    outcomes = [e["outcome"] for e in kiosk.upload(kiosk.queue).data["entries"]]
    assert outcomes == ["taken", "clock_unknown"], "a card tells no time: kept, for a person to judge"
    (visit,) = door.visits()
    assert abs(visit["check_in_at"] - came) < timedelta(minutes=1)


def test_whom_a_kiosk_let_in_without_right_was_there_all_the_same(door: Door) -> None:
    stranger, kiosk = door.scene.student(), OfflineKiosk(door)
    kiosk.sees(stranger)
    assert kiosk.upload(kiosk.queue).status == 200
    assert len(told(door, stranger)) == 1
    with door.world.db(door.scene.tenant.id) as db:
        assert db.value("SELECT flags FROM attendance_scans") == ["unwarranted"]


def test_a_booking_whose_visit_becomes_known_later_is_completed(door: Door) -> None:
    student, booking = door.booked()
    kiosk = OfflineKiosk(door)
    door.world.advance(timedelta(minutes=6))
    kiosk.sees(student)
    door.world.advance(timedelta(hours=1))
    kiosk.sees(student)
    kiosk.upload(kiosk.queue[1:])
    kiosk.upload(kiosk.queue[:1])
    assert door.scene.status(booking) == "completed"
    (visit,) = door.visits()
    assert (str(visit["booking_id"]), visit["check_out_at"] is None) == (booking, False)


GAPS = st.sampled_from([20, 100, 1_500, 9_000, 95_000])
SCANS = st.lists(st.tuples(GAPS, st.sampled_from(["online", "first", "second"]), st.booleans()), min_size=1, max_size=9)


class Days:
    """Three students come and go alike: told at once, in pieces at any time, and last piece first at the end."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.door, self.chance = Door(world), chance
        self.door.always_open()
        self.students = [member(self.door) for _ in range(3)]
        other = self.door.second_library()
        # Each library reads a second scan its own way, whoever brings the scans.
        self.door.policy(other, repeatedScanSeconds=300)
        self.kiosks = [
            {"first": OfflineKiosk(self.door, wrong=w), "second": OfflineKiosk(self.door, library=other, wrong=-w)}
            for w in (timedelta(), YEARS, -YEARS)
        ]
        self.waiting: list[tuple[OfflineKiosk, dict[str, Any]]] = []

    def scan(self, where: str, by_card: bool) -> None:
        if where == "online":
            for student in self.students:
                assert self.door.scan(student).status in (200, 409)
            return
        for kiosks, student in zip(self.kiosks, self.students, strict=True):
            kiosks[where].sees(student, card=by_card)
        at_once, piecemeal = self.kiosks[0][where], self.kiosks[1][where]
        assert at_once.upload(at_once.queue[-1:]).status == 200
        self.waiting.append((piecemeal, piecemeal.queue[-1]))

    def some_arrive(self, likely: float) -> None:
        self.chance.shuffle(self.waiting)
        while self.waiting and self.chance.random() < likely:
            kiosk, entry = self.waiting.pop()
            assert kiosk.upload([entry]).status == 200

    def the_rest_arrives(self) -> None:
        self.some_arrive(1.1)
        for kiosk in self.kiosks[2].values():
            for entry in reversed(kiosk.queue):
                assert kiosk.upload([entry]).status == 200

    def everything_again(self) -> None:
        for kiosk in (k for both in self.kiosks for k in both.values() if k.queue):
            assert kiosk.upload(kiosk.queue).status == 200

    def visits(self) -> list[list[tuple[Any, ...]]]:
        return [told(self.door, student) for student in self.students]


class Still:
    """A clock that moves by hand only: three students at the door in one moment."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


ANYHOW = given(plan=SCANS, seed=st.integers(0, 2**32), phase=st.integers(0, 86_399))


@settings(max_examples=14, deadline=None, suppress_health_check=list(HealthCheck))
@ANYHOW
def test_any_order_of_what_becomes_known_gives_the_same_visits(
    world: World, monkeypatch: pytest.MonkeyPatch, plan: Any, seed: int, phase: int
) -> None:
    converges(world, monkeypatch, plan, seed, phase)


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("SEEDS", "150")), deadline=None, suppress_health_check=list(HealthCheck),
    derandomize=False, database=None, print_blob=True,
)  # fmt: skip
@ANYHOW
def test_any_order_of_many_days_that_nobody_chose(
    world: World, monkeypatch: pytest.MonkeyPatch, plan: Any, seed: int, phase: int
) -> None:
    converges(world, monkeypatch, plan, seed, phase)


def converges(world: World, monkeypatch: pytest.MonkeyPatch, plan: Any, seed: int, phase: int) -> None:
    still = Still(clock.now().replace(microsecond=0) + timedelta(seconds=phase + 1))
    monkeypatch.setattr(clock, "now", still.now)
    days = Days(world, random.Random(seed))
    for gap, where, by_card in plan:
        still.moment += timedelta(seconds=gap)
        days.scan(where, by_card)
        days.some_arrive(0.4)
        occupancy_is_attendance(days.door)
    days.the_rest_arrives()
    still.moment += timedelta(minutes=20)
    days.door.minute()
    at_once, piecemeal, at_the_end = days.visits()
    assert at_once == piecemeal == at_the_end
    occupancy_is_attendance(days.door)
    days.everything_again()
    assert days.visits() == [at_once] * 3, "again changes nothing"


def occupancy_is_attendance(door: Door) -> None:
    with door.world.db(door.scene.tenant.id) as db:
        rows = service.occupancy(db)
        inside = db.dicts("SELECT library_id, count(*) AS n FROM attendance WHERE check_out_at IS NULL GROUP BY 1")
    assert {r.library_id: r.present for r in rows if r.present} == {i["library_id"]: i["n"] for i in inside}
