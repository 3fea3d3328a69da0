"""No double seat: bookings, members' own seats and blocks fight for few seats, and the claims are compared with what
each of them was told."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.bookings import service as bookings
from studyspot.bookings.models import BookingRequest
from studyspot.kit import clock, ids, tokens
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Problem
from studyspot.memberships import renewing, service
from studyspot.memberships.models import Enrolment
from studyspot.memberships.models.changes import Renewal

from tests.alongside import at_once
from tests.bookings.scene import next_day
from tests.bookings.test_race import assert_apart
from tests.memberships.test_renewing import Desk
from tests.world import World

SEED = 7
Told = tuple[str, UUID | None]


class Fight:
    """Who asks at random for a seat, by booking it, by joining with it, or by blocking it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.owner = Actor.of(tokens.verify(desk.owner))
        self.shifts: list[str | None] = [
            desk.shift("06:00", "12:00"),
            desk.shift("14:00", "20:00"),
            desk.shift("21:00", "03:00"),
            None,
        ]

    def ask(self, db: Db, piece: tuple[int, UUID]) -> Told:
        number, student = piece
        dice = random.Random(SEED * 1000 + number)
        act = dice.choices((self.book, self.join, self.block), (4, 5, 1))[0]
        try:
            return act(db, dice, student)
        except Problem as refused:
            db.rollback()
            return refused.code, None

    def book(self, db: Db, dice: random.Random, student: UUID) -> Told:
        start = next_day(6 + dice.randrange(14), days=1 + dice.randrange(4))
        scene = self.desk.scene
        wish = BookingRequest(
            library_id=scene.library, seat_id=dice.choice(scene.seats), start_at=start,
            end_at=start + timedelta(hours=dice.choice((1, 2))), fee_plan_id=scene.hourly, student_id=student,
        )  # fmt: skip
        return "booking", bookings.book(db, self.owner, wish).id

    def join(self, db: Db, dice: random.Random, student: UUID) -> Told:
        scene, shift = self.desk.scene, dice.choice(self.shifts)
        wish: dict[str, Any] = {"student_id": student, "fee_plan_id": self.desk.plan["id"], "library_id": scene.library}
        member = service.enrol(db, self.owner, Enrolment(**wish, seat_id=dice.choice(scene.seats), shift_id=shift))
        if dice.random() < 0.5:
            renewing.renew(db, self.owner, member.id, Renewal())
        return "allotment", member.id

    def block(self, db: Db, dice: random.Random, student: UUID) -> Told:
        block, start = ids.uuid7(), next_day(dice.randrange(24), days=1 + dice.randrange(4))
        won = db.value(
            "SELECT claim_seat(%(id)s, %(seat)s, tstzrange(%(start)s, %(end)s), 'block', %(id)s, %(now)s)",
            id=block, seat=dice.choice(self.desk.scene.seats), start=start, end=start + timedelta(hours=1),
            now=clock.now(),
        )  # fmt: skip
        return ("block", block) if won else ("not_blocked", None)


def test_bookings_allotments_and_blocks_never_share_an_hour(world: World) -> None:
    desk = Desk(world, seats=12)
    fight = Fight(desk)
    students = [desk.scene.student() for _ in range(120)]
    told = at_once(desk.scene.tenant.id, fight.ask, enumerate(students), clients=12)
    outcomes = Counter(what for what, _ in told)
    with world.db(desk.scene.tenant.id) as db, db.transaction():
        db.run("SELECT 1")
        rows = db.connection.pg.execute(
            "SELECT o.id, o.seat_id, o.starts_at, o.ends_at, o.kind, coalesce(a.membership_id, o.source_id)"
            " FROM seat_occupancy o LEFT JOIN seat_allotments a ON a.id = o.source_id"
        ).fetchall()
        allotted = db.value("SELECT count(*) FROM seat_allotments")
    claims: dict[UUID, tuple[UUID, datetime, datetime]] = {row[0]: row[1:4] for row in rows}
    assert_apart(claims.values())
    assert {(row[4], row[5]) for row in rows} == {(what, who) for what, who in told if who}
    assert allotted == outcomes["allotment"], "who was refused left nothing behind"
    assert min(outcomes[name] for name in ("booking", "allotment", "seat_taken")) > 3, outcomes
