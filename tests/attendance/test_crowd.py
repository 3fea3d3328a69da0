"""Uploads that collide: the same stretches from many lines at once, while the students keep scanning at the door."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from studyspot.attendance.models import DeskRequest
from studyspot.attendance.models.kiosk import QueueEntry, SyncRequest
from studyspot.attendance.service import check_in, kiosk
from studyspot.kit import cells, connections, ids, permissions
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Problem

from tests.attendance.door import Door
from tests.attendance.kiosk import OfflineKiosk
from tests.bookings.scene import next_day
from tests.world import World

LINES = 8


def actor(door: Door, device: str, library: UUID) -> Actor:
    rights = frozenset(permissions.of(["kiosk"]))
    return Actor(
        UUID(device), "kiosk", door.scene.tenant.id, ids.uuid7(), "t", None, ("kiosk",), rights, frozenset({library})
    )


def at_once(door: Door, works: list[Callable[[Db], Any]]) -> None:
    """Each on a thread and a connection of its own."""
    place = cells.place_of(door.scene.tenant.id)
    failures: list[str] = []
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[Db], Any]) -> None:
        connection = connections.Connection(place)
        try:
            barrier.wait()
            work(Db(connection, door.scene.tenant.id))
        except Exception as error:  # noqa: BLE001 - told by the test below
            failures.append(repr(error))
        finally:
            connection.pg.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]


def upload(door: Door, kiosks: list[tuple[OfflineKiosk, UUID]], number: int) -> Callable[[Db], None]:
    """Everything both kiosks saw, in pieces and in an order of its own."""
    stretches = [(k, library, k.queue[n : n + 7]) for k, library in kiosks for n in range(0, len(k.queue), 7)]
    random.Random(number).shuffle(stretches)

    def work(db: Db) -> None:
        for one, library, entries in stretches:
            db.actor = actor(door, one.device["id"], library)
            asked = SyncRequest(sent_at=one.time(), entries=[QueueEntry.model_validate(entry) for entry in entries])
            kiosk.sync(db, db.actor, asked)
            db.finish()

    return work


def enter(door: Door, at: OfflineKiosk, student: UUID) -> Callable[[Db], None]:
    def work(db: Db) -> None:
        db.actor = actor(door, at.device["id"], door.scene.library)
        try:
            check_in(db, db.actor, DeskRequest(student_id=student, library_id=door.scene.library))
            db.finish()
        except Problem:
            db.rollback()

    return work


def test_uploads_that_collide_count_every_scan_once(world: World) -> None:
    door = Door(world)
    world.advance_to(next_day(10))
    door.always_open()
    students = [door.scene.student() for _ in range(6)]
    for student in students:
        door.scene.member(student)
    other = door.second_library()
    kiosks = [(OfflineKiosk(door), door.scene.library), (OfflineKiosk(door, library=other), other)]
    chance = random.Random(4)
    for _ in range(12):
        world.advance(timedelta(minutes=17))
        for student in students[:5]:
            chance.choice(kiosks)[0].sees(student, card=True)

    uploads = [upload(door, kiosks, number) for number in range(LINES)]
    at_once(door, [*uploads, *[enter(door, kiosks[0][0], students[5])] * 2])
    taken = sum(len(k.queue) for k, _ in kiosks)
    with world.db(door.scene.tenant.id) as db:
        assert db.value("SELECT count(*) FROM kiosk_entries WHERE outcome = 'taken'") == taken == 60
        assert db.value("SELECT count(*) FROM attendance_scans WHERE offline") == taken
        assert db.value("SELECT count(*) FROM attendance WHERE student_id = %(id)s", id=students[5]) == 1
        overlaps = db.value(
            "SELECT count(*) FROM attendance a JOIN attendance b ON b.student_id = a.student_id AND b.id > a.id"
            " AND tstzrange(a.check_in_at, a.check_out_at) && tstzrange(b.check_in_at, b.check_out_at)"
        )
        ins = db.value("SELECT count(*) FROM attendance_scans WHERE offline AND direction = 'in'")
    assert overlaps == 0
    assert ins == len(door.visits()) - 1, "each visit began with one scan"
