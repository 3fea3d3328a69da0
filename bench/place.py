"""Where the measuring is done: a server, a tenant of either isolation with its people and seats, the real handlers."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from studyspot.kit import cells, clock, connections, ids

from local.postgres import FAST_AND_FORGETFUL, Postgres
from tests.conftest import ENVIRONMENT
from tests.world import PASSWORDS, Tenant, World, fresh_signing_keys, function, http_event

STUDENTS = 2_000
NEIGHBOURS = 20
"""Other tenants of the pool, with as many students each."""
SEATS = 50
SLOT = timedelta(minutes=15)
SLOTS = 59 * 24 * 4 - 8
"""Quarters of an hour between tomorrow and the last day that can be booked."""

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass
class Site:
    """One tenant and the data it works on."""

    world: World
    isolation: str
    tenant: Tenant
    library: UUID
    plan: UUID
    seats: list[UUID]
    students: list[UUID]
    cell: str
    """The database's name."""

    def __post_init__(self) -> None:
        self._turn = count()
        self._first = (clock.now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)

    def dsn(self, role: str = "app") -> str:
        """The cell, as one of the functions' roles or (`admin`) as who bypasses row security."""
        postgres = self.world.postgres
        if role == "admin":
            return postgres.dsn(self.cell)
        return postgres.dsn(self.cell, user=role, password=PASSWORDS[role])

    def analyse(self) -> None:
        """What autovacuum would have done by now."""
        with psycopg.connect(self.dsn("admin"), autocommit=True) as conn:
            conn.execute("VACUUM ANALYZE")

    def student(self) -> UUID:
        """Another one each time."""
        return self.students[next(self._turn) % len(self.students)]

    def free_time(self) -> tuple[UUID, UUID, datetime, datetime]:
        """A student, a seat and a time that nobody has yet."""
        number = next(self._turn)
        slot, seat = divmod(number, SEATS)
        if slot >= SLOTS:
            raise RuntimeError("the benchmark has used up all the time there is")
        start = self._first + slot * SLOT
        return self.students[seat], self.seats[seat], start, start + SLOT

    def event(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """What API Gateway would hand over for the tenant's owner."""
        sent = {"authorization": f"Bearer {self.tenant.owner}", "user-agent": "bench", **headers}
        if body is not None:
            sent["content-type"] = "application/json"
        text = None if body is None else json.dumps(body, default=str)
        return http_event(method, f"/api/v1{path}", sent, text, "127.0.0.1")

    def booking(self) -> dict[str, Any]:
        """The body of a booking that will be accepted."""
        student, seat, start, end = self.free_time()
        return {
            "libraryId": self.library, "seatId": seat, "startAt": start.isoformat(), "endAt": end.isoformat(),
            "feePlanId": self.plan, "studentId": student,
        }  # fmt: skip


@contextmanager
def opened() -> Iterator[dict[str, Site]]:
    """A server with both isolations on it; durability is off, because a disk's waits would flatter every ratio."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        (home / "offset").write_bytes(bytes(8))
        own = {"LOG_LEVEL": "INFO", "RATE_LIMIT_FACTOR": "1000000", "SIGNING_KEYS": json.dumps(fresh_signing_keys())}
        with Postgres(home / "postgres", settings=FAST_AND_FORGETFUL | {"max_connections": "700"}) as postgres:
            world = World(postgres, home / "offset", ENVIRONMENT | own)
            world.begin()
            try:
                yield {isolation: furnished(world, isolation) for isolation in ("pool", "silo")}
            finally:
                world.end()
                world.close()


def furnished(world: World, isolation: str) -> Site:
    """A tenant with seats, a plan, students; in the pool also neighbours."""
    tenant = world.tenant(isolation)
    place = cells.place_of(tenant.id)
    with psycopg.connect(world.postgres.dsn(place.dbname), autocommit=True) as conn:
        site = _filled(conn, world, tenant, isolation, place.dbname)
        if isolation == "pool":
            for _ in range(NEIGHBOURS):
                _students(conn, world.tenant().id)
    site.analyse()
    connections.close_all()
    return site


def _filled(conn: psycopg.Connection[Any], world: World, tenant: Tenant, isolation: str, dbname: str) -> Site:
    now, library, zone, plan = clock.now(), ids.uuid7(), ids.uuid7(), ids.uuid7()
    students = _students(conn, tenant.id)
    conn.execute(
        "INSERT INTO libraries (id, name, code, created_at, updated_at) VALUES (%s, 'Bench', 'BENCH', %s, %s)",
        (library, now, now),
    )
    conn.execute(
        "INSERT INTO zones (id, library_id, name, created_at, updated_at) VALUES (%s, %s, 'Silent', %s, %s)",
        (zone, library, now, now),
    )
    seats = [ids.uuid7() for _ in range(SEATS)]
    conn.cursor().executemany(
        "INSERT INTO seats (id, library_id, zone_id, code, created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s)",
        [(seat, library, zone, f"A-{number:02}", now, now) for number, seat in enumerate(seats, 1)],
    )
    conn.execute(
        "INSERT INTO fee_plans (id, kind, created_at, updated_at) VALUES (%s, 'hourly', %s, %s)", (plan, now, now)
    )
    conn.execute(
        "INSERT INTO fee_plan_versions (fee_plan_id, version, name, price_paise, tax_included, gst_rate,"
        " registration_fee_paise, deposit_paise, seat_policy, grace_days, created_at)"
        " VALUES (%s, 1, 'Hourly', 4000, true, 18, 0, 0, 'any', 0, %s)",
        (plan, now),
    )
    return Site(world, isolation, tenant, library, plan, seats, students, dbname)


def _students(conn: psycopg.Connection[Any], tenant: UUID) -> list[UUID]:
    """As many as a busy library has, every founding column filled."""
    conn.execute("SELECT set_config('app.tenant', %s, false)", (str(tenant),))
    people = [ids.uuid7() for _ in range(STUDENTS)]
    conn.execute(
        "INSERT INTO students (id, student_code, first_name, last_name, email, phone, alternate_phone, gender,"
        " date_of_birth, address, city, state, pincode, guardian_name, guardian_phone, exam_target, membership_start,"
        " membership_end, notes, created_at, updated_at)"
        " SELECT s.id, 'S-' || s.n, 'Student ' || s.n, 'Example', 'student' || s.n || '@example.org',"
        " '+9198' || lpad(s.n::text, 8, '0'), '+9197' || lpad(s.n::text, 8, '0'), 'female', '2004-05-06',"
        " '12 Long Street, Second Cross', 'Pune', 'Maharashtra', '411001', 'Guardian ' || s.n,"
        " '+9196' || lpad(s.n::text, 8, '0'), 'UPSC', '2026-01-01', '2027-01-01', 'Prefers a window', %(now)s, %(now)s"
        " FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY s(id, n)",
        {"ids": people, "now": clock.now()},
    )
    return people


def handler(group: str) -> Handler:
    """The group's own entry, as Lambda calls it."""
    entry: Handler = function("api", group).handler
    return entry
