"""What the product relies on below psycopg's own pipeline block."""

from __future__ import annotations

import threading
from datetime import timedelta

import psycopg
import pytest
from studyspot.kit import cells, clock, connections, ids, pipeline
from studyspot.kit.db import dict_maker
from studyspot.kit.pipeline import Outcome

from tests.world import World


def outcomes(*segments: list[tuple[str, dict[str, object]]]) -> list[list[Outcome]]:
    return connections.to(cells.core_place()).trip(*segments)


def test_a_segment_that_fails_takes_only_itself_down(world: World) -> None:
    first, second, third = outcomes(
        [("SELECT 1 AS a", {})], [("SELECT 1/0", {}), ("SELECT 2", {})], [("SELECT %(x)s::int AS a", {"x": 3})]
    )
    assert first[0].error is None
    assert isinstance(second[0].error, psycopg.errors.DivisionByZero)
    assert second[1] == Outcome()
    connection = connections.to(cells.core_place())
    assert connection.rows(third[0], dict_maker).rows == [{"a": 3}]


def test_an_error_inside_begin_leaves_the_transaction_to_be_rolled_back(world: World) -> None:
    connection = connections.to(cells.core_place())
    connection.trip([("BEGIN", {}), ("SELECT 1/0", {})])
    assert connection.pg.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
    connection.rollback()
    assert connection.ask(dict_maker, "SELECT 1 AS a", {}).rows == [{"a": 1}]


def test_values_arrive_as_their_types(world: World) -> None:
    row = connections.to(cells.core_place()).ask(
        dict_maker,
        "SELECT %(u)s::uuid AS u, %(t)s::timestamptz AS t, %(l)s::text[] AS l, '{\"a\": 1}'::jsonb AS j, NULL AS n",
        {"u": ids.PLATFORM, "t": clock.now(), "l": ["a", "b"]},
    )
    (found,) = row.rows
    assert (found["u"], found["l"], found["j"], found["n"]) == (ids.PLATFORM, ["a", "b"], {"a": 1}, None)
    assert abs(found["t"] - clock.now()) < timedelta(seconds=5)


def test_a_connection_the_server_closed_is_renewed_without_the_caller_noticing(world: World) -> None:
    tenant = world.tenant()
    with world.db(tenant.id) as db:
        with psycopg.connect(world.postgres.dsn(), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'pool_1' AND usename = 'app'"
            )
        assert db.value("SELECT count(*) FROM sessions") == 1


def test_a_connection_that_breaks_inside_a_transaction_is_an_error_and_nothing_lasts(world: World) -> None:
    tenant = world.tenant()
    with pytest.raises(psycopg.OperationalError), world.db(tenant.id) as db, db.transaction():
        db.run("UPDATE sessions SET reason = 'x'")
        with psycopg.connect(world.postgres.dsn(), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'pool_1' AND usename = 'app'"
            )
        db.run("UPDATE sessions SET reason = 'y'")
    with world.db(tenant.id) as db:
        assert db.value("SELECT reason FROM sessions") is None


def test_waiting_for_an_answer_lets_other_threads_run(world: World) -> None:
    """A thread that holds the lock must be able to let go while another waits for it in the database."""
    place = cells.core_place()
    holder, waiter = connections.Connection(place), connections.Connection(place)
    holder.trip([("BEGIN", {}), ("SELECT pg_advisory_xact_lock(7)", {})])
    thread = threading.Thread(target=lambda: pipeline.exchange(waiter.pg, [[("SELECT pg_advisory_xact_lock(7)", {})]]))
    thread.start()
    holder.trip([("COMMIT", {})])
    thread.join(timeout=10)
    assert not thread.is_alive()
    holder.pg.close()
    waiter.pg.close()


def test_what_a_deferred_constraint_says_at_the_end_of_a_segment_is_heard(world: World) -> None:
    connection = connections.to(cells.core_place())
    connection.trip([("CREATE TEMP TABLE once (id integer UNIQUE DEFERRABLE INITIALLY DEFERRED)", {})])
    twice = [("INSERT INTO once VALUES (1), (1)", {})]
    (outcome,), (after,) = connection.trip(twice, [("SELECT count(*) FROM once", {})])
    assert isinstance(outcome.error, psycopg.errors.UniqueViolation)
    assert connection.rows(after, lambda _: lambda values: values[0]).first() == 0
