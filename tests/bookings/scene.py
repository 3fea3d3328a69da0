"""A library with seats, plans and students, put straight into a tenant's rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from studyspot.kit import clock, ids

from tests.world import Answer, Tenant, World

INDIA = ZoneInfo("Asia/Kolkata")


def next_day(hour: int, minute: int = 0, days: int = 1) -> datetime:
    """That hour in India, `days` from today."""
    day = clock.now().astimezone(INDIA) + timedelta(days=days)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


@dataclass
class Scene:
    """One tenant with one library: 06:00 to 23:00, every day."""

    world: World
    tenant: Tenant
    library: UUID
    zone: UUID
    seats: list[UUID]
    hourly: UUID
    monthly: UUID
    students: list[UUID] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        world: World,
        seats: int = 3,
        price: int = 6000,
        opening: str | None = "06:00",
        closing: str | None = "23:00",
    ) -> Scene:
        tenant = world.tenant()
        scene = cls(
            world, tenant, ids.uuid7(), ids.uuid7(), [ids.uuid7() for _ in range(seats)], ids.uuid7(), ids.uuid7()
        )
        now = clock.now()
        with world.db(tenant.id) as db, db.transaction():
            db.run(
                "INSERT INTO libraries (id, name, code, opening_time, closing_time, created_at, updated_at)"
                " VALUES (%(id)s, 'Library', 'L1', %(opening)s, %(closing)s, %(now)s, %(now)s)",
                id=scene.library, opening=opening, closing=closing, now=now,
            )  # fmt: skip
            db.run(
                "INSERT INTO zones (id, library_id, name, created_at, updated_at)"
                " VALUES (%(id)s, %(library)s, 'Silent', %(now)s, %(now)s)",
                id=scene.zone, library=scene.library, now=now,
            )  # fmt: skip
            for number, seat in enumerate(scene.seats, 1):
                db.run(
                    "INSERT INTO seats (id, library_id, zone_id, code, created_at, updated_at)"
                    " VALUES (%(id)s, %(library)s, %(zone)s, %(code)s, %(now)s, %(now)s)",
                    id=seat, library=scene.library, zone=scene.zone, code=f"A-{number:02d}", now=now,
                )  # fmt: skip
            for plan, kind in ((scene.hourly, "hourly"), (scene.monthly, "monthly")):
                db.run(
                    "INSERT INTO fee_plans (id, kind, created_at, updated_at)"
                    " VALUES (%(id)s, %(kind)s, %(now)s, %(now)s)",
                    id=plan, kind=kind, now=now,
                )  # fmt: skip
                db.run(
                    "INSERT INTO fee_plan_versions (fee_plan_id, version, name, price_paise, tax_included, gst_rate,"
                    " registration_fee_paise, deposit_paise, seat_policy, grace_days, created_at)"
                    " VALUES (%(id)s, 1, %(kind)s, %(price)s, true, 18, 0, 0, 'any', 3, %(now)s)",
                    id=plan, kind=kind, price=price, now=now,
                )  # fmt: skip
        return scene

    def student(self, status: str = "active") -> UUID:
        """A student of the library."""
        student, now = ids.uuid7(), clock.now()
        number = len(self.students) + 1
        with self.world.db(self.tenant.id) as db:
            db.run(
                "INSERT INTO students (id, library_id, student_code, first_name, phone, status, created_at, updated_at)"
                " VALUES (%(id)s, %(library)s, %(code)s, %(name)s, %(phone)s, %(status)s, %(now)s, %(now)s)",
                id=student, library=self.library, code=f"S{number:04d}", name=f"Student {number:03d}",
                phone=f"+919{number:09d}", status=status, now=now,
            )  # fmt: skip
        self.students.append(student)
        return student

    def member(self, student: UUID, days: int = 30, ended: int = 0, shift: UUID | None = None) -> None:
        """A monthly membership that began `days` ago plus `ended`, and ended `ended` days ago (0 = still runs)."""
        now = clock.now()
        today = now.astimezone(INDIA).date()
        end = today - timedelta(days=ended) if ended else today + timedelta(days=days)
        with self.world.db(self.tenant.id) as db:
            db.run(
                "INSERT INTO memberships (id, student_id, library_id, fee_plan_id, fee_plan_version, start_date,"
                " end_date, price_paise, shift_id, status, created_at, updated_at)"
                " VALUES (%(id)s, %(student)s, %(library)s, %(plan)s, 1, %(start)s, %(end)s, 0, %(shift)s,"
                " 'active', %(now)s, %(now)s)",
                id=ids.uuid7(), student=student, library=self.library, plan=self.monthly,
                start=end - timedelta(days=60), end=end, shift=shift, now=now,
            )  # fmt: skip

    def token(self, student: UUID) -> str:
        return self.world.token("student", self.tenant.id, student)

    def staff(self, **claims: Any) -> str:
        return self.world.token("library_staff", self.tenant.id, **claims)

    def wish(
        self, seat: int | None = 0, start: datetime | None = None, hours: float = 2, **more: Any
    ) -> dict[str, Any]:
        """The body of a booking: by default two hours from tomorrow 10:00 on the first seat."""
        start = start or next_day(10)
        body: dict[str, Any] = {
            "libraryId": self.library,
            "startAt": start.isoformat(),
            "endAt": (start + timedelta(hours=hours)).isoformat(),
            "feePlanId": self.hourly,
        }
        named = {} if seat is None else {"seatId": self.seats[seat]}
        return body | named | more

    def book(self, token: str, *args: Any, **kwargs: Any) -> Answer:
        return self.world.call("bookings", "POST", "/bookings", token, self.wish(*args, **kwargs))

    def status(self, booking: str) -> str:
        with self.world.db(self.tenant.id) as db:
            found: str = db.value("SELECT status FROM bookings WHERE id = %(id)s", id=booking)
        return found

    def claims(self) -> list[tuple[UUID, Any]]:
        """Seat and time of every claim there is."""
        with self.world.db(self.tenant.id) as db, db.transaction():
            db.run("SELECT 1")
            return db.connection.pg.execute("SELECT seat_id, during FROM seat_occupancy").fetchall()
