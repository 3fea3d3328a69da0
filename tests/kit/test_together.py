"""Several reads in one round trip: the gate before all of them, each with its own rows."""

from __future__ import annotations

import pytest
from pydantic import BaseModel
from studyspot.kit import tally
from studyspot.kit.together import together

from tests.world import World


class Row(BaseModel):
    n: int


def test_lists_fill_when_the_block_ends(world: World) -> None:
    with world.db(world.tenant().id) as db:
        before = tally.current.trips
        with together(db) as reads:
            few = reads.all(Row, "SELECT generate_series(1, %(most)s) AS n", most=2)
            none = reads.all(Row, "SELECT 1 AS n WHERE false")
            assert few == []
        assert ([row.n for row in few], none, tally.current.trips - before) == ([1, 2], [], 1)


def test_an_answer_that_is_needed_at_once_is_no_list(world: World) -> None:
    with world.db(world.tenant().id) as db:
        with pytest.raises(RuntimeError, match="only lists"), together(db) as reads:
            reads.value("SELECT 1")
        with pytest.raises(RuntimeError, match="one after the other"), db.transaction(), together(db):
            pass


def test_each_reads_as_the_tenant(world: World) -> None:
    one, other = world.tenant(), world.tenant()
    for tenant in (one, other):
        with world.db(tenant.id) as db:
            with together(db) as reads:
                rows = [reads.all(Row, "SELECT count(*) AS n FROM tenant_gate") for _ in range(2)]
            assert [[row.n for row in each] for each in rows] == [[1], [1]]
