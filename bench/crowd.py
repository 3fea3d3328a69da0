"""Row 7: 500 clients on the same seats, through the product's own function and through the unguarded way."""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict
from studyspot.kit import clock
from studyspot.schema import migrate

from bench.measure import Finding, Missing, Result
from bench.place import Site
from local.postgres import binaries
from tests.world import PASSWORDS

CLIENTS, ROUNDS, TRIES = 500, 3, 10
"""Clients, rounds of each way, tries of a client in a round."""
TOP_SEATS = 20
DAYS = 30

CLAIM = "INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id, lapses_at)"
GUARD = re.compile(r"VALUES \((p_id, seat\.id, wanted, 'booking', p_id, p_until)\) ON CONFLICT DO NOTHING")
LOOK_FIRST = (
    r"SELECT \1 WHERE NOT EXISTS (SELECT FROM seat_occupancy o WHERE o.tenant_id = app_tenant()"
    r" AND o.seat_id = seat.id AND o.during && wanted)"
)
DOUBLES = """
    SELECT count(*) FROM seat_occupancy a JOIN seat_occupancy b
    ON a.tenant_id = b.tenant_id AND a.seat_id = b.seat_id AND a.id < b.id AND a.during && b.during"""
TRY = """
\\set seat random(1, {seats})
\\set student random(1, {students})
\\set start random(0, {slots})
\\set length random(1, 16)
SELECT outcome FROM {function}(gen_random_uuid(), '{library}', (SELECT id FROM bench_seats WHERE n = :seat),
  (SELECT id FROM bench_students WHERE n = :student), '{plan}', '{first}'::timestamptz + :start * interval '15 min',
  '{first}'::timestamptz + (:start + :length) * interval '15 min', '{first}', '{{}}', NULL, '{now}');
"""


def rows(site: Site) -> Iterator[Result]:
    what = f"{site.isolation}: {CLIENTS} clients, {TOP_SEATS} seats: tries/s over unguarded"
    pgbench = binaries() / "pgbench"
    if not pgbench.exists():
        yield Missing("7", what, "this PostgreSQL comes without pgbench")
        return
    rates: dict[str, list[float]] = {"guarded": [], "unguarded": []}
    doubles = {"guarded": 0, "unguarded": 0}
    with psycopg.connect(site.dsn("admin"), autocommit=True) as conn:
        _prepare(conn, site)
        for turn in range(ROUNDS):
            for way in sorted(rates, reverse=bool(turn % 2)):
                _begin(conn, way)
                rates[way].append(_tries(pgbench, site, "hold_seat" if way == "guarded" else "hold_seat_unguarded"))
                doubles[way] += _one(conn, DOUBLES)
        _end(conn, site)
    safe, unsafe = (statistics.median(rates[way]) for way in ("guarded", "unguarded"))
    told = f"{safe:.0f} over {unsafe:.0f} tries/s"
    yield Finding("7", what, safe / unsafe, 0.85, at_least=True, told=told)
    told = f"unguarded: {doubles['unguarded']}"
    yield Finding("7", f"{site.isolation}: double bookings", doubles["guarded"], 0, told=told)


def _one(conn: psycopg.Connection, query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def _prepare(conn: psycopg.Connection, site: Site) -> None:
    """The unguarded twin: the product's function, looking first and relying on that; and room for everybody."""
    conn.execute(f'ALTER DATABASE "{site.cell}" CONNECTION LIMIT -1'.encode())
    if conn.info.server_version >= 160_000:  # five hundred sign-ins would take longer than what they are for
        conn.execute("SET scram_iterations = 1")
        conn.execute(f"ALTER ROLE app PASSWORD '{PASSWORDS['app']}'".encode())
    row = conn.execute("SELECT pg_get_functiondef('hold_seat'::regproc)").fetchone()
    assert row is not None
    text, changed = GUARD.subn(LOOK_FIRST, row[0])
    assert changed == 1, "hold_seat no longer claims a seat as this benchmark expects"
    conn.execute(text.replace("hold_seat(", "hold_seat_unguarded(", 1).encode())
    for table, people in (("bench_seats", site.seats[:TOP_SEATS]), ("bench_students", site.students)):
        conn.execute(
            f"CREATE TABLE {table} AS SELECT n, id FROM unnest(%s::uuid[]) WITH ORDINALITY t(id, n)", (people,)
        )
        conn.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (n)")
        conn.execute(f"GRANT SELECT ON {table} TO app")


def _begin(conn: psycopg.Connection, way: str) -> None:
    """Empty tables; without its two constraints for the unguarded way, with plain indexes in their place."""
    conn.execute("TRUNCATE bookings, seat_occupancy CASCADE")
    conn.execute("ALTER TABLE seat_occupancy DROP CONSTRAINT IF EXISTS one_claim_at_a_time")
    conn.execute("ALTER TABLE bookings DROP CONSTRAINT IF EXISTS one_seat_a_student")
    conn.execute("DROP INDEX IF EXISTS bench_claims, bench_students_time")
    claims = "gist (tenant_id WITH =, seat_id WITH =, during WITH &&)"
    people = "gist (tenant_id WITH =, student_id WITH =, tstzrange(start_at, end_at) WITH &&)"
    live = "WHERE (status IN ('held','pending_payment','confirmed','checked_in'))"
    if way == "guarded":
        conn.execute(f"ALTER TABLE seat_occupancy ADD CONSTRAINT one_claim_at_a_time EXCLUDE USING {claims}".encode())
        conn.execute(f"ALTER TABLE bookings ADD CONSTRAINT one_seat_a_student EXCLUDE USING {people} {live}".encode())
    else:
        conn.execute("CREATE INDEX bench_claims ON seat_occupancy USING gist (tenant_id, seat_id, during)")
        plain = people.replace(" WITH =", "").replace(" WITH &&", "")
        conn.execute(f"CREATE INDEX bench_students_time ON bookings USING {plain} {live}".encode())
    conn.execute("ANALYZE seat_occupancy, bookings")


def _end(conn: psycopg.Connection, site: Site) -> None:
    """As the migrations left it."""
    conn.execute(f'ALTER DATABASE "{site.cell}" CONNECTION LIMIT {migrate.CONNECTION_LIMIT}'.encode())
    _begin(conn, "guarded")
    conn.execute("DROP FUNCTION hold_seat_unguarded")
    conn.execute("DROP TABLE bench_seats, bench_students")


def _tries(pgbench: Path, site: Site, function: str) -> float:
    """Tries a second of all clients together, as pgbench counts them."""
    first = (clock.now() + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    script = TRY.format(
        seats=TOP_SEATS, students=len(site.students), slots=DAYS * 96, function=function, library=site.library,
        plan=site.plan, first=first.isoformat(), now=clock.now().isoformat(),
    )  # fmt: skip
    place = conninfo_to_dict(site.dsn("app"))
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [pgbench, "-n", "-c", CLIENTS, "-j", 2, "-t", TRIES, "-f", file.name, place["dbname"]]
        environment = {
            "PGHOST": str(place["host"]),
            "PGPORT": str(place["port"]),
            "PGUSER": str(place["user"]),
            "PGPASSWORD": str(place["password"]),
            "PGOPTIONS": f"-c app.tenant={site.tenant.id}",
        }
        words = [str(part) for part in command]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or not found or "failed" not in done.stdout:
        raise RuntimeError(f"pgbench {done.returncode}: {done.stdout[-500:]} {done.stderr[-500:]}")
    return float(found[1])
