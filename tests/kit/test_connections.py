"""Connections of many processes to one tenant's own database: room is made, and whose place was taken comes back."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from studyspot.kit import cells, connections, tally
from studyspot.kit.connections import Connection

from tests.world import Tenant, World

BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = %s"


@pytest.fixture
def crowd() -> Iterator[list[Connection]]:
    """Connections as so many processes would hold them."""
    held: list[Connection] = []
    yield held
    for each in held:
        each.pg.close()


def backends(world: World, tenant: Tenant, role: str = "app") -> int:
    with psycopg.connect(world.postgres.dsn("postgres")) as conn:
        found = conn.execute(BACKENDS, (cells.place_of(tenant.id).dbname, role)).fetchone()
    assert found
    return int(found[0])


def test_idle_connections_of_other_processes_give_way(world: World, crowd: list[Connection]) -> None:
    tenant = world.tenant("silo")
    place = cells.place_of(tenant.id)
    crowd += [Connection(place) for _ in range(40)]  # twice the database's limit
    assert backends(world, tenant) <= connections.ROOM_OF_REQUESTS + 1
    assert crowd[0].ended()
    assert not crowd[-1].ended()


def test_a_shared_cell_takes_what_its_server_takes(world: World, crowd: list[Connection]) -> None:
    place = cells.place_of(world.tenant("pool").id)
    crowd += [Connection(place) for _ in range(15)]
    assert not any(each.ended() for each in crowd)


def test_work_that_is_under_way_is_never_ended(world: World, crowd: list[Connection]) -> None:
    place = cells.place_of(world.tenant("silo").id)
    busy = Connection(place)
    crowd.append(busy)
    busy.trip([("BEGIN", {}), ("SELECT 1", {})])
    crowd += [Connection(place) for _ in range(16)]
    assert not busy.ended()
    busy.trip([("COMMIT", {})])


def test_whose_place_was_taken_notices_before_it_asks(world: World, crowd: list[Connection]) -> None:
    tenant = world.tenant("silo")
    assert world.call("students", "GET", "/students", tenant.owner).status == 200
    place = cells.place_of(tenant.id)
    crowd += [Connection(place) for _ in range(15)]
    assert connections._open[place].ended()
    assert world.call("students", "GET", "/students", tenant.owner).status == 200
    assert tally.current.database_errors == 0
    made = world.call("libraries", "POST", "/libraries", tenant.owner, {"name": "Here", "code": "H1"})
    assert made.status == 201
