"""Row 15: ten libraries of 200 seats, 60 days full of claims: what is free, who is in, and a scan at the door."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
from studyspot.attendance import qr
from studyspot.kit import clock, ids, tally

from bench.floor import Floor, of_domain, recorded
from bench.measure import Finding, interleaved
from bench.place import Handler, Site, handler

LIBRARIES, SEATS, DAYS, A_DAY = 10, 200, 60, 2
INSIDE = 120
"""Of each library, now."""
ROUNDS, CALLS = 10, 5
READ_MS, SCAN_MS = 200, 300
BIG = ("seat_occupancy", "bookings", "attendance", "attendance_scans", "membership_dues")

FILL = """
    INSERT INTO libraries (id, name, code, created_at, updated_at)
        SELECT id, 'House ' || n, 'H' || n, %(now)s, %(now)s
        FROM unnest(%(libraries)s::uuid[]) WITH ORDINALITY l (id, n);
    INSERT INTO zones (id, library_id, name, created_at, updated_at)
        SELECT gen_random_uuid(), id, 'Zone ' || z, %(now)s, %(now)s
        FROM unnest(%(libraries)s::uuid[]) id, generate_series(1, 4) z;
    INSERT INTO seats (id, library_id, zone_id, code, created_at, updated_at)
        SELECT gen_random_uuid(), z.library_id, z.id, z.name || '-' || n, %(now)s, %(now)s
        FROM zones z, generate_series(1, %(seats)s / 4) n WHERE z.library_id = ANY (%(libraries)s);
    CREATE TEMP TABLE sitter AS
        SELECT s.id AS seat, s.library_id AS library, p.id AS student, s.n FROM (
            SELECT s.*, row_number() OVER (ORDER BY s.id) AS n FROM seats s WHERE s.library_id = ANY (%(libraries)s)) s
        JOIN unnest(%(students)s::uuid[]) WITH ORDINALITY p (id, n) ON p.n = s.n;
    CREATE TEMP TABLE made AS
        SELECT gen_random_uuid() AS id, s.*, d.day + make_interval(hours => 2 + 6 * k) AS starts,
               d.day + make_interval(hours => 7 + 6 * k) AS ends
        FROM sitter s, generate_series(0, %(a_day)s - 1) k,
            (SELECT %(first)s::timestamptz + make_interval(days => n) AS day FROM generate_series(0, %(days)s - 1) n) d;
    INSERT INTO bookings (id, student_id, library_id, seat_id, start_at, end_at, status, fee_plan_id, amount_paise,
                          policy, created_at, updated_at)
        SELECT id, student, library, seat, starts, ends, 'confirmed', %(plan)s, 0, '{"check_in_minutes_before": 15}',
               %(now)s, %(now)s FROM made;
    INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id)
        SELECT id, seat, tstzrange(starts, ends), 'booking', id FROM made;
    INSERT INTO attendance (id, student_id, library_id, seat_id, check_in_at, check_out_at, method, created_at)
        SELECT gen_random_uuid(), student, library, seat, starts - make_interval(days => %(days)s),
               ends - make_interval(days => %(days)s), 'qr', %(now)s FROM made
        WHERE ends - make_interval(days => %(days)s) < %(now)s;
    INSERT INTO attendance (id, student_id, library_id, seat_id, check_in_at, method, created_at)
        SELECT gen_random_uuid(), student, library, seat, %(now)s, 'qr', %(now)s FROM sitter
        WHERE n %% 200 < %(inside)s;
    DROP TABLE made, sitter"""


@dataclass
class House:
    """The tenant's libraries, filled."""

    site: Site
    libraries: list[UUID] = field(default_factory=lambda: [ids.uuid7() for _ in range(LIBRARIES)])

    def __post_init__(self) -> None:
        self._turn = count()
        now = clock.now()
        first = now.replace(hour=0, minute=0, second=0, microsecond=0)
        facts = {
            "now": now, "first": first, "libraries": self.libraries, "plan": self.site.plan, "inside": INSIDE,
            "students": self.site.students, "seats": SEATS, "days": DAYS, "a_day": A_DAY,
        }  # fmt: skip
        with psycopg.connect(self.site.dsn("admin"), autocommit=True) as conn:
            conn.execute("SELECT set_config('app.tenant', %s, false)", (str(self.site.tenant.id),))
            with psycopg.ClientCursor(conn) as cursor:
                cursor.execute(FILL, facts)
            conn.execute(
                "INSERT INTO memberships (id, student_id, library_id, fee_plan_id, fee_plan_version, start_date,"
                " end_date, price_paise, status, created_at, updated_at)"
                " SELECT gen_random_uuid(), s.id, %s, %s, 1, %s::date - 10, %s::date + 30, 0, 'active', %s, %s"
                " FROM students s WHERE s.tenant_id = app_tenant()",
                (self.libraries[0], self.site.plan, now, now, now, now),
            )  # fmt: skip
        self.site.analyse()
        self.outside = self.site.students[INSIDE:SEATS]

    def library(self) -> UUID:
        """Another one each time."""
        return self.libraries[next(self._turn) % LIBRARIES]


@dataclass(frozen=True)
class Question:
    """A read, by its path."""

    what: str
    group: str
    path: Callable[[House], str]
    by_student: bool = False


def _availability(house: House) -> str:
    start = (clock.now() + timedelta(days=1 + next(house._turn) % 50)).replace(
        hour=7, minute=30, second=0, microsecond=0
    )
    return f"/bookings/availability?libraryId={house.library()}&from={_z(start)}&to={_z(start + timedelta(hours=2))}"


QUESTIONS = (
    Question("availability", "bookings", _availability),
    Question("occupancy of all", "libraries", lambda _: "/libraries/realtime-occupancy"),
    Question("today", "attendance", lambda _: "/attendance/today"),
    Question("live", "attendance", lambda house: f"/attendance/live?libraryId={house.library()}"),
    Question("dashboard", "records", lambda _: "/students/me/dashboard", by_student=True),
)


def rows(site: Site) -> Iterator[Finding]:
    if site.isolation == "silo":  # the same statements, with less around them
        return
    house = House(site)
    bare = Floor(site.dsn(), site.tenant.id)
    try:
        for asked in QUESTIONS:
            yield from _read(house, asked, bare)
        yield from _scans(house)
    finally:
        bare.close()


def _read(house: House, asked: Question, bare: Floor) -> Iterator[Finding]:
    ask = _asker(house, asked)
    with recorded() as trips:
        ask()
    statements = of_domain(trips)
    spent: list[float] = []

    def timed() -> None:
        began = time.perf_counter()
        ask()
        spent.append((time.perf_counter() - began) * 1e3)

    found = interleaved({"product": timed, "floor": lambda: bare.ask(*statements)}, ROUNDS, CALLS, warm=5)
    p95 = statistics.quantiles(spent, n=20)[-1]
    what = f"{house.site.isolation}: {asked.what}"
    told = f"p50 {found['product'] / 1e3:.1f} ms over {found['floor'] / 1e3:.1f} ms"
    yield Finding("15", f"{what}, over its SQL", found["product"] / found["floor"], None, told=told)
    yield Finding("15", f"{what}, average in ms", statistics.fmean(spent), READ_MS, told=f"p95 {p95:.0f} ms")
    ask()
    yield Finding("15", f"{what}, round trips", tally.current.trips, 1)
    yield Finding("15", f"{what}, big tables read whole", _read_whole(house.site, statements), 0)


def _asker(house: House, asked: Question) -> Callable[[], None]:
    call: Handler = handler(asked.group)
    site = house.site
    token = site.world.token("student", site.tenant.id, site.student()) if asked.by_student else site.tenant.owner

    def ask() -> None:
        answer = call(site.event("GET", asked.path(house), authorization=f"Bearer {token}"), None)
        assert answer["statusCode"] == 200, answer

    return ask


def _read_whole(site: Site, statements: list[Any]) -> int:
    """How many of the big tables' rows are looked through one by one, by the plan that is used."""
    with psycopg.connect(site.dsn(), autocommit=True) as conn, conn.transaction():
        conn.execute("SELECT set_config('app.tenant', %s, true)", (str(site.tenant.id),))
        with psycopg.ClientCursor(conn) as cursor:
            plans = [json.dumps(cursor.execute(f"EXPLAIN (FORMAT JSON) {t}", p).fetchone()) for t, p in statements]
    return sum(f'"Seq Scan", "Parallel Aware": false, "Async Capable": false, "Relation Name": "{table}"' in plan
               for plan in plans for table in BIG)  # fmt: skip


def _scans(house: House) -> Iterator[Finding]:
    """In and out by a student's phone, a quarter of them for the first time that day."""
    site, call = house.site, handler("attendance")
    spent: list[float] = []
    for student in house.outside[:60]:
        token = site.world.token("student", site.tenant.id, student)
        body = {"code": qr.issue(site.tenant.id, house.libraries[0], clock.now()).code}
        event = site.event("POST", "/attendance/scan", body, authorization=f"Bearer {token}")
        began = time.perf_counter()
        answer = call(event, None)
        spent.append((time.perf_counter() - began) * 1e3)
        assert answer["statusCode"] in (200, 409), answer
    what = f"{site.isolation}: scan"
    p95 = statistics.quantiles(spent, n=20)[-1]
    yield Finding("15", f"{what}, average in ms", statistics.fmean(spent), SCAN_MS, told=f"p95 {p95:.0f} ms")
    yield Finding("15", f"{what}, round trips", tally.current.trips, 2)


def _z(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
