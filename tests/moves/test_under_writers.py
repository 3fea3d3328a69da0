"""A tenant of many rows moves both ways while four processes write: what was confirmed is there, once, and the pause
is short. The short form is in the suite; `make move` runs the long one and prints its figures."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from studyspot.kit import cells, connections

from tests.architecture.furniture import Furniture
from tests.libraries.test_libraries import add
from tests.moves.test_moving import asked, last, machine
from tests.world import Tenant, World

WRITERS = 4
MANY = ("audit_logs", "communications", "sessions")
PROCESSES = multiprocessing.get_context("fork")


@dataclass
class Told:
    """What one writer was told, and for how long it was refused at most."""

    confirmed: list[str]
    refused: int
    longest: float


def fill(world: World, tenant: UUID, number: int) -> None:
    """So many rows, spread over tables."""
    furniture = Furniture(world, tenant)
    for table in MANY:
        furniture.row(table)
    with psycopg.connect(world.postgres.dsn(cells.place_of(tenant).dbname), autocommit=True) as conn:
        conn.execute("SELECT set_config('app.tenant', %s, false)", (str(tenant),))
        for table in MANY:
            conn.execute(
                f"""INSERT INTO {table} SELECT made.* FROM
                    (SELECT r FROM {table} r WHERE tenant_id = app_tenant() LIMIT 1) one,
                    generate_series(1, %s) n,
                    jsonb_populate_record(one.r, jsonb_build_object('id', gen_random_uuid(), 'n', n)) made""".encode(),
                (number // len(MANY),),
            )


def write(world: World, tenant: Tenant, writer: int, over: Any, answers: Any) -> None:
    """As an app does: again after a 503, until told to stop."""
    connections._open.clear()  # the parent's connections are the parent's
    told = Told([], 0, 0.0)
    went_well = time.monotonic()
    number = 0
    while not over.is_set():
        answer = add(world, tenant, name=f"{writer} {number}", code=f"W{writer}-{number}")
        if answer.status == 503 and answer.headers["Retry-After"]:
            told.refused += 1
            over.wait(0.05)
            continue
        assert answer.status == 201, answer.json
        told.longest = max(told.longest, time.monotonic() - went_well)
        went_well = time.monotonic()
        told.confirmed.append(answer.data["id"])
        number += 1
    answers.put(told)


def moved_under_writers(world: World, tenant: Tenant, to: str) -> tuple[dict[str, Any], list[Told]]:
    """The move, begun when every writer writes and watched until all have written again."""
    given = asked(world, tenant.id, to)
    connections.close_all()
    over, answers = PROCESSES.Event(), PROCESSES.Queue()
    writers = [
        PROCESSES.Process(target=write, args=(world, tenant, f"{to[0]}{n}", over, answers)) for n in range(WRITERS)
    ]
    for one in writers:
        one.start()
    until_written(world, tenant, f"{to[0]}%")
    with machine(world) as steps:
        assert steps.run(given) == "Succeed"
    cells.forget(tenant.id)
    until_written(world, tenant, f"{to[0]}%")
    over.set()
    told = [answers.get(timeout=60) for _ in writers]
    for one in writers:
        one.join()
    return last(world, tenant.id), told


def until_written(world: World, tenant: Tenant, like: str) -> None:
    """Every writer has one more than when it was looked at first."""
    query = "SELECT split_part(name, ' ', 1), count(*) FROM libraries WHERE name LIKE %(like)s GROUP BY 1"

    def counts() -> dict[str, int]:
        with world.db(tenant.id) as db:
            return {row["split_part"]: row["count"] for row in db.dicts(query, like=like)}

    before, ends = counts(), time.monotonic() + 60
    while time.monotonic() < ends:
        now = counts()
        if len(now) == WRITERS and all(now[name] > before.get(name, 0) for name in now):
            return
    raise AssertionError("the writers do not come on")


def both_ways(world: World, number: int) -> list[str]:
    """There and back; answers what to print."""
    tenant = world.tenant()
    fill(world, tenant.id, number)
    confirmed: set[str] = set()
    lines = []
    for to in ("silo", "pool"):
        began = time.monotonic()
        told, writers = moved_under_writers(world, tenant, to)
        took = time.monotonic() - began
        assert told["state"] == "moved"
        assert told["rows"] >= number
        assert all((t["rows"], t["checksum"]) == (t["copiedRows"], t["copiedChecksum"]) for t in told["tables"])
        confirmed |= {library for one in writers for library in one.confirmed}
        with world.db(tenant.id) as db:
            there = [str(row["id"]) for row in db.dicts("SELECT id FROM libraries")]
        assert sorted(there) == sorted(confirmed)
        pause, longest = told["pauseMs"] / 1000, max(one.longest for one in writers)
        lines.append(
            f"to {to}: {told['rows']} rows in {len(told['tables'])} tables, checksums equal; paused {pause:.2f} s,"
            f" a writer waited {longest:.2f} s at most; {sum(len(o.confirmed) for o in writers)} writes confirmed and"
            f" there, {sum(o.refused for o in writers)} refused with 503; {took:.1f} s in all"
        )
    return lines


def test_nothing_confirmed_is_lost(world: World) -> None:
    assert len(both_ways(world, 600)) == 2


@pytest.mark.slow
def test_a_hundred_thousand_rows_both_ways(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    lines = both_ways(world, 100_000)
    with capsys.disabled():
        print("", *lines, sep="\n")
