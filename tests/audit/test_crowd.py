"""Writers, sealers and death at once: every committed row is sealed once, and the chain is whole."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest
from studyspot.kit import clock, ids

from tests.world import PASSWORDS, World

INSERT = """
    INSERT INTO audit_logs (id, actor_type, action, resource_type, before, after, created_at)
    VALUES (%s, 'system', 'crowd', 'things', '{"a": 1}', %s, %s)"""
FILL = """
    INSERT INTO audit_logs (id, actor_id, actor_type, action, resource_type, resource_id, before, after, ip_address,
                            user_agent, request_id, created_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, %s, 'library_owner', 'students.update', 'students', %s,
           jsonb_build_object('status', 'active', 'n', n), jsonb_build_object('status', 'suspended', 'n', n + 1),
           '10.0.0.1', 'Mozilla/5.0 (X11; Linux x86_64)', md5(n::text), %s FROM generate_series(1, %s) n"""


class Crowd:
    """Connections of either role to the pool cell as one tenant."""

    def __init__(self, world: World, tenant: UUID) -> None:
        self.world, self.tenant = world, tenant
        self.over = threading.Event()
        self.sealers: set[int] = set()

    def connect(self, role: str) -> psycopg.Connection[tuple[object, ...]]:
        conn = psycopg.connect(self.world.postgres.dsn("pool_1", user=role, password=PASSWORDS[role]), autocommit=True)
        conn.execute("SELECT set_config('app.tenant', %s, false)", (str(self.tenant),))
        return conn

    def write(self, rows: int, seed: int) -> int:
        """Some transactions stay open while later ones commit; some never commit."""
        dice, kept = random.Random(seed), 0
        with self.connect("app") as conn:
            for n in range(rows):
                with conn.transaction(force_rollback=dice.random() < 0.1) as turn:
                    conn.execute(INSERT, (ids.uuid7(), f'{{"n": {n}}}', clock.now()))
                    for _ in range(dice.randrange(4)):
                        conn.execute("SELECT 1")
                kept += not turn.force_rollback
        return kept

    def seal(self) -> None:
        """As often as it goes; whoever is killed comes back."""
        while not self.over.is_set():
            try:
                with self.connect("worker") as conn:
                    self.sealers.add(conn.info.backend_pid)
                    while not self.over.is_set():
                        conn.execute("SELECT seal_audit(7, %s)", (clock.now(),))
            except psycopg.OperationalError:
                continue

    def kill(self) -> int:
        """One sealer after the other, wherever it stands."""
        killed = 0
        with psycopg.connect(self.world.postgres.dsn("pool_1"), autocommit=True) as conn:
            while not self.over.is_set():
                for pid in list(self.sealers):
                    self.sealers.discard(pid)
                    killed += conn.execute("SELECT pg_terminate_backend(%s, 1000)", (pid,)).fetchone() == (True,)
                self.over.wait(0.02)
        return killed


def run(world: World, writers: int, rows: int) -> tuple[int, int]:
    """Answers how many rows were committed and how often a sealer died."""
    crowd = Crowd(world, world.tenant().id)
    with ThreadPoolExecutor(writers + 3) as pool:
        writing = [pool.submit(crowd.write, rows, seed) for seed in range(writers)]
        sealing = [pool.submit(crowd.seal) for _ in range(2)]
        killing = pool.submit(crowd.kill)
        committed = sum(work.result() for work in writing)
        crowd.over.set()
        for work in sealing:
            work.result()
    with crowd.connect("worker") as conn:
        while conn.execute("SELECT seal_audit(1000, %s)", (clock.now(),)).fetchone() != (0,):
            pass
        listed = conn.execute("SELECT sum(cardinality(log_ids)), count(DISTINCT number), max(number) FROM audit_seals")
        rows_sealed, seals, last = listed.fetchone() or (0, 0, 0)
        assert (rows_sealed, seals) == (committed, last)
        assert conn.execute("SELECT count(*) FROM audit_logs").fetchone() == (committed,)
        assert conn.execute("SELECT count(*) FROM audit_open").fetchone() == (0,)
        assert conn.execute("SELECT * FROM audit_faults()").fetchall() == []
    return committed, killing.result()


def test_a_small_crowd_leaves_one_whole_chain(world: World) -> None:
    committed, killed = run(world, writers=3, rows=60)
    assert committed > 100
    assert killed > 0


@pytest.mark.slow
def test_a_large_crowd_leaves_one_whole_chain(world: World) -> None:
    committed, killed = run(world, writers=8, rows=1500)
    print(f"\n{committed} rows of 8 writers, 2 sealers killed {killed} times: nothing lost, nothing twice")
    assert killed > 0


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_verified_in_seconds(world: World) -> None:
    tenant, count = world.tenant(), 100_000
    with psycopg.connect(world.postgres.dsn("pool_1"), autocommit=True) as conn, conn.transaction():
        conn.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant.id),))
        conn.execute("SET LOCAL ROLE app")
        conn.execute(FILL, (ids.uuid7(), str(ids.uuid7()), clock.now(), count))
    crowd = Crowd(world, tenant.id)
    began = time.perf_counter()
    with crowd.connect("worker") as conn:
        while conn.execute("SELECT seal_audit(1000, %s)", (clock.now(),)).fetchone() != (0,):
            pass
    sealed = time.perf_counter() - began
    began = time.perf_counter()
    found = world.call("audit", "GET", "/audit-logs/verify", tenant.owner).data
    verified = time.perf_counter() - began
    print(f"\n{count} rows: sealed in {sealed:.1f} s, verified in {verified:.1f} s")
    assert (found["valid"], found["rows"]) == (True, count)
    assert verified < 15
