"""A library with its display, its desk and its kiosks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from studyspot.attendance import service
from studyspot.kit import clock, ids

from tests.bookings.scene import Scene
from tests.world import Answer, World, function


class Door:
    """See the module."""

    def __init__(self, world: World, seats: int = 3) -> None:
        self.world, self.scene = world, Scene.open(world, seats=seats)

    def code(self) -> str:
        path = f"/attendance/qr?libraryId={self.scene.library}"
        answer: str = self.world.call("attendance", "GET", path, self.scene.staff()).data["code"]
        return answer

    def scan(self, student: UUID, code: str | None = None, **more: Any) -> Answer:
        body = {"code": code or self.code(), **more}
        return self.world.call("attendance", "POST", "/attendance/scan", self.scene.token(student), body)

    def member(self, **how: Any) -> UUID:
        """A student with a membership that runs."""
        student = self.scene.student()
        self.scene.member(student, **how)
        return student

    def booked(self, hours: float = 2) -> tuple[UUID, str]:
        """A student with a confirmed booking that begins within minutes."""
        student = self.scene.student()
        start = clock.now() + timedelta(minutes=5)
        self.always_open()
        token = self.scene.token(student)
        booking = self.scene.book(token, None, start=start, hours=hours).data["id"]
        self.world.call("bookings", "POST", f"/bookings/{booking}/confirm", self.scene.staff())
        return student, booking

    def always_open(self) -> None:
        with self.world.db(self.scene.tenant.id) as db:
            db.run("UPDATE libraries SET opening_time = NULL, closing_time = NULL")

    def occupancy(self) -> dict[str, int]:
        with self.world.db(self.scene.tenant.id) as db:
            (library,) = service.occupancy(db, self.scene.library)
        return {name: getattr(library, name) for name in ("capacity", "present", "booked", "allotted", "free")}

    def scans(self) -> list[tuple[str, str | None]]:
        with self.world.db(self.scene.tenant.id) as db, db.transaction():
            db.run("SELECT 1")
            rows = db.connection.pg.execute("SELECT decision, reason FROM attendance_scans ORDER BY id").fetchall()
        return [(row[0], row[1]) for row in rows]

    def owner(self) -> str:
        """Signed in anew: time moves here."""
        return self.world.token("library_owner", self.scene.tenant.id, self.scene.tenant.owner_id)

    def device(self, kind: str = "kiosk", library: UUID | None = None) -> dict[str, Any]:
        path = f"/libraries/{library or self.scene.library}/devices"
        made = self.world.call("libraries", "POST", path, self.owner(), {"name": "Door", "kind": kind})
        assert made.status == 201, made.json
        found: dict[str, Any] = made.data
        return found

    def shown(self, student: UUID) -> str:
        """The code on the student's phone."""
        code: str = self.world.call("attendance", "GET", "/attendance/me/qr", self.scene.token(student)).data["code"]
        return code

    def at_kiosk(self, kiosk: dict[str, Any], code: str) -> Answer:
        return self.world.call("attendance", "POST", "/attendance/scan", kiosk["token"], {"code": code})

    def policy(self, library: UUID | None = None, **attendance: Any) -> None:
        """The library's own."""
        path = f"/libraries/{library or self.scene.library}/settings"
        answer = self.world.call("spaces", "PUT", path, self.owner(), {"attendance": attendance})
        assert answer.status == 200, answer.json

    def second_library(self) -> UUID:
        """Another one of the house, in which every member of the first is a member too."""
        other = ids.uuid7()
        with self.world.db(self.scene.tenant.id) as db, db.transaction():
            db.run(
                "INSERT INTO libraries (id, name, code, created_at, updated_at)"
                " VALUES (%(id)s, 'Two', 'L2', %(now)s, %(now)s)", id=other, now=clock.now(),
            )  # fmt: skip
            db.run(
                "INSERT INTO memberships (id, student_id, library_id, fee_plan_id, fee_plan_version, start_date,"
                " end_date, price_paise, status, created_at, updated_at) SELECT gen_random_uuid(), student_id, %(id)s,"
                " fee_plan_id, 1, start_date, end_date, 0, 'active', created_at, updated_at FROM memberships", id=other,
            )  # fmt: skip
        return other

    def visits(self) -> list[dict[str, Any]]:
        with self.world.db(self.scene.tenant.id) as db:
            return db.dicts("SELECT * FROM attendance ORDER BY check_in_at")

    def minute(self) -> None:
        with self.world.worker():
            function("schedules", "minute").handler({}, None)
