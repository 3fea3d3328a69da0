"""How full it is says exactly who is in, after desk, door, kiosk, correction, booking, block and time in any order."""

from __future__ import annotations

import os
import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.attendance import service
from studyspot.kit import clock, ids

from tests.attendance.door import Door
from tests.attendance.kiosk import OfflineKiosk
from tests.bookings.scene import next_day
from tests.world import Answer, World

FINE = (200, 201, 403, 409, 410, 422)
SEATS, STUDENTS, STEPS = 5, 6, 30


class Mixture:
    """One library of five seats, where everything happens at random."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.dice, self.door = world, random.Random(seed), Door(world, seats=SEATS)
        world.advance_to(next_day(8))
        self.scene = self.door.scene
        self.students = [self.scene.student() for _ in range(STUDENTS)]
        for number, student in enumerate(self.students):
            if number % 2:
                self.scene.member(student, days=90)
        self.kiosk = OfflineKiosk(self.door)
        self.sent = 0

    def step(self) -> str:
        act = self.dice.choice(
            [self.scan, self.desk, self.sees, self.uploads, self.corrects, self.books, self.blocks, self.passes]
        )
        answer = act()
        assert answer is None or answer.status in FINE, answer.json
        return act.__name__

    def call(self, path: str, method: str = "POST", body: Any = None, group: str = "attendance") -> Answer:
        return self.world.call(group, method, path, self.door.owner(), body)

    def scan(self) -> Answer:
        return self.door.scan(self.dice.choice(self.students))

    def desk(self) -> Answer:
        body = {"studentId": self.dice.choice(self.students)}
        if self.dice.random() < 0.4:
            return self.call("/attendance/check-out", body=body)
        return self.call("/attendance/check-in", body=body | {"libraryId": self.scene.library})

    def sees(self) -> None:
        self.kiosk.sees(self.dice.choice(self.students), card=self.dice.random() < 0.5)

    def uploads(self) -> Answer | None:
        waiting = self.kiosk.queue[self.sent :]
        self.sent = len(self.kiosk.queue)
        return self.kiosk.upload(waiting) if waiting else None

    def corrects(self) -> Answer | None:
        """Another end, or none again."""
        visits = self.door.visits()
        if not visits:
            return None
        visit = self.dice.choice(visits)
        end = min(visit["check_in_at"] + timedelta(minutes=self.dice.randrange(5, 200)), clock.now())
        says = end.isoformat() if self.dice.random() < 0.7 else None
        return self.call(f"/attendance/{visit['id']}", "PUT", {"checkOutAt": says, "reason": "told at the desk"})

    def books(self) -> Answer:
        start = clock.now() + timedelta(minutes=self.dice.randrange(1, 30))
        made = self.scene.book(
            self.scene.token(self.dice.choice(self.students)), self.dice.randrange(SEATS), start=start,
            hours=self.dice.choice((0.5, 1, 2)),
        )  # fmt: skip
        if made.status == 201 and self.dice.random() < 0.8:
            return self.call(f"/bookings/{made.data['id']}/confirm", group="bookings")
        return made

    def blocks(self) -> Answer:
        seat = self.dice.choice(self.scene.seats)
        end = clock.now() + timedelta(minutes=self.dice.randrange(20, 180))
        body = {"endAt": end.isoformat(), "reason": "repair"}
        return self.call(f"/libraries/{self.scene.library}/seats/{seat}/block", body=body, group="spaces")

    def passes(self) -> None:
        self.world.advance(timedelta(minutes=self.dice.choice((2, 20, 90, 400))))
        self.door.minute()

    def counted(self) -> dict[str, int]:
        """From the rows, one by one."""
        now = clock.now()
        with self.world.db(self.scene.tenant.id) as db:
            claims = db.dicts(
                "SELECT seat_id, kind, lower(during) AS l, upper(during) AS u, lapses_at FROM seat_occupancy"
            )
            open_visits = db.dicts("SELECT seat_id FROM attendance WHERE check_out_at IS NULL")
        on = {
            kind: {c["seat_id"] for c in claims if c["kind"] == kind and _covers(c, now)}
            for kind in ("booking", "allotment", "block")
        }
        sat_on: set[UUID] = {v["seat_id"] for v in open_visits if v["seat_id"]}
        standing = sum(v["seat_id"] is None for v in open_visits)
        taken = on["booking"] | on["allotment"] | on["block"] | sat_on
        return {
            "present": len(open_visits),
            "booked": len(on["booking"]),
            "allotted": len(on["allotment"]),
            "blocked": len(on["block"]),
            "free": max(0, SEATS - len(taken) - standing),
        }

    def told(self) -> dict[str, int]:
        with self.world.db(self.scene.tenant.id) as db:
            (library,) = service.occupancy(db, self.scene.library)
        return library.model_dump(include={"present", "booked", "allotted", "blocked", "free"})


def _covers(claim: dict[str, Any], now: Any) -> bool:
    begun = claim["l"] is None or claim["l"] <= now
    return begun and (claim["u"] is None or claim["u"] > now) and claim["lapses_at"] is None


def agrees(world: World, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Between two looks no time passes."""
    mixture = Mixture(world, seed)
    done = []
    for _ in range(STEPS):
        done.append(mixture.step())
        moment = clock.now()
        with monkeypatch.context() as patch:
            patch.setattr(clock, "now", lambda moment=moment: moment)
            assert mixture.told() == mixture.counted(), (seed, done)
    mixture.uploads()
    world.advance(timedelta(days=2))
    mixture.door.minute()
    assert mixture.told()["present"] == 0, (seed, done)
    nobody_is_inside_twice(mixture.door)


def nobody_is_inside_twice(door: Door) -> None:
    with door.world.db(door.scene.tenant.id) as db:
        overlaps = db.value(
            "SELECT count(*) FROM attendance a JOIN attendance b ON b.student_id = a.student_id AND b.id > a.id"
            " AND tstzrange(a.check_in_at, a.check_out_at) && tstzrange(b.check_in_at, b.check_out_at)"
        )
    assert overlaps == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_occupancy_is_attendance_whatever_happens(world: World, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    agrees(world, monkeypatch, seed)


@pytest.mark.slow
def test_occupancy_is_attendance_for_many_seeds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = int(os.environ.get("SEED") or ids.uuid7().int % 2**32)
    for seed in range(first, first + int(os.environ.get("SEEDS", "40"))):
        agrees(world, monkeypatch, seed)
        world.end()
        world.begin()
